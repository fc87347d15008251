"""Declared actions for tests: the shapes of the built-in connectors, and a few that only tests need."""

from dataclasses import replace

from engine.model.definitions.actions import ActionSpec, EffectClass, Param, Reach, Sink, UndoSpec
from engine.model.definitions.taint import Label
from engine.model.definitions.types import (
    ANY,
    EMAIL,
    FILE,
    INTEGER,
    MONEY,
    NOTE,
    NUMBER,
    PERSON,
    RECORDS,
    TEMPLATE,
    TEXT,
    URL,
    Field,
    Type,
    listing,
    record,
)
from tests.unit.language.services import SERVICES

_READ, _IDEMPOTENT, _OPAQUE = EffectClass.READ, EffectClass.IDEMPOTENT, EffectClass.OPAQUE
_GONE = UndoSpec(none="a letter that left can't be called back")
_UNTRUSTED, _MODEL = frozenset({Label.UNTRUSTED}), frozenset({Label.MODEL})
_OPERATOR = frozenset({Label.OPERATOR})


def _maybe(type_: Type) -> Type:
    return replace(type_, nullable=True)


_ITEMS = listing(record(what=TEXT, amount=MONEY))
_VALUES = Param(name="values", type=_maybe(ANY))
_MESSAGE = (Field(name="message-id", type=TEXT),)

_ALL = (
    ActionSpec(
        name="identity/resolve",
        summary="Look an address up",
        kind=_READ,
        params=(Param(name="email", type=EMAIL, required=True),),
        outputs=RECORDS["person"],
        labels=_UNTRUSTED,
    ),
    ActionSpec(
        name="intent/resolve",
        summary="Say what a text wants",
        kind=_READ,
        params=(Param(name="text", type=TEXT, required=True),),
        outputs=(
            Field(name="name", type=TEXT),
            Field(name="confidence", type=NUMBER),
            Field(name="tier", type=TEXT),
        ),
        passes_labels=False,
    ),
    ActionSpec(
        name="memory/recall",
        summary="Find passages",
        kind=_READ,
        params=(
            Param(name="query", type=TEXT, required=True),
            Param(name="kind", type=_maybe(TEXT)),
            Param(name="limit", type=INTEGER, default=5),
        ),
        outputs=(Field(name="notes", type=listing(NOTE)), Field(name="found-by", type=TEXT)),
        labels=_OPERATOR,
        passes_labels=False,
    ),
    ActionSpec(
        name="agent/draft-reply",
        summary="Draft one reply",
        kind=_READ,
        params=(
            Param(name="message", type=TEXT, required=True),
            Param(name="contact", type=PERSON, required=True),
            Param(name="sources", type=_maybe(listing(NOTE))),
        ),
        outputs=(
            Field(name="body", type=TEXT),
            Field(name="items", type=_ITEMS),
            Field(name="confidence", type=NUMBER),
        ),
        labels=_MODEL,
    ),
    ActionSpec(
        name="email/acknowledge",
        summary="Say that a letter came",
        kind=_IDEMPOTENT,
        params=(Param(name="template", type=TEMPLATE, required=True), _VALUES),
        outputs=_MESSAGE,
        reach=Reach.LOW,
        undo=_GONE,
    ),
    ActionSpec(
        name="email/reply",
        summary="Answer the letter",
        kind=_IDEMPOTENT,
        params=(
            Param(name="thread", type=_maybe(TEXT), sink=Sink.RECIPIENT),
            Param(name="template", type=_maybe(TEMPLATE)),
            _VALUES,
            Param(name="body", type=_maybe(TEXT), raises=Reach.CUSTOMER),
            Param(name="attach", type=_maybe(listing(_maybe(FILE))), raises=Reach.LEGAL),
            Param(name="link", type=_maybe(URL), sink=Sink.URL, raises=Reach.PAYMENT),
        ),
        outputs=_MESSAGE,
        reach=Reach.LOW,
        undo=_GONE,
    ),
    ActionSpec(
        name="documents/render",
        summary="Make a PDF",
        kind=_IDEMPOTENT,
        params=(Param(name="template", type=TEMPLATE, required=True), _VALUES),
        outputs=(Field(name="file", type=FILE),),
        prepares=True,
        undo=UndoSpec(none="a file nobody was sent binds nobody"),
    ),
    ActionSpec(
        name="payments/request",
        summary="Make a payment request",
        kind=_IDEMPOTENT,
        params=(Param(name="items", type=_ITEMS, required=True, sink=Sink.AMOUNT),),
        outputs=(
            Field(name="url", type=URL),
            Field(name="reference", type=TEXT),
            Field(name="total", type=MONEY),
        ),
        reach=Reach.LOW,
        prepares=True,
        previewed=("url",),
        undo=UndoSpec(action="payments/void"),
    ),
    ActionSpec(
        name="notify/me",
        summary="Tell the operator",
        kind=_IDEMPOTENT,
        params=(Param(name="text", type=TEXT, required=True),),
        undo=UndoSpec(none="a notice can't be unread"),
    ),
    ActionSpec(
        name="files/write",
        summary="Write a file",
        kind=_IDEMPOTENT,
        params=(
            Param(name="path", type=TEXT, required=True, sink=Sink.PATH),
            Param(name="text", type=TEXT, required=True),
        ),
        outputs=(Field(name="path", type=TEXT), Field(name="size", type=INTEGER)),
        undo=UndoSpec(action="files/restore"),
    ),
    ActionSpec(
        name="parcels/send",
        summary="Send a parcel",
        kind=_OPAQUE,
        params=(Param(name="weight", type=NUMBER, required=True), Param(name="fragile", type=_maybe(TEXT))),
        outputs=(Field(name="number", type=TEXT),),
        reach=Reach.CUSTOMER,
    ),
)  # fmt: skip

ACTIONS: dict[str, ActionSpec] = {**{one.name: one for one in _ALL}, **SERVICES}
