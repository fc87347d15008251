"""SW133 on: how words are written here, and what is written otherwise elsewhere."""

from collections.abc import Callable

from engine.model.span import Diagnostic, Fix, Severity, Span


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


WRITING: dict[str, Callable[..., Diagnostic]] = {"SW133": left_as_it_stands}
