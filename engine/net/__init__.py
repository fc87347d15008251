"""The wire itself: bounded exchanges with configured addresses."""
