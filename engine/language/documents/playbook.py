"""The shape of a playbook: known keys with values of the right kind. Shared by SOPs, whose steps have the same keys."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from engine.language.diagnostics.codes import playbook_shape as code
from engine.language.documents import other_tools, trigger_shorthand
from engine.language.documents.ast import (
    Again,
    Authored,
    AuthoredStep,
    GateEntry,
    KeySlot,
    On,
    UndoEntry,
    Word,
)
from engine.language.documents.playbook_fields import Taker
from engine.language.text.identifiers import is_id, slug
from engine.language.text.nodes import Entry, Mapping, Node, Scalar
from engine.language.text.source import MAX_SHOWN, SourceText, with_source_lines
from engine.language.types import type_syntax
from engine.language.types.type_syntax import place
from engine.model.defaults import DECISION_TIMEOUT
from engine.model.definitions.actions import Reach
from engine.model.definitions.diagnostics import Diagnostic, Span
from engine.model.definitions.plan import Retry, Stage

KEYS = (
    "name",
    "description",
    "stage",
    "on",
    "subject",
    "stop-on",
    "concurrency",
    "once",
    "inputs",
    "outputs",
    "budget",
    "if-failed",
    "gates",
    "steps",
)
STEP_KEYS = (
    "id", "name", "foreach", "key", "max-parallel", "pause", "repeat", "once", "subject", "uses", "with", "needs", "if", "reach", "gate", "stage", "undo",
    "undo-within", "expect", "retry", "timeout", "continue-on-error",
)  # fmt: skip
UNDO_KEYS = ("none", "uses", "with")
MAX_ROUNDS = 100
"""Rounds of a `repeat`."""


def read(source: SourceText, id_: str, node: Node) -> tuple[Authored | None, tuple[Diagnostic, ...]]:
    """A playbook from its tree; None when an error keeps it from being compiled."""
    taker = Taker()
    top = taker.mapping(node, example="name: …")
    if top is None:
        return None, with_source_lines(source, taker.diagnostics)
    if (foreign := other_tools.diagnose(source.path, top)) is not None:
        taker.note(foreign)
    entries = taker.keys(top, of="a playbook", known=KEYS)
    start = Span(path=source.path, end_column=max(len(source.line(1)), 1) + 1)
    for key, example in (
        ("name", "name: What it does"),
        ("on", "on: { manual: {} }"),
        ("steps", "steps: [ { id: …, uses: … } ]"),
    ):
        if key not in entries and key not in taker.misspelt(top, KEYS):
            taker.note(code.missing_key(start, key=key, of="a playbook", example=example))
    head = header(taker, entries, Authored(id=id_, source=source, kind="playbook", name=id_))
    nodes = taker.items(_value(entries, "steps"), example="steps: [ { id: …, uses: … } ]")
    if nodes is not None and not nodes:
        taker.note(
            code.no_steps(
                entries["steps"].key_span,
                subject="a playbook",
                example="- { id: tell, uses: notify/me, with: { text: Hello } }",
            )
        )
    steps = []
    for step_node in nodes or ():
        if len(taker.diagnostics) > MAX_SHOWN:
            break
        authored_step = step(taker, step_node)
        steps += [authored_step] if authored_step is not None else []
    head = replace(head, steps=tuple(steps), room=room(top, entries.get("name")))
    return head, with_source_lines(source, sorted(taker.diagnostics, key=lambda diagnostic: diagnostic.span))


def _value(entries: dict[str, Entry], key: str) -> Node | None:
    return entries[key].value if key in entries else None


def header(taker: Taker, entries: dict[str, Entry], base: Authored) -> Authored:
    """Everything of a playbook or SOP but its steps."""
    concurrency, if_running = _concurrency(taker, _value(entries, "concurrency"))
    return replace(
        base,
        name=taker.text(_value(entries, "name"), name="name", example="name: What it does") or base.name,
        description=taker.text(_value(entries, "description"), name="description", example="description: Why")
        or "",
        stage=taker.stage(_value(entries, "stage")) or Stage.SHADOW,
        on=_on(taker, _value(entries, "on")),
        on_span=entries["on"].key_span if _empty(_value(entries, "on")) else None,
        inputs=_inputs(taker, _value(entries, "inputs")),
        subject=taker.scalar(_value(entries, "subject"), example="subject: ${{ event.from }}"),
        concurrency=concurrency,
        if_running=if_running,
        once=taker.scalar(_value(entries, "once"), example="once: ${{ event.sha256 }}"),
        stop_on=_stop_on(taker, _value(entries, "stop-on")),
        outputs=taker.mapping(
            _value(entries, "outputs"), example="outputs: { total: ${{ steps.sum.outputs.total }} }"
        ),
        if_failed="undo" if _word(taker, entries, "if-failed", ("stop", "undo")) == "undo" else "stop",
        budget_usd=_budget(taker, _value(entries, "budget")),
        gates=_gates(taker, _value(entries, "gates")),
    )


def _empty(node: Node | None) -> bool:
    return isinstance(node, Mapping) and not node.entries


def _on(taker: Taker, node: Node | None) -> tuple[On, ...]:
    top = taker.mapping(node, example="on: { manual: {} }")
    triggers = []
    for entry in top.entries if top else ():
        value = entry.value
        empty = isinstance(value, Scalar) and value.plain and not value.text
        if (refusal := trigger_shorthand.trigger(entry)) is not None:
            taker.note(refusal)
            continue
        params = None if empty else taker.mapping(value, example=f"{entry.key}: {{}}")
        triggers.append(On(kind=Word(text=entry.key, span=entry.key_span), params=params))
    return tuple(triggers)


def _inputs(taker: Taker, node: Node | None) -> tuple[type_syntax.Declared, ...]:
    top = taker.mapping(node, example="inputs: { client: person }")
    if top is None:
        return ()
    declared, diagnostics = type_syntax.declared(top)
    taker.diagnostics += diagnostics
    return declared


def _word(taker: Taker, entries: dict[str, Entry], key: str, options: tuple[str, ...]) -> str | None:
    """One of a few fixed words."""
    if key not in entries:
        return None
    value = entries[key].value
    word = taker.text(value, name=key, example=f"{key}: {options[0]}")
    if word is not None and word not in options:
        taker.note(code.not_one_of(value.span, value=word, options=options))
        return None
    return word


def _concurrency(taker: Taker, node: Node | None) -> tuple[Scalar | None, Literal["wait", "drop", "replace"]]:
    if not isinstance(node, Mapping):
        return taker.scalar(node, example="concurrency: ${{ event.thread }}"), "wait"
    entries = taker.keys(node, of="`concurrency`", known=("group", "if-running"))
    word = _word(taker, entries, "if-running", ("wait", "drop", "replace"))
    if "group" not in entries and "group" not in taker.misspelt(node, ("group", "if-running")):
        taker.note(
            code.missing_key(
                place(node), key="group", of="`concurrency`", example='group: "${{ event.thread }}"'
            )
        )
    group = taker.scalar(_value(entries, "group"), example='group: "${{ event.thread }}"')
    return group, "drop" if word == "drop" else "replace" if word == "replace" else "wait"


def _stop_on(taker: Taker, node: Node | None) -> tuple[Entry, ...]:
    """The triggers of a list, one to an item: `- email: { thread: … }`."""
    example = "stop-on: [ { email: { thread: … } } ]"
    triggers = []
    for trigger_node in taker.items(node, example=example) or ():
        body = taker.mapping(trigger_node, example="email: { thread: … }")
        if body is not None and len(body.entries) != 1:
            actual = f"{len(body.entries)}"
            taker.note(code.wrong_shape(place(body), expected="one trigger", actual=actual, example=example))
        elif body is not None:
            triggers.append(body.entries[0])
    return tuple(triggers)


def _budget(taker: Taker, node: Node | None) -> float | None:
    top = taker.mapping(node, example="budget: { usd: 0.25 }")
    if top is None:
        return None
    entries = taker.keys(top, of="`budget`", known=("usd",))
    return taker.number(_value(entries, "usd"), name="usd", minimum=0, maximum=10_000)


def _gates(taker: Taker, node: Node | None) -> tuple[GateEntry, ...]:
    top = taker.mapping(node, example="gates: { offer: { title: Offer } }")
    gates = []
    for entry in top.entries if top else ():
        id_ = taker.named(entry.key, entry.key_span, of="a gate")
        body = taker.mapping(entry.value, example=f"{entry.key}: {{ title: … }}")
        if id_ is None or body is None:
            continue
        keys = taker.keys(body, of="a gate", known=("title", "expires-after"))
        expires = taker.length(_value(keys, "expires-after"), name="expires-after")
        title = taker.scalar(_value(keys, "title"), example="title: Offer")
        gates.append(GateEntry(id=id_, title=title, expires_after=expires or DECISION_TIMEOUT))
    return tuple(gates)


def step(taker: Taker, node: Node) -> AuthoredStep | None:
    """One entry of `steps:`."""
    top = taker.mapping(node, example="{ id: tell, uses: notify/me }")
    if top is None:
        return None
    entries = taker.keys(top, of="a step", known=STEP_KEYS)
    for key, example in (("id", "id: tell"), ("uses", "uses: notify/me")):
        if key not in entries and key not in taker.misspelt(top, STEP_KEYS):
            at = replace(top.span, end_line=top.span.line, end_column=top.span.column + 1)
            taker.note(code.missing_key(at, key=key, of="a step", example=example))
    id_ = taker.id(_value(entries, "id"), of="a step")
    if id_ is None and "id" in entries and isinstance(entries["id"].value, Scalar):
        # Keep the step, so that others that read it bring no diagnostics of their own.
        id_ = Word(text=slug(entries["id"].value.text), span=entries["id"].value.span)
    uses = _uses(taker, _value(entries, "uses"))
    if id_ is None:
        return None
    # What it does is not known, and that is said: the step stays, as above.
    return common(
        taker, top, entries, AuthoredStep(id=id_, name=id_.text, uses=uses or Word(text="", span=id_.span))
    )


def step_of(taker: Taker, top: Mapping, entries: dict[str, Entry], base: AuthoredStep) -> AuthoredStep:
    """A SOP's fence: the keys of a step but `id` and `name`, which its item has."""
    known = taker.keys(top, of="a step", known=tuple(key for key in STEP_KEYS if key not in {"id", "name"}))
    uses = _uses(taker, _value(entries, "uses"))
    return common(taker, top, known, base if uses is None else replace(base, uses=uses))


