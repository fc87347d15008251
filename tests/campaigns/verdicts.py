"""What ordinary letters are taken for: a sample of a folder of mail, drawn with a fixed seed, one line a letter.

    python -m tests.campaigns.verdicts FOLDER [--count 300] [--seed 9] [--known docs/evidence/letters-300.tsv]

Lines name a letter by folder and number and hold nothing of what it says. Exit 1 when more than a twentieth of what is put aside stands
before the operator, or when a verdict is not the `--known` one.
"""

import argparse
import random
import sys
from collections import Counter
from pathlib import Path

from engine.connectors.email import auto_reply_rules
from engine.connectors.email.message import parse

OWN = tuple(
    f"{who}@{domain}"
    for who in ("yyyy", "zzzz", "zzz", "jm")
    for domain in (
        "spamassassin.taint.org", "netnoteinc.com", "taint.org", "localhost.netnoteinc.com", "localhost.spamassassin.taint.org",
        "example.com",
    )
)  # fmt: skip
"""Whose mail the public corpus is, under the names its makers gave him."""

MAX = 0.05


def drawn(folder: Path, *, count: int, seed: int) -> list[Path]:
    """The sample: the same for the same folder and seed."""
    found = sorted(folder.rglob("*.eml"))
    return sorted(random.Random(seed).sample(found, min(count, len(found))))


def verdict(path: Path) -> str:
    """What becomes of a letter that some playbook reads: runs, runs with caution, put aside, or put aside in sight."""
    letter = parse.read(path.read_bytes())
    found = auto_reply_rules.judged(letter, own=OWN, sent=lambda _: False)
    if not found.reason:
        return f"runs, {found.caution}" if found.caution else "runs"
    return f"{found.reason}, in sight" if found.doubt else found.reason


def name_of(path: Path, folder: Path) -> str:
    """Folder and number of a letter, or the name of one without a number."""
    stem = path.stem.partition(".")[0] if path.stem[:1].isdigit() else path.stem
    return (path.parent.relative_to(folder) / stem).as_posix()


def main() -> int:
    """Print the table, and the counts on stderr."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--known", type=Path)
    given = parser.parse_args()
    found = {
        name_of(path, given.folder): verdict(path)
        for path in drawn(given.folder, count=given.count, seed=given.seed)
    }
    for name, what in found.items():
        print(f"{name}\t{what}")
    counts = Counter(found.values())
    print(*(f"{count} {what}" for what, count in counts.most_common()), sep="\n", file=sys.stderr)
    aside = [what for what in found.values() if not what.startswith("runs")]
    share = sum(what.endswith("in sight") for what in aside) / max(1, len(aside))
    print(f"{len(aside)} put aside, {share:.1%} of them in sight", file=sys.stderr)
    known = (
        dict(line.split("\t") for line in given.known.read_text(encoding="utf-8").splitlines())
        if given.known
        else found
    )
    changed = {name for name in found.keys() | known.keys() if found.get(name) != known.get(name)}
    print(
        *(f"changed: {name}: {known.get(name)} → {found.get(name)}" for name in sorted(changed)),
        sep="\n",
        file=sys.stderr,
    )
    return 1 if share > MAX or changed else 0


if __name__ == "__main__":
    raise SystemExit(main())
