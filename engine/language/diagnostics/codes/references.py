"""SW10x–SW11x: what an expression reads and does."""

from collections.abc import Callable, Iterable

from engine.language.text.suggest import did_you_mean, join_names, nearest, slip
from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span


def _near(span: Span, name: str, known: Iterable[str]) -> Fix | None:
    best = nearest(name, known)
    return None if best is None else Fix(span=span, text=best)


def unknown_root(span: Span, *, name: str, known: Iterable[str]) -> Diagnostic:
    """SW101: an expression begins with a name that means nothing here.

    Everything readable begins with `event`, `inputs`, `item`, `steps`, `gates` or `run`. A misspelt one would be empty for ever.

    Wrong: `${{ evnt.from }}`. Right: `${{ event.from }}`.
    """
    names = list(known)
    hint = did_you_mean(name, names, label="what can be read")
    return Diagnostic(
        code="SW101",
        span=span,
        message=f"nothing is called `{name}`",
        hint=hint,
        fix=_near(span, name, names),
    )


def unknown_step(span: Span, *, name: str, known: dict[str, int]) -> Diagnostic:
    """SW102: an expression reads a step that isn't there.

    Wrong: `${{ steps.whom.outputs }}` where the step is called `who`. Right: `${{ steps.who.outputs }}`.
    """
    best = nearest(name, known)
    hint = (
        f"did you mean `{best}` (line {known[best]})?"
        if best
        else f"steps before this one: {join_names(known)}"
    )
    return Diagnostic(
        code="SW102", span=span, message=f"unknown step `{name}`", hint=hint, fix=_near(span, name, known)
    )


def unknown_field(span: Span, *, name: str, of: str, known: Iterable[str], apart: str = "") -> Diagnostic:
    """SW103: an expression reads a field or output that isn't declared.

    27 of 148 workflows in one public collection read outputs that don't exist; there they are empty, here they are refused.

    Wrong: `${{ event.form }}`. Right: `${{ event.from }}`.
    """
    names = list(known)
    hint = did_you_mean(name, names, label=f"`{of}` has") if names else f"`{of}` has no fields"
    fix = _near(span, name, names)
    if apart:
        hint, fix = f"subtraction needs spaces: `{apart}`", Fix(span=span, text=apart)
    return Diagnostic(code="SW103", span=span, message=f"`{of}` has no `{name}`", hint=hint, fix=fix)


def no_value(span: Span, *, path: str, fix: str) -> Diagnostic:
    """SW104: a path that stops before it has a value.

    `steps.x` is a step, not a value: its outputs and its status are values.

    Wrong: `${{ steps.who }}`. Right: `${{ steps.who.outputs }}`.
    """
    return Diagnostic(
        code="SW104",
        span=span,
        message=f"`{path}` alone is no value",
        hint=f"write `{fix}`",
        fix=Fix(span=span, text=fix),
    )


def later_step(span: Span, *, name: str, line: int, itself: bool) -> Diagnostic:
    """SW105: a step reads one that stands below it, or itself.

    The file reads top to bottom, so that a plan can't run in a circle.

    Wrong: `draft` reads `steps.reply.outputs.body` while `reply` stands below it. Right: move the reading step down.
    """
    target = "itself" if itself else f"`{name}`, which stands below it (line {line})"
    return Diagnostic(
        code="SW105",
        span=span,
        message=f"a step can't read {target}",
        hint="steps read steps above them; move it",
    )


def unknown_gate(span: Span, *, name: str, known: Iterable[str]) -> Diagnostic:
    """SW106: a gate that `gates:` doesn't declare.

    Wrong: `gate: ofer` where `gates:` has `offer`. Right: `gate: offer`.
    """
    names = list(known)
    hint = did_you_mean(name, names, label="gates") or "declare it under `gates:`"
    return Diagnostic(
        code="SW106", span=span, message=f"unknown gate `{name}`", hint=hint, fix=_near(span, name, names)
    )


