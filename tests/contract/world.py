"""A small workspace on disk with every built-in connector wired to it, and one sensible call of every action."""

import hashlib
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from engine.connectors import BuiltinConnectors, build, declare_all
from engine.connectors.email.imap.sync import ImapRuntime
from engine.model.definitions.actions import reach_of
from engine.model.definitions.settings import Config, ConnectorConfig, Person
from engine.model.effects import Call, Effect, Preview
from engine.model.errors import PermanentError
from engine.model.ports import Arrival
from engine.model.values.ids import EffectKey, RunId, effect_key
from engine.model.values.timestamps import stamp

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RUN = RunId("ab" * 32)
KEY = b"k" * 32
OPERATOR = Person(id="operator", name="Robin Park", email="robin@example.com")

LETTER = b"""From: Ada Winter <ada@winterlight.example.com>
To: Robin Park <robin@example.com>
Subject: Website check
Date: Mon, 2 Mar 2026 09:14:03 +0100
Message-ID: <first@winterlight.example.com>

Hello Robin,

could you give us a quote?

Ada
"""

TEMPLATE = {"name": "got-it", "subject": "We have it", "body": "Hello,\n\nthank you.\n", "language": "en"}
PAPER = {
    "name": "services-agreement",
    "subject": "Agreement",
    "body": "# Agreement\n\nBetween **us** and you.\n\n- one\n- two\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n",
    "language": "en",
}


class Blobs:
    """Bytes by handle, in memory."""

    def __init__(self):
        self.held = {}

    def put(self, data, subject):
        handle = f"blob-{len(self.held)}"
        self.held[handle] = data
        return handle

    keep = put

    def get(self, handle):
        if handle not in self.held:
            raise PermanentError("gone", code="gone")
        return self.held[handle]

    def record(self, name, data, media="application/pdf"):
        """A file record, as the engine makes them."""
        digest = hashlib.sha256(data).hexdigest()
        return {
            "name": name,
            "media": media,
            "size": len(data),
            "sha256": digest,
            "handle": self.put(data, None),
        }


class Secrets:
    """Knows what it is told, and remembers what it was asked."""

    def __init__(self, **known):
        self.known = known
        self.asked = []

    def secret(self, name):
        self.asked.append(name)
        return self.known[name]


class World:
    """A workspace in `root`."""

    def __init__(self, root: Path, **settings):
        self.root = root
        self.blobs = Blobs()
        self.secrets = Secrets(MAIL="hunter2")
        self.settings = settings
        self.shown: list[str] = []
        self.attached: ImapRuntime | None = None
        (root / "vault" / "inbox").mkdir(parents=True, exist_ok=True)

    def wired(self, operator=OPERATOR) -> BuiltinConnectors:
        """The connectors, as after a start of the program."""
        blocks = tuple(ConnectorConfig(name=name, settings=block) for name, block in self.settings.items())
        config = Config(operator=operator, time_zone="Europe/Warsaw", connectors=blocks)
        return build(
            config,
            root=str(self.root),
            home=str(self.root),
            index_key=KEY,
            blobs=self.blobs,
            secrets=self.secrets,
            screen=self.shown.append,
            attached=self.attached,
        )

    def drop(self, name: str, data: bytes = LETTER, folder: str = "vault/inbox") -> Path:
        """Put a letter into a mailbox."""
        path = self.root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def arrivals(self, seen=lambda _: False) -> list[Arrival]:
        return list(self.wired().source.poll(seen))

    def snapshot(self) -> dict[str, tuple[int, bytes]]:
        """Every file and folder: mode and content."""
        found = {}
        for folder, names, files in os.walk(self.root):
            for name in names + files:
                path = Path(folder, name)
                mode = path.lstat().st_mode
                found[str(path.relative_to(self.root))] = (
                    mode,
                    path.read_bytes() if stat.S_ISREG(mode) else b"",
                )
        return found


def call(action: str, args, *, trigger=None, step="step", revision=1, at=AT) -> Call:
    key = effect_key(RUN, step, "", action, revision)
    return Call(
        action=action,
        args=args,
        run=RUN,
        step=step,
        subject=None,
        trigger=trigger or {},
        at=at,
        key=key,
        revision=revision,
    )


def effect(asked: Call, preview: Preview, *, kind=None) -> Effect:
    spec = next(one for one in declare_all() if one.name == asked.action)
    return Effect(
        action=asked.action,
        key=asked.key or EffectKey(""),
        revision=asked.revision,
        run=asked.run,
        step=asked.step,
        subject=asked.subject,
        kind=kind or spec.kind,
        reach=reach_of(spec, asked.args),
        args=asked.args,
        preview=preview,
        digest="",
        labels={},
        at=stamp(asked.at),
    )


def letter_event(world: World):
    world.drop("01.eml")
    return world.arrivals()[0].event


def _acknowledge(world):
    return call("email/acknowledge", {"template": TEMPLATE}, trigger=letter_event(world))


def _reply(world):
    file = world.blobs.record("Vertrag für Sie.pdf", b"%PDF-1.4 " * 100)
    args = {"body": "Grüße!", "attach": [None, file], "link": "https://pay.example.com/R-1"}
    return call("email/reply", args, trigger=letter_event(world))


def _write(world):
    world.drop("note.md", b"before", folder="vault/knowledge")
    return call("files/write", {"path": "vault/knowledge/note.md", "text": "after ✓\n"})


def _restore(world):
    world.drop("note.md", b"after", folder="vault/knowledge")
    before = world.blobs.record("note.md", b"before", media="application/octet-stream")
    digest = hashlib.sha256(b"after").hexdigest()
    return call("files/restore", {"path": "vault/knowledge/note.md", "sha256": digest, "before": before})


def _render(world):
    return call("documents/render", {"template": PAPER, "values": {}})


def _request(world):
    items = [{"what": "Website check", "amount": "490.00 EUR"}, {"what": "Care plan", "amount": "120.00 EUR"}]
    return call("payments/request", {"items": items}, step="pay")


def _void(world):
    asked = _request(world)
    payments = world.wired().connectors["payments"]
    made = payments.perform(effect(asked, payments.preview(asked)))
    return call("payments/void", {"reference": made.outputs["reference"]})


def _notify(world):
    return call("notify/me", {"text": "Somebody said\nno. \x1b[31mRed"})


CASES: dict[str, Callable[[World], Call]] = {
    "email/acknowledge": _acknowledge,
    "email/reply": _reply,
    "files/write": _write,
    "files/restore": _restore,
    "documents/render": _render,
    "payments/request": _request,
    "payments/void": _void,
    "notify/me": _notify,
}
