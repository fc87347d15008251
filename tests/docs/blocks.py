"""The fenced blocks of README and docs: what language each is in, the file it is to be saved as, and its commands."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from tests.meta.sources import files, text_of

LANGUAGES = frozenset({"yaml", "sh", "python", "markdown", "text", "mermaid"})
"""Every block names its language, so that none escapes the test of its kind. `text` is what is shown, `mermaid` is drawn."""

_FENCE = re.compile(r"(?ms)^( *)```([^\n`]*)\n(.*?)^\1```$")
_EXIT = re.compile(r"#.*\bends with (\d+)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block. `path` is the file of a workspace it is saved as, or empty; `flags` are further words of its first line."""

    page: str
    line: int
    language: str
    path: str
    flags: tuple[str, ...]
    text: str

    @property
    def place(self) -> str:
        """Page and line, for a message."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One line of a `sh` block, without its comment, and the exit codes that are right: 0 and 4 (something waits) unless the comment names one."""

    page: str
    line: int
    text: str
    exits: tuple[int, ...]


def pages() -> list[str]:
    """README, the other pages at the top, and docs but for what was measured."""
    return [
        path
        for path in files()
        if path.endswith(".md") and ("/" not in path or path.startswith("docs/")) and "/evidence/" not in path
    ]


def blocks_of(page: str, text: str | None = None) -> list[Block]:
    """The blocks of a page, top to bottom."""
    text = text_of(page) if text is None else text
    blocks = []
    for fence in _FENCE.finditer(text):
        language, path, *flags = [*fence[2].split(), "", ""][: max(2, len(fence[2].split()))]
        line = text.count("\n", 0, fence.start()) + 1
        blocks.append(
            Block(
                page=page,
                line=line,
                language=language,
                path=path,
                flags=tuple(flags),
                text=textwrap.dedent(fence[3]),
            )
        )
    return blocks


def blocks(*languages: str) -> list[Block]:
    """The blocks of all pages in these languages."""
    return [block for page in pages() for block in blocks_of(page) if block.language in languages]


def commands_of(block: Block) -> Iterator[Command]:
    """The commands of a `sh` block; a line that ends in a backslash goes on."""
    begun, start = "", 0
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        start = start if begun else number
        begun += line
        if begun.endswith("\\"):
            begun = begun[:-1]
            continue
        named = _EXIT.search(begun)
        text = re.split(r"\s+#\s", begun)[0].strip()
        if text and not text.startswith("#"):
            yield Command(page=block.page, line=start, text=text, exits=(int(named[1]),) if named else (0, 4))
        begun = ""