def unknown_function(span: Span, *, name: str, known: Iterable[str], meant_: str | None = None) -> Diagnostic:
    """SW107: a function that expressions don't have.

    Expressions have a short, closed list of functions; `steward explain functions` shows it with every argument.

    Wrong: `${{ length(event.text) > 9 }}`. Right: `${{ size(event.text) > 9 }}`.
    """
    names = list(known)
    hint = f"did you mean `{meant_}`?" if meant_ else did_you_mean(name, names, label="functions")
    fix = Fix(span=span, text=meant_) if meant_ else _near(span, name, names)
    return Diagnostic(code="SW107", span=span, message=f"unknown function `{name}`", hint=hint, fix=fix)


def unasked(span: Span, *, name: str) -> Diagnostic:
    """As `unknown_function`, of a question that needs no asking."""
    hint = "a step runs after success anyway: leave it out"
    message = f"unknown function `{name}`"
    return Diagnostic(code="SW107", span=span, message=message, hint=hint, fix=Fix(span=span, text="true"))


def wrong_call(span: Span, *, name: str, signature: str, problem: str, fix: Fix | None = None) -> Diagnostic:
    """SW108: a function is called with the wrong arguments.

    Wrong: `${{ above(steps.draft.outputs.total) }}`. Right: `${{ above(steps.draft.outputs.total, '500 EUR') }}`.
    """
    return Diagnostic(
        code="SW108", span=span, message=f"`{name}`: {problem}", hint=f"it is {signature}", fix=fix
    )


def wrong_operands(
    span: Span, *, op: str, left: str, right: str, hint: str, fix: Fix | None = None
) -> Diagnostic:
    """SW109: an operator between values it doesn't fit.

    Text is not added to numbers and money is not compared with numbers; functions say which is meant.

    Wrong: `${{ 'Total ' + steps.sum.outputs.count }}`. Right: `${{ 'Total ' + text(steps.sum.outputs.count) }}`.
    """
    return Diagnostic(
        code="SW109", span=span, message=f"`{op}` does not fit {left} and {right}", hint=hint, fix=fix
    )


def wrong_type(span: Span, *, expected: str, actual: str, hint: str, fix: Fix | None = None) -> Diagnostic:
    """SW110: a value of another type than its place asks for.

    Wrong: `limit: three`. Right: `limit: 3`.
    """
    return Diagnostic(
        code="SW110", span=span, message=f"{expected} is wanted here, this is {actual}", hint=hint, fix=fix
    )


def may_be_missing(span: Span, *, path: str, fix: Fix | None, hint: str = "") -> Diagnostic:
    """SW111: a value that may be missing stands where there has to be one.

    Optional fields, and outputs of steps that may not have run, are read with `default(path, other)`.

    Wrong: `text: Dear ${{ steps.who.outputs.company }}` where `company` is optional.
    Right: `text: Dear ${{ default(steps.who.outputs.company, '') }}`.
    """
    return Diagnostic(
        code="SW111",
        span=span,
        message=f"`{path}` may be missing",
        hint=hint or "say what counts then: `default(…, …)`",
        fix=fix,
    )


def bad_expression(span: Span, *, problem: str, fix: Fix | None = None) -> Diagnostic:
    """SW112: what stands between `${{` and `}}` is no expression.

    Wrong: `${{ event.from = 'a@example.com' }}`. Right: `${{ event.from == 'a@example.com' }}`.
    """
    return Diagnostic(code="SW112", span=span, message=f"not an expression: {problem}", hint="", fix=fix)


def too_big(span: Span, *, problem: str) -> Diagnostic:
    """SW113: an expression over its caps: 500 characters, 24 levels, lists within lists twice.

    What needs more is a step of its own, with a name and a place in the plan.

    Wrong: `filter` inside `map` inside `map`. Right: two steps.
    """
    return Diagnostic(code="SW113", span=span, message=problem, hint="make it a step of its own")


