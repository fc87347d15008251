"""Actions and events of services as playbooks use them: what a workspace with a bookkeeper's connectors declares."""

from dataclasses import replace
from typing import Any

from engine.model.definitions.actions import ActionSpec, EffectClass, Param, Reach, Sink, UndoSpec
from engine.model.definitions.taint import Label
from engine.model.definitions.triggers import EventSpec
from engine.model.definitions.types import (
    ANY,
    BOOL,
    DATE,
    EMAIL,
    FILE,
    INTEGER,
    MONEY,
    NUMBER,
    TEMPLATE,
    TEXT,
    URL,
    Field,
    Type,
    choice,
    listing,
    record,
)

_READ, _IDEMPOTENT = EffectClass.READ, EffectClass.IDEMPOTENT
_OPERATOR = frozenset({Label.OPERATOR})
_MODEL = frozenset({Label.MODEL})
_ROW = Type(kind="map", items=ANY)
_GONE = UndoSpec(none="what left can't be called back")


def _maybe(type_: Type) -> Type:
    return replace(type_, nullable=True)


def _needs(name: str, type_: Type, *, sink: Sink | None = None) -> Param:
    return Param(name=name, type=type_, required=True, sink=sink)


def _reads(name: str, params: tuple[Param, ...], outputs: Type, **more: Any) -> ActionSpec:
    found = ActionSpec(
        name=name, summary=f"Reads ({name})", kind=_READ, params=params, outputs=outputs.fields, labels=_OPERATOR,
        passes_labels=False,
    )  # fmt: skip
    return replace(found, **more)


def _acts(name: str, params: tuple[Param, ...], outputs: Type, **more: Any) -> ActionSpec:
    found = ActionSpec(
        name=name,
        summary=f"Acts ({name})",
        kind=_IDEMPOTENT,
        params=params,
        outputs=outputs.fields,
        undo=_GONE,
    )
    return replace(found, **more)


INVOICE = record(id=TEXT, number=TEXT, name=TEXT, email=EMAIL, due=DATE, total=MONEY, link=URL)
_LINES = listing(record(what=TEXT, hours=NUMBER, amount=MONEY))

_STRIPE = (
    _reads("stripe/invoices", (_needs("status", choice("open", "overdue", "paid")),), record(invoices=listing(INVOICE))),
    _reads("stripe/invoice-link", (_needs("invoice", TEXT),), record(url=URL)),
    _reads("stripe/find-charge", (_needs("id", TEXT),), record(id=TEXT, amount=MONEY)),
    _reads("stripe/summary", (_needs("from", DATE),), record(paid=MONEY, customers=INTEGER)),
    _acts(
        "stripe/invoice",
        (_needs("to", EMAIL, sink=Sink.RECIPIENT), _needs("amount", MONEY, sink=Sink.AMOUNT)),
        record(id=TEXT),
        reach=Reach.PAYMENT,
    ),
    _acts(
        "stripe/change-plan",
        (_needs("customer", TEXT, sink=Sink.ACCOUNT), _needs("plan", TEXT)),
        record(plan=TEXT),
        reach=Reach.PAYMENT,
    ),
    _acts(
        "stripe/refund",
        (_needs("charge", TEXT, sink=Sink.ACCOUNT), _needs("amount", MONEY, sink=Sink.AMOUNT)),
        record(id=TEXT, status=choice("pending", "succeeded", "failed")),
        reach=Reach.PAYMENT,
    ),
)  # fmt: skip

_BOOKS = (
    _reads("tables/read", (_needs("table", TEXT), Param(name="match", type=_maybe(_ROW))), record(rows=listing(_ROW))),
    _acts("tables/append", (_needs("table", TEXT), _needs("row", _ROW)), record(row=INTEGER)),
    _reads("analytics/summary", (_needs("from", DATE),), record(visitors=INTEGER)),
    _acts(
        "invoicing/draft",
        (_needs("client", TEXT), _needs("lines", _LINES, sink=Sink.AMOUNT), Param(name="vat", type=INTEGER)),
        record(number=TEXT, name=TEXT, email=EMAIL, due=DATE, total=MONEY, lines=_LINES, file=FILE),
        reach=Reach.LOW,
        prepares=True,
    ),
)  # fmt: skip

