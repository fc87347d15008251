"""What can start a run or be waited for, and the fields its event carries."""

from dataclasses import dataclass
from typing import Literal

from engine.model.definitions.taint import Label
from engine.model.definitions.types import BOOL, EMAIL, FILE, NUMBER, TEXT, TIME, Field, Type, listing, record

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
        Field(
            name="caution",
            type=TEXT,
            description="why nothing leaves without a person: claimed, steward or doubtful; empty for an ordinary letter",
        ),
        Field(
            name="via",
            type=TEXT,
            description="the address it came from, where a web form names somebody else as the author; else empty",
        ),
    ),
)

CLAIMED = "claimed"
UNPROVEN = "unproven"
CAUTIONS: dict[str, str] = {
    CLAIMED: "the author is only named: a web form wrote this letter, and anybody can type anybody's address into one",
    "steward": "another Steward wrote this letter",
    UNPROVEN: "the mail server that took this letter says that nobody vouches for its sender (DMARC fails)",
    "doubtful": "something about this letter looks automatic",
}
"""Why a letter may start runs in which nothing is acknowledged and nothing leaves without a person."""

ACKNOWLEDGE = "email/acknowledge"
"""What is skipped in such a run."""

_CALLED = Field(
    name="fields",
    type=Type(kind="map"),
    optional=True,
    description="what is read of the call, name → type; without it, texts of one name each",
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
            Field(
                name="time-zone",
                type=TEXT,
                optional=True,
                description="another zone that its fields are in, like America/New_York",
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
        event=Type(
            kind="map",
            fields=(
                Field(name="file", type=FILE),
                Field(name="path", type=TEXT, description="where it lies, below the workspace"),
                Field(name="name", type=TEXT, description="its own name, without folders"),
                Field(name="sha256", type=TEXT, description="digest of its bytes"),
                Field(name="at", type=TIME, description="when it was changed last"),
            ),
        ),
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
            _CALLED,
        ),
        matches=(
            Field(name="path", type=TEXT, description="the end of its address"),
            Field(
                name="match", type=Type(kind="map", items=TEXT), description="what tells this one from others"
            ),
            _CALLED,
        ),
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

OWN_EVENTS: dict[str, EventSpec] = {
    "email/sent": EventSpec(
        name="email/sent",
        event=Type(
            kind="map",
            fields=(
                Field(name="to", type=EMAIL, description="who it went to"),
                Field(name="thread", type=TEXT, description="the conversation it stands in"),
                Field(name="label", type=TEXT, description="the step's `label`, or empty"),
                Field(name="at", type=TIME, description="the letter's own date"),
                Field(name="message-id", type=TEXT),
            ),
        ),
        label=Label.SYSTEM,
    ),
}
"""Events that Steward makes itself, of effects that succeeded. Who was written to was decided by the card or the letter answered."""

EMITTED: dict[str, str] = {
    "email/send": "email/sent",
    "email/reply": "email/sent",
    "email/acknowledge": "email/sent",
}
"""Action → the type of event its success is."""

MAX_DEEP = 8
"""So many runs may follow one out of another's events; the event that would make one more starts nothing."""

IGNORED_REASONS: dict[str, str] = {
    "duplicate": "it was received before",
    "auto-submitted": "an automatic answer (RFC 3834 Auto-Submitted, and what programs set instead)",
    "bounce": "a delivery report or a letter with an empty return path",
    "calendar": "a calendar's answer to an invitation (iTIP REPLY)",
    "list": "a mailing list (List-Id, List-Unsubscribe, Mailing-List) that is no group of the operator's own",
    "bulk": "Precedence: bulk, junk or list, or the mark of a campaign",
    "no-reply": "the sender takes no answers, and names nobody who does",
    "own": "sent by this workspace itself",
    "no-author": "no usable address of an author",
    "many-authors": "more than one author",
    "unreadable": "not a letter that can be parsed",
    "empty": "no bytes",
    "archive": "a file of many letters (.mbox, .pst and the like): save those that are meant as .eml, one by one",
    "too-big": "larger than the limit",
    "missed": "an earlier firing that was due while nothing ran; only the latest one runs",
    "no-playbook": "no deployed playbook listens to it",
    "unsure": "no intent could be told for certain, so no playbook was chosen: a person reads the letter",
    "unfit": "a field that names the run's subject, group, `once` or `stop-on` is missing or of another type",
    "unsigned": "a webhook without a signature, or at an address whose secret is not known",
    "forged": "a webhook whose signature is not that of its bytes",
    "stale": "a webhook signed more than five minutes before or after it came",
    "too-deep": "the last of a row of more than eight runs that each began with an event of the one before",
}
"""The closed list of reasons for which something that arrived starts nothing."""

LEFT_REASONS: dict[str, str] = {
    "unsettled": "it changed within the last three seconds or somebody has it open: the next pass takes it",
    "no-secret": "a webhook whose secret is nowhere to be found: it lies in the spool until the secret is set",
}
"""Why something is left lying, and read again at the next pass."""
