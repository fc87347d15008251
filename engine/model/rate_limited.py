"""What a provider says that has too much to do: a kind of TransientError that knows how long to wait."""

from engine.model.errors import TransientError

CODE = "rate-limited"


class RateLimited(TransientError):
    """The world asked to wait: certainly not done. `seconds` is for how long; 0 when it did not say."""

    def __init__(self, message: str, *, seconds: float = 0.0, now_true: str = "", way_out: str = "") -> None:
        super().__init__(message, code=CODE, now_true=now_true, way_out=way_out)
        self.seconds = seconds


def retry_after(error: BaseException | None) -> float | None:
    """For how many seconds an error asks to wait, also one that was raised because of another; None when it asks for nothing."""
    asked: float | None = None
    while error is not None:
        if isinstance(error, RateLimited):
            return error.seconds
        asked = 0.0 if getattr(error, "code", "") == CODE else asked
        error = error.__cause__
    return asked
