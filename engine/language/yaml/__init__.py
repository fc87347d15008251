"""YAML read in stages within limits, and why a file could not be read."""
