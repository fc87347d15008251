"""What arrives in a case: letters that are really written and read, other triggers made from the fields the case names."""

import mimetypes
import os
import re
from dataclasses import replace
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from engine.kernel.triggers.intake import create, outside
from engine.language.documents.test_values import Stand
from engine.model.definitions.plan import Plan
from engine.model.definitions.taint import Label
from engine.model.definitions.triggers import IGNORED_REASONS, OWN_EVENTS, TRIGGERS
from engine.model.events.events import Draft
from engine.model.ports import Arrival
from engine.model.values import ids
from engine.model.values.canonical_json import Json, sha256
from engine.testing.cases.fakes import content, make_files_real, neutral
from engine.testing.cases.workspace import Bench

_SOMEBODY = "somebody@example.org"
_MAILBOX = "leads"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""A folder's name and nothing that leads elsewhere: a test must not write outside its own folder."""


class NotSo(Exception):
    """What the case says can't happen here. The message says why."""


def begin(bench: Bench, plan: Plan, kind: str, fields: dict[str, Json]) -> tuple[list[Draft], Arrival]:
    """The events that make the case's run, and what it began with. Raises NotSo."""
    journal = bench.loop.journal
    if kind != "inputs":
        arrival = arriving(bench, kind, {**_of_trigger(plan, kind, fields), **fields}, first=None)
        return create(journal, bench.deployment(), plan, arrival), arrival
    by = "manual" if any(trigger.kind == "manual" for trigger in plan.triggers) else "call"
    source = ids.source_id(journal.house.index_key, by, "case")
    arrival = Arrival(
        kind=by, source=source, event={"at": journal.now()}, labels=frozenset({TRIGGERS[by].label})
    )
    inputs = make_files_real(fields, bench.folder.tree, journal.house.blobs)
    if wrong := outside(plan, inputs):
        raise NotSo(wrong)
    return create(journal, bench.deployment(), plan, arrival, inputs=inputs), arrival


def _of_trigger(plan: Plan, kind: str, fields: dict[str, Json]) -> dict[str, Json]:
    """What the playbook's own trigger says about the event that starts it."""
    triggers = [dict(trigger.params) for trigger in plan.triggers if trigger.kind == kind]
    params = next((params_ for params_ in triggers if params_.get("type") == fields.get("type")), triggers[0])
    fields_: dict[str, Json] = {}
    for name, value in params.items():
        if name == "match" and isinstance(value, dict):
            fields_ |= value
        elif kind == "intent" and name == "name":
            fields_["intent"] = value
        elif kind == "file" and name == "path":
            fields_["path"] = str(value).partition("*")[0]
        elif name != "secret" and TRIGGERS[kind].event.field(name) is not None:
            fields_[name] = value
    return fields_


def arriving(bench: Bench, kind: str, fields: dict[str, Json], *, first: Arrival | None) -> Arrival:
    """One thing that arrives. `before`: what began the run; a letter answers the one that did. Raises NotSo.

    An ignored letter, such as one from a no-reply address, can't begin a run; later on it changes nothing.
    """
    if kind in {"email", "intent"}:
        return replace(_letter(bench, fields, first), kind=kind)
    journal = bench.loop.journal
    spec = TRIGGERS.get(kind)
    declared = OWN_EVENTS.get(str(fields.get("type"))) if kind == "event" else None
    event_spec = declared or spec
    number = str(len(journal.book.sources))
    bare = Arrival(
        kind=kind,
        source=ids.source_id(journal.house.index_key, kind, number),
        event={},
        labels=frozenset({event_spec.label if event_spec is not None else Label.UNTRUSTED}),
        mark=f"case-{number}",
    )
    if kind == "file":
        return _file(bench, fields, bare)
    known = (*(spec.event.fields if spec else ()), *(declared.event.fields if declared else ()))
    event = {field.name: neutral(field.type, now=journal.now(), name=field.name) for field in known}
    return replace(bare, event=event | make_files_real(fields, bench.folder.tree, journal.house.blobs))


