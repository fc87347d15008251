"""Answers to letters: who gets them, what they say, how they leave."""

from dataclasses import dataclass, replace
from datetime import tzinfo

from engine.connectors import action_specs
from engine.connectors.arguments import key_of, one_line, plain, rendered, size_text, spec_of
from engine.connectors.email import reply_target
from engine.connectors.email.message import headers, mime_writer, parse
from engine.connectors.email.message.addresses import Mailbox, domain_of, folded
from engine.connectors.email.message.bodies import Attachment
from engine.connectors.email.message.mime_writer import MessageDraft
from engine.connectors.email.reply_target import Target
from engine.connectors.email.sending.delivery import Sending
from engine.connectors.email.sending.outbox import Outbox, summary
from engine.connectors.email.source import HEAD
from engine.connectors.email.threads import ThreadIndex
from engine.model.definitions.actions import ActionSpec, present
from engine.model.effects import Call, Effect, Outcome, Preview
from engine.model.errors import PermanentError
from engine.model.ports import Blobs
from engine.model.values.canonical_json import Json, sha256
from engine.model.values.ids import source_id
from engine.model.values.timestamps import moment

MAX_WORDS = 100_000
MAX_FILES = 20_000_000
_HEAD = 65_536
_URN = "urn:steward:payment:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """Port Connector for `email/*`. `zone` is the operator's: what "a day" means, and the offset in Date."""

    outbox: Outbox
    threads: ThreadIndex
    blobs: Blobs
    sending: Sending
    operator: Mailbox
    index_key: bytes
    zone: tzinfo

    def declare(self) -> tuple[ActionSpec, ...]:
        """Both actions, of the class of the way letters take."""
        return action_specs.email(kind=self.sending.kind)

    def preview(self, call: Call) -> Preview:
        """The finished letter. Raises PermanentError: no letter to answer, no words, a file that is gone."""
        spec_of(self.declare(), call)
        if not self.operator.address:
            raise PermanentError(
                "steward.yaml names no address to write from",
                code="no-address",
                way_out="add operator: { name: …, email: … } to steward.yaml",
            )
        target = reply_target.target_of(
            call, threads=self.threads, outbox=self.outbox, own=self.operator.address
        )
        return (
            self._acknowledgement(call, target)
            if call.action == "email/acknowledge"
            else self._reply(call, target)
        )

    def edited(self, call: Call, preview: Preview, text: str) -> Preview:
        """The same letter with other words, under the new revision's Message-ID. Raises PermanentError on no words."""
        words = _words(text)
        body = mime_writer.rebuild(preview.body, preview.text, words, message_id=self._message_id(call))
        facts = tuple(
            (name, _first_lines(words)) if name == "Words" else (name, fact) for name, fact in preview.facts
        )
        return replace(preview, body=body, text=words, facts=facts)

    def perform(self, effect: Effect) -> Outcome:
        """Let the letter leave, dated now. Raises as the port says; through a server a lost connection is UnknownOutcome."""
        body = self._leaving(effect)
        letter = summary(body)
        if letter.message_id.strip("<>").rpartition("@")[0] != effect.key[:32]:
            raise PermanentError("this letter belongs to another key", code="wrong-key")
        return self.sending.send(letter, body, again=self._may_have_left(effect, body))

    def alive(self) -> None:
        """Ask whether letters could leave now; none does. Raises TransientError or PermanentError."""
        self.sending.alive()

    def find(self, effect: Effect) -> Outcome | None:
        """Look into the outbox, and on the server where that can be. Raises UnknownOutcome for a letter whose sending began and has
        no known end.
        """
        body = self._leaving(effect)
        return self.sending.find(summary(body), body, at=effect.at)

    def _may_have_left(self, effect: Effect, body: bytes) -> bool:
        """Whether it may have left before the outbox was lost, in a ledger that is older now than it was: it answers a letter that had come."""
        if self.sending.server is None or not (lost := self.outbox.lost):
            return False
        if self.sending.copies is None and effect.revision > 1:
            # Nobody but a person can be asked, and one was.
            return False
        answered = headers.split(headers.even(body[:_HEAD])).ids("in-reply-to")
        came = self.threads.came(answered[0]) if answered else ""
        return came <= lost

    def _leaving(self, effect: Effect) -> bytes:
        """The frozen letter with the moment its intent was written down as its Date: a repeat has the same bytes."""
        body = effect.preview.body
        return mime_writer.dated(body, moment(effect.at).astimezone(self.zone)) if effect.at else body

    def _acknowledgement(self, call: Call, target: Target) -> Preview:
        template = rendered(call)
        if template is None:
            raise PermanentError(f"{call.action} needs `template`", code="missing-argument")
        day = call.at.astimezone(self.zone).date().isoformat()
        once = source_id(self.index_key, "once", "acknowledge", folded(target.author), day)
        draft = self._draft(call, target, template, to=target.author, once=once[:32], automatic=True)
        return self._preview(call, draft, target, warnings=[], heads=())

    def _reply(self, call: Call, target: Target) -> Preview:
        template, body = rendered(call), call.args.get("body")
        if (template is None) == (not present(body)):
            raise PermanentError("a reply has either a template or a body", code="wrong-argument")
        version = self.threads.version(target.thread)
        # Fixed words leave without a card: they go to the author's own address, once a conversation and day.
        alone = not any(present(call.args.get(name)) for name in ("body", "attach", "link"))
        to, warnings = (target.author, []) if alone else reply_target.recipient(target)
        once = ""
        if alone:
            day = call.at.astimezone(self.zone).date().isoformat()
            once = source_id(self.index_key, "once", "reply", folded(to), target.thread, day)[:32]
        words = template or {"subject": "", "body": str(body), "language": ""}
        draft = self._draft(call, target, words, to=to, once=once, automatic=False)
        link = _link_line(call.args.get("link"))
        quote = (
            ""
            if alone
            else mime_writer.quoted(target.text, author=target.name or target.author, when=target.at[:10])
        )
        draft = replace(
            draft,
            tail="\n\n".join(part for part in (link, quote) if part),
            attachments=self._attachments(call.args.get("attach")),
        )
        warnings = [*warnings, *_newer(self.threads, target)]
        return self._preview(
            call, draft, target, warnings=warnings, heads=((f"{HEAD}{target.thread}", version),)
        )

    def _draft(
        self, call: Call, target: Target, words: dict[str, str], *, to: str, once: str, automatic: bool
    ) -> MessageDraft:
        ancestors = target.letter.references if target.letter else ()
        # The root and the newest: what answers to us need to find the way back.
        references = tuple(
            dict.fromkeys(
                [*ancestors[:1], *ancestors[1:][-20:], *([target.message_id] if target.message_id else [])]
            )
        )
        subject = mime_writer.answer_to(target.subject) if target.subject else one_line(words["subject"], 300)
        return MessageDraft(
            sender=self.operator,
            to=Mailbox(name="" if "@" in target.name else target.name, address=to),
            subject=subject or "Re:",
            words=mime_writer.signed(_words(words["body"]), self.operator.name),
            tail="",
            message_id=self._message_id(call),
            in_reply_to=target.message_id,
            references=references,
            automatic=automatic,
            thread=target.thread,
            once=once,
            language=words["language"],
        )

    def _message_id(self, call: Call) -> str:
        return f"<{key_of(call)[:32]}@{domain_of(self.operator.address)}>"

    def _attachments(self, value: Json) -> tuple[Attachment, ...]:
        files = [file for file in value or [] if file is not None]
        attachments = []
        for file in files:
            content = self.blobs.get(str(file.get("handle") or ""))
            if sha256(content) != file.get("sha256"):
                raise PermanentError(
                    f"{one_line(str(file.get('name')))} is not the file it was", code="file-changed"
                )
            attachments.append(
                Attachment(
                    name=one_line(str(file.get("name") or "file"), 150),
                    media=str(file.get("media")),
                    content=content,
                )
            )
        if sum(len(attachment.content) for attachment in attachments) > MAX_FILES:
            raise PermanentError(
                f"attachments of more than {size_text(MAX_FILES)} reach few people", code="too-big"
            )
        return tuple(attachments)

    def _preview(
        self,
        call: Call,
        draft: MessageDraft,
        target: Target,
        *,
        warnings: list[str],
        heads: tuple[tuple[str, str], ...],
    ) -> Preview:
        body = mime_writer.write(draft)
        if target.letter is None:
            warnings.append("the letter itself no longer lies in a mailbox")
        if doubt := self.sending.doubt(draft.to.address):
            warnings.append(doubt)
        if target.dmarc == "fail":
            warnings.append(f"nobody vouches for the sender: {domain_of(target.author)} fails DMARC")
        if self.outbox.claimed(draft.once, draft.message_id) is not None:
            handled = "acknowledged" if draft.automatic else "answered with fixed words"
            warnings.append(f"already {handled} today: nothing will be sent")
        return Preview(
            body=body,
            media="message/rfc822",
            facts=(*_facts(body, call.args, draft), ("Leaves", self.sending.words)),
            text=draft.words,
            heads=heads,
            warnings=tuple(warnings),
        )


