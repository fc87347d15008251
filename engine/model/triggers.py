"""What can start a run or be waited for, and the fields its event carries."""

from dataclasses import dataclass
from typing import Literal

from engine.model.labels import Label
from engine.model.types import BOOL, EMAIL, FILE, NUMBER, TEXT, TIME, Field, Type, listing, record

TriggerKind = Literal["email", "manual", "call", "schedule", "file", "event", "webhook", "intent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerSpec:
    """One kind of trigger. `params` may stand under `on:`, `matches` under `wait/for`; `event` is the type of the root `event`."""

    name: TriggerKind
    params: tuple[Field, ...]
    matches: tuple[Field, ...]
    event: Type
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSpec:
    """One type of event that a connector declares, like `stripe/invoice.paid`: its fields, and who wrote them."""

    name: str
    event: Type
    label: Label = Label.UNTRUSTED


_AUTH = record(dmarc=TEXT, spf=TEXT, dkim=TEXT, aligned=BOOL)

EMAIL_EVENT = Type(
    kind="map",
    fields=(
        Field(name="from", type=EMAIL, description="the letter's one author address"),
        Field(name="name", type=TEXT, description="display name of the author, unverified"),
        Field(name="to", type=TEXT, description="recipients as written"),
        Field(name="subject", type=TEXT),
        Field(name="text", type=TEXT, description="plain text, or the readable text of HTML"),
        Field(name="thread", type=TEXT, description="id of the conversation; contains no address"),
        Field(name="message-id", type=TEXT),
        Field(name="at", type=TIME, description="when the letter was received or read"),
        Field(name="attachments", type=listing(FILE)),
        Field(
            name="auth",
            type=_AUTH,
            description="DMARC, SPF and DKIM as the trusted receiver noted them, else none",
        ),
        Field(name="mailbox", type=TEXT),
    ),
)

TRIGGERS: dict[str, TriggerSpec] = {
    "email": TriggerSpec(
        name="email",
        params=(
            Field(
                name="mailbox",
                type=TEXT,
                description="a key of connectors.email.mailboxes, or a folder of vault/inbox",
            ),
        ),
        matches=(Field(name="thread", type=TEXT, description="letters of this conversation"),),
        event=EMAIL_EVENT,
        label=Label.UNTRUSTED,
    ),
    "manual": TriggerSpec(name="manual", params=(), matches=(), event=record(at=TIME), label=Label.OPERATOR),
    "call": TriggerSpec(name="call", params=(), matches=(), event=record(at=TIME), label=Label.SYSTEM),
    "schedule": TriggerSpec(
        name="schedule",
        params=(
            Field(
                name="cron",
                type=TEXT,
                description="five fields, in the workspace's time zone: minute hour day month weekday",
            ),
        ),
        matches=(),
        event=Type(
            kind="map",
            fields=(Field(name="at", type=TIME, description="when it was due, however late it ran"),),
        ),
        label=Label.SYSTEM,
    ),
    "file": TriggerSpec(
        name="file",
        params=(
            Field(
                name="path",
                type=TEXT,
                description="below the workspace; * within a folder, ** across folders",
            ),
        ),
        matches=(Field(name="path", type=TEXT, description="the file's own path"),),
        event=record(file=FILE, path=TEXT, sha256=TEXT, at=TIME),
        label=Label.UNTRUSTED,
    ),
    "event": TriggerSpec(
        name="event",
        params=(
            Field(name="type", type=TEXT, description="connector/event, like stripe/invoice.paid"),
            Field(
                name="match",
                type=Type(kind="map", items=TEXT),
                optional=True,
                description="fields the event has to have, field → value",
            ),
        ),
        matches=(
            Field(name="type", type=TEXT, description="connector/event, like stripe/invoice.paid"),
            Field(
                name="match", type=Type(kind="map", items=TEXT), description="what tells this one from others"
            ),
        ),
        event=record(type=TEXT, at=TIME),
        label=Label.UNTRUSTED,
    ),
    "webhook": TriggerSpec(
        name="webhook",
        params=(
            Field(
                name="path",
                type=TEXT,
                description="the end of its address: small letters, digits, hyphens, /",
            ),
            Field(name="secret", type=TEXT, description="signs what comes: ${{ secrets.NAME }}"),
        ),
        matches=(Field(name="path", type=TEXT, description="the end of its address"),),
        event=Type(kind="map", fields=record(path=TEXT, at=TIME).fields, items=TEXT),
        label=Label.UNTRUSTED,
    ),
    "intent": TriggerSpec(
        name="intent",
        params=(
            Field(name="name", type=TEXT, description="a name from vault/intents"),
            Field(name="at-least", type=NUMBER, optional=True, description="the confidence it takes, 0 to 1"),
        ),
        matches=(Field(name="name", type=TEXT, description="a name from vault/intents"),),
        event=Type(
            kind="map",
            fields=(
                *EMAIL_EVENT.fields,
                Field(name="intent", type=TEXT, description="the name that was resolved"),
                Field(name="confidence", type=NUMBER, description="0 to 1"),
            ),
        ),
        label=Label.UNTRUSTED,
    ),
}

IGNORED_REASONS: dict[str, str] = {
    "duplicate": "this letter was read before",
    "auto-submitted": "an automatic answer (RFC 3834 Auto-Submitted)",
    "bounce": "a delivery report or a letter with an empty return path",
    "list": "a mailing list (List-Id, List-Unsubscribe, Mailing-List)",
    "bulk": "Precedence: bulk, junk or list",
    "no-reply": "the sender takes no answers",
    "own": "sent by this workspace itself",
    "no-author": "no usable address of an author",
    "many-authors": "more than one author",
    "unreadable": "not a letter that can be parsed",
    "empty": "no bytes",
    "too-big": "larger than the limit",
    "missed": "an earlier firing that was due while nothing ran; only the latest one runs",
    "no-playbook": "no deployed playbook reads this mailbox",
}
"""The closed list of reasons for which something that arrived starts nothing."""
