"""One workspace on disk: found, checked, deployed, read."""
