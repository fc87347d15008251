"""The envelope and the chain: the bytes of an event, and the hash that ties them to all before.

Bytes: a JSON object that begins with ``seq``, ``type`` and ``run`` (so that the columns beside it can be compared without parsing),
then the other members by name; ``v`` is the envelope's version. Hash: ``SHA-256(previous hash || bytes)``; before the first event, 32 zero bytes.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from engine.model.errors import LedgerError
from engine.model.events.events import NAMES, Draft, Event, body_from_json, body_to_json

GENESIS = bytes(32)
VERSION = 0

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_quote = json.encoder.encode_basestring


class EventRow(NamedTuple):
    """One row of the table of events."""

    seq: int
    type: str
    run: str
    envelope: bytes
    hash: bytes


class Tail(NamedTuple):
    """Where the chain ends."""

    seq: int
    hash: bytes


def timestamp(at: datetime) -> str:
    """RFC 3339, UTC, microseconds. Raises ValueError for a time without a zone."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def prefix(seq: int, type_: str, run: str) -> bytes:
    """How the bytes of an event with these columns begin."""
    return f'{{"seq":{seq},"type":"{type_}","run":{_quote(run)},'.encode()


def follow(previous: bytes, envelope: bytes) -> bytes:
    """The hash of an event after `previous`."""
    return hashlib.sha256(previous + envelope).digest()


def link(drafts: Sequence[Draft], tail: Tail, at: datetime) -> tuple[list[EventRow], tuple[Event, ...]]:
    """The rows and events that `drafts` become behind `tail`."""
    ts = timestamp(at)
    rows, events = [], []
    seq, previous = tail
    for draft in drafts:
        seq += 1
        type_ = NAMES[type(draft.body)]
        remainder = {
            "actor": draft.actor, "body": body_to_json(draft.body), "cause": draft.cause, "step": draft.step,
            "subject": draft.subject, "ts": ts, "v": VERSION,
        }  # fmt: skip
        envelope = prefix(seq, type_, draft.run) + _encode(remainder)[1:].encode()
        digest = follow(previous, envelope)
        rows.append(EventRow(seq, type_, draft.run, envelope, digest))
        events.append(
            Event(
                seq=seq,
                ts=ts,
                body=draft.body,
                run=draft.run,
                step=draft.step,
                subject=draft.subject,
                actor=draft.actor,
                cause=draft.cause,
                prev=previous.hex(),
                hash=digest.hex(),
            )
        )
        previous = digest
    return rows, tuple(events)


def fault(row: EventRow, tail: Tail) -> str:
    """Why `row` can't follow `tail`, or empty."""
    if row.seq != tail.seq + 1:
        return f"event {tail.seq + 1} is missing"
    if (
        type(row.envelope) is not bytes or type(row.hash) is not bytes
    ):  # SQLite keeps whatever type was put there
        return f"event {row.seq} was altered"
    if follow(tail.hash, row.envelope) != row.hash:
        return f"event {row.seq} was altered"
    if not row.envelope.startswith(prefix(row.seq, row.type, row.run)):
        return f"the columns of event {row.seq} were altered"
    return ""


def event(row: EventRow, previous: bytes) -> Event:
    """The event in a row. Raises LedgerError when a newer version wrote it."""
    try:
        envelope = json.loads(row.envelope)
        if envelope["v"] != VERSION:
            raise ValueError(f"envelope version {envelope['v']}")
        return Event(
            seq=row.seq, ts=envelope["ts"], body=body_from_json(row.type, envelope["body"]), run=row.run, step=envelope["step"],
            subject=envelope["subject"], actor=envelope["actor"], cause=envelope["cause"], prev=previous.hex(), hash=row.hash.hex(),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerError(
            f"event {row.seq} can't be read by this version: {error}",
            code="newer",
            now_true="nothing was changed; events are refused, never skipped",
            way_out="install the version of Steward that wrote it",
        ) from error
