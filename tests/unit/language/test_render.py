import json

import pytest

from engine.language.diagnostics import render
from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span

WHOM = Span(path="playbooks/lead-capture.yaml", line=42, column=24, end_line=42, end_column=28)
UNKNOWN_STEP = Diagnostic(
    code="SW102",
    span=WHOM,
    message="unknown step `whom`",
    hint="did you mean `who` (line 22)?",
    fix=Fix(span=WHOM, text="who"),
    source="    contact: ${{ steps.whom.outputs }}",
)


def at(source: str, column: int, end: int, **more) -> Diagnostic:
    span = Span(path="a.yaml", line=7, column=column, end_line=7, end_column=end)
    return Diagnostic(code="SW001", span=span, message="odd", source=source, **more)


def carets(diagnostic: Diagnostic) -> tuple[str, str]:
    lines = render.text(diagnostic).splitlines()
    return lines[1], lines[2]


def test_a_diagnostic_reads_as_the_language_page_shows_it():
    assert render.text(UNKNOWN_STEP) == (
        "playbooks/lead-capture.yaml:42:24  SW102  unknown step `whom`\n"
        "   42 │     contact: ${{ steps.whom.outputs }}\n"
        "      │                        ^^^^\n"
        "   = did you mean `who` (line 22)?            steward explain SW102"
    )


def test_without_a_hint_only_the_way_to_the_page_is_left():
    assert render.text(at("x: 1", 1, 2)).splitlines()[-1] == "   = steward explain SW001"


def test_a_fix_that_the_hint_does_not_say_is_printed():
    there = Span(path="a.yaml", line=3, column=1, end_line=3, end_column=1)

    lines = render.text(
        at("x: 1", 1, 2, hint="a name is needed", fix=Fix(span=there, text="name: x\n"))
    ).splitlines()

    assert lines[-2:] == [
        "   = a name is needed",
        "   = add in line 3: name: x".ljust(46) + "steward explain SW001",
    ]


def test_a_warning_says_so():
    diagnostic = at("x: 1", 1, 2, severity=Severity.WARNING)

    assert render.text(diagnostic).startswith("a.yaml:7:1  SW001  warning: odd")


def test_an_empty_source_shows_no_line():
    assert render.text(at("", 1, 1)) == "a.yaml:7:1  SW001  odd\n   = steward explain SW001"


@pytest.mark.parametrize(
    ("source", "column", "end", "caret"),
    [
        ("\tname: x", 2, 6, " ^^^^"),
        ("漢字: xyz", 5, 8, "      ^^^"),
        ("e\u0301: xyz", 5, 8, "   ^^^"),
        ("abc", 9, 12, "   ^"),
    ],
    ids=["tab", "wide", "combining", "past the end"],
)
def test_carets_stand_under_what_is_meant(source, column, end, caret):
    assert carets(at(source, column, end))[1] == f"      │ {caret}"


def test_a_long_line_is_cut_around_the_place():
    line, caret = carets(at("a" * 300 + "BAD" + "a" * 300, 301, 304))

    assert len(line) < 120
    assert line[caret.index("^") : caret.rindex("^") + 1] == "BAD"


def test_characters_that_move_the_cursor_or_reorder_text_are_not_printed():
    shown = render.text(at("a\x1b[2Jb\u202ec\r", 1, 2, hint="h\x1b[0m"))

    assert not {"\x1b", "\u202e", "\r"} & set(shown)


def test_colours_carry_no_meaning_of_their_own():
    import re

    assert re.sub(r"\x1b\[\d+m", "", render.text(UNKNOWN_STEP, color=True)) == render.text(UNKNOWN_STEP)


@pytest.mark.parametrize(
    ("environ", "terminal", "expected"),
    [({}, True, True), ({}, False, False), ({"NO_COLOR": "1"}, True, False), ({"TERM": "dumb"}, True, False)],
)
def test_colours_only_on_a_terminal_that_wants_them(environ, terminal, expected):
    assert render.wants_color(environ, terminal=terminal) is expected


def test_as_data_it_carries_place_and_fix():
    data = json.loads(json.dumps(render.to_json(UNKNOWN_STEP)))

    assert (data["path"], data["line"], data["column"], data["end-column"]) == (WHOM.path, 42, 24, 28)
    assert data["severity"] == "error"
    assert data["fix"]["text"] == "who"