def no_such_option(
    span: Span, *, value: str, options: Iterable[str], fix: Fix | None, why: str = ""
) -> Diagnostic:
    """SW114: a word that is none of the words this value can be.

    The comparison would never hold. A step that fails stops what comes after it, so that nothing behind it ever reads `failed`,
    unless the step has `continue-on-error: true`, or the reader's `if` has `failure()` or `always()`.

    Wrong: `${{ steps.answer.outputs.got == 'nohting' }}`. Right: `${{ steps.answer.outputs.got == 'nothing' }}`.
    """
    known = list(options)
    best = slip(value, known)
    hint = f"did you mean `{best}`?" if best else f"it is one of {join_names(known)}"
    return Diagnostic(code="SW114", span=span, message=f"it is never `{value}`", hint=why or hint, fix=fix)


def not_text(span: Span, *, type_: str, fix: Fix | None = None) -> Diagnostic:
    """SW115: a list or map inside text.

    There is no one right way to write a list into a sentence: choose a field, or `join`.

    Wrong: `Notes: ${{ steps.sops.outputs.notes }}`.
    Right: `Notes: ${{ steps.sops.outputs.notes.map(n, n.title).join(', ') }}`.
    """
    return Diagnostic(
        code="SW115",
        span=span,
        message=f"{type_} can't stand inside text",
        hint="choose a field, or `join` a list",
        fix=fix,
    )


def never_read_this_way(span: Span, *, path: str, fix: Fix | None) -> Diagnostic:
    """SW116: `default(…)` of something that is not a path.

    `default` reads a path that may have no value: of a computed value there is nothing to fall back from.

    Wrong: `${{ default(size(steps.a.outputs.rows), 0) }}`. Right: `${{ size(default(steps.a.outputs.rows, [])) }}`.
    """
    message = f"`default` takes a path first, not `{path}`"
    return Diagnostic(
        code="SW116", span=span, message=message, hint="put `default` round the path itself", fix=fix
    )


def bare_in_branch(span: Span, *, path: str, step: str, fix: Fix | None) -> Diagnostic:
    """SW119: a branch of `? :` reads a step that has an `if` of its own (a warning).

    A step that reads one that was skipped is skipped with it, whatever the test says: the branch is no protection. `default` reads what
    may not be there.

    Wrong: `${{ inputs.go ? steps.a.outputs.path : steps.b.outputs.path }}` where `a` and `b` have an `if`.
    Right: `${{ default(steps.a.outputs.path, steps.b.outputs.path) }}`.
    """
    return Diagnostic(
        code="SW119",
        span=span,
        message=f"`{path}` is read whatever the test says: where `{step}` is skipped by its `if`, so is what reads it",
        hint="read it through `default(…, …)`",
        severity=Severity.WARNING,
        fix=fix,
    )


def no_item(span: Span) -> Diagnostic:
    """SW117: `item` on a step that goes through no list.

    `item` is the entry a step with `foreach` is about; another step reads its outputs, which are a list.

    Wrong: `text: ${{ item.name }}` without `foreach`. Right: `foreach: ${{ steps.find.outputs.rows }}` beside it.
    """
    return Diagnostic(
        code="SW117",
        span=span,
        message="there is no `item` here: the step has no `foreach`",
        hint="add `foreach:`, or read `steps.x.outputs`",
    )


def secret_here(span: Span, *, path: str) -> Diagnostic:
    """SW118: a secret in an expression.

    Whatever a step is given can be shown on a card, kept in the ledger and sent. A secret stands in two places only, each time as
    the whole value: in steward.yaml under `connectors` and `models`, and as a webhook's `secret`. The connector gets it when it
    acts; no playbook does.

    Wrong: `with: { text: "The key is ${{ secrets.KEY }}" }`. Right: `connectors: { shop: { api-key: "${{ secrets.KEY }}" } }` in
    steward.yaml.
    """
    return Diagnostic(
        code="SW118",
        span=span,
        message=f"`{path}` can't be read here: what a step is given is shown and kept",
        hint="name it in steward.yaml under its connector, or as a webhook's `secret`, and take it out here",
        fix=Fix(span=span, text="''"),
    )


