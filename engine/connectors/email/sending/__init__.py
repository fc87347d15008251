"""How a letter leaves: the outbox, SMTP, and copies a server did not keep."""
