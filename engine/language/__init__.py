"""Source to diagnostics to plan."""
