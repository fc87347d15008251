"""Keeping `steward up` running without a terminal: a unit of systemd, or a job of launchd, for one workspace.

*service*   what has to run: one command in one folder, with the places of its state, and no secret in it
*keeper*    what keeps it running: systemd for the operator (``--user``), systemd for the machine (``--system``), launchd
*ours*      a file whose first words say that this command wrote it; any other file in its place is left alone

One service a workspace, named by the workspace's id. Installing writes the file anew, so it is what to type after Python moved, too.
Nothing here touches the workspace or its ledger.
"""
