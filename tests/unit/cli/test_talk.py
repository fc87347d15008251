"""Words on the screen: nothing from outside hides, moves or colours anything."""

from datetime import timedelta

import pytest

from engine.app.views import shortest
from engine.cli.deciding import length
from engine.cli.talk import line, quoted, table, visible
from engine.model.errors import UsageError


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
