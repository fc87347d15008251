"""The type language: its syntax, what fits where, and what a place may read."""
