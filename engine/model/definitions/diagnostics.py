"""Places in authored files, and what is wrong there."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Span:
    """A place in a file of the workspace. `path` is relative with ``/``; lines and columns count from 1; `end_column` is exclusive."""

    path: str
    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 1


class Severity(StrEnum):
    """`error` keeps a playbook from running; `warning` does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """Replace the text of `span` by `text`. Applied verbatim it removes the diagnostic and brings no new one."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One thing wrong (or odd) in an authored file. `source` is the text of the span's first line, for display."""

    code: str
    span: Span
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR
    fix: Fix | None = None
    source: str = ""
