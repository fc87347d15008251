"""Values of a scenario test: authored YAML as data of a declared type, without expressions."""

from dataclasses import dataclass, replace
from datetime import timedelta

from engine.language.diagnostics.codes import test_files as code
from engine.language.documents.config_fields import Checked
from engine.language.text import scalars
from engine.language.text.nodes import Entry, Mapping, Node, Scalar, Sequence
from engine.language.text.suggest import nearest
from engine.model.definitions.diagnostics import Fix, Span
from engine.model.definitions.types import ANY, Field, Type, members
from engine.model.values import durations
from engine.model.values.canonical_json import Json

_LONGEST = timedelta(days=3650)
_RECORDS = frozenset({"map", "person", "note"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """A file of a test, named by its path beside the test. It becomes a real, sealed file when the case runs."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseValues:
    """Takes typed values out of one test file."""

    checked: Checked

    def value(self, node: Node, type_: Type) -> Json:
        """The data of a node; None after a diagnostic, and for a written null."""
        match node:
            case Scalar():
                return self._scalar(node, type_)
            case Sequence() if type_.kind in {"list", "any"}:
                return [self.value(child, type_.items or ANY) for child in node.items]
            case Mapping() if type_.kind in _RECORDS:
                return self.record(node, type_, of=f"a {type_.kind}")
            case Mapping() if type_.kind == "any":
                return {entry.key: self.value(entry.value, ANY) for entry in node.entries}
            case Sequence():
                self._wrong(node, type_, actual="a list")
            case Mapping():
                self._wrong(node, type_, actual="a map")
        return None

    def record(self, node: Node, type_: Type, *, of: str) -> dict[str, Json]:
        """A map of declared fields; those it leaves out are missing in the data."""
        return self.entries(self.checked.mapping(node), type_, of=of)

    def entries(self, entries: tuple[Entry, ...], type_: Type, *, of: str) -> dict[str, Json]:
        """Entries of a map whose fields are declared; unknown ones are refused."""
        record: dict[str, Json] = {}
        taken = {entry.key for entry in entries}
        for entry in entries:
            field = Field(name=entry.key, type=ANY) if type_.kind == "any" else type_.field(entry.key)
            if field is None:
                free = [each.name for each in members(type_) if each.name not in taken]
                self.checked.note(code.unknown_field(entry.key_span, name=entry.key, of=of, known=free))
            else:
                record[entry.key] = self.value(entry.value, field.type)
        if type_.kind == "person":
            record.setdefault("known", False)
        return record

    def length(self, node: Node) -> timedelta | None:
        """A length, such as 3d."""
        duration = durations.parse(node.text) if isinstance(node, Scalar) else None
        if duration is not None and duration <= _LONGEST:
            return duration
        expected = "a length" if duration is None else f"a length of at most {_LONGEST.days} days"
        actual = f"`{node.text}`" if isinstance(node, Scalar) else "a list or map"
        self.checked.note(code.wrong_value(short(node.span), expected=expected, actual=actual, example="3d"))
        return None

    def _scalar(self, node: Scalar, type_: Type) -> Json:
        if node.plain and scalars.is_null(node.text):
            return None
        if type_.kind == "file" and node.text.strip():
            return Stand(path=node.text.strip())
        good, value = scalars.of_type(node.text, type_, plain=node.plain)
        if good:
            return value
        best = nearest(node.text, type_.options) if type_.kind == "choice" else None
        fix = None if best is None else Fix(span=node.span, text=best)
        shown = f"`{node.text}`" if len(node.text) < 40 and "\n" not in node.text else "text"
        self._wrong(node, type_, actual=shown, fix=fix)
        return None

    def _wrong(self, node: Node, type_: Type, *, actual: str, fix: Fix | None = None) -> None:
        example = scalars.EXAMPLES.get(type_.kind, "invoice.pdf" if type_.kind == "file" else "")
        self.checked.note(
            code.wrong_value(short(node.span), expected=str(type_), actual=actual, example=example, fix=fix)
        )


def short(span: Span) -> Span:
    """A place that shows as one line: the first character of what goes over several."""
    return (
        span if span.end_line == span.line else replace(span, end_line=span.line, end_column=span.column + 1)
    )
