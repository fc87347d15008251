"""The format of letters: read from bytes, and written as bytes."""