def unknown_action(span: Span, *, name: str, known: Iterable[str]) -> Diagnostic:
    """SW120: `uses:` names an action that no connector or agent declares.

    Wrong: `uses: email/replay`. Right: `uses: email/reply`.
    """
    names = list(known)
    connector = name.partition("/")[0] + "/"
    same = [action for action in names if action.startswith(connector)]
    hint = (
        did_you_mean(name, names)
        if nearest(name, names)
        else (f"`{connector[:-1]}` has {join_names(same)}" if same else "")
    )
    hint = hint or f"connectors: {join_names(sorted({action.partition('/')[0] for action in names}))}"
    return Diagnostic(
        code="SW120", span=span, message=f"unknown action `{name}`", hint=hint, fix=_near(span, name, names)
    )


def unknown_argument(span: Span, *, name: str, of: str, known: Iterable[str]) -> Diagnostic:
    """SW121: an argument the action doesn't take.

    Wrong: `with: { tempalte: got-it }`. Right: `with: { template: got-it }`.
    """
    names = list(known)
    hint = did_you_mean(name, names, label="it takes") or "it takes none"
    return Diagnostic(
        code="SW121", span=span, message=f"`{of}` takes no `{name}`", hint=hint, fix=_near(span, name, names)
    )


def missing_argument(span: Span, *, name: str, of: str, type_: str) -> Diagnostic:
    """SW122: an argument the action can't do without.

    Wrong: `uses: notify/me` without `with`. Right: `with: { text: Something came in }`.
    """
    message = f"`{of}` needs `{name}`"
    return Diagnostic(code="SW122", span=span, message=message, hint=f"add `{name}:` ({type_}) under `with:`")


def unknown_template(span: Span, *, name: str, known: Iterable[str]) -> Diagnostic:
    """SW123: a template that vault/templates/ doesn't hold.

    Wrong: `template: got-ti`. Right: `template: got-it`, where vault/templates/got-it.md exists.
    """
    names = list(known)
    hint = did_you_mean(name, names, label="templates") or f"write vault/templates/{name}.md"
    return Diagnostic(
        code="SW123", span=span, message=f"no template `{name}`", hint=hint, fix=_near(span, name, names)
    )


def unknown_value(span: Span, *, name: str, template: str, known: Iterable[str]) -> Diagnostic:
    """SW124: a value the template doesn't use.

    Wrong: `values: { clinet: … }` for a template that declares `client`. Right: `values: { client: … }`.
    """
    names = list(known)
    hint = did_you_mean(name, names, label="it uses") or "it uses none"
    message = f"the template `{template}` has no value `{name}`"
    return Diagnostic(code="SW124", span=span, message=message, hint=hint, fix=_near(span, name, names))


def missing_value(span: Span, *, name: str, template: str, type_: str) -> Diagnostic:
    """SW125: a value the template needs and the step doesn't give.

    Wrong: `template: services-agreement` without `values`. Right: `values: { client: "${{ steps.who.outputs }}" }`.
    """
    message = f"the template `{template}` needs the value `{name}`"
    return Diagnostic(
        code="SW125", span=span, message=message, hint=f"add `{name}:` ({type_}) under `values:`"
    )


def must_be_fixed(span: Span, *, word: str) -> Diagnostic:
    """SW126: an expression where the word itself has to stand.

    Which action runs, which template is sent and how a run ends come from git alone, never from a letter.

    Wrong: `template: ${{ steps.intent.outputs.name }}`. Right: one step for each template, with an `if`.
    """
    return Diagnostic(
        code="SW126", span=span, message=f"{word} is a fixed word, never an expression", hint="write the word"
    )


def bad_type(span: Span, *, written: str, hint: str, fix: Fix | None = None) -> Diagnostic:
    """SW127: not a type.

    Types are `text number integer bool money date time length file url email person note any`, `[text]`, `{a: text}` and
    `one of a, b`; `name?` is optional.

    Wrong: `inputs: { price: moeny }`, or `inputs: { note: text? }`. Right: `inputs: { price: money }`, `inputs: { note?: text }`.
    """
    return Diagnostic(code="SW127", span=span, message=f"`{written}` is no type", hint=hint, fix=fix)