def _uses(taker: Taker, node: Node | None) -> Word | None:
    action = taker.fixed(node, name="uses", example="uses: notify/me")
    return None if action is None else Word(text=action.text, span=action.span)


def common(taker: Taker, top: Mapping, entries: dict[str, Entry], base: AuthoredStep) -> AuthoredStep:
    """The keys a step may have in a playbook and in a SOP alike."""
    taken: dict[str, Any] = {
        "keys": tuple((key, entry.key_span) for key, entry in entries.items()),
        "room": room(top, entries.get("uses")),
    }
    # Most steps have four of these twenty keys: only the written ones are looked at.
    for key, entry in entries.items():
        if key in _TAKEN:
            field, take = _TAKEN[key]
            taken[field] = take(taker, entry.value)
    for key in ("reach", "stage"):
        if key in entries:
            taken[f"{key}_span"] = place(entries[key].value)
    taken["name"] = taken.get("name") or base.name
    return replace(base, **taken)


def _parallel(taker: Taker, node: Node) -> int | None:
    limit = taker.number(node, name="max-parallel", minimum=1, maximum=100, whole=True)
    return None if limit is None else int(limit)


def _gate(taker: Taker, node: Node) -> Word | None:
    gate = taker.fixed(node, name="gate", example="gate: offer")
    return None if gate is None else Word(text=gate.text, span=gate.span)


