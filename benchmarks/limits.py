"""What a benchmark holds its figures against: each row prints its limit, and a figure past it ends the benchmark with 1.

``--loose 3`` lets everything take three times as long: for a machine with other work. Counts (texts encoded, indexes that differ)
are never loosened.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Limits:
    """The limits of one benchmark and how many figures were past theirs."""

    loose: float = 1.0
    past: list[str] = field(default_factory=list)

    def row(self, what: str, figure: float, unit: str, most: float | None = None, *, more: str = "") -> None:
        """Print one figure, what it may be at most (nothing: it is only told), and `more` about it."""
        limit = "" if most is None else f"<= {most * self.loose:g} {unit}"
        over = most is not None and figure > most * self.loose
        print(
            f"{what:<60} {figure:10.2f} {unit:<6} {limit:<16} {'PAST IT' if over else ''} {more}".rstrip(),
            flush=True,
        )
        if over:
            self.past.append(what)

    def equal(self, what: str, figure: int, expected: int, *, more: str = "") -> None:
        """Print a count that has to be exactly so."""
        wrong = figure != expected
        print(
            f"{what:<60} {figure:10d} {'':<6} == {expected:<13} {'IT IS NOT' if wrong else ''} {more}".rstrip(),
            flush=True,
        )
        if wrong:
            self.past.append(what)

    @property
    def code(self) -> int:
        """The exit code: 1 when any figure was past its limit."""
        if self.past:
            print(f"past the limit: {'; '.join(self.past)}", file=sys.stderr)
        return int(bool(self.past))


def parser(module: str, doc: str | None) -> argparse.ArgumentParser:
    """The arguments every benchmark takes."""
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{module}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--loose", type=float, default=1.0, metavar="TIMES", help="let everything take so many times as long"
    )
    return made


def median_of(seconds: Sequence[float]) -> float:
    """The median in milliseconds."""
    ordered = sorted(seconds)
    middle = len(ordered) // 2
    both = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return both * 1000
