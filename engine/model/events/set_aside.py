"""Events of letters that were put aside: those that may be a person's, and out-of-offices. Members of the closed union in :mod:`engine.model.events.events`.

`letter` is the source id of its `trigger.received`, which names the sealed letter in `content`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideTaken:
    """A person took a letter up after all: `runs` began with it."""

    letter: str
    by: str
    channel: str
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideDismissed:
    """A person has seen a letter that was put aside, and leaves it there."""

    letter: str
    by: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideReturned:
    """Taking up or dismissing was undone: the letter stands before the operator again."""

    letter: str
    by: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitPostponed:
    """A wait goes on until later: whom it waits for is away (`because` is out-of-office)."""

    until: str
    because: str
