"""Webhooks: calls from outside, proven by a signature over their raw bytes before a word of them is believed.

Whoever listens writes each call into the spool, whole or not at all, and answers. Here the spool is read: signature, age and id are
judged, and only what proves itself becomes an event. Two ways of signing are understood: Standard Webhooks (``webhook-id``,
``webhook-timestamp``, ``webhook-signature``, also under ``svix-``) and Stripe's (``stripe-signature``). Both sign a timestamp with the
bytes, so that a call that was recorded can't be played again later; its id is remembered for ever, so that it can't be sooner.
"""

import base64
import binascii
import hmac
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.connectors import safe_paths
from engine.model.definitions.taint import Label
from engine.model.errors import PermanentError
from engine.model.ports import Arrival, Secrets
from engine.model.values import canonical_json
from engine.model.values.canonical_json import Json
from engine.model.values.ids import source_id
from engine.model.values.timestamps import moment, stamp

MAX_BODY = 1_000_000
TOLERANCE_SECONDS = 300
SPOOL = "spool"
_MAX_FILE = MAX_BODY * 4 // 3 + 200_000
_MAX_SIGNATURES = 10
_MAX_ID = 200
_FOLDER = (SPOOL, "webhooks")
_ENDING = ".json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One call as it came. `path` is the end of its address, names of headers are in small letters, `received` a stamp of ours.

    `size` is that of the body as it was announced or counted; a body beyond `MAX_BODY` isn't kept.
    """

    path: str
    headers: Mapping[str, str]
    body: bytes
    received: str
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookVerdict:
    """What a call turned out to be: `reason` of the closed list, or empty, with the provider's `id` and when it was `signed`."""

    reason: str = ""
    id: str = ""
    signed: str = ""
    fields: Mapping[str, Json] | None = None


def judge(delivery: Delivery, secrets: Sequence[str]) -> WebhookVerdict:
    """Whether one of `secrets` signed exactly these bytes, within five minutes of their coming. Pure; compares in constant time."""
    if max(delivery.size, len(delivery.body)) > MAX_BODY:
        return WebhookVerdict(reason="too-big")
    claim = _standard(delivery) or _stripe(delivery)
    if claim is None or not secrets:
        return WebhookVerdict(reason="unsigned")
    if not _signed(claim, secrets):
        return WebhookVerdict(reason="forged")
    signed = datetime.fromtimestamp(int(claim.at), UTC)
    if abs((moment(delivery.received) - signed).total_seconds()) > TOLERANCE_SECONDS:
        return WebhookVerdict(reason="stale")
    fields = _fields(delivery.body)
    id_ = claim.id or (fields or {}).get("id")
    if fields is None or not isinstance(id_, str) or not 0 < len(id_) <= _MAX_ID:
        return WebhookVerdict(reason="unreadable")
    return WebhookVerdict(id=id_, signed=stamp(signed), fields=fields)


# ---------------------------------------------------------------- signatures


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """What a call claims: its moment (seconds), the signed bytes, the signatures, and its id where the headers carry one."""

    at: str
    content: bytes
    signatures: tuple[bytes, ...]
    key: Callable[[str], bytes]
    id: str = ""


def _standard(delivery: Delivery) -> _Claim | None:
    for prefix in ("webhook", "svix"):
        id_, at, signature_header = (
            delivery.headers.get(f"{prefix}-{suffix}", "") for suffix in ("id", "timestamp", "signature")
        )
        if not (id_ and signature_header and _seconds(at)):
            continue
        parts = [part.removeprefix("v1,") for part in signature_header.split() if part.startswith("v1,")]
        signatures = tuple(signature for part in parts[:_MAX_SIGNATURES] if (signature := _base64(part)))
        content = f"{id_}.{at}.".encode() + delivery.body
        return _Claim(at=at, content=content, signatures=signatures, key=_standard_key, id=id_)
    return None


