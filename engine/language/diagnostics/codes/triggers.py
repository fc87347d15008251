"""SW4xx: what starts a run and what it waits for."""

from collections.abc import Callable, Iterable

from engine.language.text.source import KEPT_BACK
from engine.language.text.suggest import did_you_mean, join_names, nearest
from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span


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
        hint=did_you_mean(name, names, label="triggers"),
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
        hint=did_you_mean(name, names, label="it takes") or "it takes none",
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
    hint = f"say which one: `{fields[0]}: …`" if fields else "wait for `email` or `event`, or for a `time`"
    return Diagnostic(code="SW406", span=span, message=f"a run can't wait for any `{name}`", hint=hint)


def bad_cron(span: Span, *, value: str, problem: str) -> Diagnostic:
    """SW407: a schedule that never fires, or isn't one.

    Five fields: minute, hour, day of the month, month, day of the week (`1-5` or `mon-fri`), in the workspace's time zone.

    Wrong: `cron: "0 25 * * *"`. Right: `cron: "0 7 * * mon-fri"`.
    """
    return Diagnostic(
        code="SW407",
        span=span,
        message=f"`{value}` is no schedule: {problem}",
        hint='write it like `"0 7 * * mon-fri"`: minute, hour, day, month, weekday',
    )


def bad_param(span: Span, *, value: str, expected: str, example: str) -> Diagnostic:
    """SW408: a trigger's argument in another form than it has to have.

    Paths start at the workspace root; a webhook's secret is named, never written out; an event's type names its connector.

    Wrong: `file: { path: ../inbox/*.pdf }`. Right: `file: { path: vault/inbox/*.pdf }`.
    """
    return Diagnostic(
        code="SW408",
        span=span,
        message=f"{expected} is wanted here, this is {value}",
        hint=f"write it like `{example}`",
    )


def bare_hook(span: Span, *, name: str, expression: bool) -> Diagnostic:
    """SW411: a webhook's `secret` that is not one whole reference.

    The secret itself never stands in a playbook, which goes into git: only its name does. What stands there now is not shown.

    Wrong: `webhook: { path: orders, secret: hunter2 }`. Right: `webhook: { path: orders, secret: "${{ secrets.ORDERS_SECRET }}" }`,
    with `steward secrets set ORDERS_SECRET`.
    """
    actual = "something else" if expression else "a value"
    way = "" if expression else ", and change the old value where it is used"
    return Diagnostic(
        code="SW411",
        span=span,
        message=f"a webhook's `secret` is the name of a secret, as its whole value; this is {actual}",
        hint=f"steward secrets set {name}{way}",
        fix=Fix(span=span, text=f'"${{{{ secrets.{name} }}}}"'),
        source="" if expression else KEPT_BACK,
    )


def unknown_event(span: Span, *, name: str, known: Iterable[str]) -> Diagnostic:
    """SW409: a type of event that its connector doesn't send.

    It would never come. A connector that declares no events is not held to any.

    Wrong: `type: stripe/invoice.payed`. Right: `type: stripe/invoice.paid`.
    """
    names = list(known)
    best = nearest(name, names)
    return Diagnostic(
        code="SW409",
        span=span,
        message=f"unknown event `{name}`",
        hint=did_you_mean(name, names, label="events"),
        fix=None if best is None else Fix(span=span, text=best),
    )


def unknown_intent(span: Span, *, name: str, known: Iterable[str]) -> Diagnostic:
    """SW410: an intent that vault/intents/ doesn't hold.

    Wrong: `intent: { name: refnud }`. Right: `intent: { name: refund }`, where vault/intents/ has `refund`.
    """
    names = list(known)
    best = nearest(name, names)
    return Diagnostic(
        code="SW410",
        span=span,
        message=f"unknown intent `{name}`",
        hint=did_you_mean(name, names, label="intents") or "write it into a file of vault/intents/",
        fix=None if best is None else Fix(span=span, text=best),
    )


