"""Words on the screen: nothing from outside hides, moves or colours anything."""

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta

import pytest

from engine.app.queries.descriptions import shortest
from engine.cli import output
from engine.cli.commands.approvals import length
from engine.cli.output import columns, fitted, in_zone, line, local, quoted, table, visible
from engine.model.errors import UsageError
from engine.model.text.safe_text import masked, stripped


@pytest.mark.parametrize(
    "bad", ["\x1b[2J", "a\u202eb", "\u200bx", "\x07", "\u2066x\u2069", "\r", "\ufeff", "\u2028"]
)
def test_control_bidirectional_and_zero_width_characters_are_written_out(bad: str) -> None:
    """A letter can't move the cursor or turn text around."""
    shown = visible(bad)
    assert "\\u{" in shown
    assert all(one.isprintable() or one in "\n\t" for one in shown)


def test_a_line_is_one_line_and_short() -> None:
    """Line breaks become spaces."""
    assert line("a\nb\t c") == "a b c"
    assert len(line("x" * 500, 80)) == 80


def test_a_quoted_text_is_capped_and_says_so() -> None:
    """Each line stands behind a bar, whole."""
    shown = quoted("\n".join("x" * 30 for _ in range(50)), lines=3, width=20)
    assert shown[:2] == ["  │ " + "x" * 20, "  ┊ " + "x" * 10]
    assert len(shown) == 7
    assert "47 more lines" in shown[-1]


def test_a_table_is_aligned() -> None:
    """Columns begin at the same place."""
    assert table([["a", "bb"], ["ccc", "d"]]) == ["  a    bb", "  ccc  d"]


def test_ids_are_shown_by_their_shortest_unique_beginning() -> None:
    """Of at least four characters, like git's."""
    assert shortest(["ABCDE1", "ABCDF2", "ZZZZ99"]) == {
        "ABCDE1": "ABCDE",
        "ABCDF2": "ABCDF",
        "ZZZZ99": "ZZZZ",
    }


@pytest.mark.parametrize(
    ("text", "long"), [("90s", 90), ("10m", 600), ("4h", 14400), ("2d", 172800), ("1w", 604800)]
)
def test_lengths(text: str, long: int) -> None:
    """Seconds to weeks."""
    assert length(text) == timedelta(seconds=long)


@pytest.mark.parametrize("text", ["", "d", "2x", "-1d", "1.5h"])
def test_no_lengths(text: str) -> None:
    """Each is refused with an example."""
    with pytest.raises(UsageError):
        length(text)


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self):
        return True


LONG = "  ✗ deployed   4288de51 of main runs, 14 playbooks and SOPs; commit 33fa7a2a does not compile: steward check, and then once more"


@pytest.mark.parametrize("wide", [40, 60, 80, 100])
@pytest.mark.parametrize(
    "text", [LONG, "word " * 60, "    " + "deep " * 40, "\x1b[32m✓\x1b[0m " + "green " * 30, "a\n" + LONG]
)
def test_on_a_terminal_no_line_is_wider_than_it(wide, text):
    shown = fitted(text, wide)
    assert all(len(re.sub("\x1b\\[[0-9;]*m", "", one)) <= wide for one in shown.split("\n"))
    assert shown.split() == text.split()


def test_a_word_is_never_cut_and_a_pipe_gets_whole_lines():
    url = "https://example.org/" + "x" * 100
    assert url in fitted(f"see {url} for more", 40).split()
    assert fitted(LONG, 0) == LONG
    assert columns(io.StringIO()) == 0


def test_a_quote_is_as_wide_as_the_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Screen())
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, quoted("x" * 500))) <= 78


MOMENTS = {
    "held until 2026-03-02T12:00:05Z": "held until 2026-03-02 13:00:05",
    "due at 2026-07-01T22:30Z, or": "due at 2026-07-02 00:30, or",
    "2026-03-02T12:00:05.123456Z  done": "2026-03-02 13:00:05  done",
    "at 2026-13-45T99:99Z": "at 2026-13-45T99:99Z",
    "│ your letter of 2026-03-02T12:00Z": "│ your letter of 2026-03-02T12:00Z",
    "    ┊ 2026-03-02T12:00Z": "    ┊ 2026-03-02T12:00Z",
    "no moment: Z 12:00Z": "no moment: Z 12:00Z",
}


