"""SW133 on: how words are written here, and what is written otherwise elsewhere."""

from collections.abc import Callable

from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span


def left_as_it_stands(span: Span, *, written: str, hint: str, fix: Fix | None) -> Diagnostic:
    """SW133: a value written as another template language writes it (a warning).

    `{{ name }}`, `{% if paid %}`, `${NAME}`, `<%= name %>` and `*|NAME|*` are filled in by nothing here; nor are `{name}`, `%name%` and the
    like where such a value is declared. Whoever reads the text would read them as they stand, so a person is asked before such words
    leave. What is really meant as it stands is given by an expression: `${{ '{{ name }}' }}`.

    Wrong: `text: Hello {{ inputs.name }}`. Right: `text: Hello ${{ inputs.name }}`.
    """
    return Diagnostic(
        code="SW133",
        span=span,
        message=f"`{written}` stays in the text as it stands",
        hint=hint,
        severity=Severity.WARNING,
        fix=fix,
    )


def two_currencies(span: Span, *, amounts: tuple[str, str], at: Span, added: bool) -> Diagnostic:
    """SW134: amounts of two currencies in one sum or comparison.

    Steward knows no rates. `plus`, `minus`, `sum`, `above` and `below` take amounts of one currency.

    Wrong: `plus('10.00 EUR', '2.00 USD')`. Right: `plus('10.00 EUR', '1.85 EUR')`.
    """
    fails = "do not add up" if added else "can't be compared"
    return Diagnostic(
        code="SW134",
        span=span,
        message=f"`{amounts[0]}` and `{amounts[1]}` {fails}: two currencies",
        hint=f"{_from(amounts, at)}: write both in one currency",
    )


def either_currency(span: Span, *, name: str, amounts: tuple[str, str], at: Span) -> Diagnostic:
    """SW135: an output that is in one currency or in another (a warning).

    Whoever calls the playbook, or adds up the outputs of its runs, can compute with amounts of one currency only.

    Wrong: `price: "${{ inputs.abroad ? '12.00 USD' : '10.00 EUR' }}"`. Right: `price: "${{ inputs.abroad ? '11.00 EUR' : '10.00 EUR' }}"`.
    """
    first, second = (amount[-3:] for amount in amounts)
    return Diagnostic(
        code="SW135",
        span=span,
        message=f"`{name}` is in {first} or in {second}",
        hint=f"{_from(amounts, at)}: write both in one currency, or give each an output of its own",
        severity=Severity.WARNING,
    )


def _from(amounts: tuple[str, str], at: Span) -> str:
    first, second = amounts
    place = f"line {at.line}, column {at.column}"
    return f"{first[-3:]} comes from `{first}` ({place}), {second[-3:]} from `{second}`"


WRITING: dict[str, Callable[..., Diagnostic]] = {
    "SW133": left_as_it_stands,
    "SW134": two_currencies,
    "SW135": either_currency,
}
