"""Money, and what is billed."""

from engine.connectors.action_specs import optional
from engine.connectors.later.parts import OPERATOR, WINDOW, gives, needed, reads
from engine.model.definitions.actions import ActionSpec, EffectClass, Param, Reach, Sink, UndoSpec
from engine.model.definitions.types import (
    DATE,
    EMAIL,
    FILE,
    INTEGER,
    MONEY,
    NUMBER,
    TEXT,
    TIME,
    URL,
    Field,
    Type,
    choice,
    listing,
)

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


def stripe() -> tuple[ActionSpec, ...]:
    """Money through the provider."""
    return (*_invoices(), *_invoicing(), *_charges())


def _invoices() -> tuple[ActionSpec, ...]:
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
            labels=OPERATOR,
            passes_labels=False,
        ),
        reads(
            "stripe/invoice-link",
            "Look up where an invoice can be paid",
            (needed("invoice", TEXT, "the provider's id, like in_1"),),
            (gives("url", URL, "the page to pay it"),),
        ),
        reads(
            "stripe/summary",
            "Sum up what came in since a day",
            (needed("from", DATE, "the first day that counts"),),
            (
                gives("paid", MONEY, "what was paid"),
                gives("refunded", MONEY, "what went back"),
                gives("customers", INTEGER, "how many paid"),
            ),
        ),
    )


def _invoicing() -> tuple[ActionSpec, ...]:
    return (
        ActionSpec(
            name="stripe/invoice",
            summary="Send an invoice through the provider",
            kind=EffectClass.IDEMPOTENT,
            params=(
                needed("to", EMAIL, "who is to pay", sink=Sink.RECIPIENT),
                needed("amount", MONEY, "how much", sink=Sink.AMOUNT),
                Param(name="what", type=optional(TEXT), description="what it is for, on its one line"),
            ),
            outputs=(gives("id", TEXT, "the provider's id"), gives("url", URL, "the page to pay it")),
            reach=Reach.PAYMENT,
            undo=UndoSpec(action="stripe/void-invoice"),
            window=WINDOW,
        ),
        ActionSpec(
            name="stripe/void-invoice",
            summary="Declare an invoice void that `stripe/invoice` sent and nobody paid",
            kind=EffectClass.IDEMPOTENT,
            params=(needed("id", TEXT, "the provider's id", sink=Sink.ACCOUNT),),
            outputs=(gives("id", TEXT, "the provider's id"),),
            reach=Reach.PAYMENT,
            undo=UndoSpec(none="a void invoice stays void; send another"),
            window=WINDOW,
        ),
        ActionSpec(
            name="stripe/change-plan",
            summary="Put a customer on another plan",
            kind=EffectClass.IDEMPOTENT,
            params=(
                needed("customer", TEXT, "the provider's id, like cus_1", sink=Sink.ACCOUNT),
                needed("plan", TEXT, "the plan's name at the provider"),
            ),
            outputs=(
                gives("plan", TEXT, "the plan that holds now"),
                gives("before", TEXT, "the plan that held until now"),
            ),
            reach=Reach.PAYMENT,
            undo=UndoSpec(
                none="put the customer back with another step: what was charged meanwhile stays charged"
            ),
            window=WINDOW,
        ),
    )


def _charges() -> tuple[ActionSpec, ...]:
    return (
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
            labels=OPERATOR,
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
            window=WINDOW,
        ),
    )


_LINE = Type(
    kind="map",
    fields=(
        Field(name="what", type=TEXT, description="what was done"),
        Field(name="hours", type=NUMBER, description="for how long"),
        Field(name="amount", type=MONEY, description="what it costs"),
    ),
)


def bills() -> tuple[ActionSpec, ...]:
    """Invoices of one's own, and what visitors do."""
    return (
        ActionSpec(
            name="invoicing/draft",
            summary="Write an invoice; it asks nobody until another step sends it",
            kind=EffectClass.IDEMPOTENT,
            params=(
                needed("client", TEXT, "the client's name in your contacts"),
                needed("lines", listing(_LINE), "what is billed", sink=Sink.AMOUNT),
                Param(name="vat", type=optional(NUMBER), description="tax in percent; none: no tax is shown"),
            ),
            outputs=(
                gives("number", TEXT, "the next number of your invoices"),
                gives("name", TEXT, "the client's name"),
                gives("email", EMAIL, "where the client's letters go"),
                gives("due", DATE, "the last day to pay"),
                gives("total", MONEY, "with tax"),
                gives("lines", listing(_LINE), "as given"),
                gives("file", FILE, "the PDF"),
            ),
            reach=Reach.LOW,
            prepares=True,
            undo=UndoSpec(none="its number stays used; an invoice nobody was sent binds nobody"),
        ),
        reads(
            "analytics/summary",
            "Sum up a site's visitors since a day",
            (needed("from", DATE, "the first day that counts"),),
            (
                gives("visitors", INTEGER, "how many came"),
                gives("pages", INTEGER, "how many pages they saw"),
            ),
        ),
    )