def _words(text: str) -> str:
    words = plain(text).strip("\n").rstrip()
    if not words.strip():
        raise PermanentError("a letter needs words", code="no-words")
    if len(words) > MAX_WORDS:
        raise PermanentError(f"a letter of more than {MAX_WORDS} characters reaches nobody", code="too-big")
    return words


def _link_line(value: Json) -> str:
    if not present(value):
        return ""
    link = str(value).strip()
    if link.startswith(_URN):
        return f"Payment reference: {one_line(link.removeprefix(_URN), 60)}"
    web = link.startswith(("https://", "http://"))
    if (
        not web
        or any(ord(character) <= 32 or ord(character) >= 127 or character in '<>"' for character in link)
        or len(link) > 900
    ):
        raise PermanentError("the link is no web address", code="wrong-argument")
    return link


def _facts(body: bytes, args: dict[str, Json], draft: MessageDraft) -> tuple[tuple[str, str], ...]:
    """What the card shows, read from the finished bytes."""
    letter = parse.read(body)
    facts = [("To", letter.to), ("From", letter.head.text("from")), ("Subject", letter.subject)]
    facts.append(("Date", letter.head.text("date")))
    facts += [
        ("Attachment", f"{attachment.name} ({attachment.media}, {size_text(len(attachment.content))})")
        for attachment in letter.attachments
    ]
    if "attach" in args and not letter.attachments:
        facts.append(("Attachment", "none"))
    if "link" in args:
        link = _link_line(args["link"])
        facts.append(
            ("Payment link", link if link and link in letter.text else "none: this letter asks for no money")
        )
    facts.append(("Words", _first_lines(draft.words)))
    quoted = draft.tail.count("\n> ") + draft.tail.count("\n>\n")
    if quoted:
        facts.append(("Below them", f"{quoted} quoted lines of the letter it answers"))
    return tuple(facts)


def _newer(threads: ThreadIndex, target: Target) -> list[str]:
    """A line for each letter of the conversation that came after the one answered: read it before you decide."""
    known = [letter for _, letter in threads.letters(target.thread)]
    place = next((i for i, letter in enumerate(known) if letter.message_id == target.message_id), len(known))
    return [
        f"a newer letter in this conversation, from {letter.author or 'nobody'}: {_first_lines(letter.text)}"
        for letter in known[place + 1 :][-5:]
    ]


def _first_lines(words: str) -> str:
    lines = [line for line in words.split("\n") if line.strip()][:4]
    text = "\n".join(one_line(line, 120) for line in lines)
    return text if text == words else f"{text}\n…"
