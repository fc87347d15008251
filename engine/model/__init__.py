"""The floor everything stands on: frozen data, names, and ports. No I/O, no clock, no chance.

Terms
-----
*value*     JSON data (None, bool, int, float, str, list, dict) with :class:`engine.model.definitions.taint.Label` s.
*event*     one complete transition, a member of the closed union in :mod:`engine.model.events.events`.
*plan*      a compiled playbook or SOP, immutable, named by the digest of its bytes.
*effect*    one touch of the world, frozen as bytes before anybody is asked.

Non-goals: validation of authored text (``engine.language``), deciding (``engine.kernel``).
"""
