"""The place of the outbox: beside the state, where no `git clean` comes and no older state is put back, with a link to it in the workspace."""

import os
from pathlib import Path

from engine.app.workspace.workspace import Workspace
from engine.model.values import paths
from engine.vault import exclude

NAME = paths.OUTBOX


def outbox_of(workspace: Workspace) -> Path:
    """The folder itself."""
    return workspace.state.letters / NAME


def settle(workspace: Workspace) -> str:
    """Make the folder and the link; files in a real folder of the workspace move there. Returns what failed, in words; empty for success.

    Repeating it changes nothing, also after it was cut off half-way.
    """
    home, link = outbox_of(workspace), workspace.root / NAME
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if link.is_symlink():
            if _leads(link, home):
                return ""
            if not _ours(link):
                return f"{link} is a link to somewhere else; letters lie in {home}"
            link.unlink()
        elif link.is_dir():
            _move(link, home)
        elif link.exists():
            return f"{link} is no folder; letters lie in {home}"
        exclude(workspace.root, f"/{NAME}")
        link.symlink_to(os.path.relpath(home.resolve(), link.parent.resolve()), target_is_directory=True)
    except OSError as error:
        return f"{link} can't be made a link ({error.strerror}); letters lie in {home}"
    return ""


def _leads(link: Path, home: Path) -> bool:
    try:
        return link.samefile(home)
    except OSError:
        return False


def _ours(link: Path) -> bool:
    """Whether it was made here, for a state that lay elsewhere: it leads to nothing, or to another state's outbox."""
    target = link.parent / os.readlink(link)
    return not target.exists() or (target.name == NAME and target.parent.suffix == ".letters")


def _move(old: Path, home: Path) -> None:
    """Each file by itself, so that what was cut off half-way goes on. Of two under one name both stay."""
    for folder, below, names in os.walk(old, topdown=False):
        into = home / Path(folder).relative_to(old)
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in names:
            _put(Path(folder) / name, into / name)
        for name in below:
            if (Path(folder) / name).is_symlink():
                _put(Path(folder) / name, into / name)
        os.rmdir(folder)


def _put(source: Path, target: Path) -> None:
    same = target.is_file() and source.is_file() and target.read_bytes() == source.read_bytes()
    if same:
        source.unlink()
        return
    number = 2
    free = target
    while os.path.lexists(free):
        free = target.with_name(f"{target.stem} ({number}){target.suffix}")
        number += 1
    try:
        source.rename(free)
    except OSError:
        # Another disk: copied whole under another name first.
        part = free.with_name(f".{free.name}.part")
        part.write_bytes(source.read_bytes())
        with open(part, "rb") as file:
            os.fsync(file.fileno())
        part.rename(free)
        source.unlink()
