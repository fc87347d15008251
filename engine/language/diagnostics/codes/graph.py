"""SW2xx: the order of steps, and gates."""

from collections.abc import Callable, Iterable

from engine.language.text.suggest import did_you_mean, join_names, nearest
from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span


def same_step(span: Span, *, id_: str, line: int) -> Diagnostic:
    """SW201: two steps with one id.

    Wrong: two steps with `id: draft`. Right: `id: draft` and `id: second-draft`.
    """
    return Diagnostic(
        code="SW201",
        span=span,
        message=f"step `{id_}` is defined twice",
        hint=f"first on line {line}; rename one of them",
    )


def unknown_need(span: Span, *, name: str, known: Iterable[str]) -> Diagnostic:
    """SW202: `needs` names a step that isn't there.

    Wrong: `needs: [darft]`. Right: `needs: [draft]`.
    """
    names = list(known)
    best = nearest(name, names)
    return Diagnostic(
        code="SW202",
        span=span,
        message=f"no step `{name}` stands above",
        hint=did_you_mean(name, names, label="steps above") or "nothing stands above; write `needs: []`",
        fix=None if best is None else Fix(span=span, text=best),
    )


def later_need(span: Span, *, name: str, line: int, itself: bool) -> Diagnostic:
    """SW203: `needs` names the step itself or one below, which would be a circle.

    Wrong: `draft` needs `reply` and `reply` needs `draft`. Right: the file reads top to bottom.
    """
    target = "itself" if itself else f"`{name}`, which stands below it (line {line})"
    return Diagnostic(
        code="SW203",
        span=span,
        message=f"a step can't need {target}",
        hint="steps need steps above them; move it or take the need out",
    )


def empty_gate(span: Span, *, gate: str) -> Diagnostic:
    """SW205: a gate that no step stands at (a warning).

    It would never ask anything. Perhaps a step lost its `gate:`.

    Wrong: `gates: { offer: … }` and no step with `gate: offer`. Right: the step that sends has `gate: offer`.
    """
    return Diagnostic(
        code="SW205",
        span=span,
        message=f"no step stands at the gate `{gate}`",
        hint=f"put `gate: {gate}` on the step it is for, or take it out",
        severity=Severity.WARNING,
    )


def not_convex(span: Span, *, gate: str, between: str, first: str, last: str) -> Diagnostic:
    """SW206: a step outside of a gate stands between two inside of it.

    One decision covers its steps at once; the one between would have to run before and after the decision.

    Wrong: `invoice` (gate offer), then `check` (no gate) reads it, then `letter` (gate offer) needs `check`.
    Right: `check` before both, or the letter at a gate of its own.
    """
    message = f"`{between}` stands between `{first}` and `{last}`, which gate `{gate}` decides at once"
    return Diagnostic(
        code="SW206", span=span, message=message, hint="move it out from between, or make two gates"
    )


def reads_member(span: Span, *, gate: str, member: str, previewed: Iterable[str]) -> Diagnostic:
    """SW207: a step reads the outcome of another one behind the same gate.

    Nothing behind a gate has happened when you decide, so there is nothing to read and nothing exact to show you. Prepare first
    (a rendered PDF, a payment link), then gate what sends it.

    Wrong: `pay` and `tell` at one gate, and `tell` reads `steps.pay.outputs.id`. Right: two gates, one after the other.
    """
    known = list(previewed)
    also = f"; only {join_names(known)} can be shown before" if known else ""
    return Diagnostic(
        code="SW207",
        span=span,
        message=f"`{member}` stands behind the same gate `{gate}`: it has no outcome yet when this step is shown{also}",
        hint="give this step a gate of its own",
    )


def calls_itself(span: Span, *, name: str, callee: str) -> Diagnostic:
    """SW208: a playbook that comes back to itself through its calls.

    It would call itself for ever.

    Wrong: `a` runs `playbook/b`, and `b` runs `playbook/a`. Right: what both need in a third one.
    """
    way = "itself" if name == callee else f"`{callee}`, which comes back to it"
    return Diagnostic(
        code="SW208",
        span=span,
        message=f"`{name}` calls {way}",
        hint="a playbook can't call itself; take one of the calls out",
    )


def name_of_gate(span: Span, *, step: str, fix: Fix | None) -> Diagnostic:
    """SW209: a step that acts has the name of a gate it doesn't stand at.

    Its own card would have the gate's name, and approving one would look like approving the other.

    Wrong: a gate `deposit`, and a step `deposit` without `gate: deposit`. Right: add it, or rename one.
    """
    return Diagnostic(
        code="SW209",
        span=span,
        message=f"`{step}` is also a gate, and this step doesn't stand at it",
        hint=f"add `gate: {step}`, or rename one of them",
        fix=fix,
    )


def early_verdict(span: Span, *, gate: str, member: str) -> Diagnostic:
    """SW210: a step waits for the verdict of a gate that can't be decided before it.

    Wrong: a step above all steps of gate `offer` reads `gates.offer.verdict`. Right: the step stands below them.
    """
    return Diagnostic(
        code="SW210",
        span=span,
        message=f"gate `{gate}` is decided only after this step: `{member}` stands below it or is itself",
        hint="move this step below the gate's steps",
    )


def key_does_not_fit(span: Span, *, key: str, kind: str, why: str) -> Diagnostic:
    """SW211: a key on a step it can't mean anything on.

    Wrong: `undo-within: 20s` on a step that only reads. Right: on a step that sends.
    """
    return Diagnostic(code="SW211", span=span, message=f"`{key}` does not fit {kind}", hint=why)


def no_item_key(span: Span, *, step: str, fix: Fix | None) -> Diagnostic:
    """SW212: a `foreach` that acts, and nothing that names its items.

    The key is what keeps one item from being done twice. By their number in the list they would be done again as soon as the list
    has another order.

    Wrong: `foreach: ${{ steps.late.outputs.invoices }}` on a step that sends. Right: `key: ${{ item.id }}` beside it.
    """
    return Diagnostic(
        code="SW212",
        span=span,
        message=f"`{step}` acts once for each item, and no `key` says which item is which",
        hint="add `key:` with what stays the same, like `${{ item.id }}`",
        fix=fix,
    )


def never_runs(span: Span, *, step: str, further_steps: int, end: str) -> Diagnostic:
    """SW213: a step behind a `run/end` that always ends the run (a warning).

    Nothing new begins once a run has ended. A `run/end` in the middle has an `if`, or what follows does not need it.

    Wrong: `{ id: stop, uses: run/end }` above `{ id: tell, uses: notify/me, … }`.
    Right: `{ id: stop, if: "${{ … }}", uses: run/end }`, or `stop` as the last step.
    """
    others = f" and {further_steps} more" if further_steps else ""
    return Diagnostic(
        code="SW213",
        span=span,
        message=f"`{step}`{others} never run{'' if further_steps else 's'}: `{end}` always ends the run before",
        hint=f"give `{end}` an `if:`, or put it last",
        severity=Severity.WARNING,
    )


GRAPH: dict[str, Callable[..., Diagnostic]] = {
    "SW201": same_step,
    "SW202": unknown_need,
    "SW203": later_need,
    "SW205": empty_gate,
    "SW206": not_convex,
    "SW207": reads_member,
    "SW208": calls_itself,
    "SW209": name_of_gate,
    "SW210": early_verdict,
    "SW211": key_does_not_fit,
    "SW212": no_item_key,
    "SW213": never_runs,
}
