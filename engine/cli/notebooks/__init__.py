"""Notebooks served to one browser: who gets in, what is drawn first, and the server."""
