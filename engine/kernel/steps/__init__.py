"""What each kind of step does: effects, questions, waits, loops, calls of other playbooks."""