def bad_field_name(span: Span, *, name: str) -> Diagnostic:
    """SW128: a name of an input, output or field that can't be read in expressions.

    Names begin with a letter and hold letters, digits and single hyphens or underscores.

    Wrong: `inputs: { "the price": money }`. Right: `inputs: { the-price: money }`.
    """
    return Diagnostic(
        code="SW128", span=span, message=f"`{name}` can't be a name", hint="letters, digits, single hyphens"
    )


def unknown_person(span: Span, *, name: str, known: Iterable[str]) -> Diagnostic:
    """SW129: somebody who isn't under `people:` in steward.yaml.

    Wrong: `@partnr agrees`. Right: `@partner agrees`, with `people: { partner: { name: …, email: … } }`.
    """
    names = list(known)
    hint = did_you_mean(name, names, label="people") or "add them under `people:` in steward.yaml"
    return Diagnostic(
        code="SW129", span=span, message=f"nobody is called `{name}`", hint=hint, fix=_near(span, name, names)
    )


def unknown_note(span: Span, *, name: str, known: Iterable[str]) -> Diagnostic:
    """SW130: `[[note]]` names a note that the vault doesn't hold (a warning).

    Wrong: `[[Tone of vioce]]`. Right: `[[Tone of voice]]`, where vault/knowledge/Tone of voice.md exists.
    """
    names = list(known)
    hint = did_you_mean(name, names) if nearest(name, names) else "write the note, or take the link out"
    return Diagnostic(
        code="SW130",
        span=span,
        message=f"no note `{name}`",
        hint=hint,
        severity=Severity.WARNING,
        fix=_near(span, name, names),
    )


def unknown_playbook(span: Span, *, name: str, known: Iterable[str], written: str) -> Diagnostic:
    """SW131: a playbook or SOP that the workspace doesn't hold.

    It is named by its file, without folder and ending.

    Wrong: `uses: playbook/client-onbording`. Right: `uses: playbook/client-onboarding`, where playbooks/client-onboarding.yaml exists.
    """
    names = list(known)
    best = nearest(name, names)
    return Diagnostic(
        code="SW131",
        span=span,
        message=f"no playbook or SOP is called `{name}`",
        hint=did_you_mean(name, names, label="there are") or f"write playbooks/{name}.yaml",
        fix=None if best is None else Fix(span=span, text=written.replace(name, best)),
    )


def not_called(span: Span, *, name: str) -> Diagnostic:
    """SW132: a call of a playbook that isn't started by calls.

    What may start a playbook stands under its `on:`, and nowhere else.

    Wrong: `uses: playbook/invoice` where invoice.yaml has `on: { manual: {} }`. Right: `on: { manual: {}, call: {} }` there.
    """
    return Diagnostic(
        code="SW132",
        span=span,
        message=f"`{name}` is not started by calls",
        hint=f"add `call: {{}}` under `on:` of {name}",
    )


REFERENCES: dict[str, Callable[..., Diagnostic]] = {
    "SW101": unknown_root,
    "SW102": unknown_step,
    "SW103": unknown_field,
    "SW104": no_value,
    "SW105": later_step,
    "SW106": unknown_gate,
    "SW107": unknown_function,
    "SW108": wrong_call,
    "SW109": wrong_operands,
    "SW110": wrong_type,
    "SW111": may_be_missing,
    "SW112": bad_expression,
    "SW113": too_big,
    "SW114": no_such_option,
    "SW115": not_text,
    "SW116": never_read_this_way,
    "SW117": no_item,
    "SW118": secret_here,
    "SW119": bare_in_branch,
    "SW120": unknown_action,
    "SW121": unknown_argument,
    "SW122": missing_argument,
    "SW123": unknown_template,
    "SW124": unknown_value,
    "SW125": missing_value,
    "SW126": must_be_fixed,
    "SW127": bad_type,
    "SW128": bad_field_name,
    "SW129": unknown_person,
    "SW130": unknown_note,
    "SW131": unknown_playbook,
    "SW132": not_called,
}
