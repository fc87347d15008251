"""Rooms: processes that read hostile text and have nothing else: no network, no file to write, no secret, no way to stay.

Terms
-----
*level*    3 bubblewrap; 2 Landlock, seccomp and namespaces of our own (macOS: sandbox-exec); 1 a separate isolated process
           with limits and an audit hook. Found by trying (:mod:`engine.runtime.sandbox.self_test`), never by guessing.
*zygote*   one process a program and level. It imports the program's libraries inside the room, reads no input, and only forks.
*keeper*   one process an attempt, the child's parent: it has the clock, and kills the child and all it started.
*child*    the process that reads the text. It serves one attempt.

Invariants
----------
Nothing runs below the level it needs. A room starts by `exec` with an empty environment and closed descriptors, so that
nothing the engine knows is in its memory. Started as root, the child has an unprivileged user id before it reads anything.
A child that may start processes has a process namespace of its own; where there is none it may start none. What it asks goes
over a pipe to the engine, which answers or refuses.

Non-goals: holding a program that was written to break out of level 1; that level is for our own code on hostile text.
"""

from engine.runtime.sandbox.pool import SandboxPool

__all__ = ["SandboxPool"]
