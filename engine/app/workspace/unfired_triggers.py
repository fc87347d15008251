"""Triggers that nothing can fire: reported at their place in the playbook, and by `doctor`."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.connectors.email.mailboxes import DEFAULT, INBOX
from engine.language.diagnostics.codes import triggers as code
from engine.model.definitions.diagnostics import Diagnostic, Span
from engine.model.definitions.settings import Config
from engine.model.definitions.triggers import OWN_EVENTS

if TYPE_CHECKING:
    from engine.language.text.source import SourceText
    from engine.model.definitions.plan import Plan
    from engine.model.ports import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheard:
    """An entry of `on:` that never comes: of which playbook, its kind, and what it names (a mailbox, an address, a type of event)."""

    playbook: str
    path: str
    kind: str
    name: str


def mailboxes(config: Config, root: Path) -> frozenset[str]:
    """The mailboxes there are: those steward.yaml names, else `leads` and each folder of the inbox."""
    if named := config.connector("email").get("mailboxes"):
        return frozenset(named) if isinstance(named, Mapping) else frozenset()
    inbox = root.joinpath(*INBOX)
    try:
        folders = {
            folder.name for folder in inbox.iterdir() if folder.is_dir() and not folder.name.startswith(".")
        }
    except OSError:
        folders = set()
    return frozenset({DEFAULT, *folders})


def unheard(plans: Iterable["Plan"], known: Collection[str]) -> Iterator[Unheard]:
    """Every entry of `on:` that nothing can fire; `known` are the mailboxes there are."""
    for plan in plans:
        for trigger in plan.triggers:
            params = dict(trigger.params)
            name = str(params.get(_NAMED.get(trigger.kind, ""), ""))
            if (
                trigger.kind == "webhook"
                or (trigger.kind == "email" and name and name not in known)
                or (trigger.kind == "event" and name not in OWN_EVENTS)
            ):
                yield Unheard(playbook=plan.id, path=plan.path, kind=trigger.kind, name=name)


def hook_secrets(plans: Iterable["Plan"]) -> frozenset[str]:
    """The names of the secrets that prove calls to deployed webhooks."""
    hooks = (dict(trigger.params) for plan in plans for trigger in plan.triggers if trigger.kind == "webhook")
    return frozenset(str(params["secret"]) for params in hooks if params.get("secret"))


_NAMED = {"webhook": "path", "email": "mailbox", "event": "type"}


def diagnostics(tree: "Tree", plans: Iterable["Plan"], known: Collection[str]) -> Iterator[Diagnostic]:
    """The same as warnings, each at its place."""
    from engine.language.text.source import SourceText, with_source_lines

    for trigger in unheard(plans, known):
        source = SourceText.from_bytes(trigger.path, tree.read(trigger.path))
        yield from with_source_lines(source, [to_diagnostic(trigger, _place(source, trigger), known)])


def to_diagnostic(trigger: Unheard, span: Span, known: Collection[str]) -> Diagnostic:
    """What is wrong with it, and the way out."""
    if trigger.kind == "email":
        return code.no_mailbox(span, name=trigger.name, known=sorted(known))
    return code.nobody_tells(span, kind=trigger.kind, name=trigger.name)


def _place(source: "SourceText", trigger: Unheard) -> Span:
    """The place of the name below the trigger's key. Searched as a word, since plans keep no places."""
    word = re.compile(rf"(?<![\w/.-]){re.escape(trigger.name)}(?![\w/.-])")
    for number, line in enumerate(source.lines, 1):
        if f"{_NAMED[trigger.kind]}:" in line and (match := word.search(line)):
            start, end = match.start() + 1, match.end() + 1
            return Span(path=trigger.path, line=number, column=start, end_line=number, end_column=end)
    return Span(path=trigger.path)
