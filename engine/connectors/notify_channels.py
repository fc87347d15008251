"""Ways to tell the operator something, in the order in which they are tried: an ntfy topic, any address that takes JSON, a letter.

A channel takes the words, refuses them (TransientError, PermanentError), or leaves it unknown (UnknownOutcome): a connection
that was lost after the words had begun to leave. What is wrong in the settings is a channel that takes nothing and says why, so that a slip of
the pen keeps no other way from being tried.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

from engine.connectors.arguments import one_line
from engine.connectors.email.message.addresses import Mailbox
from engine.connectors.email.message.mime_writer import MessageDraft, dated, write
from engine.connectors.email.sending import smtp
from engine.model.definitions.settings import SecretRef
from engine.model.errors import EngineError, PermanentError, TransientError, UnknownOutcome
from engine.model.ports import Secrets
from engine.model.values.canonical_json import Json
from engine.net.exchange import BrokenOffError, HttpAnswer, NotSentError, exchange

KINDS = ("ntfy", "post", "email")
"""The allowed values of `to`."""

SECONDS = 10.0
_MAX_BYTES = 3_900
_MAX_READ = 200_000
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_KEYS = {"ntfy": {"to", "url", "token"}, "post": {"to", "url", "token"}, "email": {"to"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeText:
    """What is told: the effect's key, when it was proposed, and the text."""

    key: str
    at: datetime
    text: str

    @property
    def title(self) -> str:
        """The first line, short."""
        return one_line(self.text.strip().split("\n")[0], 80) or "Steward"


class Channel(Protocol):
    """One way to the operator."""

    @property
    def name(self) -> str:
        """What the log and the ledger call it."""

    def send(self, words: NoticeText) -> None:
        """Tell it once. Raises TransientError or PermanentError (not told) or UnknownOutcome."""

    def holds(self, words: NoticeText) -> bool:
        """Whether it certainly has these words already. False where that can't be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A channel that can't be used as it is set up."""

    name: str
    why: str

    def send(self, words: NoticeText) -> None:
        """Raises PermanentError, always."""
        raise PermanentError(self.why, code="setting", way_out="mend connectors.notify in steward.yaml")

    def holds(self, words: NoticeText) -> bool:
        """Never."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ntfy:
    """A topic of an ntfy server: a POST of the words; what it took can be queried by the key, which is among the tags."""

    name: str
    url: str
    token: SecretRef | None
    secrets: Secrets
    seconds: float = SECONDS

    def send(self, words: NoticeText) -> None:
        """As the port says."""
        headers = {
            "Title": _ascii(words.title),
            "Tags": _tag(words),
            "Content-Type": "text/plain; charset=utf-8",
        }
        _accepted(self._request("POST", "", _cut(words.text), headers))

    def holds(self, words: NoticeText) -> bool:
        """Asks the topic for what it keeps. A server that keeps nothing can't prove that something never came."""
        try:
            answer = self._request("GET", "/json?poll=1&since=24h", b"", {})
        except EngineError:
            return False
        return answer.status == HTTPStatus.OK and f'"{_tag(words)}"'.encode() in answer.body

    def _request(self, method: str, suffix: str, body: bytes, headers: dict[str, str]) -> HttpAnswer:
        bearer = _bearer(self.token, self.secrets)
        return _request(method, self.url, suffix, body, {**headers, **bearer}, seconds=self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """An address that takes ``{"text": …}``, as chats offer them for incoming messages."""

    name: str
    url: str
    token: SecretRef | None
    secrets: Secrets
    seconds: float = SECONDS

    def send(self, words: NoticeText) -> None:
        """As the port says."""
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": words.key,
            **_bearer(self.token, self.secrets),
        }
        body = json.dumps({"text": words.text}).encode()
        _accepted(_request("POST", self.url, "", body, headers, seconds=self.seconds))

    def holds(self, words: NoticeText) -> bool:
        """Nobody can be asked."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterChannel:
    """A letter to the operator, from the operator's own account, marked as automatic so that no playbook answers it."""

    name: str
    operator: Mailbox
    server: smtp.SmtpServer
    secrets: Secrets

    def send(self, words: NoticeText) -> None:
        """As the port says."""
        draft = MessageDraft(
            sender=self.operator, to=self.operator, subject=words.title, words=words.text, tail="",
            message_id=f"<{words.key[:32]}.notice@{self.operator.address.rpartition('@')[2]}>", in_reply_to="", references=(),
            automatic=True, thread="", once="",
        )  # fmt: skip
        address, body = self.operator.address, dated(write(draft), words.at)
        smtp.transmit(self.server, self.secrets, sender=address, to=address, body=body, begin=lambda: True)

    def holds(self, words: NoticeText) -> bool:
        """The mailbox is not searched."""
        return False


