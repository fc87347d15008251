"""A card on the screen: who, what leaves (exactly), why, what is unusual, until when. Rendered from the frozen bytes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.app.commands.command_bus import LedgerReader
from engine.app.queries import descriptions
from engine.app.workspace.clock import present
from engine.cli.output import ago, colour, line, quoted, visible
from engine.model import effects
from engine.model.definitions import value_range
from engine.model.definitions.triggers import CAUTIONS
from engine.model.state.state import CardState
from engine.model.values import ids
from engine.model.values.canonical_json import Json


def lines(shown: dict[str, Any], card: CardState, short: str, *, whole: bool) -> Iterator[str]:
    """The card as lines. `whole` adds the letter and the findings of the readers."""
    now = present()
    state = f"expires in {ago(card.expires, now)}; silence means no" if card.status == "open" else card.status
    yield f"{colour(short, 'bold')}  {visible(str(shown['title']))}   {shown['playbook']} · run {ids.short(card.run)}   {state}"
    if whole and shown.get("letter"):
        yield from letter(shown["letter"])
    elif files := [line(name, 60) for name, _, _ in descriptions.attached(shown.get("letter") or {})]:
        yield f"  {colour('!', 'yellow')} the letter has {len(files)} attached: {', '.join(files[:5])}{' …' if files[5:] else ''}"
    yield from _caution(shown.get("letter") or {})
    for newer in shown.get("letters") or ():
        yield ""
        yield f"  {colour('!', 'yellow')} {_NEWER[newer['why']]}"
        yield from letter(newer)
    unsure = [
        finding["outputs"]
        for finding in shown["findings"]
        if isinstance(finding["outputs"], dict) and finding["outputs"].get("name") == "unsure"
    ]
    if unsure:
        near = unsure[0].get("nearest")
        why = (
            f"nearest is {near}, not sure enough to act on" if near else "no rule says what this letter wants"
        )
        yield f"  {colour('!', 'yellow')} intent unsure, confidence 0: {why}, so read it first"
        yield f"    steward intent --correct {ids.short(card.run)} NAME   teaches what it was"
    yield from _doubts(shown["findings"])
    if shown.get("since"):
        yield ""
        yield f"  since the card before ({card.replaces[:6]}):"
        yield from (f"    {line(change, 120)}" for change in shown["since"][:20])
    for member in shown["members"]:
        yield ""
        yield f"  {colour(member['name'], 'bold')}  {member['action']}   reach {member['reach']}"
        for name, value in member["facts"]:
            yield f"    {name:<9} {line(value, 100)}"
        if member["text"]:
            yield from (f"  {text}" for text in quoted(member["text"], lines=60 if whole else 12))
        for warning in member["warnings"]:
            yield f"    {colour('!', 'yellow')} {line(warning, 140)}"
        yield f"    why       {line(member['because'], 120)}"
        if member["undo"]:
            yield f"    undo      {line(member['undo'], 120)}"
        if member["cite"]:
            yield f"    cited     {line(member['cite'], 120)}"
    if whole:
        yield from _findings(shown["findings"])
    yield ""
    yield f"  digest {shown['digest'][:16]}…   decided with {'your passphrase or code' if card.strength == 2 else 'a word from you'}"


def _caution(letter: dict[str, Any]) -> Iterator[str]:
    """Why this sender is not taken at their word."""
    if letter.get("caution"):
        via = f" (it came from {line(str(letter['via']), 80)})" if letter.get("via") else ""
        yield f"  {colour('!', 'yellow')} {CAUTIONS[letter['caution']]}{via}"


def _doubts(findings: list[dict[str, Any]]) -> Iterator[str]:
    """What agents named that no source of theirs does, a model that was not the configured one, and where a second look disagreed."""
    for finding in findings:
        outputs = finding["outputs"]
        if finding["uses"].startswith(("agent/", "identity/")) and isinstance(outputs, dict):
            for doubt in outputs.get("doubts") or ():
                yield f"  {colour('!', 'yellow')} {finding['step']}: {line(str(doubt), 120)}"


def question(asked: dict[str, Any]) -> Iterator[str]:
    """What a question takes: choices, and each field with its limits and its default, whole.

    A default counts when no answer is typed, whoever wrote it. So every character is shown, and its author.
    """
    if "offered" in asked:
        by = [_BY[origin] for origin in asked["offered"] if origin in _BY]
        authors = f", {' and '.join(by)}" if by else ""
        yield f"    choose    one of these {len(asked['choices'])}, in quotes{authors}:"
        yield from (f"    │ {visible(choice)}" for choice in asked["choices"])
    elif asked["choices"]:
        yield f"    choose    {' | '.join(asked['choices'])}"
    limits = {"at least": asked.get("least") or {}, "at most": asked.get("most") or {}}
    for name, type_, kind in asked["fields"]:
        within = [
            f"{word} {value_range.limit_text(kind, of[name])}" for word, of in limits.items() if name in of
        ]
        authors = ", ".join(
            (type_, *within, *(["may stay empty"] if name in asked.get("optional", ()) else []))
        )
        yield f"    {name:<9} {authors}"
        yield from defaults(asked, name, kind)


def defaults(asked: dict[str, Any], name: str, kind: str) -> Iterator[str]:
    """The default of a field as lines; none without one."""
    if name in asked.get("too-long", ()):
        yield f"    {colour('!', 'yellow')} {name} has a default that is too long to be shown whole, so it does not count: fill it in"
    value = (asked.get("default") or {}).get(name)
    if value is None:
        return
    text = visible(_format_default(kind, value)).replace("\t", "    ")
    written = [_BY[origin] for origin in asked.get("origins", {}).get(name, ()) if origin in _BY]
    by = f"   {colour('!', 'yellow')} {' and '.join(written)}" if written else ""
    parts = [row[at : at + _WIDE] for row in text.splitlines() for at in range(0, max(len(row), 1), _WIDE)]
    if len(parts) == 1:
        yield f"    {name:<9} [default {parts[0]}]{by}"
        return
    yield f"    {name:<9} [default, {len(parts)} lines]{by}"
    yield from (f"    │ {part}" for part in parts)


_WIDE = 100
_BY = {
    "untrusted": "written by a stranger",
    "customer": "written by a customer",
    "model": "written by a model",
}


def _format_default(kind: str, value: Json) -> str:
    """A default as a person reads it: text in quotes, so that its end is seen."""
    if kind == "money":
        return value_range.limit_text(kind, value)
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) or "\n" not in value else value


_NEWER = {"answer": "since then came an answer:", "version": "another version of it came:"}


def letter(fields: dict[str, Any]) -> Iterator[str]:
    """A letter as lines: who, about what, and its words."""
    auth = fields.get("auth") or {}
    yield ""
    yield f"  from      {line(str(fields.get('name') or ''), 60)} <{line(str(fields.get('from') or ''), 80)}>   DMARC {auth.get('dmarc', 'none')}"
    yield f"  subject   {line(str(fields.get('subject') or ''), 100)}"
    for name, media, size in descriptions.attached(fields):
        yield f"  attached  {line(name, 60)} ({line(media, 40)}, {size})"
    if fields.get("thread"):
        yield f"  thread    {line(str(fields['thread']), 80)}"
    yield from (f"  {text}" for text in quoted(str(fields.get("text") or ""), lines=25))


def _findings(findings: list[dict[str, Any]]) -> Iterator[str]:
    yield ""
    for finding in findings:
        yield f"  {finding['step']:<9} {line(_words(finding['outputs']), 120)}"
        for note in passages(finding["outputs"]):
            yield f"            {cited(note)}   found by {line(str(note['found-by']), 20)}"


def passages(outputs: Json) -> list[dict[str, Json]]:
    """The recalled passages among a step's outputs."""
    lists = (
        [value for value in outputs.values() if isinstance(value, list)] if isinstance(outputs, dict) else []
    )
    return [
        note
        for notes in lists
        for note in notes
        if isinstance(note, dict) and {"path", "found-by"} <= note.keys()
    ]


