"""What the compiler tells an author: how a diagnostic is shown, and proof that its fix works."""