def no_mailbox(span: Span, *, name: str, known: Iterable[str]) -> Diagnostic:
    """SW412: a mailbox that nobody configured (a warning).

    Without `mailboxes` under `connectors.email` the mailboxes are `leads` and the folders of vault/inbox/; with it they are the names there.
    No letter ever comes to another one.

    Wrong: `email: { mailbox: laeds }`. Right: `email: { mailbox: leads }`.
    """
    names = list(known)
    best = nearest(name, names)
    way = f"make the folder vault/inbox/{name}, or name it under `connectors.email.mailboxes` in steward.yaml"
    return Diagnostic(
        code="SW412",
        span=span,
        message=f"there is no mailbox `{name}`: this never starts",
        hint=f"did you mean `{best}`? Else {way}" if best else way,
        severity=Severity.WARNING,
        fix=None if best is None else Fix(span=span, text=best),
    )


def nobody_tells(span: Span, *, kind: str, name: str) -> Diagnostic:
    """SW413: a trigger that nothing fires in this version (a warning).

    No process listens for webhooks, and no connector sends events of its own but Steward's. What is written is right and is kept
    until something does.

    Wrong, for now: `webhook: { path: orders, … }`. Right: a letter or a file that tells the same, or `manual: {}` beside it.
    """
    reason = (
        f"nothing listens for webhooks yet: a call to `{name}` reaches nobody"
        if kind == "webhook"
        else f"nothing sends the event `{name}` yet"
    )
    return Diagnostic(
        code="SW413",
        span=span,
        message=f"{reason}, and this never starts by it",
        hint="let a letter or a dropped file start it until then, or add `manual: {}`",
        severity=Severity.WARNING,
    )


def gives_no_input(span: Span, *, trigger: str, names: Iterable[str]) -> Diagnostic:
    """SW414: something starts a playbook that needs inputs, and can't give them.

    Only a person (`manual`) and another playbook (`call`) give inputs. What a letter, a file, a schedule, an event or a webhook starts
    has the fields of `event`, and each input's `default`.

    Wrong: `on: { email: { mailbox: leads } }` with `inputs: { month: text }`.
    Right: `inputs: { month: { type: text, default: 2026-05 } }`, or `on: { manual: {} }`.
    """
    missing = list(names)
    inputs = f"the required input{'s' if len(missing) > 1 else ''} {join_names(missing)}"
    return Diagnostic(
        code="SW414",
        span=span,
        message=f"`{trigger}` can't give {inputs}",
        hint="give a `default:`, read it from `event`, or start it by `manual` or `call` only",
    )


def takes_any_call(span: Span, *, path: str, example: str) -> Diagnostic:
    """SW415: a wait or `stop-on` for a webhook that would take anybody's call.

    Every call to that address would end it, whoever it is about: all runs that wait there end with the first one. `match` names a field
    of the call, and what it has to be for this run.

    Wrong: `stop-on: [ { webhook: { path: bookings-cancelled } } ]`.
    Right: `stop-on: [ { webhook: { path: bookings-cancelled, match: { uid: "${{ event.uid }}" } } } ]`.
    """
    address = f" to `{path}`" if path else ""
    return Diagnostic(
        code="SW415",
        span=span,
        message=f"anybody's call{address} would end this",
        hint=f"say which one: `match: {{ {example} }}`",
    )


def undeclared_fields(span: Span, *, paths: list[str], fields: str, fix: Fix | None) -> Diagnostic:
    """SW416: more is read of a call than texts of one name each, and its fields are not declared.

    A call is JSON of somebody else's making. `fields` says what is read of it, name → type, as deep as it goes; nothing else of the call
    can be read then, so that a slip is told.

    Wrong: `webhook: { path: paid, secret: "${{ secrets.PAID }}" }` with `${{ event.data.object.id }}`.
    Right: `webhook: { path: paid, secret: "${{ secrets.PAID }}", fields: { data: { object: { id: text } } } }`.
    """
    return Diagnostic(
        code="SW416",
        span=span,
        message=f"what is read of this call has to be declared: {join_names(paths)}",
        hint=f"add `fields: {fields}`",
        fix=fix,
    )


STARTING: dict[str, Callable[..., Diagnostic]] = {
    "SW401": no_trigger,
    "SW402": unknown_trigger,
    "SW403": unknown_param,
    "SW404": missing_param,
    "SW405": waits_for_nothing,
    "SW406": not_awaited,
    "SW407": bad_cron,
    "SW408": bad_param,
    "SW409": unknown_event,
    "SW410": unknown_intent,
    "SW411": bare_hook,
    "SW412": no_mailbox,
    "SW413": nobody_tells,
    "SW414": gives_no_input,
    "SW415": takes_any_call,
    "SW416": undeclared_fields,
}