def _standard_key(secret: str) -> bytes:
    coded = _base64(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else b""
    return coded or secret.encode()


def _stripe(delivery: Delivery) -> _Claim | None:
    pairs = [part.strip().partition("=") for part in delivery.headers.get("stripe-signature", "").split(",")]
    at = next((value for name, _, value in pairs if name == "t"), "")
    hex_signatures = [value for name, _, value in pairs if name == "v1"][:_MAX_SIGNATURES]
    if not (hex_signatures and _seconds(at)):
        return None
    try:
        signatures = tuple(bytes.fromhex(hex_signature) for hex_signature in hex_signatures)
    except ValueError:
        signatures = ()
    return _Claim(at=at, content=f"{at}.".encode() + delivery.body, signatures=signatures, key=str.encode)


def _seconds(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 11


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _signed(claim: _Claim, secrets: Sequence[str]) -> bool:
    proven = False
    for secret in secrets:
        expected = hmac.digest(claim.key(secret), claim.content, "sha256")
        for signature in claim.signatures:
            # Every comparison is made: how long it takes tells nothing about which one was near.
            proven |= hmac.compare_digest(expected, signature)
    return proven


def _fields(body: bytes) -> dict[str, Json] | None:
    """A body as a map of data; None for anything else, for a key given twice, and for what can't be kept."""
    try:
        fields = json.loads(body, object_pairs_hook=_unique, parse_constant=_refused)
        canonical_json.encode(fields)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key is given twice")
    return fields


def _refused(constant: str) -> Json:
    raise ValueError(constant)


# ---------------------------------------------------------------- the spool


def put(state: Path, delivery: Delivery, *, token: str) -> str:
    """Keep a call in the spool below `state`, whole and durable, until the ledger has it; the name it got.

    `token` tells two calls of one moment apart. Raises TransientError when the disk refuses: then the caller is to be told to try again.
    """
    body = delivery.body if len(delivery.body) <= MAX_BODY else b""
    fields = {
        "path": delivery.path,
        "headers": {name: value for name, value in delivery.headers.items() if _telling(name)},
        "received": delivery.received,
        "size": max(delivery.size, len(delivery.body)),
        "body": base64.b64encode(body).decode(),
    }
    name = f"{delivery.received.translate(_PLAIN)}-{token}{_ENDING}"
    with safe_paths.disk_errors("the spool"), safe_paths.folder(str(state), _FOLDER, create=True) as here:
        safe_paths.write(here, name, canonical_json.encode(fields), token=token)
    return name


_PLAIN = str.maketrans("", "", "-:.")


def _telling(header: str) -> bool:
    return header == "stripe-signature" or header.startswith(("webhook-", "svix-"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """Port Source over the spool below `state`. `hooks` gives the addresses that playbooks listen to, each with the names of its secrets.

    The spool is Steward's own: a call is removed once the ledger has it.
    """

    state: str
    index_key: bytes
    secrets: Secrets
    hooks: Callable[[], Mapping[str, tuple[str, ...]]]

    def poll(self, seen: Callable[[str], bool]) -> Iterator[Arrival]:
        """Every call not yet taken in, in the order they were signed; those that prove nothing come first."""
        hooks = self.hooks()
        try:
            with safe_paths.folder(self.state, _FOLDER) as here:
                arrivals = [
                    timed_arrival
                    for name in sorted(os.listdir(here))
                    if name.endswith(_ENDING) and not name.startswith(".")
                    if (timed_arrival := self._arrival(here, name, seen, hooks)) is not None
                ]
        except FileNotFoundError:
            return
        for _, arrival in sorted(arrivals, key=lambda pair: pair[0]):
            yield arrival

    def head(self, name: str) -> str:
        """Nothing that is previewed reads a call."""
        return ""

    def _arrival(
        self, here: int, name: str, seen: Callable[[str], bool], hooks: Mapping[str, tuple[str, ...]]
    ) -> tuple[str, Arrival] | None:
        size = os.stat(name, dir_fd=here, follow_symlinks=False).st_size
        mark = source_id(self.index_key, "webhook-file", name, str(size))
        if seen(mark):
            safe_paths.remove(here, name)
            return None
        delivery = _read(here, name) if size <= _MAX_FILE else None
        if delivery is None:
            reason = "too-big" if size > _MAX_FILE else "unreadable"
            return "", self._ignored(name, mark, WebhookVerdict(reason=reason))
        judged = self._judge(delivery, hooks.get(delivery.path))
        if judged.reason:
            return "", self._ignored(name, mark, judged)
        event = {**(judged.fields or {}), "path": delivery.path, "at": delivery.received}
        arrival = Arrival(
            kind="webhook",
            # What proves nothing never gets this id: a forged call must not silence the real one.
            source=source_id(self.index_key, "webhook", delivery.path, judged.id),
            event=event,
            labels=frozenset({Label.UNTRUSTED}),
            place=f"{SPOOL}/{name}",
            mark=mark,
        )
        return judged.signed, arrival

    def _judge(self, delivery: Delivery, names: tuple[str, ...] | None) -> WebhookVerdict:
        if names is None:
            return WebhookVerdict(reason="no-playbook")
        try:
            secrets = [self.secrets.secret(name) for name in names]
        except PermanentError:
            return WebhookVerdict(reason="no-secret")
        return judge(delivery, secrets)

    def _ignored(self, name: str, mark: str, judged: WebhookVerdict) -> Arrival:
        return Arrival(
            kind="webhook", source=mark, event={}, labels=frozenset({Label.UNTRUSTED}), ignored=judged.reason,
            place=f"{SPOOL}/{name}", mark=mark,
        )  # fmt: skip


def _read(here: int, name: str) -> Delivery | None:
    try:
        fields = canonical_json.decode(safe_paths.read(here, name, _MAX_FILE))
        moment(fields["received"])
        return Delivery(
            path=str(fields["path"]),
            headers={str(key): str(value) for key, value in fields["headers"].items()},
            body=base64.b64decode(fields["body"], validate=True),
            received=fields["received"],
            size=int(fields["size"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
