"""A workspace in a folder, asked through the same door as every command, under virtual time.

Everything lies below one folder: ``work`` (the workspace, a git repository), ``state`` and the provider's file. A copy of the folder is
the same scenario again, and a killed process leaves behind exactly what the next one opens: the clock goes on from the ledger.
"""

import base64
import functools
import hmac
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any, Self

from engine.app.commands import command_bus
from engine.app.commands.command_bus import LedgerReader, Listener
from engine.app.composition import Extra, build_app
from engine.app.queries import descriptions
from engine.app.queries import queue as queue_query
from engine.app.setup import starter_files
from engine.app.workspace.workspace import Workspace, open_workspace
from engine.connectors import webhooks
from engine.governance import second_factor
from engine.ledger import Keys
from engine.model.events.events import Event
from engine.model.ports import Probe
from engine.model.requests import Decided, Request, RequestKind
from engine.model.state.state import CardState, RunState, State
from engine.model.values import canonical_json
from engine.model.values.canonical_json import Json
from engine.model.values.ids import ValueId
from engine.model.values.timestamps import moment, stamp
from engine.runtime.executor import InLine
from engine.testing.clock import START, VirtualClock, jitter
from engine.testing.connector import ACTIONS, ProviderConnector
from engine.vault import commit_all, init_repository

PASSPHRASE = "correct horse battery staple"  # noqa: S105 - it opens nothing but scenarios
PROVIDER_FILE = "provider.jsonl"
_MAIL = "vault/inbox"
_WHY = "As the scenario wants it"


_Content = tuple[tuple[str, ...], tuple[tuple[str, bytes, int], ...]]
"""A folder in memory: (folders, (file, bytes, mode) of each file), outer folders before inner ones."""


@functools.lru_cache(maxsize=16)
def _begun(files: frozenset[tuple[str, str]], *, bare: bool) -> _Content:
    """What a scenario with these files begins as: the starter's files, committed, then `files`. Made once per process."""
    with tempfile.TemporaryDirectory(prefix="scenario-") as folder:
        begun = Scenario(folder=Path(folder), clock=VirtualClock())
        if files:
            _lay_out(_begun(frozenset(), bare=bare), begun.root)
            begun.commit(dict(files))
            return _content(begun.root)
        begun.root.mkdir()
        starter_files.write(begun.root, id="scenario")
        if bare:
            shutil.rmtree(begun.root / "playbooks")
            for sop in (begun.root / "vault" / "sops").glob("*.md"):
                sop.unlink()
        init_repository(begun.root, "Robin Park", "robin@example.com")
        begun.commit({})
        return _content(begun.root)


def _content(root: Path) -> _Content:
    folders, files = [], []
    for path in sorted(root.rglob("*")):
        name = os.fspath(path.relative_to(root))
        if path.is_dir():
            folders.append(name)
        else:
            files.append((name, path.read_bytes(), path.stat().st_mode & 0o777))
    return tuple(folders), tuple(files)