def cited(note: dict[str, Json]) -> str:
    """A passage as it is cited: ``path#heading@commit``, the parts that are there."""
    heading, commit = note.get("heading"), note.get("commit")
    parts = [str(note["path"]), f"#{heading}" if heading else "", f"@{str(commit)[:8]}" if commit else ""]
    return line("".join(parts), 120)


def _words(outputs: Json) -> str:
    if not isinstance(outputs, dict):
        return str(outputs)
    parts = []
    for name, value in outputs.items():
        if name in {"body", "doubts"}:  # the card shows the body, and lists the doubts at its top
            continue
        if isinstance(value, list) and value and len(passages({name: value})) == len(value):
            parts.append(f"{name}: {len(value)}")
        elif isinstance(value, list):
            parts.append(f"{name}: {', '.join(_short(element) for element in value) or 'none'}")
        else:
            parts.append(f"{name}: {_short(value)}")
    return " · ".join(parts)


def _short(value: Json) -> str:
    if isinstance(value, dict):
        return line(str(value.get("title") or value.get("what") or value.get("name") or value), 60)
    if value is None:
        return "none"
    return ("yes" if value else "no") if isinstance(value, bool) else line(str(value), 60)


def save(reading: LedgerReader, card: CardState, folder: Path) -> list[Path]:
    """Write the exact bytes of each member below `folder`, and the attachments of its letter; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    run = reading.book.runs[card.run]
    written = []
    for step in card.steps:
        effect = effects.load(reading.ledger.unseal(ids.ValueId(run.step(step).proposal)))
        ending = {"message/rfc822": "eml", "application/pdf": "pdf", "application/json": "json"}.get(
            effect.preview.media, "txt"
        )
        path = folder / f"{card.id[:6]}-{step}.{ending}"
        path.write_bytes(effect.preview.body)
        written.append(path)
    event = reading.ledger.unseal(ids.ValueId(run.event)) if run.event else {}
    return written + save_files(reading, event, card.id[:6], folder)


def save_files(reading: LedgerReader, event: Json, prefix: str, folder: Path) -> list[Path]:
    """Write the attachments of a letter below `folder`, under names that begin with `prefix`; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    files = event.get("attachments") if isinstance(event, dict) else None
    for number, file in enumerate(files or [], start=1):
        # A stranger may have chosen the name: it gets no separators, and is short enough for any file system.
        name = Path(line(str(file.get("name") or "file"), 150).replace("/", "_").replace("\\", "_"))
        stem, ending = (
            part.encode()[:max_bytes].decode("utf-8", "ignore")
            for part, max_bytes in ((name.stem, 120), (name.suffix, 20))
        )
        path = folder / f"{prefix}-letter-{number}-{stem}{ending}"
        path.write_bytes(reading.file(str(file.get("handle") or "")))
        written.append(path)
    return written


def as_json(shown: dict[str, Any], card: CardState, changed: list[str]) -> Json:
    """The card for machines. `changed` are the files it was drafted from that have changed since."""
    return {
        **shown,
        "changed": list(changed),
        "status": card.status,
        "strength": card.strength,
        "opened": card.opened,
        "snoozed": card.snoozed,
    }
