"""An agent as it stands in `vault/agents/*.md`, as frozen data: what it takes, what it gives, and its instructions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from engine.model.definitions.actions import ActionSpec, EffectClass, Param
from engine.model.definitions.taint import Label
from engine.model.definitions.types import Field

DEFAULT_MODEL = "default"
"""The model of an agent that names none."""

NO_MODEL = "none"
"""The name that asks no model: the operator's own words answer, or a person does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSource:
    """One agent. An input is optional when its field is. It proposes; it never performs.

    `model` is a name under `models:` of steward.yaml, or :data:`NO_MODEL`. `budget_usd` is what one call may cost in US dollars;
    None: the workspace's budget alone. `tools` are names of actions that only read. `examples` is a pattern of files from the
    workspace's root (``vault/knowledge/replies/*.md``), empty when there are none. `instructions` is the body as written; `links`
    are the notes its `[[links]]` name, as paths, in the order of the body, each once.
    """

    name: str
    path: str
    description: str
    inputs: tuple[Field, ...] = ()
    outputs: tuple[Field, ...] = ()
    model: str = DEFAULT_MODEL
    budget_usd: Decimal | None = None
    tools: tuple[str, ...] = ()
    examples: str = ""
    instructions: str = ""
    links: tuple[str, ...] = ()


def spec_of(agent: AgentSource) -> ActionSpec:
    """The action `agent/<name>`. Its outputs count as a model's whatever made them, joined with the origins of its inputs."""
    return ActionSpec(
        name=f"agent/{agent.name}",
        summary=agent.description,
        kind=EffectClass.READ,
        params=tuple(
            Param(
                name=input_.name,
                # As everywhere: what may be left out may be null, too.
                type=replace(input_.type, nullable=True) if input_.optional else input_.type,
                required=not input_.optional,
                description=input_.description,
            )
            for input_ in agent.inputs
        ),
        outputs=agent.outputs,
        labels=frozenset({Label.MODEL}),
    )


def examples_of(agent: AgentSource, paths: Iterable[str]) -> tuple[str, ...]:
    """The files among `paths` that show good answers, sorted. ``*`` stays within a folder, ``**`` goes across folders."""
    if not agent.examples:
        return ()
    escaped = re.escape(agent.examples)
    across = escaped.replace(r"\*\*/", "(?:.*/)?").replace(r"\*\*", ".*")
    pattern = re.compile(across.replace(r"\*", "[^/]*"))
    return tuple(sorted(path for path in paths if pattern.fullmatch(path)))
