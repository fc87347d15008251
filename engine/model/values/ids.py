"""Names of things, derived and not generated, so that two machines and every retry agree on them."""

import hashlib
import hmac
from typing import NewType

from engine.model.values.canonical_json import sha256

RunId = NewType("RunId", str)
"""64 hex characters; shown as its first eight."""
CardId = NewType("CardId", str)
"""26 characters of Crockford base 32; shown as its shortest unique prefix of at least four."""
EffectKey = NewType("EffectKey", str)
"""64 hex characters: the idempotency key every attempt of one effect revision carries."""
SubjectId = NewType("SubjectId", str)
"""32 random hex characters made by the key store; never derived from an address."""
ValueId = NewType("ValueId", str)
"""SHA-256 of the stored (sealed) bytes of a value."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def _joined(*parts: str) -> bytes:
    # Length-prefixed, so that ("ab", "c") and ("a", "bc") never share a name.
    return b"".join(f"{len(part.encode())}:{part}".encode() for part in parts)


def run_id(workspace: str, playbook: str, trigger: str, source: str) -> RunId:
    """The one run that `source` may start of `playbook` through `trigger`."""
    return RunId(sha256(_joined("run", workspace, playbook, trigger, source)))


def effect_key(run: RunId, step: str, item_key: str, action: str, revision: int) -> EffectKey:
    """Same across attempts and machines; another revision (an edit, a re-proposal) is another key."""
    return EffectKey(sha256(_joined("effect", run, step, item_key, action, str(revision))))


def card_id(run: RunId, gate: str, digest: str) -> CardId:
    """Names one decision over exact bytes: another proposal under the same gate is another card."""
    number = int.from_bytes(hashlib.sha256(_joined("card", run, gate, digest)).digest()[:17], "big") >> 6
    digits = [_CROCKFORD[(number >> (5 * place)) & 31] for place in range(25, -1, -1)]
    return CardId("".join(digits))


def source_id(index_key: bytes, *parts: str) -> str:
    """HMAC-SHA-256 of what identifies a trigger, so that no id contains an address in clear."""
    return hmac.new(index_key, _joined(*parts), hashlib.sha256).hexdigest()


def short(name: str) -> str:
    """How a run or effect key is shown to people."""
    return name[:8]
