"""SW5xx: scenario tests of playbooks and SOPs."""

from collections.abc import Callable, Iterable

from engine.language.text.suggest import did_you_mean, nearest
from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span


def _named(span: Span, name: str, known: Iterable[str]) -> Fix | None:
    best = nearest(name, known)
    return None if best is None else Fix(span=span, text=best)


def unknown_playbook(span: Span, *, name: str, known: Iterable[str]) -> Diagnostic:
    """SW501: a test of a playbook or SOP that doesn't exist.

    It is named by its file, without the ending.

    Wrong: `playbook: lead-captur`. Right: `playbook: lead-capture`.
    """
    names = list(known)
    return Diagnostic(
        code="SW501",
        span=span,
        message=f"there is no playbook or SOP `{name}`",
        hint=did_you_mean(name, names, label="there are"),
        fix=_named(span, name, names),
    )


def unknown_step(span: Span, *, name: str, kind: str, known: Iterable[str]) -> Diagnostic:
    """SW502: a step or gate that the tested playbook doesn't have.

    An expectation about a step that doesn't exist would hold for ever and say nothing.

    Wrong: `expect: { never: [replly] }`. Right: `expect: { never: [reply] }`.
    """
    names = list(known)
    return Diagnostic(
        code="SW502",
        span=span,
        message=f"the playbook has no {kind} `{name}`",
        hint=did_you_mean(name, names, label="there are"),
        fix=_named(span, name, names),
    )


def unknown_field(span: Span, *, name: str, of: str, known: Iterable[str]) -> Diagnostic:
    """SW503: a field that the event, the inputs, the outputs of a step or its question don't have.

    Wrong: `event: { form: ada@example.com }`. Right: `event: { from: ada@example.com }`.
    """
    names = list(known)
    return Diagnostic(
        code="SW503",
        span=span,
        message=f"{of} has no field `{name}`",
        hint=did_you_mean(name, names, label="its fields") or "it has none",
        fix=_named(span, name, names),
    )


def unknown_move(span: Span, *, name: str, known: Iterable[str]) -> Diagnostic:
    """SW504: something under `then` that is no move.

    Wrong: `then: [ { aprove: offer } ]`. Right: `then: [ { approve: offer } ]`.
    """
    names = list(known)
    return Diagnostic(
        code="SW504",
        span=span,
        message=f"`{name}` is no move",
        hint=did_you_mean(name, names, label="moves"),
        fix=_named(span, name, names),
    )


def not_given(span: Span, *, step: str, reason: str, instead: str) -> Diagnostic:
    """SW505: `given` for a step whose result can't be made up.

    What a wait gets comes from the moves, on the virtual clock, so that a test can't skip the time a customer takes; and the end of
    a run gives nothing.

    Wrong: `given: { answer: { got: nothing } }`. Right: `then: [ { advance: 3d } ]`.
    """
    return Diagnostic(
        code="SW505", span=span, message=f"`{step}` {reason}: its result can't be given", hint=instead
    )


def wrong_value(
    span: Span, *, expected: str, actual: str, example: str, fix: Fix | None = None
) -> Diagnostic:
    """SW506: a value that isn't of the type its field is declared with.

    Wrong: `given: { intent: { confidence: high } }`. Right: `given: { intent: { confidence: 0.9 } }`.
    """
    hint = f"did you mean `{fix.text}`?" if fix else f"write it like `{example}`" if example else ""
    return Diagnostic(
        code="SW506", span=span, message=f"{expected} is wanted here, this is {actual}", hint=hint, fix=fix
    )


def wrong_start(span: Span, *, message: str, hint: str) -> Diagnostic:
    """SW507: a case that doesn't say how the run begins, or begins it in a way the playbook doesn't have.

    `event` is what arrives for one of its triggers; `inputs` starts it by hand or as another playbook would, `{}` when it takes none.

    Wrong: neither of the two. Right: `event: { text: How much is it? }`, or `inputs: {}`.
    """
    return Diagnostic(code="SW507", span=span, message=message, hint=hint)


def not_for_this(
    span: Span, *, step: str, why: str, known: Iterable[str] = (), label: str = "there are"
) -> Diagnostic:
    """SW508: a move or expectation that can't be about this step.

    Only effects and gates are approved, only people answer, only steps that do something fail, only effects are sent.

    Wrong: `then: [ { approve: who } ]`, where `who` only reads. Right: `then: [ { approve: offer } ]`.
    """
    hint = did_you_mean("", known, label=label) or "no step of this playbook can"
    return Diagnostic(code="SW508", span=span, message=f"`{step}` {why}", hint=hint)


def same_case(span: Span, *, name: str, line: int) -> Diagnostic:
    """SW509: two cases with one name.

    Wrong: `name: spam` twice. Right: names that say what each one shows.
    """
    return Diagnostic(
        code="SW509", span=span, message=f"another case is called `{name}`", hint=f"it stands in line {line}"
    )


def nothing_expected(span: Span, *, clause: str, example: str) -> Diagnostic:
    """SW510: a test that can't fail: no cases, or nothing under `expect`.

    Wrong: `expect: {}`. Right: `expect: { sent: [acknowledge] }`.
    """
    return Diagnostic(code="SW510", span=span, message=f"{clause} nothing", hint=f"add `{example}`")


def several_moves(span: Span) -> Diagnostic:
    """SW511: two moves in one item of `then`, or none.

    Moves happen one after the other, so each is an item of its own.

    Wrong: `then: [ { approve: offer, advance: 3d } ]`. Right: `then: [ { approve: offer }, { advance: 3d } ]`.
    """
    return Diagnostic(
        code="SW511", span=span, message="one move is wanted here", hint="make each move an item of `then`"
    )


def not_a_test(span: Span, *, name: str) -> Diagnostic:
    """SW512: a YAML file of playbooks/tests that isn't read (a warning).

    Wrong: playbooks/tests/refund.yaml. Right: playbooks/tests/refund.test.yaml.
    """
    return Diagnostic(
        code="SW512",
        span=span,
        message="this file is not read: tests end in .test.yaml",
        hint=f"rename it to {name}, or put it into a folder below",
        severity=Severity.WARNING,
    )


TESTS: dict[str, Callable[..., Diagnostic]] = {
    "SW501": unknown_playbook,
    "SW502": unknown_step,
    "SW503": unknown_field,
    "SW504": unknown_move,
    "SW505": not_given,
    "SW506": wrong_value,
    "SW507": wrong_start,
    "SW508": not_for_this,
    "SW509": same_case,
    "SW510": nothing_expected,
    "SW511": several_moves,
    "SW512": not_a_test,
}
