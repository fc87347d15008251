"""The state of a mailbox on a server at the last look: one small file beside its copies, for other processes to show.

It has words for the operator, no letters. It is a cache: without it the state is not known yet.
"""

import json
from dataclasses import asdict, dataclass

from engine.connectors import safe_paths
from engine.model.errors import EngineError

_NAME = ".standing"
_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxStatus:
    """`words` is what is wrong, empty while letters are read; `since` and `next` (the next try) are seconds since 1970.

    `person`: the operator has to mend it, `way_out` says how; else it is only waited for.
    """

    words: str = ""
    way_out: str = ""
    person: bool = False
    since: float = 0.0
    next: float = 0.0


def put(state: str, folder: tuple[str, ...], standing: MailboxStatus) -> None:
    """Write it down. A disk that refuses costs only what others are shown."""
    encoded = json.dumps(asdict(standing)).encode()
    try:
        with (
            safe_paths.disk_errors("how a mailbox stands"),
            safe_paths.folder(state, folder, create=True) as here,
        ):
            safe_paths.write(here, _NAME, encoded, token=_NAME.strip("."))
    except EngineError:
        return


def get(state: str, folder: tuple[str, ...]) -> MailboxStatus | None:
    """The state at the last look; None before the first one."""
    try:
        with safe_paths.folder(state, folder) as here:
            fields = json.loads(safe_paths.read(here, _NAME, _MAX))
            return MailboxStatus(**fields)
    except (OSError, ValueError, TypeError, EngineError):
        return None
