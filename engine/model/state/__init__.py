"""What events add up to. Pure; used by the fold."""
