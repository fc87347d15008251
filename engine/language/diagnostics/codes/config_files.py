"""Codes of configuration, intents, policy and templates (SW05x–SW09x)."""

from collections.abc import Callable, Collection

from engine.language.text.suggest import did_you_mean, nearest
from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span


def unknown_key(span: Span, *, key: str, known: Collection[str], taken: Collection[str] = ()) -> Diagnostic:
    """SW050: a key that this file does not have.

    A key that nobody reads would look like a setting and be none, so it is refused. An editor that reads YAML schemas
    offers the keys while you type.

    Wrong: `time_zone: Europe/Warsaw`. Right: `time-zone: Europe/Warsaw`.
    """
    best = nearest(key, known)
    fix = Fix(span=span, text=best) if best is not None and best not in taken else None
    return Diagnostic(
        code="SW050",
        span=span,
        message=f"unknown key `{key}`",
        hint=did_you_mean(key, known, label="keys here"),
        fix=fix,
    )


def missing_key(span: Span, *, key: str, example: str) -> Diagnostic:
    """SW051: a key that has to be there is missing.

    Wrong: `operator: { name: Robin Park }`. Right: `operator: { name: Robin Park, email: robin@example.com }`.
    """
    return Diagnostic(code="SW051", span=span, message=f"`{key}` is missing", hint=f"add `{example}`")


def wrong_kind(span: Span, *, expected: str, actual: str, fix: Fix | None = None) -> Diagnostic:
    """SW052: a value of another kind than its place asks for: a list where a word belongs, a word where a number does.

    A value in quotes is always text, so a number or a yes/no is written without them.

    Wrong: `ask-below: "0.9"`. Right: `ask-below: 0.9`.
    """
    hint = f"write `{fix.text}`" if fix is not None else f"write {expected}"
    return Diagnostic(
        code="SW052", span=span, message=f"{expected} is wanted here, not {actual}", hint=hint, fix=fix
    )


def not_allowed(span: Span, *, value: str, allowed: Collection[str], expected: str) -> Diagnostic:
    """SW053: a value that is not among those its place allows.

    Wrong: `time-zone: Warsaw`. Right: `time-zone: Europe/Warsaw`. Wrong: `ask-below: 90`. Right: `ask-below: 0.9`.
    """
    best = nearest(value, allowed)
    fix = Fix(span=span, text=best) if best is not None else None
    hint = did_you_mean(value, allowed, label="allowed") if allowed else f"write {expected}"
    return Diagnostic(code="SW053", span=span, message=f"`{value}` is not {expected}", hint=hint, fix=fix)


def unbuilt_asking(span: Span, *, person: str) -> Diagnostic:
    """SW057: a way to ask somebody else that is planned and that nothing carries out yet.

    Questions that name somebody stand in your own `steward queue`. A setting that promised a letter to them and sent none would leave
    you waiting for an answer that nobody was asked for, so it is refused until it acts.

    Wrong: `partner: { name: A Partner, ask: email }`. Right: `partner: { name: A Partner }`.
    """
    return Diagnostic(
        code="SW057",
        span=span,
        message=f"nobody but you is asked yet: `{person}` gets no letter",
        hint="take `ask` out: the question stands in your queue, with their name",
    )


def secret_place(span: Span, *, why: str) -> Diagnostic:
    """SW054: an expression in a settings file that is not one whole secret in a place that may hold one.

    Settings are not computed. The one exception is `${{ secrets.NAME }}`, and only as the whole value under `connectors`, `models`
    or a webhook's `secret`: so a secret can never be pasted into an address, a name or a log line.

    Wrong: `password: "pre-${{ secrets.MAIL }}"`. Right: `password: "${{ secrets.MAIL }}"`.
    """
    hint = 'write the whole value as "${{ secrets.NAME }}", below `connectors` or `models`'
    return Diagnostic(code="SW054", span=span, message=why, hint=hint)


def bare_secret(span: Span, *, key: str, name: str) -> Diagnostic:
    """SW055: something that looks like a password or key stands in a file that goes into git (a warning).

    What is committed once stays in the history. Keep the value outside and name it here.

    Wrong: `password: hunter2`. Right: `password: "${{ secrets.MAIL_PASSWORD }}"`, with `steward secrets set MAIL_PASSWORD`.
    """
    return Diagnostic(
        code="SW055",
        span=span,
        message=f"`{key}` looks like a secret, and this file goes into git",
        hint=f"steward secrets set {name}, and change the old value at its provider",
        severity=Severity.WARNING,
        fix=Fix(span=span, text=f'"${{{{ secrets.{name} }}}}"'),
    )


