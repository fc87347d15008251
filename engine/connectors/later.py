"""Actions that are declared and that nothing performs yet: playbooks can be written and tested with them, not run.

A step that uses one compiles with a warning; when it runs, it fails before anything is called.
"""

from dataclasses import replace
from datetime import timedelta

from engine.model.actions import ActionSpec, EffectClass, Param, Reach, Sink, UndoSpec
from engine.model.labels import Label
from engine.model.types import (
    ANY,
    DATE,
    EMAIL,
    FILE,
    INTEGER,
    MONEY,
    TEMPLATE,
    TEXT,
    TIME,
    URL,
    Field,
    Type,
    choice,
    listing,
)

_OPERATOR = frozenset({Label.OPERATOR})
_GONE = UndoSpec(none="a letter that left can't be called back")
_ROW = Type(kind="map", items=ANY)


def _optional(type_: Type) -> Type:
    return replace(type_, nullable=True)


_INVOICE = Type(
    kind="map",
    fields=(
        Field(name="id", type=TEXT, description="the provider's id"),
        Field(name="number", type=TEXT, description="as printed on it"),
        Field(name="name", type=TEXT, description="the customer's name"),
        Field(name="email", type=EMAIL, description="where its letters go"),
        Field(name="due", type=DATE, description="the last day to pay"),
        Field(name="total", type=MONEY, description="what is open"),
        Field(name="link", type=URL, description="the page to pay it"),
    ),
)


def declare_all() -> tuple[ActionSpec, ...]:
    """Every action that is declared only."""
    return (*email(), *tables(), *stripe())


def email() -> tuple[ActionSpec, ...]:
    """Letters that begin a conversation."""
    return (
        ActionSpec(
            name="email/send",
            summary="Write to somebody first, instead of answering a letter",
            kind=EffectClass.OPAQUE,
            params=(
                Param(name="to", type=EMAIL, required=True, sink=Sink.RECIPIENT, description="the address"),
                Param(
                    name="template",
                    type=TEMPLATE,
                    required=True,
                    description="a note of vault/templates: fixed words",
                ),
                Param(
                    name="values",
                    type=_optional(ANY),
                    description="what the template's blanks are filled with",
                ),
                Param(
                    name="attach",
                    type=_optional(listing(_optional(FILE))),
                    raises=Reach.LEGAL,
                    description="files to attach; nulls are left out",
                ),
                Param(
                    name="label",
                    type=_optional(TEXT),
                    description="a word for playbooks that listen to email/sent; it is not in the letter",
                ),
            ),
            outputs=(
                Field(name="message-id", type=TEXT, description="Message-ID of the letter that left"),
                Field(name="thread", type=TEXT, description="the conversation it began"),
                Field(name="at", type=TIME, description="the letter's own date"),
            ),
            reach=Reach.CUSTOMER,
            undo=_GONE,
        ),
    )


def tables() -> tuple[ActionSpec, ...]:
    """Rows of the operator's own tables."""
    table = Param(name="table", type=TEXT, required=True, description="its name: projects, hours, income")
    return (
        ActionSpec(
            name="tables/read",
            summary="Read the rows of a table that match",
            kind=EffectClass.READ,
            params=(
                table,
                Param(name="match", type=_optional(_ROW), description="column → what it must hold"),
            ),
            outputs=(Field(name="rows", type=listing(_ROW), description="each row a map of its columns"),),
            labels=_OPERATOR,
            passes_labels=False,
        ),
        ActionSpec(
            name="tables/append",
            summary="Add one row to a table",
            kind=EffectClass.QUERYABLE,
            params=(table, Param(name="row", type=_ROW, required=True, description="column → value")),
            outputs=(Field(name="row", type=INTEGER, description="its number in the table"),),
            undo=UndoSpec(action="tables/remove"),
        ),
        ActionSpec(
            name="tables/remove",
            summary="Take a row away again that `tables/append` added",
            kind=EffectClass.QUERYABLE,
            params=(table, Param(name="row", type=INTEGER, required=True, description="its number")),
            undo=UndoSpec(none="it is itself the undo of tables/append"),
        ),
    )


def stripe() -> tuple[ActionSpec, ...]:
    """Money through the provider."""
    return (
        ActionSpec(
            name="stripe/invoices",
            summary="List invoices by how they stand",
            kind=EffectClass.READ,
            params=(
                Param(
                    name="status",
                    type=choice("open", "overdue", "paid"),
                    required=True,
                    description="how they stand",
                ),
            ),
            outputs=(Field(name="invoices", type=listing(_INVOICE), description="oldest first"),),
            labels=_OPERATOR,
            passes_labels=False,
        ),
        ActionSpec(
            name="stripe/find-charge",
            summary="Look up one payment",
            kind=EffectClass.READ,
            params=(Param(name="id", type=TEXT, required=True, description="the provider's id, like ch_1"),),
            outputs=(
                Field(name="id", type=TEXT, description="the provider's id"),
                Field(name="amount", type=MONEY, description="what was paid and not yet given back"),
                Field(name="at", type=TIME, description="when"),
                Field(name="email", type=EMAIL, description="who paid"),
            ),
            labels=_OPERATOR,
            passes_labels=False,
        ),
        ActionSpec(
            name="stripe/refund",
            summary="Pay a charge back, in part or whole",
            kind=EffectClass.IDEMPOTENT,
            params=(
                Param(
                    name="charge",
                    type=TEXT,
                    required=True,
                    sink=Sink.ACCOUNT,
                    description="the provider's id",
                ),
                Param(name="amount", type=MONEY, required=True, sink=Sink.AMOUNT, description="how much"),
            ),
            outputs=(
                Field(name="id", type=TEXT, description="the refund's id"),
                Field(
                    name="status", type=choice("pending", "succeeded", "failed"), description="how it stands"
                ),
            ),
            reach=Reach.PAYMENT,
            undo=UndoSpec(none="money that went back comes again only with a new payment"),
            window=timedelta(hours=24),
        ),
    )
