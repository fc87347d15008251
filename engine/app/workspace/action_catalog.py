"""The literal table of every action there is, as data."""

from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.settings import Config
from engine.model.definitions.triggers import OWN_EVENTS, EventSpec


def declared(config: Config | None = None) -> dict[str, ActionSpec]:
    """Name → declaration of every action; `config` decides the class of letters (outbox or SMTP)."""
    from engine import agents, connectors, identity, memory
    from engine.connectors import later
    from engine.connectors.action_specs import brief

    specs = (
        *connectors.declare_all(config),
        *identity.declare_all(),
        *memory.declare_all(),
        *agents.declare_all(),
        *later.declare_all(),
        *brief(),
    )
    return {spec.name: spec for spec in specs}


def unperformed() -> frozenset[str]:
    """The names of those that nothing performs yet."""
    from engine.connectors import later

    return frozenset(spec.name for spec in later.declare_all())


def events() -> dict[str, EventSpec]:
    """Name → declaration of every type of event there is: those Steward makes itself, and those of connectors."""
    from engine.connectors import later

    return {**later.EVENTS, **OWN_EVENTS}


def connector_names() -> frozenset[str]:
    """What may stand under `connectors` of steward.yaml: the parts before the slash of what connectors can do, or will."""
    from engine import connectors
    from engine.connectors import later

    return frozenset(
        spec.name.partition("/")[0] for spec in (*connectors.declare_all(), *later.declare_all())
    )