_DOCUMENTS = (
    _acts(
        "documents/send-to-sign",
        (_needs("file", FILE), _needs("to", EMAIL, sink=Sink.RECIPIENT)),
        record(envelope=TEXT),
        reach=Reach.LEGAL,
    ),
    _acts(
        "email/send",
        (
            _needs("to", EMAIL, sink=Sink.RECIPIENT),
            _needs("template", TEMPLATE),
            Param(name="values", type=_maybe(ANY)),
            Param(name="attach", type=_maybe(listing(_maybe(FILE))), raises=Reach.PAYMENT),
        ),
        record(thread=TEXT),
        reach=Reach.CUSTOMER,
    ),
)

_FILES = (
    _reads("files/pdf-text", (_needs("file", FILE),), record(text=TEXT), labels=frozenset({Label.UNTRUSTED})),
    _acts("files/archive", (_needs("from", listing(TEXT)), _needs("to", TEXT, sink=Sink.PATH)), record(file=FILE, sha256=TEXT, files=INTEGER)),
    _acts("files/put", (_needs("file", FILE), _needs("to", TEXT, sink=Sink.PATH)), record(path=FILE, sha256=TEXT)),
    _reads("files/verify-archive", (_needs("file", FILE), _needs("sample", INTEGER)), record(ok=BOOL, files=INTEGER)),
    _acts("files/prune", (_needs("path", TEXT, sink=Sink.PATH), _needs("keep", INTEGER)), record(gone=INTEGER)),
    _acts("files/move", (_needs("file", FILE), _needs("to", TEXT, sink=Sink.PATH)), record(path=TEXT)),
)  # fmt: skip

_FAXES = (_acts("faxes/send", (_needs("text", TEXT),), record(pages=INTEGER)),)

_AGENTS = (
    _reads(
        "agent/receipt",
        (_needs("text", TEXT),),
        record(vendor=TEXT, date=DATE, total=MONEY, vat=MONEY, confidence=NUMBER),
        labels=_MODEL,
        passes_labels=True,
    ),
    _reads(
        "agent/weekly-note",
        (_needs("now", record(visitors=INTEGER, leads=INTEGER)), _needs("before", listing(ANY)), _needs("missing", listing(TEXT))),
        record(text=TEXT),
        labels=_MODEL,
        passes_labels=True,
    ),
)  # fmt: skip

SERVICES: dict[str, ActionSpec] = {
    one.name: one for one in (*_STRIPE, *_BOOKS, *_DOCUMENTS, *_FILES, *_FAXES, *_AGENTS)
}

UNPERFORMED = frozenset({"faxes/send"})
SENT: dict[str, EventSpec] = {
    one.name: one
    for one in (
        EventSpec(name="shop/order.paid", event=record(order=TEXT, buyer=EMAIL, channel=TEXT, total=MONEY)),
        EventSpec(name="shop/order.returned", event=record(order=TEXT)),
        EventSpec(name="stripe/invoice.payment_failed", event=Type(kind="map", fields=(Field(name="customer", type=TEXT), Field(name="customer_email", type=EMAIL), Field(name="invoice", type=TEXT)))),
        EventSpec(name="stripe/invoice.paid", event=record(customer=TEXT, invoice=TEXT)),
        EventSpec(name="stripe/subscription.deleted", event=record(customer=TEXT)),
        EventSpec(name="documents/signed", event=record(envelope=TEXT)),
        EventSpec(name="documents/declined", event=record(envelope=TEXT)),
        EventSpec(name="email/sent", event=record(to=EMAIL, thread=TEXT, label=TEXT), label=Label.SYSTEM),
    )
}  # fmt: skip
