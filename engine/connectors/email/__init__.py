"""Letters: read from folders, answered with exact bytes, and left in the outbox or handed to an SMTP server.

Terms
-----
*letter*   the bytes of one message, read without ever raising (:mod:`engine.connectors.email.message.headers`, :mod:`engine.connectors.email.message.parse`, :mod:`engine.connectors.email.message.html_text`).
*reason*   why a letter starts nothing (:mod:`engine.connectors.email.auto_reply_rules`): machines, lists, several authors, itself.
*thread*   a conversation, named without an address (:mod:`.threads`).
*place*    where a letter is stored (:mod:`.mailboxes`); mailboxes are never changed.
*account*  the mail server letters are read on (:mod:`engine.connectors.email.account.imap_account`, :mod:`engine.connectors.email.imap.client`): in one pass, or by threads that wait (:mod:`engine.connectors.email.imap.sync`).
*mirror*   sealed copies of a folder on the server (:mod:`engine.connectors.email.imap.cache`): a cache, for the ledger alone knows what was handled.
*claim*    what keeps a second letter of fixed words from leaving the same day; a header of the letter carries it.

Invariants
----------
An answer takes its recipient from the letter it answers. What a preview froze is what leaves, byte for byte
(:mod:`engine.connectors.email.message.mime_writer`, :mod:`engine.connectors.email.sending.smtp`). A Message-ID follows from the effect key, so the same effect is the same letter.
The outbox folder is its own index (:mod:`engine.connectors.email.sending.outbox`): no other file remembers what was sent. On the server folders are opened for reading
only; the one thing ever put there is a copy among the sent letters (:mod:`engine.connectors.email.imap.sent_folder`).

Non-goals: setting flags, moving or deleting letters, logging in with OAuth, sending to an address that wrote no letter, judging what a letter says.
"""
