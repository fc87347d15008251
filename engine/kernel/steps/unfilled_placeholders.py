"""What another template language would have filled in, left in words that are the operator's own: found before they leave."""

from collections.abc import Iterator

from engine.kernel.core.scope import Scope
from engine.kernel.core.step_context import StepContext
from engine.model.definitions.plan import Arg, Expr, Fixed, ListArg, MapArg, Text
from engine.model.definitions.taint import Label, Labels
from engine.model.text.placeholders import leftovers
from engine.model.values.canonical_json import Json


def unfilled(place: StepContext) -> str:
    """What another template language would have filled in, in words that are the operator's own; empty for nothing.

    What a stranger wrote or a model quotes is theirs; what a model left to be filled in is among its doubts.
    """
    scope = place.scope()
    for text in _own_words(place, scope):
        if (first := next(leftovers(text), None)) is not None:
            return first.written
    return ""


def _own_words(place: StepContext, scope: Scope) -> Iterator[str]:
    files = dict(place.plan.files)
    house = place.journal.house
    for name, arg in place.node.args:
        yield from _fixed(arg, scope)
        path = f"vault/templates/{arg.value}.md" if name == "template" and isinstance(arg, Fixed) else ""
        if path in files:
            yield house.templates.words(
                house.ledger.load_content(files[path]).decode("utf-8", "replace"), path=path
            )


def _fixed(arg: Arg, scope: Scope) -> Iterator[str]:
    match arg:
        case Fixed():
            yield from _texts(arg.value)
        case Text():
            yield "\ufffc".join(part if isinstance(part, str) else "" for part in arg.parts)
            for part in arg.parts:
                yield from _fixed(part, scope) if isinstance(part, Expr) else ()
        case Expr():
            for read in arg.reads:
                value, labels = scope.read(read.path)
                yield from _texts(value) if labels == _OPERATOR else ()
        case ListArg():
            for element in arg.items:
                yield from _fixed(element, scope)
        case MapArg():
            for _, value in arg.entries:
                yield from _fixed(value, scope)


_OPERATOR: Labels = frozenset({Label.OPERATOR})


def _texts(value: Json) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for nested in value:
                yield from _texts(nested)
        case dict():
            for nested in value.values():
                yield from _texts(nested)
        case _:
            pass
