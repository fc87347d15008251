"""vault/intents/*.yaml: what letters may want, and the words that decide it without a model."""

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from engine.language.diagnostics.codes import config_files as code
from engine.language.diagnostics.verify_fix import with_verified_fixes
from engine.language.documents.config_fields import Checked
from engine.language.text.identifiers import is_id
from engine.language.text.nodes import Entry
from engine.language.text.nodes import Mapping as Map
from engine.language.yaml import reader
from engine.model.definitions.diagnostics import Diagnostic
from engine.model.definitions.settings import Intent

KEYS = ("means", "examples", "rules", "ask-below")
"""The keys of one intent."""

UNSURE = "unsure"
"""The name of no intent: no rule decided."""


Parsed: TypeAlias = tuple[tuple[Intent, ...], tuple[Diagnostic, ...]]
"""Intents, and what is wrong with them."""


def parse(files: Iterable[tuple[str, bytes]]) -> Parsed:
    """All intents of (path, content) pairs, in that order. Files and intents with an error are left out."""
    contents = dict(files)
    intents, reported = _read(contents)
    diagnostics: list[Diagnostic] = []
    for path, raw in contents.items():
        mine = [diagnostic for diagnostic in reported if diagnostic.span.path == path]

        def recheck(mended: bytes, path: str = path) -> list[Diagnostic]:
            return _diagnostics_of(path, {**contents, path: mended})

        diagnostics += with_verified_fixes(raw, mine, recheck)
    return intents, tuple(diagnostics)


def _diagnostics_of(path: str, files: Mapping[str, bytes]) -> list[Diagnostic]:
    return [diagnostic for diagnostic in _read(files)[1] if diagnostic.span.path == path]


def _read(files: Mapping[str, bytes]) -> tuple[tuple[Intent, ...], tuple[Diagnostic, ...]]:
    intents: dict[str, tuple[Intent, str]] = {}
    rules: dict[str, str] = {}
    examples: dict[str, str] = {}
    diagnostics: list[Diagnostic] = []
    for path, raw in files.items():
        tree, unread = reader.read(path, raw)
        diagnostics += unread
        if tree is None:
            continue
        checked = Checked(path, raw)
        for entry in checked.mapping(tree):
            intent = _intent(checked, entry, rules, examples)
            if entry.key in intents:
                checked.note(code.twice(entry.key_span, name=entry.key, first=intents[entry.key][1]))
            elif intent is not None:
                intents[entry.key] = (intent, f"{path}:{entry.key_span.line}")
        diagnostics += checked.diagnostics()
    return tuple(intent for intent, _ in intents.values()), tuple(diagnostics)


def normal(rule: str) -> str:
    """A rule as it is compared: small letters, single spaces."""
    return " ".join(rule.casefold().split())


def _intent(checked: Checked, entry: Entry, rules: dict[str, str], examples: dict[str, str]) -> Intent | None:
    if entry.key == UNSURE:
        checked.note(code.reserved_name(entry.key_span, name=UNSURE, means="that no rule decides"))
        return None
    if not is_id(entry.key):
        expected = "the name of an intent: small letters and hyphens, like new-order"
        checked.note(code.not_allowed(entry.key_span, value=entry.key, allowed=(), expected=expected))
        return None
    if not isinstance(entry.value, Map):
        checked.mapping(entry.value)
        return None
    entries = checked.entries(entry.value, known=KEYS)
    values = {key: field.value for key, field in entries.items()}
    ask_below = checked.number(values.get("ask-below"), low=0, high=1, expected="a number from 0 to 1")
    return Intent(
        name=entry.key,
        means=checked.text(values.get("means")) or "",
        examples=_examples(checked, entry.key, entries.get("examples"), examples),
        rules=_rules(checked, entry.key, entries.get("rules"), rules),
        **({} if ask_below is None else {"ask_below": float(ask_below)}),
    )


def _examples(checked: Checked, name: str, entry: Entry | None, taken: dict[str, str]) -> tuple[str, ...]:
    examples: list[str] = []
    for example in checked.items(entry.value) if entry is not None else ():
        text = checked.text(example)
        if text is None:
            continue
        # Signs, case and spaces make no other example.
        other_intent = taken.setdefault(" ".join(re.findall(r"\w+", text.casefold())), name)
        if other_intent != name:
            checked.note(code.shared_example(example.span, other_intent=other_intent))
        examples.append(text)
    return tuple(examples)


def _rules(checked: Checked, name: str, entry: Entry | None, taken: dict[str, str]) -> tuple[str, ...]:
    rules: list[str] = []
    for node in checked.items(entry.value) if entry is not None else ():
        text = checked.text(node)
        if text is None:
            continue
        rule = normal(text)
        other_intent = taken.setdefault(rule, name)
        if not re.search(r"\w", rule):
            checked.note(code.empty_rule(node.span))
        elif other_intent != name:
            checked.note(code.shared_rule(node.span, rule=rule, other_intent=other_intent))
        rules.append(rule)
    return tuple(dict.fromkeys(rules))
