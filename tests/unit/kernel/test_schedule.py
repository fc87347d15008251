"""What a schedule owes: in the operator's time zone, across changes of clocks, once."""

from datetime import UTC, datetime

import pytest

from engine.kernel.alarms.expectations import dues
from engine.model.values.paths import path_fits


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def found(cron: str, after: str, until: str, zone: str = "Europe/Warsaw") -> list[str]:
    """Due moments, UTC, to the minute."""
    return [one.astimezone(UTC).strftime("%m-%d %H:%M") for one in dues(cron, at(after), at(until), zone)]


def test_local_time_counts() -> None:
    """Seven in the morning in Warsaw is six or five in UTC."""
    assert found("0 7 * * *", "2026-03-27T12:00", "2026-03-30T12:00") == [
        "03-28 06:00",
        "03-29 05:00",
        "03-30 05:00",
    ]


def test_a_firing_in_the_skipped_hour_comes_once_right_after_it() -> None:
    """At 2:30 on the night the clocks go forward there is no 2:30."""
    assert found("30 2 * * *", "2026-03-28T12:00", "2026-03-29T12:00") == ["03-29 01:00"]


def test_the_hour_that_comes_twice_fires_once() -> None:
    """2:30 exists twice in October."""
    assert len(found("30 2 * * *", "2026-10-24T12:00", "2026-10-25T12:00")) == 1


def test_what_is_due_now_is_due_and_what_was_accounted_for_is_not() -> None:
    """(after, until]."""
    assert found("0 9 * * 1-5", "2026-03-02T08:00", "2026-03-03T08:00", "UTC") == ["03-02 09:00"]
    assert found("0 9 * * 1-5", "2026-03-02T09:00", "2026-03-02T09:00", "UTC") == []
    assert found("0 9 * * 1-5", "2026-03-02T08:59", "2026-03-02T09:00", "UTC") == ["03-02 09:00"]


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("vault/inbox/receipts/a.pdf", "vault/inbox/receipts/*.pdf", True),
        ("vault/inbox/receipts/b/a.pdf", "vault/inbox/receipts/*.pdf", False),
        ("vault/inbox/receipts/b/a.pdf", "vault/inbox/**/*.pdf", True),
        ("vault/inbox/a.pdf", "vault/inbox/**/*.pdf", True),
        ("vault/inbox/a.PDF", "vault/inbox/*.pdf", False),
        ("elsewhere/a.pdf", "vault/**", False),
    ],
)
def test_a_star_never_crosses_a_slash(path: str, pattern: str, fits: bool) -> None:
    """Two stars do."""
    assert path_fits(path, pattern) is fits
