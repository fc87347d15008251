"""The wire itself: bounded exchanges with configured addresses, for whoever calls one."""
