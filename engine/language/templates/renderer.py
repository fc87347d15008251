"""Fixed words with blanks: Markdown templates, read once (`engine.language.templates.parser`) and filled many times.

Only values named under `values:` can be read. A filled-in value is data: it is never parsed for expressions.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from engine.language.expressions.expressions import conform
from engine.language.templates.parser import Blank, ForBlock, IfBlock, Part, Template, parse
from engine.model.definitions.diagnostics import Severity
from engine.model.definitions.plan import Expr, Read
from engine.model.errors import PermanentError
from engine.model.ports import Evaluate
from engine.model.values.canonical_json import Json

__all__ = ["Template", "TemplateRenderer", "parse"]

MAX_ROUNDS = 5_000
"""Entries all loops of a template may go through."""

MAX_CHARACTERS = 1_000_000
"""Characters a filled template may have."""

MAX_SUBJECT = 500

# Templates are refused a clock when they are read; evaluating asks for a moment all the same.
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class TemplateRenderer:
    """Renders the workspace's fixed words. The same words and values always give the same text."""

    def __init__(self, evaluate: Evaluate) -> None:
        self._evaluate = evaluate
        self._parsed: dict[tuple[str, str], Template] = {}

    def render(self, source: str, values: Mapping[str, Json], *, path: str, zone: str) -> dict[str, Json]:
        """``{subject, body, language}``. Raises PermanentError(code='template') naming file and line."""
        template = self._template(source, path)
        fitting = _checked_values(template, values)
        filling = _Filling(template=template, evaluate=self._evaluate, zone=zone)
        subject = " ".join("".join(filling.parts(template.subject, fitting)).split())
        body = "".join(filling.parts(template.body, fitting))
        return {"subject": subject[:MAX_SUBJECT], "body": body, "language": template.language}

    def words(self, source: str, *, path: str) -> str:
        """The template's own words, without the filled-in values. Raises as `render` does."""
        template = self._template(source, path)
        return "\n".join(_fixed_words((*template.subject, *template.body)))

    def _template(self, source: str, path: str) -> Template:
        key = (path, source)
        if key not in self._parsed:
            template, diagnostics = parse(path, source.encode("utf-8", "surrogatepass"))
            if template is None:
                first = next(
                    diagnostic for diagnostic in diagnostics if diagnostic.severity is Severity.ERROR
                )
                raise PermanentError(
                    f"{path}:{first.span.line}: {first.message}",
                    code="template",
                    now_true="Nothing was sent.",
                    way_out="steward check",
                )
            # Plans hold a handful of templates; unused ones go with the process.
            self._parsed = {key: template, **dict(list(self._parsed.items())[:63])}
        return self._parsed[key]


def _fixed_words(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        match part:
            case str():
                yield part
            case IfBlock() | ForBlock():
                yield from _fixed_words(part.body)
            case Blank():
                pass


def _refusal(template: Template, line: int, problem: str) -> PermanentError:
    return PermanentError(
        f"{template.path}:{line}: {problem}",
        code="template",
        now_true="Nothing was sent.",
        way_out=f"hand in what {template.path} declares under `values:`",
    )


def _checked_values(template: Template, values: Mapping[str, Json]) -> dict[str, Json]:
    """The values by name: each is declared, each declared one is there, and each has its type."""
    declared = {field.name: field for field in template.values}
    fitting: dict[str, Json] = {}
    for name in values:
        if name not in declared:
            raise _refusal(template, template.values_line, f"the value `{name}` is not declared")
    for name, field in declared.items():
        value = values.get(name)
        if value is None and not field.optional and field.type.kind != "any":
            raise _refusal(template, template.values_line, f"the value `{name}` is missing")
        try:
            fitting[name] = conform(value, field.type, name)
        except PermanentError as error:
            raise _refusal(template, template.values_line, str(error)) from None
    return fitting


class _Filling:
    """One rendering, with the remainder of its caps."""

    def __init__(self, *, template: Template, evaluate: Evaluate, zone: str) -> None:
        self._template = template
        self._evaluate = evaluate
        self._zone = zone
        self._rounds = MAX_ROUNDS
        self._characters = MAX_CHARACTERS

    def parts(self, parts: tuple[Part, ...], values: Mapping[str, Json]) -> Iterator[str]:
        """The words with their blanks filled. `values` include those of open loops."""
        for part in parts:
            match part:
                case str():
                    yield self._counted(part, line=1)
                case Blank():
                    value = self._value(part.value, values, part.line)
                    yield self._counted(self._evaluate.as_text(value), line=part.line)
                case IfBlock():
                    if self._value(part.condition, values, part.line) is True:
                        yield from self.parts(part.body, values)
                case ForBlock():
                    yield from self._loop(part, values)

    def _loop(self, loop: ForBlock, values: Mapping[str, Json]) -> Iterator[str]:
        entries = self._value(loop.items, values, loop.line)
        if entries is None:
            return
        if not isinstance(entries, list):
            raise _refusal(self._template, loop.line, f"`{loop.items.written}` is not a list")
        for entry in entries:
            self._rounds -= 1
            if self._rounds < 0:
                raise _refusal(self._template, loop.line, f"more than {MAX_ROUNDS:,} entries in all")
            # A null entry is a step that was skipped: it is left out, as everywhere.
            if entry is not None:
                yield from self.parts(loop.body, {**values, loop.name: entry})

    def _counted(self, text: str, *, line: int) -> str:
        self._characters -= len(text)
        if self._characters < 0:
            raise _refusal(self._template, line, f"the text has more than {MAX_CHARACTERS:,} characters")
        return text

    def _value(self, expr: Expr, values: Mapping[str, Json], line: int) -> Json:
        bindings = {read.variable: _value_at(read, values) for read in expr.reads}
        try:
            return self._evaluate.evaluate(expr, bindings, now=_NO_TIME, zone=self._zone)
        except PermanentError as error:
            problem = error.message.replace("inputs.", "", 1)
            raise _refusal(self._template, line, f"`{expr.written}`: {problem}") from None


def _value_at(read: Read, values: Mapping[str, Json]) -> Json:
    """The value at a path; None where it breaks off. The first name is the root that the checker put in front."""
    value: Json = values
    for name in read.path.split(".")[1:]:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
