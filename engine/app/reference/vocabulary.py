"""What `steward explain WORD` answers: words of the glossary, types, functions, triggers, the engine's own steps, keys of files, actions,
types of events, and why a letter is put aside.

One word may be several of these: `email` is a type, a trigger and a connector.
"""

import inspect
import textwrap
from collections.abc import Iterator

from engine.app.reference import glossary, schema_table
from engine.language.expressions.functions import FUNCTIONS
from engine.language.schemas.schemas import STEP
from engine.language.text.scalars import EXAMPLES
from engine.language.types.type_syntax import MEANINGS, SIMPLE
from engine.model.definitions.triggers import IGNORED_REASONS, TRIGGERS
from engine.model.definitions.types import RECORDS, Field
from engine.model.events import events

STEPS: dict[str, tuple[str, tuple[tuple[str, str], ...], str, str]] = {
    "wait/for": (
        "wait until one of several things comes, or a time is over",
        (
            ("any", 'name → one trigger: `{ reply: { email: { thread: "${{ event.thread }}" } } }`'),
            ("time", "a length, or an expression that gives a length, a day or a time"),
        ),
        "`got` (one of the names, or `nothing`), `event`",
        '{ id: w, uses: wait/for, with: { any: { reply: { email: { thread: "${{ event.thread }}" } } }, time: 3d } }',
    ),
    "human/ask": (
        "ask a person, in `steward queue`; not answered within `timeout` (7d), the step fails",
        (
            ("title", "what is asked"),
            (
                "choices",
                "words to choose from, or an expression that gives texts: a hundred at most, each on one line",
            ),
            ("fields", "name → type of what is filled in; the long form has `default`, `min`, `max`"),
            ("who", "somebody under `people:` of steward.yaml (the operator)"),
        ),
        "`choice`, and each field by its name",
        "{ id: ask, uses: human/ask, with: { title: Take it?, choices: [yes, no], fields: { price: money } } }",
    ),
    "run/end": (
        "end the run: nothing new begins, but for steps whose `if` calls failure() or always()",
        (
            ("as", "succeeded (else), cancelled or failed: told once, exit 1, no line in the queue"),
            ("because", "why, for the log; `run.error` of what runs afterwards"),
        ),
        "nothing",
        "{ id: stop, uses: run/end, with: { as: failed, because: nothing to bill } }",
    ),
    "run/find": (
        "earlier ended runs of a playbook, newest first",
        (
            ("playbook", "the file's name without its ending"),
            ("status", "only runs that ended so"),
            ("limit", "how many at most (10, up to 100)"),
        ),
        "`runs`: `[{run, status, started, ended, outputs}]`",
        "{ id: last, uses: run/find, with: { playbook: month-end, status: succeeded, limit: 1 } }",
    ),
    "playbook/NAME": (
        "run another playbook or SOP that has `on: { call: {} }`, and wait for it",
        (("its inputs", "by their names"),),
        "its `outputs`; it fails where the called run fails",
        '{ id: bill, uses: playbook/bill, with: { client: "${{ inputs.client }}" } }',
    ),
    "agent/NAME": (
        "ask the agent of vault/agents/NAME.md: a model that reads, and can do nothing",
        (("its inputs", "by their names"),),
        "its `outputs`",
        '{ id: read, uses: agent/read-receipt, with: { text: "${{ steps.words.outputs.text }}" } }',
    ),
}
"""The engine's own steps: (what it does, its arguments, its outputs, an example)."""