def channels_of(
    settings: Mapping[str, Json], *, email: dict[str, Json], operator: Mailbox, secrets: Secrets
) -> tuple[Channel, ...]:
    """The channels under `connectors.notify.channels`, the first one first; `email` are the settings of letters. Raises nothing."""
    listed = settings.get("channels")
    if listed is None:
        return ()
    if not isinstance(listed, list):
        return (Missing(name="notify", why="connectors.notify.channels is no list"),)
    channels: list[Channel] = []
    for at, channel_settings in enumerate(listed, 1):
        kind = str(channel_settings.get("to") or "") if isinstance(channel_settings, dict) else ""
        twice = any(channel.name == kind for channel in channels)
        name = f"{kind or 'channel'}-{at}" if twice or not kind else kind
        channels.append(
            _channel(name, kind, channel_settings, email=email, operator=operator, secrets=secrets)
        )
    return tuple(channels)


def _channel(
    name: str, kind: str, settings: Json, *, email: dict[str, Json], operator: Mailbox, secrets: Secrets
) -> Channel:
    if kind not in KINDS:
        return Missing(name=name, why=f"a channel is to: {', '.join(KINDS)}; this one is not")
    if unknown := settings.keys() - _KEYS[kind]:
        return Missing(name=name, why=f"{kind} takes no `{min(unknown)}`")
    if kind == "email":
        try:
            server = smtp.server_of(email)
        except PermanentError as error:
            return Missing(name=name, why=error.message)
        if server is None:
            return Missing(name=name, why="letters leave this machine only with connectors.email.host")
        if not operator.address:
            return Missing(name=name, why="operator.email is no address that letters reach")
        return LetterChannel(name=name, operator=operator, server=server, secrets=secrets)
    url, token = settings.get("url"), settings.get("token")
    if why := _wrong(url):
        return Missing(name=name, why=why)
    if token is not None and not isinstance(token, SecretRef):
        return Missing(name=name, why="the token stands in the file itself: write ${{ secrets.NAME }}")
    channel_class = Ntfy if kind == "ntfy" else Post
    return channel_class(name=name, url=str(url), token=token, secrets=secrets)


def _wrong(url: Json) -> str:
    """Why words are not sent to this address; empty when they are."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "url is no address"
    if parts.scheme not in {"http", "https"} or not host or parts.username or parts.fragment:
        return "url is an https address"
    if parts.scheme == "http" and host not in _LOOPBACK:
        return "url is an https address: http is for this machine only"
    return ""


def _bearer(token: SecretRef | None, secrets: Secrets) -> dict[str, str]:
    return {"Authorization": f"Bearer {secrets.secret(token.name)}"} if token is not None else {}


def _tag(words: NoticeText) -> str:
    return f"steward-{words.key[:24]}"


def _ascii(text: str) -> str:
    """A header holds ASCII; the words themselves come whole in the body."""
    return text.encode("ascii", "replace").decode()


def _cut(text: str) -> bytes:
    encoded = text.encode()
    # ntfy would turn a longer message into an attachment, which is rarely opened.
    return (
        encoded
        if len(encoded) <= _MAX_BYTES
        else encoded[:_MAX_BYTES].decode("utf-8", "ignore").encode() + "…".encode()
    )


def _accepted(answer: HttpAnswer) -> None:
    if 200 <= answer.status < 300:
        return
    message = f"it answered {answer.status}"
    # Who says that it failed is believed: should it have told the words all the same, they come again under the same key.
    again = answer.status >= 500 or answer.status in {408, 425, 429}
    raise (TransientError if again else PermanentError)(message, code=f"http-{answer.status}")


def _request(
    method: str, url: str, suffix: str, body: bytes, headers: dict[str, str], *, seconds: float
) -> HttpAnswer:
    parts = urlsplit(url)
    tail = suffix or f"{'' if parts.path.rstrip('/') else '/'}{f'?{parts.query}' if parts.query else ''}"
    target = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}{tail}"
    max_bytes = _MAX_READ if method == "GET" else 0
    try:
        return exchange(
            method, target, body=body or None, headers=headers, seconds=seconds, max_bytes=max_bytes
        )
    except NotSentError as error:
        message = f"{parts.hostname} can't be reached: {one_line(str(error))}"
        raise TransientError(message, code="unreachable", now_true="nothing was sent") from error
    except BrokenOffError as error:
        message = f"{parts.hostname} gave no answer within {seconds:g} s, or was lost: {one_line(str(error))}"
        raise UnknownOutcome(message, code="lost") from error
