"""SW00x: bytes that can't be read as YAML, or that would be read as something else than they look like."""

import unicodedata
from collections.abc import Callable

from engine.model.definitions.diagnostics import Diagnostic, Fix, Span


def not_utf8(span: Span) -> Diagnostic:
    """SW001: the file is not UTF-8.

    Files are read on every machine alike, so there is one encoding. Save it as UTF-8 in your editor.

    Wrong: a file saved as Windows-1252, where `é` is the single byte E9. Right: the same file saved as UTF-8.
    """
    return Diagnostic(code="SW001", span=span, message="the file is not UTF-8", hint="save it as UTF-8")


def too_large(span: Span, *, size: int, max_bytes: int) -> Diagnostic:
    """SW002: the file is larger than 32 kB and 250 bytes for each step; a note, than 64 kB.

    A file this large is no procedure but data, and reading it would hold up everything else. Put data in a table or a note and
    keep the playbook to its steps.

    Wrong: a playbook with 300 kB of pasted letters. Right: the letters as notes, named in the playbook.
    """
    message = f"the file has {size:,} bytes; {max_bytes:,} are read"
    return Diagnostic(code="SW002", span=span, message=message, hint="move data out of it")


def too_deep(span: Span, *, limit: int) -> Diagnostic:
    """SW003: lists and maps are nested more than 40 deep.

    Nothing in the language needs more than ten levels; deeper nesting is a slip of brackets or an attempt to exhaust the reader.

    Wrong: `a: [[[[[[…` with 41 open brackets. Right: at most 40.
    """
    return Diagnostic(
        code="SW003", span=span, message=f"nested more than {limit} deep", hint="close the brackets before it"
    )


def too_many(span: Span, *, limit: int, unit: str = "values") -> Diagnostic:
    """SW004: the file has more than 5,000 values and 40 for each step, or more than 1,500 expressions and 4 for each step.

    Wrong: a list of 25,000 words in a playbook. Right: the words in a table, read by a step.
    """
    return Diagnostic(
        code="SW004", span=span, message=f"more than {limit:,} {unit} in one file", hint="move data out of it"
    )


def bad_character(span: Span, *, character: str, fix: Fix | None) -> Diagnostic:
    """SW005: a character that can't be seen: NUL, a control character, a line separator, or a space that is none (no-break, zero width).

    What can't be seen can't be reviewed, and tools disagree on where the line ends.

    Wrong: `name: Lead<U+2028>capture`. Right: `name: Lead capture`.
    """
    name = unicodedata.name(character, "").lower()
    message = f"the invisible character U+{ord(character):04X}{f' ({name})' if name else ''} stands here"
    return Diagnostic(code="SW005", span=span, message=message, hint="delete it or put a space", fix=fix)


def tab(span: Span, *, fix: Fix | None) -> Diagnostic:
    """SW006: a tab where YAML wants spaces.

    A tab is as wide as each editor likes, so it can't say how far a line is indented.

    Wrong: `steps:`, then a line that begins with a tab. Right: the line begins with two spaces.
    """
    return Diagnostic(code="SW006", span=span, message="a tab can't indent", hint="use two spaces", fix=fix)


def not_yaml(
    span: Span,
    *,
    problem: str,
    hint: str = "a bracket, quote or indent here or just above doesn't fit",
    fix: Fix | None = None,
) -> Diagnostic:
    """SW007: not YAML: a bracket, quote or indent doesn't fit.

    The slip is named where it was found: a key that is indented deeper than the one above, a quote that is never closed, a `"` inside
    `"…"`. Else the place is where reading broke off; the slip is there or just above.

    Wrong: `with: { text: hello`. Right: `with: { text: hello }`.
    """
    return Diagnostic(code="SW007", span=span, message=problem, hint=hint, fix=fix)


