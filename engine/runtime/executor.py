"""Transport for attempts: threads in the product, in line where order must be exact."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class ThreadExecutor:
    """At most `size` attempts at once."""

    def __init__(self, size: int = 8) -> None:
        self._pool = ThreadPoolExecutor(max_workers=size, thread_name_prefix="steward-attempt")

    def submit(self, work: Callable[[], Any], /) -> "Future[Any]":
        """Run it on a free thread."""
        return self._pool.submit(work)

    def close(self) -> None:
        """Wait for what is under way; start nothing new."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class InLine:
    """Runs work at once, in the caller: for simulation and for kill points in exact order."""

    def submit(self, work: Callable[[], Any], /) -> "Future[Any]":
        """Run it now."""
        future: Future[Any] = Future()
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)
        return future