def _file(bench: Bench, fields: dict[str, Json], bare: Arrival) -> Arrival:
    stand = fields.get("file")
    stand = stand if isinstance(stand, Stand) else Stand(path="dropped.txt")
    content_, name = content(bench.folder.tree, stand), stand.path.rpartition("/")[2]
    path = str(fields.get("path") or "vault/inbox/")
    overrides = {key: value for key, value in fields.items() if key not in {"file", "path"}}
    path = f"{path}{name}" if path.endswith("/") else path
    event = {
        "path": path,
        "name": path.rpartition("/")[2],
        "sha256": sha256(content_),
        "at": bench.loop.journal.now(),
        **overrides,
    }
    media = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return replace(bare, event=event, files=((name, media, content_),))


def _letter(bench: Bench, fields: dict[str, Json], first: Arrival | None) -> Arrival:
    event = first.event if first is not None and first.kind in {"email", "intent"} else {}
    number = len(bench.loop.journal.book.sources)
    mailbox = str(fields.get("mailbox") or event.get("mailbox") or _MAILBOX)
    if not _PLAIN.fullmatch(mailbox):
        raise NotSo(f"`{mailbox}` is no name of a mailbox")
    answers = "" if "thread" in fields else str(event.get("message-id") or "")
    raw_letter = _written(
        bench, {"from": event.get("from"), "subject": event.get("subject"), **fields}, number, answers
    )
    folder = bench.root / "vault" / "inbox" / mailbox
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{number}.eml"
    file.write_bytes(raw_letter)
    when = bench.clock.now().timestamp()
    os.utime(file, (when, when))
    seen = bench.loop.journal.book.marks.__contains__
    arrivals = (arrival for source in bench.mail for arrival in source.poll(seen))
    read_letter = next((arrival for arrival in arrivals if arrival.kind == "email"), None)
    if read_letter is None:
        raise NotSo(f"no letter could be put into the mailbox `{mailbox}`")
    if read_letter.ignored and first is not None:
        return read_letter
    if read_letter.ignored:
        raise NotSo(
            f"this letter starts nothing: {IGNORED_REASONS.get(read_letter.ignored, read_letter.ignored)}"
        )
    thread = {"thread": event["thread"]} if answers and "thread" in event else {}
    overrides = {name: value for name, value in fields.items() if name != "attachments"}
    auth = read_letter.event.get("auth")
    if isinstance(auth, dict) and isinstance(overrides.get("auth"), dict):
        overrides["auth"] = {**auth, **overrides["auth"]}
    return Arrival(
        kind="email", source=read_letter.source, event={**read_letter.event, **thread, **overrides}, labels=read_letter.labels,
        place=read_letter.place, mark=read_letter.mark, files=read_letter.files,
    )  # fmt: skip


def _written(bench: Bench, fields: dict[str, Json], number: int, answers: str) -> bytes:
    message = EmailMessage()
    message["From"] = _author(_line(fields.get("name")), _line(fields.get("from")) or _SOMEBODY)
    message["To"] = _line(fields.get("to")) or bench.folder.config.operator.email or "me@example.org"
    message["Subject"] = _line(fields.get("subject"))
    message["Date"] = format_datetime(bench.clock.now())
    message["Message-ID"] = f"<letter-{number}@case.example.org>"
    if answers:
        message["In-Reply-To"] = message["References"] = f"<{answers.strip('<>')}>"
    message.set_content(str(fields.get("text") or ""))
    files = fields.get("attachments")
    for attachment in files if isinstance(files, list) else ():
        if isinstance(attachment, Stand):
            main, _, sub = (mimetypes.guess_type(attachment.path)[0] or "application/octet-stream").partition(
                "/"
            )
            content_ = content(bench.folder.tree, attachment)
            message.add_attachment(
                content_, maintype=main, subtype=sub, filename=attachment.path.rpartition("/")[2]
            )
    return message.as_bytes()


def _author(name: str, address: str) -> Address | str:
    try:
        return Address(display_name=name, addr_spec=address)
    except (ValueError, IndexError, HeaderParseError):
        # Written as it is: what a reader makes of an odd address is part of the story.
        return address


def _line(value: Json) -> str:
    return " ".join(str(value or "").split())
