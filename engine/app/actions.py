"""The literal table of every action there is, as data."""

from engine.model.actions import ActionSpec
from engine.model.config import Config


def declared(config: Config | None = None) -> dict[str, ActionSpec]:
    """Name → declaration of every built-in action; `config` decides the class of letters (outbox or SMTP)."""
    from engine import agents, connectors, identity, memory

    specs = (
        *connectors.declare_all(config),
        *identity.declare_all(),
        *memory.declare_all(),
        *agents.declare_all(),
    )
    return {spec.name: spec for spec in specs}
