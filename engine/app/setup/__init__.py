"""New workspaces, their first files, mailboxes and system services."""
