"""State from events and commands from state (both pure), and the services the scheduler works with."""
