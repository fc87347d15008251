"""What was expected and did not happen."""
