"""The closed union of everything that can have happened, by what it is about."""
