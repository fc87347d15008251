"""Mailboxes on a server: the connection, the copies kept here, and the folder of sent letters."""
