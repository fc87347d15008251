"""Notebooks of the workspace: programs that run as the operator, so only bytes a person vouched for are ever served.

What is accepted is a digest, and what is served are the bytes the ledger keeps under it, from a folder of this process's own: a file that
is swapped after a person looked, a link that points elsewhere, or a file beside the notebook never comes to run.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.app.workspace.workspace import Workspace
from engine.ledger import Keys, Ledger
from engine.model.errors import PermanentError, Refused, UsageError
from engine.model.events.owner import MAX_NOTEBOOK_BYTES, NOTEBOOK
from engine.model.values.canonical_json import sha256
from engine.observe import today_page
from engine.observe.history import body_of

_NOTHING = "Nothing was run."
_LAST = "SELECT body FROM events WHERE type = 'notebook.accepted' AND body->>'$.path' = ? ORDER BY seq DESC LIMIT 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """A notebook as its file is now."""

    path: str
    name: str
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of its bytes."""
        return sha256(self.text.encode())


def read(workspace: Workspace, name: str) -> Notebook:
    """The notebook of this name or path. Raises UsageError when there is none, and for anything but a plain file of the folder."""
    path = name if name.startswith("notebooks/") else f"notebooks/{name.removesuffix('.py')}.py"
    match = NOTEBOOK.fullmatch(path)
    if match is None:
        raise UsageError(
            f"{name} is no notebook of this workspace: they are called notebooks/NAME.py, in small letters",
            code="notebook",
            now_true=_NOTHING,
            way_out="steward open today   or   steward open run ID",
        )
    try:
        content = _bytes(workspace.root, f"{match[1]}.py")
        return Notebook(path=path, name=match[1], text=content.decode("utf-8"))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path} can't be read: {why}", code="notebook", now_true=_NOTHING) from error


def _bytes(root: Path, name: str) -> bytes:
    """The bytes of a plain file of the folder. Follows no link. Raises OSError, and ValueError for anything else."""
    folder = os.open(root / "notebooks", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        # Non-blocking: a pipe must not keep the command waiting.
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("it is not a file")
        content = file.read(MAX_NOTEBOOK_BYTES + 1)
    if len(content) > MAX_NOTEBOOK_BYTES:
        raise ValueError(f"it is longer than {MAX_NOTEBOOK_BYTES} bytes")
    return content


@contextmanager
def accepted(workspace: Workspace, name: str) -> Iterator[tuple[str, Path]]:
    """(name, file) of an accepted notebook: the file is a copy of what was accepted, in a folder that goes with it.

    Raises Refused(code='notebook') when it was not accepted as it is now, and what `read` raises.
    """
    notebook = read(workspace, name)
    with today_page.look(workspace.state) as seen:
        rows = seen.history.rows(_LAST, notebook.path)
    digest = str(body_of(rows[0])["digest"]) if rows else ""
    if digest != notebook.digest:
        problem = "is not what was accepted" if digest else "is a program nobody has vouched for"
        raise Refused(
            f"{notebook.path} {problem}", code="notebook", now_true=_NOTHING, way_out=f"read it, then: steward open --accept {notebook.path}",
        )  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="notebook-", dir=workspace.state.make().path))
    try:
        copy = folder / f"{notebook.name}.py"
        copy.write_bytes(_accepted_bytes(workspace, digest))
        copy.chmod(0o400)
        yield notebook.name, copy
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _accepted_bytes(workspace: Workspace, digest: str) -> bytes:
    keys = Keys.open(workspace.state)
    try:
        ledger = Ledger.open(workspace.state, keys=keys, owner=None)
        try:
            return ledger.load_content(digest)
        except KeyError:
            raise PermanentError(
                "the accepted notebook is not in the ledger any more",
                code="notebook",
                way_out="steward verify",
            ) from None
        finally:
            ledger.close()
    finally:
        keys.close()
