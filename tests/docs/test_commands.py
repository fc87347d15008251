"""Every command that README and docs show is typed, page by page, in a workspace of its own; those that can't be are in one list."""

import json
import os
import re
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import warm
from tests.docs.blocks import Block, Command, blocks, blocks_of, commands_of

pytestmark = pytest.mark.slow

NOT_RUN = {
    "python3 bootstrap.py": "installs an environment; .ci/fresh runs it in an empty home",
    ".venv/bin/": "works in the checkout: it is a part of the whole check",
    ".ci/": "runs all of this, or makes the locks",
    "git clone": "the address of the repository is the reader's",
    "cd steward": "goes into that clone",
    "cd ../release": "goes into that clone",
    "cd /var/lib": "goes into another account's folder",
    "export PATH=": "changes the terminal it is typed in",
    "uv tool install": "installs for the user; tests/packaging installs the wheel",
    "pipx install": "installs for the user; tests/packaging installs the wheel",
    "steward memory install": "loads 84 MB; tests/packaging does it",
    "steward init ~/business --name 'Robin Park' --email robin@example.org --mailbox": "asks for a password on a terminal; tests/simulate/test_attaching.py answers it",
    "steward secrets set": "asks on a terminal; tests/simulate/test_attaching.py answers it",
    "steward up": "stays; tests/simulate/test_up.py starts and ends it",
    "steward service install$": "writes into the user's service manager; tests/unit/cli/test_service.py does it in a home of its own",
    "steward service uninstall": "takes that away again",
    "steward service status": "ends with 1 where nothing is up; tests/unit/cli/test_service.py has a process that is",
    "sudo": "needs root",
    "docker": "needs a container engine",
    "litestream": "needs a replica; tests/simulate/test_litestream.py makes one",
    "git tag": "belongs to a release",
    "git push": "belongs to a release",
    "git status": "belongs to a release",
    "git commit -am 'Release": "belongs to a release",
    "python -m build": "belongs to a release; tests/packaging builds the wheel",
    "python3 -m venv": "belongs to a release; tests/packaging installs the wheel in an environment of its own",
    "trial/bin/": "belongs to a release",
}
"""Beginning of a command (with `$` the whole of it) → why it is not typed here. Nothing else is left out."""

INSTEAD = (
    (r"^steward approve (\S+)$", r"steward approve \1 --yes", "asks on a terminal"),
    (r"^git commit\b", "git commit --allow-empty", "a page may have nothing to commit"),
)
"""What is typed instead of a command, and why."""

TOGETHER = [("docs/tutorial/1-first-letter.md", "docs/tutorial/2-first-playbook.md")]
"""Pages that follow one another in the same home."""

BACKUPS = "docs/how-to/restore-a-backup.md"
"""Has a test of its own, for something is lost in between."""


def is_left_out(text: str) -> str:
    """The entry of NOT_RUN that a command begins with, or nothing."""
    plain = text.replace('"', "'")
    return next((start for start in NOT_RUN if f"{plain}$".startswith(start)), "")


