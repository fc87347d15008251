"""Where a value came from. Labels join by union; a value is as trustworthy as its least trusted part."""

from enum import StrEnum
from typing import TypeAlias


class Label(StrEnum):
    """Origin of a value, from most to least trusted."""

    OPERATOR = "operator"
    SYSTEM = "system"
    CUSTOMER = "customer"
    UNTRUSTED = "untrusted"
    MODEL = "model"


Labels: TypeAlias = frozenset[Label]

TRUSTED: Labels = frozenset({Label.OPERATOR, Label.SYSTEM})


def untrusted(labels: Labels) -> Labels:
    """The part of `labels` that may not reach a recipient, amount, account, url, command or path unseen."""
    return labels - TRUSTED


def encode(labels: Labels) -> tuple[str, ...]:
    """Sorted names, as stored in events."""
    return tuple(sorted(label.value for label in labels))


def decode(names: tuple[str, ...] | list[str]) -> Labels:
    """The labels `encode` wrote."""
    return frozenset(Label(name) for name in names)
