"""Which letters start nothing, and why: nobody answers machines, lists, or itself (RFC 3834).

One letter gets one reason, the first that holds in the order below. `duplicate`, `no-playbook` and `compile-error` are
decided where runs start.
"""

import re
from collections.abc import Callable

from engine.connectors.email.addresses import folded, same
from engine.connectors.email.letters import Letter

_LIST = (
    "list-id", "list-unsubscribe", "list-post", "list-help", "list-subscribe", "list-owner", "list-archive", "mailing-list",
    "x-mailing-list",
)  # fmt: skip
_AUTOMATIC = ("x-autoreply", "x-autorespond", "x-auto-reply")
_NO_REPLY = re.compile(
    r"(?:.*[._+-])?(?:no|do[._-]?not|never|non)[._-]?(?:reply|respond|answer|responder)(?:[._+-].*)?"
)
_DAEMON = re.compile(r"(?:mailer-daemon|postmaster|mail-daemon|mailerdaemon)(?:[._+-].*)?")
_MARK = "x-steward-thread"


def reason(letter: Letter, *, own: tuple[str, ...], sent: Callable[[str], bool]) -> str:
    """A name of IGNORED_REASONS, or empty for a letter that may start a run.

    `own` are the operator's addresses; `sent` says whether a Message-ID is one of ours.
    """
    if not letter.readable:
        return "unreadable"
    if _ours(letter, own, sent):
        return "own"
    for name, test in _TESTS:
        if test(letter):
            return name
    return ""


def _ours(letter: Letter, own: tuple[str, ...], sent: Callable[[str], bool]) -> bool:
    if letter.head.has(_MARK) or (letter.message_id and sent(letter.message_id)):
        return True
    return any(same(author, address) for author in letter.authors for address in own)


def _auto_submitted(letter: Letter) -> bool:
    word = letter.head.text("auto-submitted").partition(";")[0].partition("(")[0].strip().lower()
    if word and word != "no":
        return True
    if letter.head.text("precedence").lower() == "auto_reply":
        return True
    return any(letter.head.text(name).lower() not in {"", "no"} for name in _AUTOMATIC)


def _bounce(letter: Letter) -> bool:
    paths = letter.head.raw("return-path")
    if paths and b"".join(paths[0].split()) == b"<>":
        return True
    if letter.head.text("content-type").lower().startswith("multipart/report"):
        return True
    return any(_DAEMON.fullmatch(_local(author)) for author in letter.authors)


def _list(letter: Letter) -> bool:
    return any(letter.head.has(name) for name in _LIST)


def _bulk(letter: Letter) -> bool:
    return letter.head.text("precedence").lower() in {"bulk", "junk", "list"}


def _no_author(letter: Letter) -> bool:
    return not any(letter.authors)


def _many_authors(letter: Letter) -> bool:
    return len(letter.authors) > 1


def unanswered(address: str) -> bool:
    """Whether an address says of itself that nobody reads what comes to it: a no-reply, or a mail daemon."""
    local = _local(address)
    return bool(_NO_REPLY.fullmatch(local) or _DAEMON.fullmatch(local))


def _no_reply(letter: Letter) -> bool:
    return bool(_NO_REPLY.fullmatch(_local(letter.author)))


def _local(address: str) -> str:
    return folded(address).rpartition("@")[0]


_TESTS: tuple[tuple[str, Callable[[Letter], bool]], ...] = (
    ("auto-submitted", _auto_submitted),
    ("bounce", _bounce),
    ("list", _list),
    ("bulk", _bulk),
    ("no-author", _no_author),
    ("many-authors", _many_authors),
    ("no-reply", _no_reply),
)
