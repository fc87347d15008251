"""Small values used everywhere: money, moments, ids, paths, one byte form for JSON."""
