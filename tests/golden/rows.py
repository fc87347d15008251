"""Every row of the language with the golden cases that show it: ``python -m tests.golden.rows`` writes docs/reference/language-rows.md.

A row is a name and how it looks in a source. Its cases are found: the first that compiles with it, the first that is refused because
of it (a diagnostic points at a line that has it).
"""

import re
from dataclasses import dataclass
from pathlib import Path

from engine.language.documents import playbook, sop
from engine.language.expressions.functions import FUNCTIONS
from engine.language.passes import builtin_steps
from engine.language.types.type_syntax import SIMPLE
from engine.model.definitions.triggers import TRIGGERS
from tests.golden.rules import RULES

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "golden" / "compile"
PAGE = ROOT / "docs" / "reference" / "language-rows.md"
NONE = "no refusal is stated"
SHOWN_BY = {
    ("trigger", "webhook"): "SW408 sw408-params",
    ("SOP item", "@partner"): "SW129 sw129-person",
    ("undo", "its own outputs"): "SW103 sw308-undo",
    ("trigger", "a webhook's secret"): "SW411 sw411-secret",
}
"""Code and case where the refused line is not printed, or can't hold the right word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: its number, what it belongs to, its name, and how it looks."""

    number: str
    of: str
    name: str
    looks: str


def _key(name: str) -> str:
    return rf"(?m)(?:^|[{{,\s-])[\"']?{re.escape(name)}[\"']?\??:"


def _rows() -> list[tuple[str, str, str]]:
    found = [("playbook", key, _key(key)) for key in playbook.KEYS]
    found += [("SOP", key, _key(key)) for key in sop.KEYS if key not in playbook.KEYS]
    found += [("step", key, _key(key)) for key in playbook.STEP_KEYS]
    found += [("trigger", name, rf"(?s)\b{name}:\s*\{{") for name in TRIGGERS]
    found += [("uses", name, rf"uses: {re.escape(name)}") for name in builtin_steps.KINDS]
    found += [("uses", "agent/", r"uses: agent/"), ("uses", "connector/action", r"uses: email/")]
    found += [("concurrency", word, rf"if-running: {word}") for word in ("drop", "replace")]
    found += [("if-failed", "undo", r"if-failed: undo"), ("undo", "none", r"undo: \{ none:")]
    found += [("undo", "uses", r"undo: \{ uses:"), ("undo", "with", r"undo: \{ uses: [^{]*with:")]
    found += [("undo", "its own outputs", r"id: (\w+)[^\n]*\n(?:.*\n)*?.*undo: .*steps\.\1\.outputs")]
    found += [("gate", "expires-after", _key("expires-after")), ("gate", "title", _key("title"))]
    found += [("wait/for", "any", _key("any")), ("wait/for", "time", _key("time"))]
    found += [("wait/for", "time, computed", r"time: \"\$\{\{"), ("wait/for", "nothing", r"outputs\.got")]
    found += [("run/end", key, _key(key)) for key in ("as", "because")]
    found += [("run/find", key, _key(key)) for key in ("playbook", "status", "limit")]
    found += [("human/ask", key, _key(key)) for key in ("choices", "fields")]
    found += [("human/ask", "choices, computed", r"choices: \"?\$\{\{"), ("repeat", "until", _key("until"))]
    found += [("repeat", "at-most", _key("at-most")), ("run/end", "failed", r"as: (failed|broken)")]
    found += [("schedule", "time-zone", _key("time-zone")), ("read", "who", r"gates\.\w+\.who")]
    found += [("human/ask", "default", r"\{[^}]*default: ")]
    found += [("trigger", "a webhook's secret", r"secret: \"\$\{\{ secrets\.")]
    roots = ("event", "inputs", "item", "steps", "gates", "run")
    found += [("root", name, rf"\$\{{\{{[^}}]*\b{name}\b") for name in roots]
    found += [
        ("read", "outputs", r"\.outputs\b"),
        ("read", "status", r"\.status\b"),
        ("read", "verdict", r"\.verdict\b"),
    ]
    found += [("function", name, rf"{re.escape(name)}\(") for name in FUNCTIONS]
    found += [("type", name, rf"[:\[]\s*{name}\b") for name in SIMPLE]
    found += [
        ("type", "[type]", r": \[\{?\s*\w+"),
        ("type", "{name: type}", r"\{ id: text"),
        ("type", "name?", r"\w\?[\"']?:"),
    ]
    found += [("type", "one of a, b", r"one of \w+,"), ("type", "{type, default}", r"\{ type: \w+, default:")]
    found += [
        ("SOP item", "- [ ] words ^id", r"- \[ \] .* \^[a-z]"),
        ("SOP item", "two bold words", r"\*\*\w+\*\*.*\*\*\w+\*\*"),
        ("SOP item", "`name: type`", r"`[a-z-]+\??: \w+`"),
        ("SOP item", "@partner", r"@partner"),
        ("SOP item", "yaml step", r"```yaml step"),
        ("SOP item", "a link that runs", r"\]\([^)]*\.yaml\)"),
        ("SOP item", "[[note]]", r"\[\[[^\]]+\]\]"),
    ]  # fmt: skip
    return found