def room(top: Mapping, entry: Entry | None) -> KeySlot | None:
    """Where another key may follow a key with a plain value: on a line of its own, or after a comma."""
    if entry is None or not isinstance(entry.value, Scalar):
        return None
    end, first = entry.value.span, top.entries[0].key_span
    flow = (first.line, first.column) != (top.span.line, top.span.column)
    at = Span(
        path=end.path,
        line=end.end_line,
        column=end.end_column,
        end_line=end.end_line,
        end_column=end.end_column,
    )
    return KeySlot(span=at, separator=", " if flow else "\n" + " " * (entry.key_span.column - 1))


def _undo(taker: Taker, node: Node | None) -> UndoEntry | None:
    top = taker.mapping(node, example="undo: { none: why it can't be }")
    if top is None:
        return None
    entries = taker.keys(top, of="`undo`", known=UNDO_KEYS)
    why = taker.text(
        _value(entries, "none"), name="none", example="none: a letter that left can't be called back"
    )
    uses = _uses(taker, _value(entries, "uses"))
    args = taker.mapping(_value(entries, "with"), example="with: { text: Forget it }")
    either = "none: why it can't be taken back` or `uses: what takes it back"
    if "none" in entries and len(entries) > 1:
        taker.note(code.wrong_shape(place(top), expected="`none` or `uses`", actual="both", example=either))
        return None
    missing = "" if entries.keys() & {"none", "uses"} else "uses" if "with" in entries else "none` or `uses"
    if missing and not taker.misspelt(top, UNDO_KEYS):
        taker.note(code.missing_key(place(top), key=missing, of="`undo`", example=either))
    if not why and uses is None:
        return None
    return UndoEntry(none=why or "", uses=uses, args=args, span=place(top))


