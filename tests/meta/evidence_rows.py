"""The rows of docs/evidence, and what makes one of them no evidence: no command, more than one, one that selects nothing or can't fail.

python -m tests.meta.evidence_rows    write `old` before the commit of every figure whose code has changed since
"""

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from _pytest.mark.expression import Expression, ExpressionMatcher

from tests.meta.sources import ROOT

HEADER = ("line", "command", "exit", "figure", "commit")
_COMMAND = re.compile(r"`([^`]+)`")
_COMMIT = re.compile(r"(old )?([0-9a-f]{7,12})")
_ENVIRONMENT = re.compile(r"[A-Z_]+=\S*")
_ENDS = re.compile(r"sys\.exit\(|raise SystemExit\(")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table whose header is `HEADER`; `place` is its file and line."""

    place: str
    line: str
    command: str
    exit: str
    figure: str
    commit: str


def rows_of(text: str, path: str) -> Iterator[Row | str]:
    """Rows of every table that has a column called command; a table with another header is one problem."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        names = tuple(cell.lower() for cell in cells)
        if "command" in names:
            inside = names == HEADER
            if not inside:
                yield f"{path}:{number}: the columns are {', '.join(names)}, not {', '.join(HEADER)}"
        elif not cells:
            inside = False
        elif inside and not set("".join(cells)) <= set("-: "):
            if len(cells) == len(HEADER):
                yield Row(f"{path}:{number}", *cells)
            else:
                yield f"{path}:{number}: {len(cells)} cells, not {len(HEADER)}"


def problems(row: Row) -> Iterator[str]:
    """Why this row proves nothing, in words."""
    if not row.line or not row.figure:
        yield "it has no line or no figure"
    if not re.fullmatch(r"\d+", row.exit):
        yield f"exit {row.exit!r} is no number"
    if not _COMMIT.fullmatch(row.commit):
        yield f"{row.commit!r} is neither a commit nor `old` and one"
    found = _COMMAND.fullmatch(row.command)
    if found is None:
        yield f"{row.command!r} is not one command"
        return
    try:
        words = shlex.split(found[1])
    except ValueError as error:
        yield f"the command is no command: {error}"
        return
    while words and _ENVIRONMENT.fullmatch(words[0]):
        words = words[1:]
    yield from _of_command(words, row)


def _of_command(words: list[str], row: Row) -> Iterator[str]:
    match words:
        case ["pytest", *rest]:
            if row.commit.startswith("old "):
                yield "a test of the suite is tried at every commit: it is never old"
            yield from _selects(rest)
        case ["python", "-m", module, *_]:
            yield from _runs(module)
        case ["bash", ".ci/fresh" | ".ci/coverage"] | ["bash", ".ci/release", _] | ["lint-imports"]:
            pass
        case _:
            yield f"{' '.join(words)!r} is nothing that this project can run and see fail"


def _selects(words: list[str]) -> Iterator[str]:
    """Problems of a call of pytest, without running it."""
    keyword, paths, index = "", list[str](), 0
    while index < len(words):
        word = words[index]
        if word in {"-k", "-m"}:
            keyword = words[index + 1] if word == "-k" and index + 1 < len(words) else keyword
            index += 1
        elif not word.startswith("-"):
            paths.append(word)
        index += 1
    if not paths:
        yield "it names no test"
    for path in paths:
        if not (names := names_of_tests(path)):
            yield f"{path} has no test"
        elif keyword:
            expression = Expression.compile(keyword)
            chosen = [name for name in names if expression.evaluate(_named(name))]
            if not chosen and len(paths) == 1:
                yield f"-k {keyword!r} selects no test of {path}"


def _named(name: str) -> ExpressionMatcher:
    def matches(word: str, /, **_: object) -> bool:
        return word.lower() in name.lower()

    return matches


@cache
def names_of_tests(path: str) -> tuple[str, ...]:
    """`file::test` of every test in a file or folder, or the one that is named."""
    file, _, name = path.partition("::")
    place = ROOT / file
    modules = sorted(place.rglob("test_*.py")) if place.is_dir() else [place] if place.is_file() else []
    found = [
        f"{module.relative_to(ROOT).as_posix()}::{node.name}"
        for module in modules
        for node in ast.walk(ast.parse(module.read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    # A sabotage is a case of one test, named by its patch.
    found += [f"{patch.relative_to(ROOT).as_posix()}::{patch.stem}" for patch in place.glob("*.patch")]
    wanted = name.partition("[")[0]
    return tuple(test for test in found if not wanted or test.endswith(f"::{wanted}"))


def _file_of(module: str) -> Path | None:
    base = ROOT / module.replace(".", "/")
    return next((path for path in (base.with_suffix(".py"), base / "__main__.py") if path.is_file()), None)


def _runs(module: str) -> Iterator[str]:
    file = _file_of(module) if module.startswith(("tests.", "benchmarks.")) else None
    if file is None:
        yield f"there is no module {module}"
    elif not _ENDS.search(file.read_text(encoding="utf-8")):
        yield f"{module} can't end with anything but 0"


def outdated(row: Row) -> str:
    """Why a row of a campaign or benchmark is not today's though it doesn't say `old`; empty when it is, or says so."""
    found, command = _COMMIT.fullmatch(row.commit), _COMMAND.fullmatch(row.command)
    if found is None or command is None or found[1]:
        return ""
    words = shlex.split(command[1])
    if "-m" not in words or "pytest" in words:
        return ""
    places = code_of(words[words.index("-m") + 1])
    changed = subprocess.run(
        ["git", "diff", "--quiet", found[2], "HEAD", "--", *places],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    match changed.returncode:
        case 0:
            return ""
        case 1:
            return f"{', '.join(places)} changed since {found[2]}: write `old {found[2]}`, or measure again"
        case _:
            return f"{found[2]} is no commit of this repository"


def code_of(module: str) -> tuple[str, ...]:
    """The places whose change makes a figure old: what the module says in `_CODE`, else the engine and the module."""
    file = _file_of(module)
    if file is not None:
        for node in ast.parse(file.read_bytes()).body:
            if isinstance(node, ast.Assign) and any(
                isinstance(one, ast.Name) and one.id == "_CODE" for one in node.targets
            ):
                return tuple(ast.literal_eval(node.value))
    return ("engine", file.relative_to(ROOT).as_posix()) if file is not None else ("engine",)


def main() -> None:
    """Mark what is outdated, in place."""
    for file in sorted((ROOT / "docs" / "evidence").glob("*.md")):
        path, text = file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        for row in rows_of(text, path):
            if isinstance(row, Row) and outdated(row):
                number = int(row.place.rpartition(":")[2]) - 1
                before, _, behind = lines[number].rpartition(row.commit)
                lines[number] = f"{before}old {row.commit}{behind}"
                print(f"{row.place}: old")
        file.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
