"""Whether all is well: `doctor` and the daily brief."""
