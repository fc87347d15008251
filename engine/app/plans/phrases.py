"""Arguments, triggers and lengths as words: near enough to what was written to be recognised."""

from datetime import timedelta

from engine.model.definitions.actions import UndoSpec
from engine.model.definitions.plan import Arg, Expr, Fixed, ListArg, MapArg, Node, Text, Trigger, WaitFor
from engine.model.values.canonical_json import Json
from engine.model.values.durations import exact
from engine.model.values.money import Money


def words(arg: Arg) -> str:
    """An argument as it was written, near enough to be recognised."""
    match arg:
        case Fixed():
            return _literal(arg.value)
        case Expr():
            return f"${{{{ {arg.written.strip()} }}}}"
        case Text():
            return "".join(part if isinstance(part, str) else words(part) for part in arg.parts)
        case ListArg():
            return f"[{', '.join(map(words, arg.items))}]"
        case MapArg():
            return f"{{{', '.join(f'{name}: {words(value)}' for name, value in arg.entries)}}}"


def _literal(value: Json) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case str():
            return value
        case {"minor": int(minor), "currency": str(currency), **rest} if not rest:
            return Money(minor=minor, currency=currency).text()
        case dict():
            return f"{{{', '.join(f'{name}: {_literal(member)}' for name, member in value.items())}}}"
        case list():
            return f"[{', '.join(map(_literal, value))}]"
        case _:
            return str(value)


def trigger_words(trigger: Trigger) -> str:
    """A trigger on one line."""
    return (
        f"{trigger.kind} {', '.join(f'{name}: {_literal(value)}' for name, value in trigger.params)}".strip()
    )


def undo_words(node: Node) -> str:
    """How an effect is taken back."""
    if node.undo is not None:
        arguments = ", ".join(f"{name}: {words(arg)}" for name, arg in node.undo.args)
        return f"{node.undo.uses} with {{{arguments}}}" if arguments else node.undo.uses
    undo = node.action.undo if node.action is not None else UndoSpec()
    return undo.action or (f"none: {undo.none}" if undo.none else "nothing to undo")


def time_words(arg: Arg) -> str:
    """How long, or until when, something waits."""
    fixed = arg.value if isinstance(arg, Fixed) else None
    return exact(timedelta(seconds=fixed)) if isinstance(fixed, int | float) else words(arg)


def heard_words(wait: WaitFor) -> str:
    """Something that is listened for."""
    match = ", ".join(f"{name}: {words(arg)}" for name, arg in wait.match)
    listens = f"{wait.trigger} {match}".strip()
    return listens if wait.name == wait.trigger else f"{wait.name} ({listens})"
