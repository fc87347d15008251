"""What can start a run or be waited for, and the fields its event carries."""

from dataclasses import dataclass
from typing import Literal

from engine.model.labels import Label
from engine.model.types import BOOL, EMAIL, FILE, TEXT, TIME, Field, Type, listing, record

TriggerKind = Literal["email", "manual", "call", "schedule", "file", "event", "webhook", "intent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerSpec:
    """One kind of trigger. `params` may stand under `on:`, `matches` under `wait/for`; `event` is the type of the root `event`."""

    name: TriggerKind
    params: tuple[Field, ...]
    matches: tuple[Field, ...]
    event: Type
    label: Label


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
