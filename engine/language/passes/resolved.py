"""What a file may name, and a step with all its names resolved and typed."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from engine.language.documents.ast import AuthoredStep
from engine.language.passes.values import Built
from engine.language.templates.parser import Takes
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.plan import Ask, Ending, NodeKind, Repeat, WaitFor
from engine.model.definitions.settings import Config
from engine.model.definitions.taint import Label, Labels
from engine.model.definitions.triggers import EventSpec
from engine.model.definitions.types import Type
from engine.model.values.canonical_json import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A playbook or SOP as its callers see it. `inputs` is None for a file that can't be read; `called`: it may be called."""

    inputs: Type | None = None
    defaults: tuple[tuple[str, Json], ...] = ()
    called: bool = False
    outputs: Type = field(default_factory=lambda: Type(kind="map"))
    labels: Labels = frozenset()


def _no_playbooks(_name: str) -> Signature | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a playbook may name: actions, people, templates, notes; passed in as data.

    `wrong` are agents whose own file has mistakes, reported there; such an agent is among `actions` where its file declares what it
    takes and gives. `reads` are the files that an agent reads. Both go by the
    action's name.
    """

    actions: Mapping[str, ActionSpec]
    config: Config
    template: Callable[[str], Takes]
    templates: Collection[str] = ()
    people: tuple[str, ...] = ()
    events: Mapping[str, EventSpec] = field(default_factory=dict)
    intents: Collection[str] = ()
    unperformed: frozenset[str] = frozenset()
    wrong: Collection[str] = ()
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    playbooks: Collection[str] = ()
    signature: Callable[[str], Signature | None] = _no_playbooks


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedStep:
    """A step with all its names resolved and typed."""

    step: AuthoredStep
    kind: NodeKind
    outputs: Type
    spec: ActionSpec | None = None
    args: tuple[tuple[str, Built], ...] = ()
    condition: Built | None = None
    others: tuple[Built, ...] = ()
    foreach: Built | None = None
    key: Built | None = None
    once: Built | None = None
    subject: Built | None = None
    expect: tuple[tuple[str, Built], ...] = ()
    waits: tuple[WaitFor, ...] = ()
    until: Built | None = None
    ask: Ask | None = None
    end_as: Ending | None = None
    labels: Labels = frozenset({Label.SYSTEM})
    templates: tuple[str, ...] = ()
    undo: "ResolvedStep | None" = None
    repeat: Repeat | None = None

    def built(self) -> tuple[Built, ...]:
        """All values of this step, for what they read."""
        built_args = [built for _, built in (*self.args, *self.expect)]
        single = (self.condition, self.until, self.foreach, self.key, self.once, self.subject)
        return (*built_args, *(built for built in single if built is not None), *self.others)