def _lay_out(content: _Content, root: Path) -> None:
    """Write it. Copying a folder, which looks at each of its parts first, would be a third of what a scenario costs."""
    folders, files = content
    for name in ("", *folders):
        os.mkdir(os.path.join(root, name))
    for name, content_, mode in files:
        with open(os.path.join(root, name), "xb", opener=functools.partial(os.open, mode=mode)) as file:
            file.write(content_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A card as a person sees it: its state, and what it shows."""

    card: CardState
    content: dict[str, Any]

    @property
    def digest(self) -> str:
        """What an approval must name."""
        return str(self.content["digest"])

    @property
    def text(self) -> str:
        """The editable words of the first member that has any."""
        return next((str(member["text"]) for member in self.content["members"] if member["text"]), "")


@dataclass(slots=True, kw_only=True)
class Scenario:
    """One operator's company, in a folder. Not safe for several threads; several processes are what it is for."""

    folder: Path
    clock: VirtualClock
    provider: str = ""
    probe: Probe | None = None
    heard: list[Event] = field(default_factory=list)
    listen: Listener | None = None
    chance: Callable[[], float] = field(default_factory=jitter)

    @classmethod
    def make(
        cls, folder: Path, *, files: Mapping[str, str] | None = None, provider: str = "", bare: bool = False
    ) -> Self:
        """A new workspace with the starter's files and `files` (path → text) over them. `bare`: without the starter's playbooks and SOPs."""
        folder.mkdir(parents=True, exist_ok=True)
        scenario = cls(folder=folder, clock=VirtualClock(), provider=provider)
        _lay_out(_begun(frozenset((files or {}).items()), bare=bare), scenario.root)
        return scenario

    @classmethod
    def at(cls, folder: Path, *, provider: str = "", probe: Probe | None = None) -> Self:
        """The scenario kept in `folder`; its clock shows the time of its last event."""
        scenario = cls(folder=folder, clock=VirtualClock(), provider=provider, probe=probe)
        with scenario.reading() as reading:
            last = max((event.ts for event in reading.ledger.events()), default="")
        if last:
            scenario.clock = VirtualClock(max(START, moment(last)))
        return scenario

    # ------------------------------------------------------------ the workspace

    @property
    def root(self) -> Path:
        """The workspace."""
        return self.folder / "work"

    @property
    def env(self) -> dict[str, str]:
        """Where its state is found; all a command needs to know."""
        return {"XDG_STATE_HOME": os.fspath(self.folder / "state"), "HOME": os.fspath(self.folder / "home")}

    def workspace(self) -> Workspace:
        """As it is deployed now."""
        return open_workspace(self.root, self.env)

    def commit(self, files: Mapping[str, str]) -> str:
        """Write files and deploy them."""
        for name, text in files.items():
            target = self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        return commit_all(self.root, _WHY, at=self.clock.now())

    def drop(self, name: str, letter: bytes, *, mailbox: str = "leads") -> Path:
        """Put a letter into a mailbox, whole. The same name again replaces it."""
        box = self.root / _MAIL / mailbox
        box.mkdir(parents=True, exist_ok=True)
        part = box / f".{name}.part"
        part.write_bytes(letter)
        when = self.clock.now().timestamp()
        os.utime(part, (when, when))
        return part.replace(box / f"{name}.eml")

    def call(
        self, path: str, body: Json, *, id: str, secret: str, age: timedelta = timedelta(0), token: str = ""
    ) -> None:
        """A webhook lands in the spool, signed `age` ago."""
        now = self.clock.now()
        delivery = signed(path, body, id=id, secret=secret, at=now - age, received=now)
        webhooks.put(self.workspace().state.make().path, delivery, token=token or id)

    # ------------------------------------------------------------ asking

    def ask(
        self, kind: RequestKind, *, id: str = "", target: str = "", digest: str = "", body: Json = None,
        passphrase: str = "", quietly: bool = False,
    ) -> Decided:  # fmt: skip
        """One request, through the door every command uses. `id` makes it the same request again."""
        asked = command_bus.request(kind, actor="robin", target=target, digest=digest, body=body)
        asked = replace(asked, id=id) if id else asked
        if passphrase:
            keys = Keys.open(self.workspace().state)
            try:
                asked = replace(
                    asked, strength=2, proof=second_factor.prove_passphrase(keys, passphrase, asked)
                )
            finally:
                keys.close()
        return self._carried(asked, quietly=quietly)

    def _carried(self, asked: Request, *, quietly: bool = False) -> Decided:
        workspace = self.workspace()
        additions = None
        if self.provider:
            connectors = {"provider": ProviderConnector(self.provider)}
            additions = Extra(connectors=connectors, specs={spec.name: spec for spec in ACTIONS})
        wire = partial(
            build_app, clock=self.clock, executor=InLine(), additions=additions, chance=self.chance
        )
        carried = command_bus.submit(
            workspace, asked, listen=self._hear, quietly=quietly, probe=self.probe, wire=wire
        )
        return carried.decided

    def _hear(self, event: Event) -> None:
        self.heard.append(event)
        if self.listen is not None:
            self.listen(event)

    def run(self, *, quietly: bool = False) -> Decided:
        """One pass over the sources. `quietly`: as soon as it was read, without waiting anything out."""
        return self.ask("pass", quietly=quietly)

    def start(self, name: str, **inputs: Json) -> Decided:
        """Start a playbook or SOP by hand."""
        return self.ask("start", target=name, body={"inputs": inputs})

    def tell(self, type_: str, *, id: str, account: str = "acct_1", **fields: Json) -> Decided:
        """An event a connector has verified. Underscores in names of fields stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        return self._carried(command_bus.connector_event(type_, account=account, id=id, fields=named))

    def approve(self, shown: Shown, *, passphrase: str = "") -> Decided:
        """Yes to exactly what was shown; with the passphrase where the card wants it."""
        proof = passphrase or (PASSPHRASE if shown.card.strength == 2 else "")
        return self.ask("approve", target=shown.card.id, digest=shown.digest, passphrase=proof)

    def edit(self, shown: Shown, text: str) -> Decided:
        """Other words."""
        return self.ask("edit", target=shown.card.id, body={"text": text})

    def enrol(self) -> Decided:
        """Enrol `PASSPHRASE`, with a salt that is always the same."""
        keys = Keys.open(self.workspace().state)
        try:
            second_factor.enrol_passphrase(keys, PASSPHRASE, salt=bytes(16))
        finally:
            keys.close()
        return self.ask("enrol", target="passphrase")

    def later(self, length: timedelta) -> Decided:
        """Let time pass, then take up what became due."""
        self.clock.advance(length)
        return self.run()

    # ------------------------------------------------------------ looking

    @contextmanager
    def reading(self) -> Iterator[LedgerReader]:
        """The ledger, without owning it."""
        reading = command_bus.open_reader(self.workspace())
        try:
            yield reading
        finally:
            reading.close()

    def book(self) -> State:
        """What the ledger adds up to."""
        with self.reading() as reading:
            return reading.book

    def events(self) -> list[Event]:
        """All of it."""
        with self.reading() as reading:
            return list(reading.ledger.events())

    def value(self, id_: str | None) -> Json:
        """A sealed value."""
        with self.reading() as reading:
            return None if id_ is None else reading.ledger.unseal(ValueId(id_))

    def cards(self, *, status: str = "open") -> list[Shown]:
        """Cards of one status, oldest first."""
        with self.reading() as reading:
            matching = [card for card in reading.book.cards.values() if card.status == status]
            return [Shown(card=card, content=descriptions.content(reading, card)) for card in matching]

    def queue(self) -> list[queue_query.QueueRow]:
        """What waits for a person now."""
        with self.reading() as reading:
            return queue_query.rows(reading, now=stamp(self.clock.now()))

    def runs(self, playbook: str = "") -> list[RunState]:
        """Runs in the order of their creation."""
        ordered = sorted(self.book().runs.values(), key=lambda run: run.order)
        return [run for run in ordered if playbook in {"", run.playbook}]

    def outbox(self) -> dict[str, bytes]:
        """Name → bytes of every letter in the outbox and its folders."""
        box = self.workspace().state.letters / "outbox"
        return {file.relative_to(box).as_posix(): file.read_bytes() for file in sorted(box.rglob("*.eml"))}


def letter(
    subject: str,
    text: str,
    *,
    sender: str = "Ada Byron <ada@example.org>",
    id: str = "",
    answers: str = "",
    **headers: str,
) -> bytes:
    """A plain letter to the operator. `id` is its Message-ID without brackets, `answers` that of the letter it replies to."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "robin@example.com", subject
    message["Date"] = "Mon, 02 Mar 2026 08:30:00 +0000"
    message["Message-ID"] = f"<{id or subject.lower().replace(' ', '-') + '@example.org'}>"
    if answers:
        message["In-Reply-To"] = message["References"] = f"<{answers}>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


def signed(
    path: str, body: Json, *, id: str, secret: str, at: datetime, received: datetime
) -> webhooks.Delivery:
    """A call from outside, signed as Standard Webhooks say."""
    payload, seconds = canonical_json.encode(body), str(int(at.timestamp()))
    signature = hmac.digest(secret.encode(), f"{id}.{seconds}.".encode() + payload, "sha256")
    headers = {
        "webhook-id": id,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }
    return webhooks.Delivery(path=path, headers=headers, body=payload, received=stamp(received))


class Counting:
    """A probe that counts points and, at the one it is told, calls `at_last`. Points of all threads are counted in one row."""

    def __init__(self, last: int = 0, at_last: "Probe | None" = None) -> None:
        self.points: list[str] = []
        self._last, self._at_last, self._lock = last, at_last, threading.Lock()

    def __call__(self, point: str, /) -> None:
        """Reached."""
        with self._lock:
            self.points.append(point)
            if len(self.points) == self._last and self._at_last is not None:
                self._at_last(point)
