"""Read-only answers about the state: the queue, status, what waits and why."""
