"""Codes of vault/policy.yaml that are about what a rule can do (SW073 and on); the others stand with the files' own."""

from collections.abc import Callable

from engine.model.definitions.diagnostics import Diagnostic, Severity, Span


def useless_exception(span: Span, *, action: str, why: str) -> Diagnostic:
    """SW073: an exception that could never hold.

    `may-run` lets one action that moves an amount run without asking, at stage auto and up to that amount. An action that moves none
    has nothing to compare; one that binds somebody for good always asks.

    Wrong: `may-run: [{ action: email/reply, up-to: 20 EUR, per-day: 60 EUR }]`. Right: `action: stripe/refund`.
    """
    return Diagnostic(
        code="SW073",
        span=span,
        message=f"`{action}` {why}, so this exception never holds",
        hint="name an action that moves an amount, or take the exception out",
    )


def nobody_asked(span: Span, *, purpose: str) -> Diagnostic:
    """SW074: a rule of consent that holds nothing back: no template has its purpose (a warning).

    Nobody can tell from words alone that a letter is marketing, so its template says it. An effect that sends such a template is
    denied, unless the contact note of everybody it goes to has the word of `unless` under `consent`, at the moment it would leave.

    Wrong, with this rule: `vault/templates/news.md` without `purpose`. Right: `purpose: marketing` in its front matter, and
    `consent: double-opt-in` in the notes of vault/knowledge/contacts of those who said yes twice.
    """
    return Diagnostic(
        code="SW074",
        span=span,
        message=f"no template has `purpose: {purpose}`, so this rule holds nothing back",
        hint=f"write `purpose: {purpose}` into the front matter of the templates it is about",
        severity=Severity.WARNING,
    )


def never_quiet(span: Span, *, why: str) -> Diagnostic:
    """SW075: quiet hours that never begin or never end.

    Between `from` and `to` it is quiet each day, over midnight where `to` is the earlier one; on the `days` it is quiet all day.

    Wrong: `quiet-hours: { reach: [customer], from: "20:00", to: "20:00" }`.
    Right: `quiet-hours: { reach: [customer], from: "20:00", to: "08:00", days: [sat, sun] }`.
    """
    return Diagnostic(
        code="SW075", span=span, message=why, hint='write `from: "20:00"` and `to: "08:00"`, or `days: [sat]`'
    )


POLICIES: dict[str, Callable[..., Diagnostic]] = {
    "SW073": useless_exception,
    "SW074": nobody_asked,
    "SW075": never_quiet,
}
"""Code → what makes its diagnostic; the docstring is the page of `steward explain`."""
