"""The JSON Schemas of every kind of file, and the check of a file against its schema."""
