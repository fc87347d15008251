"""The machine's clock, in the one place that may read it."""

from datetime import UTC, datetime

from engine.model.times import stamp


def present() -> datetime:
    """Now, aware, UTC."""
    return datetime.now(UTC)


def present_stamp() -> str:
    """Now as stored in events."""
    return stamp(present())
