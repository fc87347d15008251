"""The only place that chooses concrete adapters, and everything a command needs that is not about a terminal."""