def bare_key(span: Span, *, name: str) -> Diagnostic:
    """SW056: the key of a model is written into a file that goes into git.

    What is committed once stays in the history, and a model's key is money. Keep it outside and name it here; then
    `steward secrets set NAME`, or set it in the environment.

    Wrong: `key: sk-abc123`. Right: `key: "${{ secrets.OPENAI_KEY }}"`.
    """
    return Diagnostic(
        code="SW056",
        span=span,
        message="a key stands in a file that goes into git",
        hint=f"keep it with `steward secrets set {name}`, and name it here",
        fix=Fix(span=span, text=f'"${{{{ secrets.{name} }}}}"'),
    )


def reserved_name(span: Span, *, name: str, means: str) -> Diagnostic:
    """SW060: a name that already means something else here.

    `unsure` is what an intent is called when no rule decides; `operator` is the person this workspace belongs to.

    Wrong: an intent called `unsure`. Right: `unclear-order`.
    """
    return Diagnostic(
        code="SW060", span=span, message=f"`{name}` already means {means}", hint="choose another name"
    )


def twice(span: Span, *, name: str, first: str) -> Diagnostic:
    """SW061: the same intent in two files.

    Which of the two counts would depend on the order of file names.

    Wrong: `refund:` in `money.yaml` and again in `support.yaml`. Right: one of them, with the rules of both.
    """
    return Diagnostic(
        code="SW061",
        span=span,
        message=f"the intent `{name}` is in two places",
        hint=f"first in {first}; keep one",
    )


def shared_rule(span: Span, *, rule: str, other_intent: str) -> Diagnostic:
    """SW062: two intents have the same rule, so it decides neither (a warning).

    A letter that matches rules of two intents is left to a person.

    Wrong: `deposit` as a rule of `payment` and of `refund`. Right: `pay the deposit` there and `deposit back` here.
    """
    return Diagnostic(
        code="SW062",
        span=span,
        message=f"`{rule}` is a rule of `{other_intent}`, too: it decides nothing",
        hint=f"take it out here or in `{other_intent}`, or make both longer",
        severity=Severity.WARNING,
    )


def shared_example(span: Span, *, other_intent: str) -> Diagnostic:
    """SW064: two intents have the same example, so it decides neither and teaches nothing (a warning).

    An example decides its own words, and shows what others like it mean; of two intents it can do neither.

    Wrong: `Please call me` as an example of `quote` and of `support`. Right: it stands in one of them.
    """
    return Diagnostic(
        code="SW064",
        span=span,
        message=f"this is an example of `{other_intent}`, too: it decides nothing",
        hint=f"take it out here or in `{other_intent}`",
        severity=Severity.WARNING,
    )


def empty_rule(span: Span) -> Diagnostic:
    """SW063: a rule without a single letter or digit.

    Rules are words that are looked for in a letter; signs alone stand in every letter.

    Wrong: `rules: ["!!!"]`. Right: `rules: [refund]`.
    """
    return Diagnostic(
        code="SW063", span=span, message="this rule holds no word", hint="write a word or a phrase"
    )


def no_limit(span: Span) -> Diagnostic:
    """SW071: a cap without a limit.

    Wrong: `- { action: email/reply }`. Right: `- { action: email/reply, count-per-day: 60 }`.
    """
    return Diagnostic(
        code="SW071",
        span=span,
        message="this cap limits nothing",
        hint="add `each`, `per-day` or `count-per-day`",
    )


def unknown_action(span: Span, *, action: str, known: Collection[str]) -> Diagnostic:
    """SW072: a policy names an action that no connector has, so it would never hold.

    Wrong: `deny: [email/send]` where there is only `email/reply`. Right: `deny: [email/reply]`, or `email/*` for all of them.
    """
    best = nearest(action, known)
    fix = Fix(span=span, text=best) if best is not None else None
    hint = did_you_mean(action, known, label="actions")
    return Diagnostic(
        code="SW072", span=span, message=f"no connector has the action `{action}`", hint=hint, fix=fix
    )


def open_expression(span: Span) -> Diagnostic:
    """SW080: `${{` without its `}}` on the same line.

    Wrong: `Hello ${{ contact.name }`. Right: `Hello ${{ contact.name }}`.
    """
    return Diagnostic(
        code="SW080", span=span, message="this `${{` has no `}}` on its line", hint="close it with ` }}`"
    )


