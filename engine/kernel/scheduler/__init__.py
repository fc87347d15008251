"""The one loop, and how it hands work out and takes results in."""
