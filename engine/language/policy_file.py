"""vault/policy.yaml as frozen rules: only what is enforced is accepted."""

import re
from collections.abc import Collection
from dataclasses import replace
from fnmatch import fnmatchcase

from engine.language import reader
from engine.language.checked import Checked
from engine.language.codes import files as code
from engine.language.proving import proven
from engine.language.tree import Entry, Mapping, Node
from engine.model.actions import Reach
from engine.model.config import Cap, PolicyRules
from engine.model.span import Diagnostic, Fix, Severity

KEYS = ("always-ask", "deny", "caps")
"""The keys of policy.yaml in this version."""

CAP_KEYS = ("action", "each", "per-day", "count-per-day")
"""The keys of one cap."""

NOT_ENFORCED = {
    "may-run": "take it out; what would ask goes on asking",
    "quiet-hours": "take it out; approve or snooze cards when it suits you",
    "consent": "take it out; no action sends marketing in this version",
}
"""Keys of the whole language that this version would not keep, and what holds instead."""

_ACTION = re.compile(r"[a-z][a-z0-9-]*/(?:[a-z][a-z0-9-]*|\*)")


def parse(
    path: str, data: bytes, *, actions: Collection[str] = ()
) -> tuple[PolicyRules | None, tuple[Diagnostic, ...]]:
    """The rules, or None when an error keeps them from being used.

    `actions` are the names that exist; when given, a rule about another one is refused, because it would never hold.
    """
    tree, found = reader.read(path, data)
    if tree is None:
        return None, found
    rules, diagnostics = _read(path, data, tree, actions)
    usable = not any(one.severity is Severity.ERROR for one in diagnostics)
    return (rules if usable else None), proven(
        data, diagnostics, lambda mended: _again(path, mended, actions)
    )


def _again(path: str, data: bytes, actions: Collection[str]) -> tuple[Diagnostic, ...]:
    tree, found = reader.read(path, data)
    return found if tree is None else _read(path, data, tree, actions)[1]


def _read(
    path: str, data: bytes, tree: Node, actions: Collection[str]
) -> tuple[PolicyRules, tuple[Diagnostic, ...]]:
    checked = Checked(path, data)
    rules = _rules(checked, tree, actions)
    return rules, checked.diagnostics()


def _rules(checked: Checked, tree: Node, actions: Collection[str]) -> PolicyRules:
    kept = []
    for entry in checked.mapping(tree):
        if entry.key in NOT_ENFORCED:
            instead = NOT_ENFORCED[entry.key]
            checked.note(
                code.not_enforced(entry.key_span, key=entry.key, instead=instead, fix=_taken_out(entry))
            )
        else:
            kept.append(entry)
    entries = checked.entries(Mapping(entries=tuple(kept), span=tree.span), known=KEYS)
    asks, denied, caps = (entries[key].value if key in entries else None for key in KEYS)
    reaches = [
        checked.choice(item, [reach.value for reach in Reach], "a reach") for item in checked.items(asks)
    ]
    rules = PolicyRules(
        deny=tuple(name for item in checked.items(denied) if (name := _action(checked, item, actions))),
        caps=tuple(cap for item in checked.items(caps) if (cap := _cap(checked, item, actions))),
    )
    return rules if asks is None else replace(rules, always_ask=tuple(Reach(one) for one in reaches if one))


def _taken_out(entry: Entry) -> Fix | None:
    """Deleting the key, where that leaves the file readable: not inside a flow map."""
    start, end = entry.key_span, entry.value.span
    if start.column != 1:
        return None
    return Fix(span=replace(start, end_line=end.end_line, end_column=end.end_column), text="")


def _action(checked: Checked, node: Node, actions: Collection[str]) -> str | None:
    name = checked.matching(node, _ACTION, "an action, like email/reply or email/*")
    if name is not None and actions and not any(fnmatchcase(one, name) for one in actions):
        checked.note(code.unknown_action(node.span, action=name, known=actions))
        return None
    return name


def _cap(checked: Checked, node: Node, actions: Collection[str]) -> Cap | None:
    entries = checked.entries(node, known=CAP_KEYS)
    if not isinstance(node, Mapping):
        return None
    checked.required(entries, [("action", "action: email/reply")], node.span)
    values = {key: entry.value for key, entry in entries.items()}
    if "action" in values and len(node.entries) == 1:
        checked.note(code.no_limit(entries["action"].key_span))
    action = _action(checked, values["action"], actions) if "action" in values else None
    each, per_day = checked.money(values.get("each")), checked.money(values.get("per-day"))
    count = checked.integer(values.get("count-per-day"), low=0, what="a whole number")
    return None if action is None else Cap(action=action, each=each, per_day=per_day, count_per_day=count)
