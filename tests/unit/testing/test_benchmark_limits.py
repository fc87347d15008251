"""A benchmark ends with 1 when a figure is past the limit it prints."""

from benchmarks.limits import Limits, median_of


def test_figures_within_their_limits_end_with_0(capsys):
    limits = Limits()
    limits.row("a command", 99.0, "ms", 100)
    limits.row("only told", 10_000.0, "ms")
    limits.equal("texts encoded", 3, 3)

    assert limits.code == 0
    assert "PAST" not in capsys.readouterr().out


def test_one_figure_past_its_limit_ends_with_1_and_is_named(capsys):
    limits = Limits()
    limits.row("a command", 100.1, "ms", 100)
    limits.row("another", 1.0, "ms", 100)

    assert limits.code == 1
    shown = capsys.readouterr()
    assert "PAST IT" in shown.out.splitlines()[0]
    assert shown.err == "past the limit: a command\n"


def test_loose_loosens_what_is_timed_and_no_count():
    limits = Limits(loose=3.0)
    limits.row("a command", 299.0, "ms", 100)
    assert limits.code == 0
    limits.row("a command", 301.0, "ms", 100)
    assert limits.code == 1
    counted = Limits(loose=3.0)
    counted.equal("texts encoded", 1, 0)
    assert counted.code == 1


def test_the_median_is_in_milliseconds():
    assert median_of([0.75, 0.25, 0.5]) == 500
    assert median_of([0.25, 0.75]) == 500
