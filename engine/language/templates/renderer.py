"""Fixed words with blanks: Markdown templates, read once (`engine.language.templates.parser`) and filled many times.

Only values named under `values:` can be read. What is filled in is data: it is never looked at again for expressions.
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
        fitting = _fitting(template, values)
        filling = _Filling(template=template, evaluate=self._evaluate, zone=zone)
        subject = " ".join("".join(filling.parts(template.subject, fitting)).split())
        body = "".join(filling.parts(template.body, fitting))
        return {"subject": subject[:MAX_SUBJECT], "body": body, "language": template.language}

    def words(self, source: str, *, path: str) -> str:
        """Its own words, without what is filled in. Raises as `render` does."""
        template = self._template(source, path)
        return "\n".join(_own((*template.subject, *template.body)))

    def _template(self, source: str, path: str) -> Template:
        key = (path, source)
        if key not in self._parsed:
            template, diagnostics = parse(path, source.encode("utf-8", "surrogatepass"))
            if template is None:
                first = next(one for one in diagnostics if one.severity is Severity.ERROR)
                raise PermanentError(
                    f"{path}:{first.span.line}: {first.message}",
                    code="template",
                    now_true="Nothing was sent.",
                    way_out="steward check",
                )
            # Plans hold a handful of templates; what is no longer used goes with the process.
            self._parsed = {key: template, **dict(list(self._parsed.items())[:63])}
        return self._parsed[key]


def _own(parts: Iterable[Part]) -> Iterator[str]:
    for one in parts:
        match one:
            case str():
                yield one
            case IfBlock() | ForBlock():
                yield from _own(one.body)
            case Blank():
                pass


def _refused(template: Template, line: int, problem: str) -> PermanentError:
    return PermanentError(
        f"{template.path}:{line}: {problem}",
        code="template",
        now_true="Nothing was sent.",
        way_out=f"hand in what {template.path} declares under `values:`",
    )


def _fitting(template: Template, values: Mapping[str, Json]) -> dict[str, Json]:
    """The values by name: each is declared, each declared one is there, and each has its type."""
    declared = {one.name: one for one in template.values}
    fitting: dict[str, Json] = {}
    for name in values:
        if name not in declared:
            raise _refused(template, template.values_line, f"the value `{name}` is not declared")
    for name, one in declared.items():
        value = values.get(name)
        if value is None and not one.optional and one.type.kind != "any":
            raise _refused(template, template.values_line, f"the value `{name}` is missing")
        try:
            fitting[name] = conform(value, one.type, name)
        except PermanentError as error:
            raise _refused(template, template.values_line, str(error)) from None
    return fitting


class _Filling:
    """One rendering, with what is left of its caps."""

    def __init__(self, *, template: Template, evaluate: Evaluate, zone: str) -> None:
        self._template = template
        self._evaluate = evaluate
        self._zone = zone
        self._rounds = MAX_ROUNDS
        self._characters = MAX_CHARACTERS

    def parts(self, parts: tuple[Part, ...], values: Mapping[str, Json]) -> Iterator[str]:
        """The words with their blanks filled. `values` hold those of open loops, too."""
        for one in parts:
            match one:
                case str():
                    yield self._counted(one, line=1)
                case Blank():
                    value = self._value(one.value, values, one.line)
                    yield self._counted(self._evaluate.as_text(value), line=one.line)
                case IfBlock():
                    if self._value(one.condition, values, one.line) is True:
                        yield from self.parts(one.body, values)
                case ForBlock():
                    yield from self._loop(one, values)

    def _loop(self, loop: ForBlock, values: Mapping[str, Json]) -> Iterator[str]:
        entries = self._value(loop.items, values, loop.line)
        if entries is None:
            return
        if not isinstance(entries, list):
            raise _refused(self._template, loop.line, f"`{loop.items.written}` is not a list")
        for entry in entries:
            self._rounds -= 1
            if self._rounds < 0:
                raise _refused(self._template, loop.line, f"more than {MAX_ROUNDS:,} entries in all")
            # A null entry is a step that was skipped: it is left out, as everywhere.
            if entry is not None:
                yield from self.parts(loop.body, {**values, loop.name: entry})

    def _counted(self, text: str, *, line: int) -> str:
        self._characters -= len(text)
        if self._characters < 0:
            raise _refused(self._template, line, f"the text has more than {MAX_CHARACTERS:,} characters")
        return text

    def _value(self, expr: Expr, values: Mapping[str, Json], line: int) -> Json:
        bindings = {read.variable: _dug(read, values) for read in expr.reads}
        try:
            return self._evaluate.evaluate(expr, bindings, now=_NO_TIME, zone=self._zone)
        except PermanentError as error:
            problem = error.message.replace("inputs.", "", 1)
            raise _refused(self._template, line, f"`{expr.written}`: {problem}") from None


def _dug(read: Read, values: Mapping[str, Json]) -> Json:
    """The value at a path; None where it breaks off. The first name is the root that the checker put in front."""
    value: Json = values
    for name in read.path.split(".")[1:]:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