ROWS = tuple(
    Row(number=f"L{at:03}", of=of, name=name, looks=looks)
    for at, (of, name, looks) in enumerate(_rows(), start=1)
)


def source_of(case: str) -> str:
    """What a case compiles."""
    for name in ("playbook.yaml", "sop.md"):
        if (CASES / case / name).exists():
            return (CASES / case / name).read_bytes().decode("utf-8", "replace")
    return ""


def names() -> list[str]:
    """All cases, those made for whole playbooks last."""
    return sorted(
        (one.name for one in CASES.iterdir() if one.is_dir()), key=lambda one: (one.startswith("like-"), one)
    )


def compiling(row: Row) -> str:
    """The first case that compiles with it; empty when there is none."""
    return next(
        (
            one
            for one in names()
            if (CASES / one / "plan.json").exists() and re.search(row.looks, source_of(one))
        ),
        "",
    )


def refused(row: Row) -> str:
    """Code and case of the first error on a line that has it; empty when there is none."""
    if (row.of, row.name) in SHOWN_BY:
        return SHOWN_BY[row.of, row.name]
    for one in names():
        page = CASES / one / "diagnostics.txt"
        for block in page.read_text().split("\n\n") if page.exists() else ():
            code, line = re.search(r"  (SW\d{3})  ", block), re.search(r"(?m)^ +\d+ │ (.*)$", block)
            if code and line and re.search(row.looks, line[1]):
                return f"{code[1]} {one}"
    return ""


def page() -> str:
    """docs/reference/language-rows.md."""
    lines = [
        "# Rows of the language",
        "",
        "Every word and every rule of the language has a number here. Cases are folders of tests/golden/compile: one that compiles, and",
        "one that is refused, with its code; beside what is refused lies what is right. Rules about runs name the test that runs them.",
        "Written by `python -m tests.golden.rows`, and held to the cases by tests/golden/test_rows.py.",
        "",
        "## Words",
        "",
        "| Row | Of | Name | Compiles | Refused |",
        "|---|---|---|---|---|",
    ]
    for row in ROWS:
        name = row.name.replace("|", "\\|").replace("`", "")
        lines.append(f"| {row.number} | {row.of} | `{name}` | {compiling(row)} | {refused(row) or NONE} |")
    of = ""
    for rule in RULES:
        if rule.of != of:
            of = rule.of
            lines += [
                "",
                f"## {of}",
                "",
                "| Row | Rule | Compiles | Refused | Shown by |",
                "|---|---|---|---|---|",
            ]
        pairs = ", ".join(f"{code} {case}" for code, case in rule.refused)
        lines.append(
            f"| {rule.number} | {rule.says} | {rule.compiles or '–'} | {pairs or NONE} | {rule.shown or '–'} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
