"""What a command line that makes no sense is told, and a terminal that has few characters."""

import io
import json
import sys

import pytest

from engine.cli import output
from engine.cli.main import main, overview


def told(words, capsys):
    """(exit code, everything said) of a command that ends in the parser."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    said = capsys.readouterr()
    return ended.value.code, said.out + said.err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["aprove", "7F3K"], "did you mean `steward approve`?"),
        (["APPROVE", "7F3K"], "did you mean `steward approve`?"),
        (["statsu"], "did you mean `steward status`?"),
        (["queu", "--json"], "did you mean `steward queue`?"),
        (["time-line"], "did you mean `steward timeline`?"),
        (["qqqq"], "`steward` alone lists what there is"),
        (["queue", "--jsno"], "did you mean `--json`?"),
        (["run", "--input", "x"], "did you mean `--inputs`?"),
        (["approve", "7F3K", "--ye"], "did you mean `--yes`?"),
        (["init", "--e-mail", "a@b.example"], "did you mean `--email`?"),
    ],
)
def test_the_nearest_is_named_and_nothing_else_happens(words, meant, capsys):
    code, said = told(words, capsys)
    assert (code, meant in said) == (2, True), said
    assert "invalid choice" not in said
    assert all(len(line) <= 80 for line in said.splitlines())


def test_the_usage_line_is_that_of_the_verb(capsys):
    code, said = told(["approve"], capsys)
    assert code == 2
    assert "usage: steward approve [-h] [--yes] id" in said
    assert "<verb>" not in said


@pytest.mark.parametrize("words", [["help", "approve"], ["approve", "-h"]])
def test_help_of_a_verb(words, capsys):
    code, said = told(words, capsys)
    assert (code, said.startswith("usage: steward approve [-h] [--yes] id")) == (0, True)


def test_the_overview_fits_eighty_columns():
    assert max(len(line) for line in overview().splitlines()) <= 80


def test_bytes_that_are_no_text_are_a_usage_error(capsys):
    code, said = told(["answer", "7F3K", "name=\udcff"], capsys)
    assert (code, "no text in this terminal's encoding" in said) == (2, True)


@pytest.mark.parametrize("encoding", ["iso-8859-1", "ascii", "cp1252", "iso-8859-2", "koi8-r"])
def test_a_terminal_with_few_characters_gets_a_question_mark(encoding, monkeypatch):
    """And JSON for a program keeps every character, written out."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    assert main([]) == 0
    output.out("✓ │ 見積り")
    output.put_json("x", {"subject": "見積り – ü"})
    stream.flush()
    said = raw.getvalue().decode(encoding)
    assert "? " in said
    assert json.loads(said[said.index("{") :])["data"]["subject"] == "見積り – ü"