@dataclass
class Reader:
    """Somebody with an empty home who types what a page says."""

    home: Path
    here: Path = field(init=False)
    shown: str = ""

    def __post_init__(self) -> None:
        self.here = self.home

    @property
    def env(self) -> dict[str, str]:
        return {
            "HOME": str(self.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "STEWARD_MEMORY": "off",
        } | {name: os.environ[name] for name in ("TMPDIR",) if name in os.environ}  # fmt: skip

    def steward(self, *words: str, exits: tuple[int, ...] = (0, 4)) -> str:
        done = warm.run(words, cwd=self.here, env=self.env)
        assert done.returncode in exits, f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def placed(self, text: str) -> str:
        """The command with what the page leaves to its reader filled in."""
        if "7F3K" in text:
            rows = json.loads(self.steward("queue", "--json"))["data"]
            text = text.replace("7F3K", rows[0]["short"])
        if re.search(r"\bSTATE\b", text):
            state = re.search(r"state +(\S+)", self.steward("status"))
            assert state is not None
            text = re.sub(r"\bSTATE\b", state[1], text)
        for name in ("COPY", "ELSEWHERE"):
            folder = self.home / name.lower()
            folder.mkdir(exist_ok=True)
            text = re.sub(rf"\b{name}\b", str(folder), text)
        return re.sub(r"\bNAME\b", "no-answer", text)

    def types(self, command: Command) -> None:
        text = self.placed(command.text)
        for pattern, replacement, _ in INSTEAD:
            text = re.sub(pattern, replacement, text)
        words = [str(self.home) + word[1:] if word.startswith("~/") else word for word in shlex.split(text)]
        if words[0] == "cd":
            self.here = self.here / words[1]
            assert self.here.is_dir(), f"{command.page}:{command.line}: there is no {self.here}"
        elif words[0] == "steward":
            self.shown = self.steward(*words[1:], exits=command.exits)
            if words[1] == "init":
                self.hurries(self.here / words[2])
        else:
            done = subprocess.run(
                ["bash", "-c", text], cwd=self.here, env=self.env, capture_output=True, text=True, check=False
            )
            assert done.returncode in command.exits, (
                f"{command.page}:{command.line}: {done.stdout}{done.stderr}"
            )

    def hurries(self, workspace: Path) -> None:
        """Let acknowledgements leave after one second instead of twenty."""
        playbook = workspace / "playbooks" / "lead-capture.yaml"
        text = playbook.read_text(encoding="utf-8")
        playbook.write_text(text.replace("undo-within: 20s", "undo-within: 1s"), encoding="utf-8")
        subprocess.run(["git", "commit", "-qam", "Hurry"], cwd=workspace, env=self.env, check=True)

    def saves(self, block: Block) -> None:
        """Write the block as its file; one that was dropped a while ago counts at once."""
        path = self.here / block.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        earlier = time.time() - 60
        os.utime(path, (earlier, earlier))

    def reads(self, page: str) -> int:
        """Type the page, top to bottom; how many commands it had."""
        typed = 0
        for block in blocks_of(page):
            if block.path:
                self.saves(block)
            for command in commands_of(block) if block.language == "sh" else ():
                if not is_left_out(command.text):
                    self.types(command)
                    typed += 1
        return typed


@pytest.fixture(scope="module")
def business(tmp_path_factory) -> Path:
    """A home with a workspace, to be copied."""
    home = tmp_path_factory.mktemp("home")
    reader = Reader(home)
    reader.steward("init", str(home / "business"), "--name", "Robin Park", "--email", "robin@example.org")
    return home


def groups() -> list[tuple[str, ...]]:
    """Pages with commands that are typed, those that follow one another together."""
    typed = {block.page for block in blocks("sh") if any(not is_left_out(c.text) for c in commands_of(block))}
    followed = {BACKUPS, *(page for group in TOGETHER for page in group)}
    return [*TOGETHER, *((page,) for page in sorted(typed - followed))]


@pytest.mark.parametrize("group", groups(), ids=lambda group: group[0])
def test_what_a_page_shows_can_be_typed(group, business, tmp_path):
    home = tmp_path / "home"
    reader = Reader(home)
    if group in TOGETHER:
        home.mkdir()
    else:
        shutil.copytree(business, home, symlinks=True)
        reader.here = home / "business"
    for page in group:
        assert reader.reads(page) > 0


def test_the_card_of_the_readme_is_the_one_its_playbook_makes(business, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(business, home, symlinks=True)
    reader = Reader(home)
    reader.here = home / "business"
    (letter,) = [
        block for block in blocks_of("docs/tutorial/2-first-playbook.md") if block.path.endswith(".eml")
    ]
    playbook, card = [block for block in blocks_of("README.md") if block.language in {"yaml", "text"}]
    reader.saves(playbook)
    subprocess.run(["git", "add", "."], cwd=reader.here, env=reader.env, check=True)
    subprocess.run(["git", "commit", "-qm", "Thank"], cwd=reader.here, env=reader.env, check=True)
    reader.saves(letter)
    reader.steward("run", "--no-wait")
    shown = reader.steward(*reader.placed("show 7F3K").split())
    lines = {line.strip() for line in shown.splitlines()}
    head, *body = [line for line in card.text.splitlines() if line.strip()]
    assert [line for line in body if line.strip() not in lines] == []
    first = shown.splitlines()[0]
    assert [part for part in head.replace("7F3K", "").split("  ") if part.strip() not in first] == []


def test_a_copy_is_restored(business, tmp_path):
    """The page on backups, with the old state folder moved away in between."""
    home = tmp_path / "home"
    shutil.copytree(business, home, symlinks=True)
    reader = Reader(home)
    reader.here = home / "business"
    reader.steward("run", "--no-wait")
    state = Path(reader.placed("STATE"))
    commands = [
        command for block in blocks_of(BACKUPS) if block.language == "sh" for command in commands_of(block)
    ]
    for command in commands:
        if is_left_out(command.text):
            continue
        if command.text == "cd business":
            reader.here = home
        # The folder is known by then; `status` would make a new one.
        text = re.sub(r"\bSTATE\b", str(state), command.text)
        reader.types(Command(page=command.page, line=command.line, text=text, exits=command.exits))
    assert state.with_name(f"{state.name}.old").is_dir()
    assert "nothing altered, cut off or lost" in reader.shown


@pytest.mark.parametrize("text", ["steward chek", "steward show ZZZZ", "ls nothing-here", "cd nothing-here"])
def test_a_command_that_does_not_work_is_found(text, business):
    reader = Reader(business)
    reader.here = business / "business"
    with pytest.raises(AssertionError):
        reader.types(Command(page="x.md", line=1, text=text, exits=(0, 4)))


def test_nothing_is_left_out_without_need():
    """Each entry is about a command that stands on a page, and no command that is left out is a plain `steward` one by mistake."""
    texts = [command.text for block in blocks("sh") for command in commands_of(block)]
    left_out = [is_left_out(text) for text in texts]
    assert [start for start in NOT_RUN if start not in left_out] == []
    assert sum(not start for start in left_out) >= 25