KEY_EXAMPLES: dict[str, str] = {
    "id": "id: reply",
    "name": "name: Answer them",
    "uses": "uses: email/reply",
    "with": 'with: { text: "Hello ${{ inputs.name }}" }',
    "foreach": "foreach: ${{ steps.open.outputs.invoices }}",
    "key": "key: ${{ item.number }}",
    "max-parallel": "max-parallel: 2",
    "pause": "pause: 1m",
    "repeat": 'repeat: { until: "${{ steps.look.outputs.paid }}", at-most: 20, pause: 5m }',
    "once": "once: ${{ item.number }}",
    "subject": "subject: ${{ event.from }}",
    "expect": "expect: { status: paid }",
    "needs": "needs: [draft]   (or `needs: []`: at once)",
    "if": "if: ${{ steps.ask.outputs.choice == 'yes' }}",
    "stage": "stage: approval",
    "reach": "reach: customer",
    "gate": "gate: offer   (with `gates: { offer: { title: The offer } }` above)",
    "undo": 'undo: { uses: billing/cancel, with: { id: "${{ steps.bill.outputs.id }}" } }',
    "undo-within": "undo-within: 20s",
    "timeout": "timeout: 30s",
    "retry": "retry: { attempts: 3, base: 5s, max: 1m }",
    "continue-on-error": "continue-on-error: true",
    "on": 'on: { schedule: { cron: "0 8 * * mon-fri" } }',
    "inputs": "inputs: { client: person, price: { type: money, default: 49.00 EUR }, note?: text }",
    "outputs": 'outputs: { total: "${{ steps.sum.outputs.total }}" }',
    "gates": "gates: { offer: { title: The offer, expires-after: 3d } }",
    "stop-on": 'stop-on: [ { email: { thread: "${{ event.thread }}" } } ]',
    "concurrency": 'concurrency: { group: "${{ event.thread }}", if-running: wait }',
    "budget": "budget: { usd: 0.5 }",
    "if-failed": "if-failed: undo",
}
"""Keys of a playbook and its steps as they are written."""

TRIGGER_EXAMPLES: dict[str, str] = {
    "email": "on: { email: { mailbox: leads } }",
    "manual": "on: { manual: {} }   (steward run NAME)",
    "call": "on: { call: {} }   (uses: playbook/NAME)",
    "schedule": 'on: { schedule: { cron: "0 9 1 * *", time-zone: Europe/Warsaw } }',
    "file": "on: { file: { path: vault/inbox/receipts/*.pdf } }",
    "event": "on: { event: { type: email/sent, match: { label: offer } } }",
    "webhook": 'on: { webhook: { path: orders/new, secret: "${{ secrets.SHOP }}", fields: { id: text } } }',
    "intent": "on: { intent: { name: refund, at-least: 0.9 } }",
}


def page(word: str) -> str | None:
    """All that a word means, one paragraph for each; None where it means nothing."""
    word = word.strip().removesuffix("()")
    word = word.lower() if word.lower() in _LOWER else word
    paragraphs = [
        *_glossary(word),
        *_type(word),
        *_function(word),
        *_trigger(word),
        *_step(word),
        *_keys(word),
        *_event(word),
        *_reason(word),
    ]
    return "\n\n".join(paragraphs) + "\n" if paragraphs else None


def action(name: str) -> str | None:
    """An action as connectors declare it; None where none is called so."""
    from engine.app.workspace.action_catalog import declared, unperformed

    spec = declared().get(name)
    if spec is None:
        return None
    lines = [f"{name}: an action, under `uses:`", f"    {spec.summary}"]
    for param in spec.params:
        must = "" if param.required else "?"
        lines.append(
            f"      {param.name}{must}: {param.type}"
            + (f"  {param.description}" if param.description else "")
        )
    lines += _fields("gives", spec.outputs)
    lines += ["    reads only" if not spec.kind.acts else f"    acts, reach {spec.reach}"]
    lines += (
        ["    declared only: nothing performs it in this version; a test gives its outputs"]
        if name in unperformed()
        else []
    )
    return "\n".join(lines) + "\n"


def words() -> tuple[str, ...]:
    """Everything that has a page."""
    named = [
        *glossary.GLOSSARY,
        *SIMPLE,
        *FUNCTIONS,
        *TRIGGERS,
        *STEPS,
        *(row.name.strip().rstrip("*") for row in _rows()),
    ]
    return tuple(sorted({word for word in named if "<" not in word}))


def _rows() -> Iterator[schema_table.KeyRow]:
    for file_kind in schema_table.file_kinds():
        yield from schema_table.rows(file_kind)


_WIDTH = 92
"""Columns of a paragraph, as on the pages of the codes."""

_LOWER = frozenset({*SIMPLE, *TRIGGERS, *STEPS})


def _glossary(word: str) -> Iterator[str]:
    entry = glossary.meaning(word)
    if entry is not None:
        yield f"{entry[0]}: a word of the glossary\n" + textwrap.indent(
            textwrap.fill(entry[1], _WIDTH), "    "
        )


