"""The project's own files, as the meta tests read them."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def files() -> tuple[str, ...]:
    """Paths of everything tracked, and of what is new and not ignored."""
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(argv, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return tuple(sorted({path for path in listed.split("\0") if path and (ROOT / path).is_file()}))


def python_files(*places: str) -> list[str]:
    """Python files in the named folders, or the named files."""
    return [
        p
        for p in files()
        if p.endswith(".py") and (p in places or p.startswith(tuple(f"{x}/" for x in places)))
    ]


def text_of(path: str) -> str:
    """Give a file's text; what isn't UTF-8 (a letter in the corpus) is read as well as it goes."""
    return (ROOT / path).read_bytes().decode("utf-8", "replace")
