"""SW4xx: what starts a run and what it waits for."""

from collections.abc import Callable, Iterable

from engine.language.near import meant, nearest
from engine.model.span import Diagnostic, Fix, Span


def no_trigger(span: Span) -> Diagnostic:
    """SW401: `on:` with nothing in it.

    Wrong: `on: {}`. Right: `on: { manual: {} }`.
    """
    return Diagnostic(
        code="SW401", span=span, message="nothing starts this", hint="add `manual: {}` to start it by hand"
    )


def unknown_trigger(span: Span, *, name: str, known: Iterable[str]) -> Diagnostic:
    """SW402: a trigger that doesn't exist.

    Wrong: `on: { mail: { mailbox: leads } }`. Right: `on: { email: { mailbox: leads } }`.
    """
    names = list(known)
    best = nearest(name, names)
    return Diagnostic(
        code="SW402",
        span=span,
        message=f"unknown trigger `{name}`",
        hint=meant(name, names, what="triggers"),
        fix=None if best is None else Fix(span=span, text=best),
    )


def unknown_param(span: Span, *, name: str, trigger: str, known: Iterable[str]) -> Diagnostic:
    """SW403: a trigger's argument that doesn't exist.

    Wrong: `email: { mailbx: leads }`. Right: `email: { mailbox: leads }`.
    """
    names = list(known)
    best = nearest(name, names)
    return Diagnostic(
        code="SW403",
        span=span,
        message=f"`{trigger}` takes no `{name}` here",
        hint=meant(name, names, what="it takes") or "it takes none",
        fix=None if best is None else Fix(span=span, text=best),
    )


def missing_param(span: Span, *, name: str, trigger: str) -> Diagnostic:
    """SW404: a trigger without an argument it needs.

    Wrong: `on: { email: {} }`. Right: `on: { email: { mailbox: leads } }`.
    """
    return Diagnostic(code="SW404", span=span, message=f"`{trigger}` needs `{name}`", hint=f"add `{name}:`")


def waits_for_nothing(span: Span) -> Diagnostic:
    """SW405: a `wait/for` that would wait for nothing, or for ever.

    Wrong: `uses: wait/for` without `with`. Right: `with: { time: 3d }`, or `any:` with what to wait for.
    """
    return Diagnostic(
        code="SW405",
        span=span,
        message="this waits for nothing",
        hint="add `time: 3d`, or `any: { reply: { email: { thread: … } } }`",
    )


def not_awaited(span: Span, *, name: str, known: Iterable[str]) -> Diagnostic:
    """SW406: a trigger that a run can't wait for, or without what tells this one from others.

    Wrong: `any: { go: { manual: {} } }`, or `any: { reply: { email: {} } }`, which any letter would end.
    Right: `any: { reply: { email: { thread: "${{ event.thread }}" } } }`.
    """
    fields = list(known)
    hint = f"say which one: `{fields[0]}: …`" if fields else "wait for `email`, or for a `time`"
    return Diagnostic(code="SW406", span=span, message=f"a run can't wait for any `{name}`", hint=hint)


STARTING: dict[str, Callable[..., Diagnostic]] = {
    "SW401": no_trigger,
    "SW402": unknown_trigger,
    "SW403": unknown_param,
    "SW404": missing_param,
    "SW405": waits_for_nothing,
    "SW406": not_awaited,
}
