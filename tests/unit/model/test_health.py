"""What explains where a clock stands, and what is a leap."""

from datetime import timedelta

import pytest

from engine.model import health as h

MINUTES = timedelta(minutes=1)
AT = "2026-03-02T09:00:00.000000Z"


@pytest.mark.parametrize(
    ("before", "seen", "now", "minutes"),
    [
        (
            ("2026-03-02T09:00:00.000000Z", "a", 100),
            AT,
            ("2026-03-02T19:00:00.000000Z", "a", 36_100),
            0,
        ),  # slept
        (
            ("2026-03-02T09:00:00.000000Z", "a", 100),
            AT,
            ("2026-03-02T09:04:00.000000Z", "a", 100),
            0,
        ),  # corrected
        (("2026-03-02T09:00:00.000000Z", "a", 100), AT, ("2026-03-02T10:00:00.000000Z", "a", 100), 60),
        (("2026-03-02T09:00:00.000000Z", "a", 100), AT, ("2026-03-02T09:00:00.000000Z", "a", 3700), -60),
        (("2026-03-02T09:00:00.000000Z", "a", 9000), AT, ("2026-03-20T09:00:00.000000Z", "b", 10), 0),  # off
        (("2026-03-02T09:00:00.000000Z", "a", 9000), AT, ("2026-04-20T09:00:00.000000Z", "b", 10), 49 * 1440),
        (("2026-03-02T09:00:00.000000Z", "a", 9000), AT, ("2026-03-02T08:00:00.000000Z", "b", 10), -60),
        # Of one machine nothing is known; of the next that it has one clock only.
        (("2026-03-02T09:00:00.000000Z", "", -1), AT, ("2028-03-02T10:00:00.000000Z", "a", 0), 0),
        (("2026-03-02T09:00:00.000000Z", "a", -1), AT, ("2026-03-02T10:00:00.000000Z", "a", -1), 0),
        (("2026-03-02T09:00:00.000000Z", "a", -1), AT, ("2026-03-02T08:00:00.000000Z", "a", -1), -60),
        (None, "", ("2026-03-02T10:00:00.000000Z", "a", 5), 0),
        (
            None,
            AT,
            ("2029-03-02T09:00:00.000000Z", "a", 5),
            0,
        ),  # a ledger from before marks were kept
    ],
)
def test_what_explains_a_clock(before, seen, now, minutes):
    mark = h.Mark(at=before[0], boot=before[1], up=before[2]) if before else None
    found = h.leap(mark, seen, h.Mark(at=now[0], boot=now[1], up=now[2]))
    assert found == minutes * MINUTES
