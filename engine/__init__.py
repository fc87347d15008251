"""Steward: an operating layer for a one-person company."""

__version__ = "0.1.0"
