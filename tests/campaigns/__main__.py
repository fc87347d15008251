"""Run the next slice of each campaign.

    python -m tests.campaigns --minutes N [--only NAME]
    python -m tests.campaigns whying --runs N

Each slice adds a line to docs/evidence/campaigns.jsonl; the next one goes on behind it. Ends with 1 when something was violated.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.campaigns import evidence
from tests.campaigns.standin import StandIn


class Tally(Protocol):
    """What a slice adds up to."""

    violations: list[str]

    def result(self) -> dict[str, object]:
        """As kept in the evidence."""


@dataclass(frozen=True)
class Campaign:
    """`begin(folder)` gives a function that tries one unit and an empty tally; `code` are the places its claim is about."""

    name: str
    code: tuple[str, ...]
    begin: Callable[[Path], tuple[Callable[[int, Tally], None], Tally]]
    least: int = 0
    """Units of a slice, however short its time is."""


def _killing(folder: Path) -> tuple[Callable[[int, Tally], None], Tally]:
    from tests.campaigns import killing

    theatre = killing.Theatre(folder)
    return lambda index, tally: killing.unit(theatre, index, tally), killing.Tally()


def _executed(folder: Path) -> tuple[Callable[[int, Tally], None], Tally]:
    from tests.campaigns import executed, killing

    shop = executed.Shop(folder)
    return lambda index, tally: executed.unit(shop, index, tally), killing.Tally()


def _whying(folder: Path) -> tuple[Callable[[int, Tally], None], Tally]:
    from tests.campaigns import whying

    return lambda index, tally: whying.unit(folder, index, tally), whying.Tally()


def _upping(folder: Path) -> tuple[Callable[[int, Tally], None], Tally]:
    from tests.campaigns import upping

    return lambda index, tally: upping.unit(folder, index, tally), upping.Tally()


def _mutating(folder: Path) -> tuple[Callable[[int, Tally], None], Tally]:
    from tests.campaigns import mutating

    return lambda index, tally: mutating.unit(folder, index, tally), mutating.Tally()


def _fuzzing(target: str) -> Callable[[Path], tuple[Callable[[int, Tally], None], Tally]]:
    def begin(_folder: Path) -> tuple[Callable[[int, Tally], None], Tally]:
        from tests.campaigns import fuzzing

        return lambda index, tally: fuzzing.unit(target, index, tally), fuzzing.Tally()

    return begin


_CODE = ("engine", "tests/campaigns", "playbooks", "vault")
_DECIDING = (
    "engine/kernel",
    "engine/governance",
    "engine/runtime/broker.py",
    "engine/runtime/model_gateway.py",
    "tests/campaigns/mutating.py",
)
# What reading a playbook, a SOP or an expression goes through, and what makes the files that are tried. Settings are read by none of them.
_FRONT = (
    *(
        path.relative_to(evidence.ROOT).as_posix()
        for path in sorted((evidence.ROOT / "engine" / "language").rglob("*.py"))
        if path.name != "settings.py"
    ),
    *(
        f"engine/model/{name}.py"
        for name in (
            "definitions/actions", "definitions/agents", "definitions/diagnostics", "definitions/plan", "definitions/settings",
            "definitions/taint", "definitions/triggers", "definitions/types", "definitions/value_range", "errors",
            "values/canonical_json", "values/money",
        )
    ),
    "tests/campaigns/fuzzing.py",
    "tests/golden",
    "tests/property/test_language.py",
    *(f"tests/unit/language/{name}.py" for name in ("actions", "expressing", "trees")),
)  # fmt: skip
_FRONT_OF = {"files": (*_FRONT, "engine/language/documents/settings.py")}
CAMPAIGNS = (
    Campaign("killing", _CODE, _killing),
    Campaign("killing-commands", _CODE, _executed),
    Campaign("upping", _CODE, _upping, least=1),
    Campaign("whying", _CODE, _whying),
    Campaign("mutating", _DECIDING, _mutating),
    *(
        Campaign(f"fuzz-{target}", _FRONT_OF.get(target, _FRONT), _fuzzing(target), least=20)
        for target in ("playbooks", "sops", "expressions", "files")
    ),
)


def main(argv: list[str]) -> int:
    """The next slice of each campaign, or of one."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns", description=__doc__)
    parser.add_argument("name", nargs="?", choices=[one.name for one in CAMPAIGNS], help="one campaign")
    parser.add_argument(
        "--runs",
        type=int,
        default=0,
        help="go on until a slice has counted so many runs, however long that takes",
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="how long all of them together may take")
    parser.add_argument("--only", choices=[one.name for one in CAMPAIGNS], help="one campaign")
    args = parser.parse_args(argv)
    only = args.name or args.only
    chosen = [one for one in CAMPAIGNS if only in {None, one.name}]
    bad = 0
    for campaign in chosen:
        if campaign.name.startswith("fuzz-"):
            from tests.campaigns import fuzzing

            fuzzing.bounded()
        with tempfile.TemporaryDirectory(prefix="steward-campaign-") as folder:
            bad += _slice(
                campaign, Path(folder), seconds=args.minutes * 60 / len(chosen), runs=args.runs if only else 0
            )
    return 1 if bad else 0


def _slice(campaign: Campaign, folder: Path, *, seconds: float, runs: int) -> int:
    deadline = time.monotonic() + seconds
    digest = evidence.digest(*campaign.code)
    first = index = evidence.next_unit(evidence.slices(campaign.name, digest))
    unit, tally = campaign.begin(folder)
    while _goes_on(tally, runs) if runs else time.monotonic() < deadline or index - first < campaign.least:
        unit(index, tally)
        index += 1
    for one in tally.violations:
        print(f"{campaign.name}: {one}", file=sys.stderr)
    StandIn.dismiss()
    used = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    row = {
        "campaign": campaign.name, "commit": evidence.commit(), "digest": digest, "range": [first, index],
        "result": tally.result(), "cpu_seconds": round(used),
    }  # fmt: skip
    evidence.add(row)
    done = evidence.slices(campaign.name, digest)
    print(f"{campaign.name}: units {first} to {index}; with this code so far: {evidence.claim(done)}")
    return len(tally.violations)


def _goes_on(tally: Tally, runs: int) -> bool:
    """Whether fewer runs than these were counted so far. A campaign that counts none has no end to go on to."""
    counted = tally.result().get("runs", runs)
    return isinstance(counted, int) and counted < runs


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
