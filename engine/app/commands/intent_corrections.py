"""A correction: the words of a letter become one more example of an intent, as a change in the working folder.

Nothing is committed here. What runs is the deployed commit, so that the operator reads the change, commits it, and from then on
the same words have that intent.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.app.commands.command_bus import LedgerReader
from engine.app.workspace.workspace import Workspace
from engine.identity.intent_resolver import Tiers, writers
from engine.identity.text_normalize import example, same
from engine.language.documents import intents as language
from engine.language.text.nodes import Entry, Sequence
from engine.language.text.nodes import Mapping as Map
from engine.language.text.quoting import quoted
from engine.language.yaml import reader
from engine.model.definitions.settings import Intent
from engine.model.errors import UsageError
from engine.model.ports import Tree
from engine.model.state.state import RunState
from engine.model.values.ids import ValueId

FOLDER = "vault/intents/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One file of the working folder, old and new; `words` are the new example of `intent`."""

    path: str
    old_text: str
    new_text: str
    intent: str
    words: str


def of_tree(tree: Tree) -> tuple[Intent, ...]:
    """The intents of a tree; files with an error are left out."""
    return language.parse(_files(tree).items())[0]


def _files(tree: Tree) -> dict[str, bytes]:
    return {path: tree.read(path) for path, _ in tree.paths() if _is_intents(path)}


def _is_intents(path: str) -> bool:
    return path.startswith(FOLDER) and path.endswith((".yaml", ".yml"))


def tiers(workspace: Workspace, key: bytes, env: Mapping[str, str], *, patience: float = 60.0) -> Tiers:
    """The tiers that decide in this workspace, for a command that only looks. `key` guards the caches."""
    import time

    from engine.app.adapters import memory_process

    encoder = memory_process.client(workspace, env, patience=patience)
    return Tiers(encoder=encoder, folder=workspace.state.path / "intents", key=key, wait=time.sleep)


def words_of(reading: LedgerReader, run: RunState) -> str:
    """What of the letter that started a run may become an example. Raises UsageError when it holds no words."""
    event = reading.ledger.unseal(ValueId(run.event)) if run.event else None
    text = event.get("text") if isinstance(event, dict) else None
    words = example(text, writers(event)) if isinstance(text, str) and isinstance(event, dict) else ""
    if not words:
        raise UsageError(
            f"the run {run.id[:8]} was started by nothing that holds words",
            code="no-words",
            way_out="steward log   shows the runs that letters started",
        )
    return words


def correction(tree: Tree, intent: str, words: str) -> Correction:
    """The change that makes `words` an example of `intent`. Raises UsageError when that can't be done by adding a line."""
    files = _files(tree)
    intents, _ = language.parse(files.items())
    known = {existing.name: existing for existing in intents}
    if intent not in known:
        raise UsageError(
            f"no intent of {FOLDER} is called {intent}",
            code="no-intent",
            now_true=f"There are: {', '.join(sorted(known)) or 'none'}.",
            way_out=f"write it into a file of {FOLDER} first",
        )
    for existing in intents:
        if same(words) in map(same, existing.examples):
            raise UsageError(
                f"these words already are an example of {existing.name}",
                code="known-example",
                now_true="Nothing was changed.",
                way_out=""
                if existing.name == intent
                else f"take them out of {existing.name} first: an example of two intents decides nothing",
            )
    path, entry = next((path, entry) for path, entry in _entries(files) if entry.key == intent)
    text = files[path].decode("utf-8-sig")
    new_text = _with(text, entry, words)
    changed, _ = language.parse({**files, path: new_text.encode()}.items())
    expected = {**known, intent: _plus(known[intent], words)}
    if {parsed.name: parsed for parsed in changed} != expected:
        raise UsageError(
            f"{path} can't be changed by adding a line",
            code="no-room",
            now_true="Nothing was changed.",
            way_out=f"add it by hand below `examples:` of {intent}: {quoted(words)}",
        )
    return Correction(path=path, old_text=text, new_text=new_text, intent=intent, words=words)


def apply(root: Path, change: Correction) -> None:
    """Write the file as a whole: beside it, then in its place. Raises UsageError when it was changed meanwhile."""
    file = root / change.path
    if file.read_text(encoding="utf-8-sig") != change.old_text:
        raise UsageError(f"{change.path} was changed meanwhile", code="changed", way_out="type it again")
    part = file.with_name(f".{file.name}.part")
    part.write_text(change.new_text, encoding="utf-8")
    os.chmod(part, file.stat().st_mode & 0o777)
    part.replace(file)


def _plus(intent: Intent, words: str) -> Intent:
    return Intent(
        name=intent.name, means=intent.means, examples=(*intent.examples, words), rules=intent.rules,
        ask_below=intent.ask_below,
    )  # fmt: skip


def _entries(files: dict[str, bytes]) -> list[tuple[str, Entry]]:
    entries = []
    for path, content in files.items():
        tree, _ = reader.read(path, content)
        entries += [(path, entry) for entry in tree.entries] if isinstance(tree, Map) else []
    return entries


def _with(text: str, entry: Entry, words: str) -> str:
    """The file with one more example; the text unchanged when a line has no place."""
    lines = text.split("\n")
    examples = entry.value.get("examples") if isinstance(entry.value, Map) else None
    if isinstance(examples, Sequence) and examples.items:
        last = examples.items[-1].span
        first = lines[examples.items[0].span.line - 1]
        if first.lstrip().startswith("- "):
            indent = first[: len(first) - len(first.lstrip())]
            lines.insert(last.end_line, f"{indent}- {quoted(words)}")
        else:
            line, at = lines[last.end_line - 1], last.end_column - 1
            lines[last.end_line - 1] = f"{line[:at]}, {quoted(words)}{line[at:]}"
    elif examples is None and isinstance(entry.value, Map) and entry.value.entries:
        key = entry.value.entries[0].key_span
        indent = lines[key.line - 1][: key.column - 1]
        if not indent.strip():
            lines[key.line - 1 : key.line - 1] = [f"{indent}examples:", f"{indent}  - {quoted(words)}"]
    return "\n".join(lines)
