"""The reference pages and the glossary, made from the code: ``python -m tests.meta.reference`` writes them, a test compares."""

import inspect
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import get_args

from engine.app.workspace.action_catalog import declared, unperformed
from engine.cli.verbs import GROUPS, VERBS
from engine.language.schemas.fragments import Keys
from engine.language.schemas.schemas import TRIGGER_MEANINGS
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.triggers import IGNORED_REASONS, TRIGGERS
from engine.model.events import events

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "reference"


def _cell(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def events_page() -> str:
    """Every event type with its meaning and fields."""
    lines = [
        "# Events",
        "",
        "Every event type (`v0`), what it means, and its body's fields. Ids of sealed values end in ⚿.",
        "",
    ]
    # The union's own order: a test that takes a type out of the table and puts it back moves it to the end.
    for cls in get_args(events.Body):
        name = events.NAMES[cls]
        body = ", ".join(
            f"`{f.name}`{' ⚿' if f.name in {'event', 'inputs', 'outputs', 'message', 'question', 'proposal', 'content', 'because'} and 'None' in str(f.type) else ''}"
            for f in fields(cls)
        )
        lines += [
            f"## `{name}`",
            "",
            " ".join((inspect.getdoc(cls) or "").split()),
            "",
            f"Fields: {body or 'none'}",
            "",
        ]
    return "\n".join(lines)


def actions_page() -> str:
    """Every action with arguments, outputs, reach and undo."""
    lines = [
        "# Actions",
        "",
        "What `uses:` can name. Reach rises with the arguments marked so; an argument marked as a sink takes no untrusted value without a gate.",
        "",
    ]
    later = unperformed()
    for spec in declared().values():
        lines += [] if spec.name in later else _action(spec)
    lines += [
        "# Declared only",
        "",
        "Nothing performs these in this version. A playbook can be written, drawn and tested with them (`steward explain SW307`);",
        "when it runs, such a step fails before anything is sent or changed.",
        "",
    ]
    for spec in declared().values():
        lines += _action(spec) if spec.name in later else []
    return "\n".join(lines)


def _action(spec: ActionSpec) -> list[str]:
    undo = f"`{spec.undo.action}`" if spec.undo.action else spec.undo.none or "nothing to undo"
    acts = f" · reach {spec.reach} · undo: {undo}" if spec.kind.acts else ""
    lines = [
        f"## `{spec.name}`",
        "",
        f"{spec.summary}.",
        "",
        f"Class {spec.kind}{acts}{' · prepares' if spec.prepares else ''}",
        "",
    ]
    lines += ["| argument | type | | meaning |", "|---|---|---|---|"]
    for p in spec.params:
        marks = [
            *(["required"] if p.required else []),
            *([f"sink: {p.sink}"] if p.sink else []),
            *([f"reach {p.raises}"] if p.raises else []),
        ]
        lines.append(f"| `{p.name}` | {_cell(p.type)} | {', '.join(marks)} | {_cell(p.description)} |")
    lines += ["", "| output | type | meaning |", "|---|---|---|"]
    lines += [f"| `{f.name}` | {_cell(f.type)} | {_cell(f.description)} |" for f in spec.outputs]
    return [*lines, ""]


def verbs_page() -> str:
    """Every verb with its arguments."""
    lines = ["# Verbs", ""]
    for title, names in GROUPS:
        lines += [f"## {title}", ""]
        for name in names:
            verb = VERBS[name]
            words = " ".join(_argument(o.flags, bool(o.settings.get("nargs"))) for o in verb.options)
            lines += [f"### `steward {name} {words}`".replace(" `", "`").rstrip(), "", f"{verb.help}", ""]
            lines += [f"- `{', '.join(o.flags)}`: {o.settings.get('help', '')}" for o in verb.options]
            lines += [""]
    return "\n".join(lines)


def _argument(flags: tuple[str, ...], optional: bool) -> str:
    return f"[{flags[0]}]" if optional or flags[0].startswith("-") else flags[0]


def codes_page() -> str:
    """Every diagnostic code with its explanation."""
    from engine.language.build import explain

    lines = ["# Diagnostics", "", "The same pages as `steward explain CODE`.", ""]
    for code in explain.codes():
        lines += [f"## {code}", "", (explain.page(code) or "").strip(), ""]
    return "\n".join(lines)


def reasons_page() -> str:
    """Why a letter starts nothing."""
    lines = [
        "# Reasons",
        "",
        "Why a letter starts nothing: a closed list, counted by `steward status`.",
        "",
        "| reason | meaning |",
        "|---|---|",
    ]
    return "\n".join([*lines, *(f"| `{name}` | {_cell(why)} |" for name, why in IGNORED_REASONS.items()), ""])


def language_page() -> str:
    """Every word of the language, in the order of what somebody looks for."""
    from engine.app.reference import schema_table, vocabulary
    from engine.language.expressions.functions import FUNCTIONS
    from engine.language.schemas.schemas import COMMON, PLAYBOOK, STEP
    from engine.language.text.scalars import EXAMPLES
    from engine.language.types.scope import RUN, STATUSES, VERDICTS
    from engine.language.types.type_syntax import MEANINGS

    lines = [
        "# The language",
        "",
        "The same words as `steward explain WORD`; [how a playbook is written](../how-to/write-a-playbook.md) shows how they go together, [actions.md](actions.md) what `uses:` can name.",
        "",
        "## A playbook",
        "",
    ]
    lines += _table(PLAYBOOK, vocabulary.KEY_EXAMPLES)
    lines += ["## A step", ""]
    lines += _table(STEP, vocabulary.KEY_EXAMPLES)
    lines += [
        "## What starts a run",
        "",
        "| under `on:` | what comes | parameters | `event` has |",
        "|---|---|---|---|",
    ]
    for name, spec in TRIGGERS.items():
        params = ", ".join(f"`{one.name}{'?' if one.optional else ''}`" for one in spec.params)
        fields = ", ".join(f"`{one.name}`" for one in spec.event.fields)
        lines.append(
            f"| `{name}` | {_cell(TRIGGER_MEANINGS[name])} | {params or '–'} | {fields or 'whatever is sent'} |"
        )
    lines += ["", "## Steps of the engine itself", ""]
    for name, (meaning, args, outputs, example) in vocabulary.STEPS.items():
        lines += [f"### `{name}`", "", f"{meaning[:1].upper()}{meaning[1:]}.", ""]
        lines += [f"- `{key}`: {says}" for key, says in args]
        lines += ["", f"Gives {outputs}.", "", "```yaml", f"- {example}", "```", ""]
    lines += ["## What can be read", "", "| path | what it is |", "|---|---|"]
    lines += [f"| `{path}` | {_cell(what)} |" for path, what in _roots(STATUSES, VERDICTS)]
    lines += [f"| `run.{one.name}` | {_cell(one.description)} |" for one in RUN.fields]
    lines += ["", "## Functions", "", "| function | gives | meaning |", "|---|---|---|"]
    for name, one in FUNCTIONS.items():
        call, _, gives = one.signature(name).partition(", giving ")
        lines.append(f"| {_cell(call)} | {_cell(gives)} | {_cell(one.meaning)} |")
    lines += ["", "## Types", "", "| type | meaning | written |", "|---|---|---|"]
    lines += [
        f"| `{name}` | {_cell(meaning)} | {EXAMPLES.get(name, '')} |" for name, meaning in MEANINGS.items()
    ]
    lines += [
        "| `[type]` | a list of these | `[text]` |",
        "| `{name: type}` | a map with these fields | `{ id: text, total: money }` |",
        '| `one of a, b` | a closed set of words; in `{ }` it stands in quotes | `"one of weekly, monthly"` |',
        "| `name?` | a name with a question mark may be left out: read it with `default(path, other)` | `note?: text` |",
        "| `{type, default, min, max, description}` | the long form of an input or field | `{ type: money, default: 49.00 EUR }` |",
        "",
    ]
    for thing, title in schema_table.file_kinds().items():
        if thing != "playbook":
            lines += [f"## {title[:1].upper()}{title[1:]}", "", "| key | takes | meaning |", "|---|---|---|"]
            common = {f"{key}" for key in COMMON} if thing == "sop" else set()
            lines += [
                f"| {'&emsp;' * ((len(row.name) - len(row.name.lstrip())) // 2)}`{row.name.strip()}` | {_cell(row.kind)} | {_cell(row.meaning)} |"
                for row in schema_table.rows(thing)
                if not (common and (row.name.startswith(" ") or row.name.strip("* ") in common))
            ]
            lines += ["", "The other keys are those of a playbook.", ""] if common else [""]
    return "\n".join(lines)


def _table(table: Keys, examples: Mapping[str, str]) -> list[str]:
    lines = ["| key | meaning | written |", "|---|---|---|"]
    lines += [f"| `{key}` | {_cell(meaning)} | `{_cell(examples[key].partition('   (')[0])}` |" if key in examples else f"| `{key}` | {_cell(meaning)} | |" for key, (_, meaning) in table.items()]  # fmt: skip
    return [*lines, ""]


def _roots(statuses: tuple[str, ...], verdicts: tuple[str, ...]) -> list[tuple[str, str]]:
    return [
        ("event.NAME", "a field of what started the run"),
        ("inputs.NAME", "an input"),
        ("item", "under `foreach`: the item; `item.NAME` a field of it"),
        (
            "steps.ID.outputs.NAME",
            "what a step above gave; with `foreach` a list, of which each entry also has `key` and `item`",
        ),
        ("steps.ID.status", f"how it stands: {', '.join(statuses)}; readable whatever became of it"),
        ("gates.ID.verdict", f"how a gate was decided: {', '.join(verdicts)}"),
        ("gates.ID.who", "who decided it, as the log names them; empty where nobody did"),
    ]


def glossary_page() -> str:
    """Every word of the glossary."""
    from engine.app.reference.glossary import GLOSSARY

    lines = [
        "# Glossary",
        "",
        "The same words as `steward explain WORD`.",
        "",
        "| word | meaning |",
        "|---|---|",
    ]
    return "\n".join([*lines, *(f"| **{word}** | {_cell(text)} |" for word, text in GLOSSARY.items())])


def pages() -> dict[str, str]:
    """Path from docs/reference → content."""
    written = {
        "events": events_page(),
        "actions": actions_page(),
        "verbs": verbs_page(),
        "diagnostics": codes_page(),
        "reasons": reasons_page(),
        "language": language_page(),
        "../explanation/glossary": glossary_page(),
    }
    return {f"{name}.md": text.rstrip() + "\n" for name, text in written.items()}


def undocumented() -> list[str]:
    """What has no words: event types, verbs, actions, arguments without a description."""
    found = [name for name, cls in events.TYPES.items() if not inspect.getdoc(cls)]
    found += [name for name, verb in VERBS.items() if not verb.help]
    found += [
        f"{spec.name} {p.name}" for spec in declared().values() for p in spec.params if not p.description
    ]
    return found + [spec.name for spec in declared().values() if not spec.summary]


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file, text in pages().items():
        (FOLDER / file).write_text(text, encoding="utf-8")
