"""Where an unquoted expression goes wrong in YAML, and the same line with quotes."""

import re

MAX_CHARACTERS = 2_000
"""A longer line gets no fix: looking for one would hold the reader up."""

_EXPRESSION = re.compile(r"\$\{\{.*?\}\}")


def needs_quotes(text: str) -> str:
    """Why this plain scalar has to be quoted, or empty."""
    start = 0
    while (at := text.find("${{", start)) >= 0:
        end = text.find("}}", at)
        if end < 0:
            return "its `}}` is missing here: YAML took a ` #` or a `,` for the end"
        # A map's own braces: the first `}}` may close `{…}` and the expression at once.
        if "{" in text[at + 3 : end]:
            return "it holds a `{`"
        start = end + 2
    return ""


def quoted(text: str) -> str:
    """The text as a quoted YAML scalar, in double quotes unless it holds some."""
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def quoted_line(line: str, *, start: int | None = None) -> tuple[int, int, str] | None:
    """(start, end, replacement) that quotes the first unquoted value with an expression; None when there is none.

    Indexes count from 0. In a flow map the value ends at the comma or bracket after the expression, else with the line.
    """
    begin = _value_start(line) if start is None else start
    if begin is None or len(line) > MAX_CHARACTERS:
        return None
    flow = _inside_flow(line, begin)
    end = _flow_end(line, begin) if flow else _line_end(line, begin)
    value = line[begin:end].rstrip()
    if "${{" not in value or "}}" not in value:
        return None
    return begin, begin + len(value), quoted(value)


def quoted_throughout(line: str) -> tuple[int, int, str] | None:
    """As `quoted_line`, for every unquoted expression of the line at once."""
    if len(line) > MAX_CHARACTERS:
        return None
    mended = line
    for _ in range(line.count("${{")):
        replacement = quoted_line(mended)
        if replacement is None:
            break
        start, end, text = replacement
        mended = mended[:start] + text + mended[end:]
    if mended == line:
        return None
    same = len(line) - len(line.lstrip())
    while line[same] == mended[same]:
        same += 1
    tail = 0
    while tail < len(line) - same and line[-1 - tail] == mended[-1 - tail]:
        tail += 1
    return same, len(line) - tail, mended[same : len(mended) - tail]


def _value_start(line: str) -> int | None:
    """Where the value that holds the first unquoted `${{` begins."""
    index, quote, begin = 0, "", len(line) - len(line.lstrip(" -"))
    while index < len(line):
        char = line[index]
        if quote:
            if char == quote:
                quote = ""
        elif line.startswith("${{", index):
            return begin
        elif char in "'\"" and line[:index].rstrip(" ")[-1:] in {"", ":", ",", "[", "{", "-"}:
            quote = char
        elif char in "[{," or (char == ":" and line[index + 1 : index + 2] in {" ", ""}):
            begin = index + 1 + (len(line[index + 1 :]) - len(line[index + 1 :].lstrip(" ")))
        elif char == "#" and line[:index][-1:] in {"", " "}:
            return None
        index += 1
    return None


def _inside_flow(line: str, begin: int) -> bool:
    prefix = _EXPRESSION.sub("", line[:begin])
    return prefix.count("{") > prefix.count("}") or prefix.count("[") > prefix.count("]")


def _line_end(line: str, begin: int) -> int:
    last = line.rfind("}}")
    comment = re.compile(r" #").search(line, max(last, begin))
    return comment.start() if comment else len(line)


def _flow_end(line: str, begin: int) -> int:
    end = begin
    while (match := _EXPRESSION.search(line, end)) is not None and not re.search(
        r"[,\]}]", line[end : match.start()]
    ):
        end = _closed(line, match.start())
    delimiter = re.compile(r"[,\]}]").search(line, end)
    return delimiter.start() if delimiter else len(line)


def _closed(line: str, start: int) -> int:
    """The end of the expression that begins at `start`, counting the braces of maps inside it."""
    depth = 0
    for index in range(start + 1, len(line)):
        if line[index] == "{":
            depth += 1
        elif line[index] == "}":
            depth -= 1
            if depth == 0:
                return index + 1
    return len(line)


_FOREIGN = re.compile(r"\{\{\s*([^{}\n]{1,200}?)\s*\}\}")


def foreign_value(line: str, begin: int) -> tuple[int, str] | None:
    """(end, replacement) of an unquoted value that begins with `{{ x }}` at `begin`: all of it quoted, its values written as here."""
    if begin < 0 or not line.startswith("{{", begin):
        return None
    flow = _inside_flow(line, begin)
    first = _FOREIGN.match(line, begin)
    if first is None:
        return None
    tail = (
        re.compile(r"[^,}\]]*").match(line, first.end())
        if flow
        else re.compile(r".*").match(line, first.end())
    )
    end = begin + len(line[begin : tail.end() if tail else first.end()].rstrip())
    return end, quoted(_FOREIGN.sub(r"${{ \1 }}", line[begin:end]))
