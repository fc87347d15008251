"""Measurements, one command each; the figures are in docs/reference/performance.md."""