def _retry(taker: Taker, node: Node | None) -> Retry | None:
    top = taker.mapping(node, example="retry: { attempts: 3 }")
    if top is None:
        return None
    entries = taker.keys(top, of="`retry`", known=("attempts", "backoff", "base", "max"))
    attempts = taker.number(_value(entries, "attempts"), name="attempts", minimum=1, maximum=100, whole=True)
    word = taker.text(_value(entries, "backoff"), name="backoff", example="backoff: exponential")
    if word not in {None, "exponential", "constant"}:
        taker.note(
            code.not_one_of(
                entries["backoff"].value.span, value=word or "", options=("exponential", "constant")
            )
        )
    base = taker.length(_value(entries, "base"), name="base", of="retry")
    max_delay = taker.length(_value(entries, "max"), name="max", of="retry")
    plain = Retry()
    return Retry(
        attempts=int(attempts or 1),
        backoff="constant" if word == "constant" else "exponential",
        base=base or plain.base,
        max=max_delay or plain.max,
    )


def _again(taker: Taker, node: Node) -> Again | None:
    top = taker.mapping(node, example="repeat: { until: …, at-most: 10 }")
    if top is None:
        return None
    known = ("until", "at-most", "pause")
    entries = taker.keys(top, of="`repeat`", known=known)
    for key, example in (("until", "until: ${{ steps.look.outputs.… }}"), ("at-most", "at-most: 10")):
        if key not in entries and key not in taker.misspelt(top, known):
            taker.note(code.missing_key(place(top), key=key, of="`repeat`", example=example))
    at_most = taker.number(
        _value(entries, "at-most"), name="at-most", minimum=2, maximum=MAX_ROUNDS, whole=True
    )
    return Again(
        until=taker.scalar(_value(entries, "until"), example="until: ${{ steps.look.outputs.… }}"),
        at_most=None if at_most is None else int(at_most),
        pause=taker.length(_value(entries, "pause"), name="pause", of="repeat"),
    )


def stem(path: str) -> str:
    """The name of a playbook or SOP: its file without folder and ending."""
    return path.rpartition("/")[2].rpartition(".")[0]


def bad_name(path: str) -> Diagnostic | None:
    """The diagnostic of a file whose name can't name a playbook."""
    name = stem(path)
    if is_id(name):
        return None
    return code.bad_id(
        Span(path=path), name=name, kind="a playbook or SOP (rename the file)", slug=slug(name), fixable=False
    )


_TAKEN: dict[str, tuple[str, Callable[[Taker, Node], object]]] = {
    "name": ("name", lambda taker, node: taker.text(node, name="name", example="name: Tell them")),
    "with": ("args", lambda taker, node: taker.mapping(node, example="with: { text: Hello }")),
    "if": ("condition", lambda taker, node: taker.scalar(node, example="if: ${{ … }}")),
    "needs": ("needs", lambda taker, node: taker.words(node, of="needs", example="needs: [draft]")),
    "gate": ("gate", _gate),
    "reach": ("reach", lambda taker, node: taker.option(node, Reach, name="reach")),
    "stage": ("stage", lambda taker, node: taker.stage(node)),
    "undo": ("undo", _undo),
    "undo-within": ("undo_within", lambda taker, node: taker.length(node, name="undo-within")),
    "timeout": ("timeout", lambda taker, node: taker.length(node, name="timeout")),
    "retry": ("retry", _retry),
    "continue-on-error": (
        "continue_on_error",
        lambda taker, node: taker.boolean(node, name="continue-on-error") or False,
    ),
    "foreach": ("foreach", lambda _, node: node),
    "key": ("item_key", lambda taker, node: taker.scalar(node, example="key: ${{ item.id }}")),
    "max-parallel": ("max_parallel", _parallel),
    "pause": ("pause", lambda taker, node: taker.length(node, name="pause")),
    "repeat": ("again", _again),
    "once": ("once", lambda taker, node: taker.scalar(node, example="once: ${{ event.sha256 }}")),
    "subject": ("subject", lambda taker, node: taker.scalar(node, example="subject: ${{ item.email }}")),
    "expect": ("expect", lambda taker, node: taker.mapping(node, example="expect: { ok: true }")),
}
"""Key of a step → the field it is read into, and how."""
