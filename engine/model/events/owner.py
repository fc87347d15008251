"""Events of who owns the ledger, what was asked of the owner, and the operator's own switches. Members of the union in :mod:`engine.model.events.events`."""

import re
from dataclasses import dataclass

NOTEBOOK = re.compile(r"notebooks/(?!(?:today|run)\.py)([a-z][a-z0-9_-]{0,40})\.py")
"""The path of a workspace's own notebook, with its name. Those that come with steward keep their names."""

MAX_NOTEBOOK_BYTES = 256_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerTaken:
    """A process became the ledger's owner; `epoch` rises by one each time.

    `boot` names the start of the machine and `up` the seconds since, those asleep included; negative where it has no clock that only counts.
    """

    epoch: int
    host: str
    pid: int
    boot: str = ""
    up: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDecided:
    """The owner answered a request from the `requests` table. `message` is a sealed value."""

    request: str
    kind: str
    verdict: str
    code: str
    exit: int
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSet:
    """No effect leaves from here on, until lifted."""

    by: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopLifted:
    """Effects may leave again."""

    by: str
    channel: str
    proof: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StrengthEnrolled:
    """The operator can prove decisions of strength 2 by this method. The secret is in the key store."""

    method: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookAccepted:
    """A person vouched for a notebook of the workspace: exactly the bytes of this SHA-256, which the ledger keeps, may run as them."""

    path: str
    digest: str
    by: str
    channel: str
