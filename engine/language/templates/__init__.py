"""Markdown templates: parsed once, filled many times."""
