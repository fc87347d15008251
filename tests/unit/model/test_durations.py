"""Durations have one reader, one exact and one rough form, and one way to grow between attempts."""

from datetime import timedelta

import pytest

from engine.language.expressions.ranges import RANGES, words
from engine.model.values.durations import exact, exponential, parse, rough


@pytest.mark.parametrize("text", ["1ms", "250ms", "1s", "90s", "10m", "36h", "7d", "365d", "0s"])
def test_what_is_written_exactly_is_read_as_the_same(text):
    duration = parse(text)

    assert duration is not None
    assert parse(exact(duration)) == duration


@pytest.mark.parametrize("text", ["", "m", "1", "1.5h", "-1d", "1y", "1 d 2 h", "1000000s", "²d", "1h\nx"])
def test_anything_else_is_no_duration(text):
    assert parse(text) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59, "59 s"),
        (119, "1 min"),
        (7_199, "1 h"),
        (86_400, "1 d"),
        (777_600, "9 d"),
    ],
)
def test_a_rough_duration_has_its_largest_unit(seconds, text):
    assert rough(timedelta(seconds=seconds)) == text


def test_pauses_double_up_to_the_longest_and_never_overflow():
    second, hour, day = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)

    assert [exponential(second, attempt, hour).total_seconds() for attempt in (1, 2, 3, 12, 13)] == [
        1,
        2,
        4,
        2048,
        3600,
    ]
    # `retry: { attempts: 100, base: 1d }` is a playbook somebody may write.
    assert exponential(day, 100, 7 * day) == 7 * day
    assert exponential(second, 0, hour) == second


def test_the_words_of_a_range_are_made_of_it():
    assert words("undo-within") == "a length of 1s to 10m"
    assert all(parse(exact(limit)) == limit for pair in RANGES.values() for limit in pair)
