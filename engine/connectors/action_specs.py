"""What the built-in connectors can do, as data alone: `check` reads this and touches nothing else.

Optional arguments admit null, because ``default(steps.x.outputs.y, null)`` is how a playbook says "if there is one".
"""

from dataclasses import replace

from engine.model.definitions.actions import ActionSpec, EffectClass, Param, Reach, Sink, UndoSpec
from engine.model.definitions.taint import Label
from engine.model.definitions.types import (
    ANY,
    BOOL,
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
    listing,
)

_ITEM = Type(kind="map", fields=(Field(name="what", type=TEXT), Field(name="amount", type=MONEY)))


def optional(type_: Type) -> Type:
    """The type that may also be null."""
    return replace(type_, nullable=True)


def _maybe(name: str, type_: Type, description: str) -> Field:
    return Field(name=name, type=optional(type_), optional=True, description=description)


_SENT = (
    Field(name="message-id", type=TEXT, description="Message-ID of the letter that left"),
    Field(name="to", type=EMAIL, description="who it went to"),
    Field(name="thread", type=TEXT, description="the conversation it stands in"),
    Field(
        name="sent",
        type=BOOL,
        description="false: nothing was sent, for one had gone out already or the server can't write to the address",
    ),
    Field(name="at", type=TIME, description="the letter's own date"),
)
_TEMPLATE = "a note of vault/templates: fixed words"
_LABEL = Param(
    name="label",
    type=optional(TEXT),
    description="a word for playbooks that listen to email/sent; it is not in the letter",
)
_VALUES = Param(name="values", type=optional(ANY), description="what the template's blanks are filled with")


def email(*, kind: EffectClass = EffectClass.IDEMPOTENT) -> tuple[ActionSpec, ...]:
    """Letters. `kind`: idempotent into the outbox folder; through an SMTP server, which honours no key, queryable where sent letters can be
    looked up, else opaque.
    """
    gone = UndoSpec(none="a letter that left can't be called back")
    return (
        ActionSpec(
            name="email/acknowledge",
            summary="Answer the letter's own sender with fixed words, at most once a day",
            kind=kind,
            params=(
                Param(name="template", type=TEMPLATE, required=True, description=_TEMPLATE),
                _VALUES,
                _LABEL,
            ),
            outputs=_SENT,
            reach=Reach.LOW,
            undo=gone,
        ),
        ActionSpec(
            name="email/reply",
            summary="Answer the letter the run is about; it takes no recipient, the letter has one",
            kind=kind,
            params=(
                Param(
                    name="thread",
                    type=optional(TEXT),
                    sink=Sink.RECIPIENT,
                    description="conversation to answer in, for runs that no letter started",
                ),
                Param(name="template", type=optional(TEMPLATE), description=_TEMPLATE),
                _VALUES,
                Param(name="body", type=optional(TEXT), raises=Reach.CUSTOMER, description="the words"),
                Param(
                    name="attach",
                    type=optional(listing(optional(FILE))),
                    raises=Reach.LEGAL,
                    description="files to attach; nulls are left out",
                ),
                Param(
                    name="link",
                    type=optional(URL),
                    sink=Sink.URL,
                    raises=Reach.PAYMENT,
                    description="payment link, on a line of its own below the words",
                ),
                _LABEL,
            ),
            outputs=_SENT,
            reach=Reach.LOW,
            undo=gone,
        ),
    )


def files() -> tuple[ActionSpec, ...]:
    """Files of the workspace."""
    path = Param(
        name="path",
        type=TEXT,
        required=True,
        sink=Sink.PATH,
        description="below the workspace, with /; never what Steward itself reads or writes",
    )
    return (
        ActionSpec(
            name="files/write",
            summary="Write a text file of the workspace",
            kind=EffectClass.IDEMPOTENT,
            params=(path, Param(name="text", type=TEXT, required=True, description="the whole content")),
            outputs=(
                Field(name="path", type=TEXT, description="as given"),
                Field(name="size", type=INTEGER, description="bytes written"),
                Field(name="sha256", type=TEXT, description="digest of what was written"),
                _maybe("before", FILE, "what the file held before; null: there was none"),
            ),
            undo=UndoSpec(action="files/restore"),
        ),
        ActionSpec(
            name="files/restore",
            summary="Put back what a file held before `files/write`",
            kind=EffectClass.IDEMPOTENT,
            params=(
                path,
                Param(
                    name="sha256",
                    type=TEXT,
                    required=True,
                    description="what was written; a file changed since is left alone",
                ),
                Param(
                    name="before", type=optional(FILE), description="what to put back; null: remove the file"
                ),
            ),
            outputs=(Field(name="path", type=TEXT, description="as given"),),
            undo=UndoSpec(none="it is itself the undo of files/write"),
        ),
    )


