"""Notices to the operator: a line in `outbox/notices.log`, on the screen while the operator is looking, and through the first channel that takes them.

The log is what makes a call safe to repeat. Before a channel is tried its name is written beside the key, and after it how it ended: so
words that a channel took are never sent again, also when the process died in between. Where it is unknown whether a channel took them, it
is queried if possible, and the next one is tried all the same. When no channel took them the next attempt gives them to each channel again,
under the same key: to oneself, better twice than not at all.
"""

import threading
from collections.abc import Callable
from typing import Any

from engine.connectors import action_specs, safe_paths
from engine.connectors.arguments import key_of, one_line, plain, spec_of
from engine.connectors.notify_channels import Channel, NoticeText
from engine.model.definitions.actions import ActionSpec
from engine.model.effects import Call, Effect, Outcome, Preview
from engine.model.errors import EngineError, PermanentError, TransientError, UnknownOutcome
from engine.model.values.canonical_json import Json, decode, encode
from engine.model.values.timestamps import moment, stamp

FOLDER, NAME = ("outbox",), "notices.log"
MAX_TEXT = 4000
_MAX_LOG = 200_000_000


class Notify:
    """Port Connector for `notify/me`. `screen` shows one line to the operator; without `channels` there is only the line in the log."""

    def __init__(
        self, *, root: str, screen: Callable[[str], None] | None = None, channels: tuple[Channel, ...] = ()
    ) -> None:
        self._root = root
        self._screen = screen
        self._channels = channels
        self._lock = threading.Lock()

    def declare(self) -> tuple[ActionSpec, ...]:
        """One action."""
        return action_specs.notify()

    def preview(self, call: Call) -> Preview:
        """The line of the log: key, time and words as JSON."""
        spec_of(self.declare(), call)
        text = plain(str(call.args["text"]))[:MAX_TEXT]
        body = encode({"at": stamp(call.at), "key": key_of(call), "text": text})
        way = ", else ".join(channel.name for channel in self._channels) or "the log and the screen"
        return Preview(
            body=body, media="application/json", facts=(("Notice", one_line(text, 500)), ("Through", way))
        )

    def perform(self, effect: Effect) -> Outcome:
        """Note it once, show it once, and tell it through the first channel that takes it.

        Raises TransientError when the disk refuses; when no channel took it, TransientError where trying again may help, else
        PermanentError (code ``untold``).
        """
        notice = decode(effect.preview.body)
        log = self._log(effect.key)
        if not log.noted:
            self._append(effect.preview.body)
            if self._screen is not None:
                self._screen(one_line(str(notice["text"]), 500))
        if not self._channels:
            return _outcome(repeated=log.noted)
        words = NoticeText(key=effect.key, at=moment(notice["at"]), text=str(notice["text"]))
        return self._through(words, log.ends)

    def find(self, effect: Effect) -> Outcome | None:
        """Look for the key in the log. Raises UnknownOutcome when a channel was tried and the log does not say how that ended."""
        log = self._log(effect.key)
        by = next((name for name, end in log.ends.items() if end == "told"), "")
        if by or (log.noted and not self._channels):
            return _outcome(by, repeated=True)
        if "trying" in log.ends.values():
            raise UnknownOutcome("a channel was tried and how that ended is not known", code="untold")
        return None

    def _through(self, words: NoticeText, ends: dict[str, str]) -> Outcome:
        by = next((name for name, end in ends.items() if end == "told"), "")
        if by:
            return _outcome(by, repeated=True)
        not_by: dict[str, EngineError] = {}
        for channel in self._channels:
            try:
                repeated = self._once(channel, words, begun=channel.name in ends)
            except EngineError as error:
                not_by[channel.name] = error
            else:
                return _outcome(channel.name, not_by=list(not_by), repeated=repeated)
        raise _nobody(not_by)

    def _once(self, channel: Channel, words: NoticeText, *, begun: bool) -> bool:
        """Give the words to a channel; whether it has them already of an earlier call (`begun`), whatever that was answered with."""
        repeated = begun and channel.holds(words)
        if not repeated:
            self._send(channel, words)
        self._end(channel, words, "told")
        return repeated

    def _send(self, channel: Channel, words: NoticeText) -> None:
        """One call. Raises what the channel raises; a missing answer is asked for."""
        self._end(channel, words, "trying")
        try:
            channel.send(words)
        except UnknownOutcome:
            if not channel.holds(words):
                raise
        except (TransientError, PermanentError):
            self._end(channel, words, "not told")
            raise

    def _end(self, channel: Channel, words: NoticeText, end: str) -> None:
        self._append(encode({"key": words.key, "through": channel.name, "end": end}))

    def _append(self, line: bytes) -> None:
        # Only the log has a turn: a channel that keeps silent keeps no other notice waiting.
        with (
            self._lock,
            safe_paths.disk_errors("the notice"),
            safe_paths.folder(self._root, FOLDER, create=True) as here,
        ):
            safe_paths.append(here, NAME, line)

    def _log(self, key: str) -> "_Log":
        history = _Log()
        try:
            with safe_paths.folder(self._root, FOLDER) as here:
                log = safe_paths.read_if_there(here, NAME, _MAX_LOG) or b""
        except FileNotFoundError:
            return history
        # Keys are 64 hex characters in sorted JSON: a torn line has no end and doesn't count.
        needle = f'"key":"{key}"'.encode()
        for line in log.split(b"\n"):
            if needle in line and line.endswith(b"}"):
                history.add(decode(line), key)
        return history


class _Log:
    """What the log says of one key: whether it was noted, and how each channel ended: trying, told or not told."""

    def __init__(self) -> None:
        self.noted = False
        self.ends: dict[str, str] = {}

    def add(self, line: Any, key: str) -> None:
        if line.get("key") != key:
            return
        if "through" in line:
            self.ends[str(line["through"])] = str(line["end"])
        else:
            self.noted = True


def _outcome(by: str = "", *, not_by: list[str] | None = None, repeated: bool = False) -> Outcome:
    outputs: dict[str, Json] = {"noted": True, "by": by or None, "not-by": list(not_by or ())}
    return Outcome(outputs=outputs, provider_id=by, repeated=repeated)


def _nobody(not_by: dict[str, EngineError]) -> EngineError:
    reasons = "; ".join(f"{name}: {error.message}" for name, error in not_by.items())
    again = any(not isinstance(error, PermanentError) for error in not_by.values())
    kind = TransientError if again else PermanentError
    return kind(
        f"nobody could be told: {reasons}",
        code="untold",
        now_true="the notice stands in outbox/notices.log",
        way_out="look at connectors.notify in steward.yaml, then: steward doctor",
    )