def block_alone(span: Span, *, block: str) -> Diagnostic:
    """SW081: a block that does not stand on a line of its own.

    Its line vanishes from what is sent, so nothing else may be on it. A choice inside a line is written
    `${{ name == '' ? 'there' : name }}`.

    Wrong: `Hello ${{ if vip }}dear ${{ end }}friend`. Right: each of the two blocks on its own line.
    """
    return Diagnostic(
        code="SW081",
        span=span,
        message=f"`{block}` shares its line with other words",
        hint="put it on a line of its own",
    )


def unbalanced(span: Span, *, message: str, hint: str, fix: Fix) -> Diagnostic:
    """SW082: a block without its end, or an end without its block.

    Wrong: `${{ for line in lines }}` up to the end of the file. Right: `${{ end }}` on a line of its own after what is repeated.
    """
    return Diagnostic(code="SW082", span=span, message=message, hint=hint, fix=fix)


def nested(span: Span, *, limit: int) -> Diagnostic:
    """SW083: blocks nested more than twice.

    A letter that needs more is two letters, or its values should be prepared by a step.

    Wrong: an `if` inside a `for` inside a `for`. Right: a `for` with an `if` in it.
    """
    return Diagnostic(
        code="SW083",
        span=span,
        message=f"blocks are nested at most {limit} deep",
        hint="prepare the values in a step before",
    )


def bad_block(span: Span, *, text: str) -> Diagnostic:
    """SW084: a block that can't be read.

    Wrong: `${{ for lines }}`. Right: `${{ for line in lines }}`.
    """
    hint = "write `for name in list`, `if condition` or `end`"
    return Diagnostic(code="SW084", span=span, message=f"`{text}` is no block", hint=hint)


def name_taken(span: Span, *, name: str) -> Diagnostic:
    """SW085: the name of a loop is already in use.

    Wrong: `${{ for client in clients }}` where `client` is a value. Right: `${{ for one in clients }}`.
    """
    return Diagnostic(
        code="SW085",
        span=span,
        message=f"`{name}` is already a value here",
        hint="choose another name for the loop",
    )


def wrong_type(span: Span, *, message: str, hint: str, fix: Fix | None = None) -> Diagnostic:
    """SW086: a block is given something that it can't take: `for` needs a list, `if` a yes or no.

    Wrong: `${{ if lines }}`. Right: `${{ if size(lines) > 0 }}`.
    """
    return Diagnostic(code="SW086", span=span, message=message, hint=hint, fix=fix)


def value_name(span: Span, *, name: str) -> Diagnostic:
    """SW087: a value whose name can't begin an expression.

    At the beginning of an expression a hyphen is a minus: `first-name` would be `first` less `name`.

    Wrong: `values: { first-name: text }`. Right: `values: { name: text }`, or `values: { client: { first-name: text } }`.
    """
    return Diagnostic(
        code="SW087",
        span=span,
        message=f"a value can't be called `{name}`",
        hint="letters and digits only, a letter first",
    )


def no_clock(span: Span, *, name: str) -> Diagnostic:
    """SW088: a template that asks for the time.

    What was approved must read the same when it leaves, so a template shows only what it is given.

    Wrong: `${{ today() }}` in a template. Right: `values: { today: date }`, and `values: { today: "${{ today() }}" }` in the step.
    """
    return Diagnostic(
        code="SW088",
        span=span,
        message=f"a template has no clock: `{name}`",
        hint="declare a date as a value and hand it in",
    )


FILES: dict[str, Callable[..., Diagnostic]] = {
    "SW050": unknown_key,
    "SW051": missing_key,
    "SW052": wrong_kind,
    "SW053": not_allowed,
    "SW054": secret_place,
    "SW055": bare_secret,
    "SW056": bare_key,
    "SW057": unbuilt_asking,
    "SW060": reserved_name,
    "SW061": twice,
    "SW062": shared_rule,
    "SW063": empty_rule,
    "SW064": shared_example,
    "SW071": no_limit,
    "SW072": unknown_action,
    "SW080": open_expression,
    "SW081": block_alone,
    "SW082": unbalanced,
    "SW083": nested,
    "SW084": bad_block,
    "SW085": name_taken,
    "SW086": wrong_type,
    "SW087": value_name,
    "SW088": no_clock,
}
"""Code → what makes its diagnostic; the docstring is the page of `steward explain`."""
