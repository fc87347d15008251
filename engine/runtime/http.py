"""One HTTP exchange with a configured address: bounded in time and size, no redirect, no proxy, no second host."""

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from engine.model.errors import PermanentError, TransientError
from engine.model.values.canonical_json import Json
from engine.net.exchange import BrokenOffError, HttpAnswer, NotSentError, exchange

MAX_ANSWER = 1_000_000
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A base address (``https://…/v1``), the key sent as a bearer token, and the whole time one exchange may take, in seconds.

    Plain HTTP is for this machine only, where no network is in between.
    """

    base: str
    key: str = ""
    seconds: float = 60.0

    @property
    def local(self) -> bool:
        """Whether it is on this machine."""
        return (urlsplit(self.base).hostname or "") in _LOOPBACK

    def post(self, path: str, body: Json) -> HttpAnswer:
        """Send JSON, once. Raises TransientError (codes: unreachable, timeout, lost) or PermanentError (address, too-big).

        *unreachable*: the question was never sent. *lost*: the line broke once it stood, so the question may have been worked on.
        """
        parts = urlsplit(self.base)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise _address(self.base, "is no http address")
        if parts.scheme == "http" and not self.local:
            raise _address(self.base, "would send words and key in the clear")
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}{path}"
        try:
            answer = exchange(
                "POST", url, body=json.dumps(body).encode(), headers=headers, seconds=self.seconds, max_bytes=MAX_ANSWER + 1
            )  # fmt: skip
        except NotSentError as error:
            raise TransientError(
                f"{parts.hostname} can't be reached: {error}",
                code="unreachable",
                now_true="It was not asked.",
            ) from error
        except BrokenOffError as error:
            if error.late:
                raise TransientError(f"no answer within {self.seconds:g} s", code="timeout") from error
            raise TransientError(
                f"the line to {parts.hostname} broke: {error}",
                code="lost",
                now_true="It may have been asked: what the call may cost stays set aside.",
            ) from error
        if len(answer.body) > MAX_ANSWER:
            raise PermanentError(f"the answer is larger than {MAX_ANSWER} bytes", code="too-big")
        return answer


def _address(base: str, why: str) -> PermanentError:
    return PermanentError(
        f"{base!r} {why}",
        code="address",
        now_true="Nothing was sent.",
        way_out="write base-url: https://… under models: in steward.yaml (http:// is for this machine only)",
    )
