"""Types of event that are declared, and that nothing sends yet. Their fields have the names that providers give them."""

from engine.connectors.later.parts import gives
from engine.model.definitions.triggers import EventSpec
from engine.model.definitions.types import EMAIL, MONEY, TEXT, Field, Type

_CUSTOMER = (
    gives("customer", TEXT, "the provider's id of the customer"),
    gives("customer_email", EMAIL, "the customer's address, as the provider has it"),
)
_BILL = (*_CUSTOMER, gives("invoice", TEXT, "the provider's id of the invoice"))
_ENVELOPE = (gives("envelope", TEXT, "what documents/send-to-sign gave"),)


def _event(name: str, *fields: Field) -> EventSpec:
    return EventSpec(name=name, event=Type(kind="map", fields=fields))


EVENTS: dict[str, EventSpec] = {
    event.name: event
    for event in (
        _event("stripe/invoice.payment_failed", *_BILL, gives("amount", MONEY, "what is open")),
        _event("stripe/invoice.paid", *_BILL, gives("amount", MONEY, "what was paid")),
        _event("stripe/subscription.deleted", *_CUSTOMER, gives("subscription", TEXT, "the provider's id")),
        _event("documents/signed", *_ENVELOPE),
        _event(
            "documents/declined", *_ENVELOPE, gives("reason", TEXT, "the signer's own words; may be empty")
        ),
    )
}
