"""What these declarations are made of."""

from datetime import timedelta

from engine.model.definitions.actions import ActionSpec, EffectClass, Param, Sink, UndoSpec
from engine.model.definitions.taint import Label
from engine.model.definitions.types import ANY, Field, Type

OPERATOR = frozenset({Label.OPERATOR})
UNTRUSTED = frozenset({Label.UNTRUSTED})
GONE = UndoSpec(none="a letter that left can't be called back")
WINDOW = timedelta(hours=24)
ROW = Type(kind="map", items=ANY)


def needed(name: str, type_: Type, description: str, *, sink: Sink | None = None) -> Param:
    """An argument that has to be given."""
    return Param(name=name, type=type_, required=True, sink=sink, description=description)


def gives(name: str, type_: Type, description: str) -> Field:
    """One output."""
    return Field(name=name, type=type_, description=description)


def reads(name: str, summary: str, params: tuple[Param, ...], outputs: tuple[Field, ...]) -> ActionSpec:
    """What only looks into the operator's own records."""
    return ActionSpec(
        name=name,
        summary=summary,
        kind=EffectClass.READ,
        params=params,
        outputs=outputs,
        labels=OPERATOR,
        passes_labels=False,
    )
