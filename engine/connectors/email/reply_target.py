"""The letter an answer is bound to: recipient, conversation and references come from it and never from arguments."""

from dataclasses import dataclass

from engine.connectors.email import auto_reply_rules
from engine.connectors.email.message.addresses import domain_of, same, usable
from engine.connectors.email.message.parse import Letter
from engine.connectors.email.sending.outbox import Outbox
from engine.connectors.email.threads import ThreadIndex
from engine.model.effects import Call
from engine.model.errors import PermanentError


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom an answer goes to, and about what. `letter` is None when it is no longer in a mailbox."""

    author: str
    name: str
    subject: str
    text: str
    at: str
    message_id: str
    thread: str
    aligned: bool
    dmarc: str
    letter: Letter | None


def target_of(call: Call, *, threads: ThreadIndex, outbox: Outbox, own: str) -> Target:
    """The letter that started the run; for a run no letter started, the newest of the conversation named by `thread`.

    `own` is the operator's address. Raises PermanentError: no letter to answer, or another conversation than the run's.
    """
    event = call.trigger
    author, thread = usable(str(event.get("from") or "")), call.args.get("thread")
    if not author:
        return _latest(str(thread or ""), threads=threads, outbox=outbox, own=own)
    if thread not in {None, "", event.get("thread")}:
        raise PermanentError("this run is about another conversation", code="other-thread")
    its_thread, message_id = str(event.get("thread") or ""), str(event.get("message-id") or "")
    auth = event.get("auth")
    auth = auth if isinstance(auth, dict) else {}
    return Target(
        author=author,
        name=str(event.get("name") or ""),
        subject=str(event.get("subject") or ""),
        text=str(event.get("text") or ""),
        at=str(event.get("at") or ""),
        message_id=message_id,
        thread=its_thread,
        aligned=auth.get("aligned") is True,
        dmarc=str(auth.get("dmarc") or "none"),
        letter=threads.find(message_id, author, its_thread),
    )


def _latest(thread: str, *, threads: ThreadIndex, outbox: Outbox, own: str) -> Target:
    for _, letter in reversed(threads.letters(thread) if thread else []):
        verdict = auto_reply_rules.judged(letter, own=(own,), sent=outbox.__contains__)
        if verdict.reason:
            continue
        return Target(
            author=verdict.author.address,
            name=verdict.author.name,
            subject=letter.subject,
            text=letter.text,
            at=str(letter.received or "")[:10],
            message_id=letter.message_id,
            thread=thread,
            aligned=False,
            dmarc="none",
            letter=letter,
        )
    raise PermanentError("there is no letter to answer", code="no-letter")


def recipient(target: Target) -> tuple[str, list[str]]:
    """Where an answer goes, and what to say about it.

    Anybody may write a Reply-To: it counts when it is in the author's own domain, or when the author's domain is proven.
    """
    asked = target.letter.reply_to if target.letter else ()
    reply_to = asked[0] if len(asked) == 1 else ""
    if not asked or same(reply_to, target.author):
        return target.author, []
    shown = reply_to or "several addresses"
    if reply_to and domain_of(reply_to) == domain_of(target.author):
        return reply_to, [f"the letter asks for answers to {shown}, which is followed"]
    if reply_to and target.aligned:
        return reply_to, [
            f"the letter asks for answers to {shown}, another domain; its sender is proven: followed"
        ]
    return target.author, [f"the letter asks for answers to {shown}; this one goes to its author instead"]
