"""Slices of long campaigns: one JSON line each, and the sum of those that were made with today's code."""

import hashlib
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "evidence" / "campaigns.jsonl"


def digest(*places: str) -> str:
    """Names the code a campaign tries and the code it is made of: another line anywhere in `places` is another digest."""
    whole = hashlib.sha256()
    for place in places:
        base = ROOT / place
        for path in sorted(base.rglob("*")) if base.is_dir() else [base]:
            if path.suffix in {".py", ".sql", ".yaml", ".md", ".patch"} and path.is_file():
                whole.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()[:16]


def commit() -> str:
    """The commit that is checked out; `+` when files differ from it."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", ROOT, *words], capture_output=True, text=True, check=False
        ).stdout.strip()

    return git("rev-parse", "--short=12", "HEAD") + (
        "+" if git("status", "--porcelain", "--", "engine", "tests") else ""
    )


def slices(campaign: str, digest: str, file: Path = FILE) -> list[dict[str, Any]]:
    """The slices of one campaign made with the code of this digest."""
    if not file.exists():
        return []
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
    return [row for row in rows if (row["campaign"], row["digest"]) == (campaign, digest)]


def next_unit(done: Iterable[dict[str, Any]]) -> int:
    """Where the next slice begins: behind the longest unbroken row of units from 0."""
    end = 0
    for first, last in sorted(row["range"] for row in done):
        if first > end:
            break
        end = max(end, last)
    return end


def add(row: dict[str, Any], file: Path = FILE) -> None:
    """Append one slice."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(row, ensure_ascii=False) + "\n")


def claim(done: Iterable[dict[str, Any]]) -> dict[str, int]:
    """The sum of what slices counted."""
    total: dict[str, int] = {}
    for row in done:
        for name, value in row["result"].items():
            if isinstance(value, int) and not name.endswith("p95"):
                total[name] = total.get(name, 0) + value
    return total