def _type(word: str) -> Iterator[str]:
    if word not in SIMPLE:
        return
    lines = [f"{word}: a type", f"    {MEANINGS[word]}"]
    lines += [f"    written like {EXAMPLES[word]}"] if word in EXAMPLES else []
    lines += _fields("its fields", RECORDS.get(word, ()))
    takes = [
        name for name, function in FUNCTIONS.items() if any(word in part.split() for part in function.params)
    ]
    lines += [f"    functions that take it: {', '.join(takes)}"] if takes else []
    lines += [
        "    of these: `[type]` a list, `{name: type}` a map, `one of a, b` a closed set of words, `name?` optional"
    ]
    yield "\n".join(lines)


def _function(word: str) -> Iterator[str]:
    if word in FUNCTIONS:
        yield f"{word}: a function of expressions\n    {FUNCTIONS[word].signature(word)}\n    {FUNCTIONS[word].meaning}"


def _trigger(word: str) -> Iterator[str]:
    spec = next((trigger for name, trigger in TRIGGERS.items() if name == word), None)
    if spec is None:
        return
    rows = {
        row.name.strip().rstrip("*"): row
        for row in schema_table.rows("playbook")
        if row.name.startswith("  ")
    }
    lines = [f"{word}: a trigger, under `on:`", f"    {rows[word].meaning}"]
    lines += _fields("its parameters", spec.params)
    lines += _fields("`event` has", spec.event.fields)
    if spec.matches:
        lines += _fields("waited for (`wait/for`, `stop-on`) by", spec.matches)
    yield "\n".join([*lines, f"    {TRIGGER_EXAMPLES[word]}"])


def _fields(title: str, fields: tuple[Field, ...]) -> list[str]:
    rows = [
        f"      {field.name}{'?' if field.optional else ''}: {field.type}"
        + (f"  {field.description}" if field.description else "")
        for field in fields
    ]
    return [f"    {title}:", *rows] if rows else []


def _step(word: str) -> Iterator[str]:
    name = next((step for step in STEPS if step == word), "")
    if not name:
        head = word.partition("/")[0]
        name = next((step for step in STEPS if step == f"{head}/NAME"), "")
    if not name:
        return
    meaning, args, outputs, example = STEPS[name]
    lines = [f"{name}: a step of the engine itself, under `uses:`", f"    {meaning}"]
    lines += [f"      {key}: {says}" for key, says in args]
    yield "\n".join([*lines, f"    gives {outputs}", f"    - {example}"])


def _event(word: str) -> Iterator[str]:
    body = events.TYPES.get(word)
    if body is not None:
        meaning = textwrap.fill(" ".join((inspect.getdoc(body) or "").split()), _WIDTH)
        yield f"{word}: an event of the ledger\n" + textwrap.indent(meaning, "    ")


def _reason(word: str) -> Iterator[str]:
    if word in IGNORED_REASONS:
        yield f"{word}: why something that came in starts nothing\n    {IGNORED_REASONS[word]}"


_FILES = {
    "playbook": "a playbook",
    "sop": "a SOP's front matter",
    "template": "a template's front matter",
    "agent": "an agent's front matter",
    "steward": "steward.yaml",
    "intents": "vault/intents/*.yaml",
    "policy": "vault/policy.yaml",
    "test": "a test (playbooks/tests/*.test.yaml)",
}


def _keys(word: str) -> Iterator[str]:
    """Each place of the files where the key may stand; what is said twice is said once."""
    places_by_key: dict[tuple[str, str], list[str]] = {}
    for file_kind, of in _FILES.items():
        above: list[str] = []
        for row in schema_table.rows(file_kind):
            depth = (len(row.name) - len(row.name.lstrip())) // 2
            name = row.name.strip().rstrip("*")
            del above[depth:]
            if name == word and not (above[-1:] == ["on"] and file_kind in {"playbook", "sop"}):
                place = f"{of}, under {' › '.join(f'`{key}`' for key in above)}" if above else of
                place = "a step" if above == ["steps"] else place
                places_by_key.setdefault((row.kind, row.meaning), []).append(place)
            above.append(name)
    for (kind, meaning), places in places_by_key.items():
        lines = [f"{word}: a key of {'; '.join(places)}", f"    {meaning}", f"    takes {kind}"]
        own = word in STEP if "a step" in places else "a playbook" in places
        lines += [f"    {KEY_EXAMPLES[word]}"] if own and word in KEY_EXAMPLES else []
        yield "\n".join(lines)
