"""Notices to the operator: a line in `outbox/notices.log`, and on the screen when somebody is looking."""

import threading
from collections.abc import Callable

from engine.connectors import declared, places
from engine.connectors.arguments import key_of, one_line, plain, spec_of
from engine.model.actions import ActionSpec
from engine.model.canonical import decode, encode
from engine.model.effects import Call, Effect, Outcome, Preview
from engine.model.times import stamp

FOLDER, NAME = ("outbox",), "notices.log"
MAX_TEXT = 4000
_MAX_LOG = 200_000_000


class Notify:
    """Port Connector for `notify/me`. `screen` shows one line to whoever is looking; it never decides the outcome."""

    def __init__(self, *, root: str, screen: Callable[[str], None] | None = None) -> None:
        self._root = root
        self._screen = screen
        self._lock = threading.Lock()

    def declare(self) -> tuple[ActionSpec, ...]:
        """One action."""
        return declared.notify()

    def preview(self, call: Call) -> Preview:
        """The line of the log: key, time and words as JSON."""
        spec_of(self.declare(), call)
        text = plain(str(call.args["text"]))[:MAX_TEXT]
        body = encode({"at": stamp(call.at), "key": key_of(call), "text": text})
        return Preview(body=body, media="application/json", facts=(("Notice", one_line(text, 500)),))

    def perform(self, effect: Effect) -> Outcome:
        """Append the line once, then show it. Raises TransientError when the disk refuses."""
        with self._lock:
            if self._noted(effect.key):
                return Outcome(outputs={"noted": True}, repeated=True)
            with places.disk_errors("the notice"), places.folder(self._root, FOLDER, create=True) as here:
                places.append(here, NAME, effect.preview.body)
        if self._screen is not None:
            self._screen(one_line(str(decode(effect.preview.body)["text"]), 500))
        return Outcome(outputs={"noted": True})

    def find(self, effect: Effect) -> Outcome | None:
        """Look for the key in the log."""
        return Outcome(outputs={"noted": True}, repeated=True) if self._noted(effect.key) else None

    def _noted(self, key: str) -> bool:
        try:
            with places.folder(self._root, FOLDER) as here:
                log = places.read_if_there(here, NAME, _MAX_LOG) or b""
        except FileNotFoundError:
            return False
        # Keys are 64 hex characters in sorted JSON: a torn line has no end and doesn't count.
        needle = f'"key":"{key}"'.encode()
        return any(needle in line and line.endswith(b"}") for line in log.split(b"\n"))