def documents() -> tuple[ActionSpec, ...]:
    """Files made from templates."""
    return (
        ActionSpec(
            name="documents/render",
            summary="Make a PDF from a template; it binds nobody until another step sends it",
            kind=EffectClass.IDEMPOTENT,
            params=(Param(name="template", type=TEMPLATE, required=True, description=_TEMPLATE), _VALUES),
            outputs=(Field(name="file", type=FILE, description="the PDF"),),
            prepares=True,
            undo=UndoSpec(none="a file nobody was sent binds nobody"),
        ),
    )


def payments() -> tuple[ActionSpec, ...]:
    """Requests to pay, without a provider."""
    reference = Field(
        name="reference", type=optional(TEXT), optional=True, description="what the payer quotes"
    )
    return (
        ActionSpec(
            name="payments/request",
            summary="Make a payment request; it asks nobody until another step sends its link",
            kind=EffectClass.IDEMPOTENT,
            params=(
                Param(
                    name="items",
                    type=listing(_ITEM),
                    required=True,
                    sink=Sink.AMOUNT,
                    description="what is to be paid; none: no request, and all outputs are null",
                ),
            ),
            outputs=(
                _maybe("url", URL, "where to pay, or a urn that names the reference; null: nothing to pay"),
                reference,
                _maybe("total", MONEY, "sum of the items"),
            ),
            reach=Reach.LOW,
            prepares=True,
            previewed=("url", "reference", "total"),
            undo=UndoSpec(action="payments/void"),
        ),
        ActionSpec(
            name="payments/void",
            summary="Declare a payment request void",
            kind=EffectClass.IDEMPOTENT,
            params=(
                Param(name="reference", type=optional(TEXT), sink=Sink.ACCOUNT, description="of the request"),
            ),
            outputs=(reference,),
            reach=Reach.LOW,
            undo=UndoSpec(none="a void request stays void; make another"),
        ),
    )


def notify() -> tuple[ActionSpec, ...]:
    """Notices to the operator."""
    return (
        ActionSpec(
            name="notify/me",
            summary="Tell the operator something, through the first channel of connectors.notify that takes it",
            kind=EffectClass.IDEMPOTENT,
            params=(Param(name="text", type=TEXT, required=True, description="the words"),),
            outputs=(
                Field(name="noted", type=BOOL, description="true once the notice is on disk"),
                _maybe("by", TEXT, "the channel that took it; null: none is set up"),
                Field(name="not-by", type=listing(TEXT), description="channels before it that did not"),
            ),
            undo=UndoSpec(none="a notice can't be unread"),
        ),
    )


def brief() -> tuple[ActionSpec, ...]:
    """What there is to tell the operator. It is made of everything there is to look at: no connector performs it."""
    return (
        ActionSpec(
            name="notify/brief",
            summary="What was done, waits, failed, did not happen and was spent, and what is wrong, in plain words",
            kind=EffectClass.READ,
            params=(
                Param(
                    name="hours",
                    type=optional(INTEGER),
                    description="how far back it looks; else a day, or to the last brief that was told",
                ),
            ),
            outputs=(
                Field(name="text", type=TEXT, description="the words, a few lines"),
                Field(name="waiting", type=INTEGER, description="how much waits for the operator"),
                Field(name="failed", type=INTEGER, description="how many playbooks failed"),
                Field(
                    name="absent",
                    type=INTEGER,
                    description="how much should have come and did not, or came late",
                ),
                Field(name="ills", type=INTEGER, description="how many things hurt now"),
            ),
            # The title of a question may hold a stranger's words.
            labels=frozenset({Label.SYSTEM, Label.UNTRUSTED}),
        ),
    )
