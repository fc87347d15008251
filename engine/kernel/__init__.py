"""Events to state to commands, and the one loop that carries commands out.

``state = fold(events)`` and ``commands = decide(plan, state, now)`` are pure: no clock, no I/O, no chance, no values. The loop
executes commands and appends what happened; it is the only writer of the chain. Expression results that steer (a skipped step, an
ended wait, a verdict) are events, so a replay decides the same although the values are sealed or erased.

Non-goals: what an effect may do (``engine.governance``), how it is done (``engine.runtime``).
"""
