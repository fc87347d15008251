"""What tests stand on: a clock that only moves when told, a provider that keeps its own books, whole workspaces in a folder.

Shipped in the package because scenario tests of playbooks (``steward test``) run on it. It stands between ``cli`` and ``app``; no other
room of the engine may know it.

Terms
-----
*provider*   a process of its own with a file of its own: what it was asked (*calls*) and what it really did (*effects*) are counted there,
             out of reach of whatever dies on this side.
*probe*      a function called at named points of the ledger and the broker; here it may end the process.
*scenario*   a workspace, its state and a house around it, under virtual time.
*case*       one story in a workspace's own tests (:mod:`engine.testing.cases`), also collected by pytest (:mod:`engine.testing.plugin`).
"""