@pytest.mark.parametrize("text", MOMENTS)
def test_moments_are_told_in_the_operators_zone_and_quotes_are_left_alone(text, monkeypatch):
    monkeypatch.setattr(output, "_ZONE", [])
    assert local(text) == text
    in_zone("Europe/Warsaw")
    assert local(text) == MOMENTS[text]


def test_what_is_exact_keeps_its_moments(monkeypatch, capsys):
    monkeypatch.setattr(output, "_ZONE", ["Asia/Kolkata"])
    output.out("Words     see you 2026-03-02T12:00Z", exact=True)
    output.out("at 2026-03-02T12:00Z")
    output.put_json("x", {"at": "2026-03-02T12:00:00.000000Z"})
    said = capsys.readouterr().out
    assert "see you 2026-03-02T12:00Z" in said
    assert "at 2026-03-02 17:30" in said
    assert "2026-03-02T12:00:00.000000Z" in said


class Terminal(io.StringIO):
    """A terminal of a width that remembers what was written to it."""

    def isatty(self) -> bool:
        return True


@contextmanager
def terminal(columns: int = 50) -> Iterator[Terminal]:
    """A terminal, where everything that is put and said goes."""
    screen = Terminal()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(screen), redirect_stderr(screen):
        patch.setenv("COLUMNS", str(columns))
        patch.setenv("TERM", "xterm")
        yield screen


ODD = "[link=http://x.example]:smile:[/link] \x1b]8;;http://x\x07 [red]42[/] True http://x.example"
"""What rich would take for markup, an emoji, a link or something to colour."""


def test_a_table_shows_what_a_stranger_wrote_as_it_is() -> None:
    """Nothing of it is markup, an emoji or a colour, and no escape reaches the terminal."""
    with terminal() as screen:
        output.put_table([["a1", ODD], ["b2", "plain"]])
    shown = "".join(line[6:].rstrip(" ") for line in screen.getvalue().splitlines()[:-1])
    assert shown.replace(" ", "") == visible(ODD).replace(" ", "")
    assert "\x1b" not in screen.getvalue()


def test_a_long_cell_goes_on_within_its_column() -> None:
    """On a terminal; in a pipe a row is a line."""
    with terminal() as screen:
        output.put_table([["a1", "word " * 20, "x"], ["b2", "漢" * 30, "y"]])
    lines = screen.getvalue().splitlines()
    assert all(output.cells(line) <= 50 for line in lines)
    assert [line[:4].strip() for line in lines if line[:4].strip()] == ["a1", "b2"]
    assert sum(line.count("漢") for line in lines) == 30


def test_in_a_pipe_a_table_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """And no escape is in it, either."""
    output.put_table([["a1", ODD], ["b2", "w" * 200]])
    output.put_table([])
    assert capsys.readouterr().out == f"  a1  {visible(ODD)}\n  b2  {'w' * 200}\n"


@pytest.mark.parametrize("letter", ["漢", "한", "😀", "ｗ"])
def test_no_wide_letter_leaves_the_bar_of_a_quoted_text(letter: str) -> None:
    """A line too wide would go on at the edge of the screen, where our own words stand."""
    with terminal():
        shown = quoted(f"{letter * 90} ✓ approved")
    assert all(output.cells(line) <= 50 and line[2] in "│┊" for line in shown), shown
    assert sum(line.count(letter) for line in shown) == 90


def test_what_lasts_is_shown_on_a_terminal_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """With its words as they are."""
    with terminal() as screen, output.waiting_for("[bold]the index[/] :smile:"):
        pass
    assert "[bold]the index[/] :smile:" in screen.getvalue()
    with output.waiting_for("the index"):
        pass
    assert capsys.readouterr().err == ""


def test_a_masked_line_keeps_its_columns_and_a_stripped_text_its_words() -> None:
    """Carets stand under a masked line, so each character stays one; what goes on to be used loses only what nobody sees."""
    hostile = "a\x1b[2J\u202eb\tc\u00e9"
    assert masked(hostile) == "a\ufffd[2J\ufffdb c\u00e9"
    assert len(masked(hostile)) == len(hostile)
    assert stripped("e\u0301\u200b!\u202e") == "\u00e9!"
