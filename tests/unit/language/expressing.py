"""One expression against a scope with one of everything."""

from datetime import UTC, datetime

from engine.language.expressions.expressions import CompiledExpr, Expressions, compile_text
from engine.language.text.nodes import Scalar
from engine.language.text.source import SourceText
from engine.language.types.scope import StepScope, TypeScope
from engine.model.definitions.diagnostics import Diagnostic, Span
from engine.model.definitions.triggers import EMAIL_EVENT
from engine.model.definitions.types import (
    ANY,
    BOOL,
    DATE,
    INTEGER,
    LENGTH,
    MONEY,
    NOTE,
    NUMBER,
    RECORDS,
    TEXT,
    URL,
    Field,
    Type,
    choice,
    listing,
    record,
)

NOW = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
"""Half past midnight of the 29th in Warsaw, two hours before its clocks go forward."""

_ITEM = Type(
    kind="map",
    fields=(
        Field(name="what", type=TEXT),
        Field(name="amount", type=MONEY),
        Field(name="hours", type=NUMBER),
    ),
)
_STEPS = {
    "who": Type(kind="map", fields=RECORDS["person"]),
    "intent": record(name=TEXT, confidence=NUMBER),
    "sops": record(notes=listing(NOTE)),
    "payment-link": Type(
        kind="map",
        fields=(
            Field(name="url", type=URL),
            Field(name="total", type=MONEY),
            Field(name="items", type=listing(_ITEM)),
        ),
    ),
    "answer": record(got=choice("reply", "nothing"), event=ANY),
}
SCOPE = TypeScope(
    event=EMAIL_EVENT,
    inputs=record(
        price=MONEY, count=INTEGER, share=NUMBER, due=DATE, rush=BOOL, wait=LENGTH, words=listing(TEXT)
    ),
    steps={
        name: StepScope(outputs=type_, line=n + 1, order=n) for n, (name, type_) in enumerate(_STEPS.items())
    }
    | {"later": StepScope(outputs=ANY, line=99, order=99)},
    gates={"offer": 1},
    here=50,
)
EUR = {"minor": 3333, "currency": "EUR"}
VALUES = {
    "event": {
        "from": "a@example.com", "name": "", "subject": "Hi", "text": "one\ntwo", "thread": "t1", "at": "2026-03-28T23:30:00.000000Z",
        "attachments": [{"name": "a.pdf", "media": "application/pdf", "size": 3, "sha256": "0", "handle": "h"}],
        "auth": {"dmarc": "pass", "aligned": True}, "message-id": "<1@example.com>",
    },
    "inputs": {"price": EUR, "count": 3, "share": 2, "due": "2026-03-29", "rush": False, "wait": "3d", "words": ["a", "b"]},
    "steps": {
        "who": {"outputs": {"name": "Ana", "email": "a@example.com", "known": True}, "status": "succeeded"},
        "intent": {"outputs": {"name": "spam", "confidence": 1}, "status": "succeeded"},
        "sops": {"outputs": {"notes": [
            {"path": "p", "title": "T", "text": "t", "score": 1, "found-by": "index"},
            {"path": "q", "title": "U", "text": "u", "score": 0.5, "found-by": "full-text"},
        ]}, "status": "succeeded"},
        "payment-link": {"status": "skipped"},
        "answer": {"outputs": {"got": "nothing", "event": {"a": 1, "b": "x"}}, "status": "succeeded"},
    },
    "gates": {"offer": {"verdict": "approved"}},
    "run": {"failed-step": "", "error": ""},
}  # fmt: skip


def read(path: str) -> object:
    """What stands at a path, as the kernel reads it."""
    found: object = VALUES
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def attempt(
    text: str, *, in_if: bool = True, scope: TypeScope = SCOPE
) -> tuple[CompiledExpr | None, tuple[Diagnostic, ...]]:
    """Compile one expression that stands alone in a file."""
    width = max(len(text), 1)
    scalar = Scalar(
        text=text, plain=True, span=Span(path="a", line=1, column=1, end_line=1, end_column=width + 1)
    )
    return compile_text(SourceText(path="a", lines=(text,)), scalar, 0, len(text), scope, in_if=in_if)


def compiled(text: str, **more) -> CompiledExpr:
    """A good expression."""
    found, diagnostics = attempt(text, **more)
    assert diagnostics == ()
    assert found is not None
    return found


def value(text: str, **changed):
    """What a good expression gives; `changed` are other values by path, with `__` for dots."""
    expr = compiled(text).expr
    bindings = {one.variable: read(one.path) for one in expr.reads}
    bindings |= {name.replace("__", "."): one for name, one in changed.items()}
    return Expressions().evaluate(expr, bindings, now=NOW, zone="Europe/Warsaw")


def wrong(text: str, **more) -> tuple[str, str, str | None]:
    """(code, the characters pointed at, the fix) of a bad expression with one mistake."""
    found, diagnostics = attempt(text, **more)
    assert found is None
    (one,) = diagnostics
    pointed = text[one.span.column - 1 : one.span.end_column - 1]
    return one.code, pointed, one.fix.text if one.fix else None
