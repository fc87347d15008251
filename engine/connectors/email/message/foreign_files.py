"""Files of other mail programs: one letter in a form of their own (Apple Mail's `.emlx`, Outlook's `.msg`), or a whole archive.

A form is known by its bytes, whatever the file is called. An archive is never read: it holds letters of years, and each would be answered.
"""

import re

from engine.connectors.email.message import outlook

ENDINGS = (".eml", ".emlx", ".msg")
"""Files that hold one letter."""
ARCHIVES = (".mbox", ".mbx", ".pst", ".ost", ".nst", ".olm", ".dbx")
"""Files that hold a folder of letters, or all of them."""

_COUNT = re.compile(rb"(\d{1,12})[ \t]*\r?\n")


def is_letter(name: str) -> bool:
    """Whether a file of this name holds one letter."""
    return name.lower().endswith(ENDINGS)


def is_archive(name: str) -> bool:
    """Whether a file of this name holds many letters. Apple Mail's exported folder has one that is called `mbox`."""
    return name.lower().endswith(ARCHIVES) or name.lower() == "mbox"


def needs_all(beginning: bytes) -> bool:
    """Whether a letter that begins so can only be read as a whole."""
    return beginning.startswith(outlook.MAGIC)


def as_letter(raw: bytes) -> bytes:
    """The letter in the bytes of a file. Raises PermanentError(code='not-readable') when Outlook's form is broken or no letter."""
    if raw.startswith(outlook.MAGIC):
        return outlook.letter_of(raw)
    count = _COUNT.match(raw)
    # Apple Mail writes the letter's length before it, and what it knows of the letter after it.
    return raw[count.end() :][: int(count[1])] if count else raw