def alias(span: Span, *, text: str) -> Diagnostic:
    """SW008: `&name` or `*name`: YAML's anchors and aliases.

    A few hundred bytes of them grow into gigabytes, and a reader of the line can't see what it says. Write it out.

    Wrong: `subject: *sender`. Right: `subject: ${{ event.from }}`, or `"*sender"` if that text is meant.
    """
    return Diagnostic(
        code="SW008",
        span=span,
        message=f"`{text}` is an anchor or alias; they are not read",
        hint="write the value out",
    )


def merge_key(span: Span) -> Diagnostic:
    """SW009: `<<:` merges another map into this one.

    789 bytes of merge keys keep a usual reader busy for 47 seconds, and what a step does would stand elsewhere. Write it out.

    Wrong: `<<: { timeout: 5m }`. Right: `timeout: 5m`.
    """
    return Diagnostic(code="SW009", span=span, message="`<<` merges are not read", hint="write the keys out")


def tag(span: Span, *, text: str) -> Diagnostic:
    """SW010: `!something` before a value: a YAML tag.

    Tags make readers build objects. Types here come from the place a value stands in.

    Wrong: `attempts: !!int 3`. Right: `attempts: 3`, or quotes round text that begins with `!`.
    """
    return Diagnostic(
        code="SW010",
        span=span,
        message=f"the tag `{text}` is not read",
        hint="leave it out; the place decides the type",
    )


def duplicate_key(span: Span, *, key: str, line: int) -> Diagnostic:
    """SW011: the same key twice in one map.

    Usual readers silently keep the last one.

    Wrong: two `timeout:` lines in one step. Right: one of them.
    """
    return Diagnostic(
        code="SW011",
        span=span,
        message=f"`{key}` stands here twice",
        hint=f"first on line {line}; keep one of them",
    )


def documents(span: Span) -> Diagnostic:
    """SW012: a second YAML document, or a `%` directive.

    One file is one playbook.

    Wrong: two playbooks in one file with `---` between them. Right: two files.
    """
    return Diagnostic(
        code="SW012",
        span=span,
        message="a file holds one document, without directives",
        hint="make it two files",
    )


def odd_key(span: Span) -> Diagnostic:
    """SW013: a key that is no word: a list, a map, or nothing.

    Wrong: `? [a, b]` as a key. Right: `a-and-b:`.
    """
    return Diagnostic(code="SW013", span=span, message="a key is one word", hint="write it as `name: value`")


def unquoted(span: Span, *, because: str, fix: Fix | None, kind: str = "expression") -> Diagnostic:
    """SW014: an expression or a value that YAML reads as something else, because it is not quoted.

    YAML takes `: ` for a map, `{` for another one and ` #` for a comment, in the middle of an expression too, and the last one
    silently. Inside `{ … }` a comma ends every value: `{ total: 20,00 EUR }` would be two keys. Quotes stop it.

    Wrong: `with: { text: ${{ event.text }} }`. Right: `with: { text: "${{ event.text }}" }`.
    """
    return Diagnostic(
        code="SW014", span=span, message=f"this {kind} needs quotes: {because}", hint="quote it", fix=fix
    )


def not_read(span: Span, *, why: str) -> Diagnostic:
    """SW015: a file or folder of the workspace that is never read: a link, a submodule, a name that leads elsewhere.

    Links and submodules would bring in what nobody reviewed here, and files from outside of the workspace. What is deployed is
    exactly what the commit holds.

    Wrong: `vault/sops/refund.md` as a symbolic link. Right: the file itself, or a link in a note.
    """
    hint = "put the file itself there, or take it out of playbooks/ and vault/"
    return Diagnostic(code="SW015", span=span, message=f"this is never read: {why}", hint=hint)


READING: dict[str, Callable[..., Diagnostic]] = {
    "SW001": not_utf8,
    "SW002": too_large,
    "SW003": too_deep,
    "SW004": too_many,
    "SW005": bad_character,
    "SW006": tab,
    "SW007": not_yaml,
    "SW008": alias,
    "SW009": merge_key,
    "SW010": tag,
    "SW011": duplicate_key,
    "SW012": documents,
    "SW013": odd_key,
    "SW014": unquoted,
    "SW015": not_read,
}
