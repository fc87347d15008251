"""What a provider's answer says, in whatever dress of the chat-completions protocol: words, how they ended, what was counted, or an error.

An error is that error wherever it stands, also inside an answer of status 200.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from email.utils import parsedate_to_datetime

from engine.model.errors import EngineError, PermanentError, TransientError
from engine.model.rate_limited import RateLimited
from engine.model.values.canonical_json import Json

# The words of this protocol for an answer that ended by itself. Any other word, also an unknown one, means that it was cut.
_ENDED = frozenset({"stop", "stop_sequence", "end_turn", "eos", "eos_token", "complete", "completed", "finished"})  # fmt: skip
_SHOWN = 300
_MAX_WAIT = 86_400.0
_MONEY = re.compile(
    r"insufficient[_ ](?:quota|balance|credits?|funds)|exceeded your current quota|check your plan and billing|credit balance|out of credits"
    r"|(?:no|not enough|insufficient) (?:remaining )?(?:credits?|balance|funds)|billing[_ ](?:hard[_ ]limit|not[_ ]active)|payment required"
    r"|spend(?:ing)?[_ ]limit|quota has been exhausted|arrears|account is not active",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"(?:try again|retry|wait|reset)[^.\n]{0,20}?\b(?:in|after|for)\b[^\d\n]{0,12}((?:\d+(?:\.\d+)?\s*[a-z]*\s*){1,3})",
    re.IGNORECASE,
)
_DELAY = re.compile(r'"(?:retryDelay|retry_after|retryAfter|estimated_time)"\s*:\s*"?(\d+(?:\.\d+)?)(m?s)?')
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)?", re.IGNORECASE)  # fmt: skip
_SECONDS = {"ms": 0.001, "mi": 60.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_RESETS = ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedReply:
    """One answer: its words, the name it was given under, (tokens in, tokens out) as counted or None, and how it ended.

    `ended` is the provider's own word, empty when it said none. `trouble` is why the words don't count as an answer.
    """

    text: str = ""
    served: str = ""
    counted: tuple[int, int] | None = None
    ended: str = ""
    trouble: EngineError | None = None

    @property
    def cut(self) -> bool:
        """Whether it ended in any other way than by itself."""
        return self.ended.casefold() not in _ENDED


def read(name: str, status: int, headers: Message, raw: str, *, now: datetime) -> ParsedReply:
    """What the model called `name` answered. Never raises: `trouble` says why there is none."""
    try:
        payload: Json = json.loads(raw)
    except (ValueError, RecursionError):
        payload = _streamed(raw) if status == 200 else None
    counted = _counted(payload)
    if status != 200:
        return ParsedReply(counted=counted, trouble=refused(name, status, raw, headers, now=now))
    reply = payload if isinstance(payload, dict) else {}
    if (error := _error_in(reply)) is not None:
        code, words = error
        return ParsedReply(counted=counted, trouble=refused(name, code, words, headers, now=now))
    try:
        choice = reply["choices"][0]
        message = choice.get("message") or {}
        words = _words(message.get("content", choice.get("text")))
        refusal = message.get("refusal")
        ended = str(choice.get("finish_reason") or "")
        served = str(reply.get("model") or "")
    except (KeyError, IndexError, TypeError, AttributeError, RecursionError):
        trouble = TransientError(f"{name} answered nonsense", code="model-garbage")
        return ParsedReply(counted=counted, trouble=trouble)
    if refusal:
        trouble = TransientError(f"{name} refused", code="model-refused")
        return ParsedReply(counted=counted, ended=ended, served=served, trouble=trouble)
    if not words.strip():
        why = f" ({ended})" if ended and ended.casefold() not in _ENDED else ""
        trouble = TransientError(f"{name} said nothing{why}", code="model-empty")
        return ParsedReply(counted=counted, ended=ended, served=served, trouble=trouble)
    return ParsedReply(text=words, served=served, counted=counted, ended=ended)


def refused(name: str, status: int, raw: str, headers: Message, *, now: datetime) -> EngineError:
    """What a refusal with this status and these words means: money, a wait, a key, a mistake, or trouble of the provider's own."""
    complaint = said_in(raw)
    wait_seconds = waits(raw, headers, now=now)
    # Some call a limit of a minute a quota, too: then they say how long to wait.
    money = "insufficient_quota" in raw or (not wait_seconds and _MONEY.search(complaint) is not None)
    if status == 402 or (money and status in {400, 401, 403, 429}):
        return PermanentError(
            f"the account of {name} has no money left ({status}): {complaint}",
            code="model-money",
            now_true="Nothing was drafted and nothing was paid.",
            way_out="add credit at the provider, then run again",
        )
    match status:
        case 401 | 403:
            return PermanentError(
                f"{name} does not take the key ({status})",
                code="model-key",
                now_true="Nothing was drafted.",
                way_out="steward secrets set the key anew, then run again",
            )
        case 404:
            return PermanentError(f"{name} is not there (404): {complaint}", code="model-missing")
        case 408 | 425 | 429:
            return RateLimited(f"{name} asks to wait ({status}): {complaint}", seconds=wait_seconds)
        case 503 | 529 if wait_seconds:
            return RateLimited(f"{name} asks to wait ({status}): {complaint}", seconds=wait_seconds)
        case _ if status >= 500:
            return TransientError(f"{name} failed ({status}): {complaint}", code="model-down")
        case _:
            return PermanentError(
                f"{name} did not take the request ({status}): {complaint}", code="model-request"
            )


def said_in(raw: str) -> str:
    """The words of a complaint without its wrapping, on one line, a few hundred characters at most."""
    try:
        error = _error_in(json.loads(raw))
    except (ValueError, RecursionError):
        error = None
    return " ".join((error[1] if error else raw).split())[:_SHOWN]


def waits(raw: str, headers: Message, *, now: datetime) -> float:
    """For how many seconds a provider asks to wait, by its headers or in its words, a day at most; 0 when it does not say."""
    header = str(headers.get("Retry-After") or "").strip()
    seconds = 0.0
    try:
        seconds = (
            float(header) if header.isdecimal() else (parsedate_to_datetime(header) - now).total_seconds()
        )
    except (ValueError, TypeError, OverflowError):
        milliseconds = str(headers.get("retry-after-ms") or "").strip()
        if milliseconds.isdecimal():
            seconds = float(milliseconds) / 1000
        elif (later := _LATER.search(raw)) is not None:
            seconds = _length(later[1])
        elif (delay := _DELAY.search(raw)) is not None:
            seconds = float(delay[1]) * (0.001 if delay[2] == "ms" else 1.0)
        else:
            seconds = max(_length(str(headers.get(name) or "")) for name in _RESETS)
    return min(max(seconds, 0.0), _MAX_WAIT)


def _length(text: str) -> float:
    """Seconds of lengths like ``20s``, ``1m30s``, ``850ms`` or ``30 seconds``, one after the other."""
    total = 0.0
    for number, unit in _LENGTH.findall(text):
        short = unit.lower()
        total += float(number) * _SECONDS.get(short[:2], _SECONDS.get(short[:1], 1.0))
    return total


def _error_in(payload: Json) -> tuple[int, str] | None:
    """(status, words) of the error a body holds; None when it holds an answer. One without a status of its own is the provider's fault."""
    if not isinstance(payload, dict):
        return None
    choices = payload.get("choices")
    inner = choices[0].get("error") if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None  # fmt: skip
    listed = payload.get("errors")
    error = payload.get("error") or inner or (listed[0] if isinstance(listed, list) and listed else listed)
    # A status of its own beside the answer, which says nothing when it is well.
    own = payload.get("base_resp")
    if not error and not choices and isinstance(own, dict) and own.get("status_code"):
        error = own.get("status_msg") or own
    if (
        not error
        and not choices
        and (payload.get("object") == "error" or "detail" in payload or "message" in payload)
    ):
        error = payload.get("detail") or payload
    if not error:
        return None
    if not isinstance(error, dict):
        words = error if isinstance(error, str) else json.dumps(error)
        return _meant(words), words
    message = error.get("message") or error.get("detail") or error.get("msg") or error
    words = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    kinds = [str(error[key]) for key in ("type", "code") if error.get(key) is not None and not _status(error[key])]  # fmt: skip
    status = next((code for key in ("code", "status", "status_code") if (code := _status(error.get(key)))), 0)
    named = [kind for kind in dict.fromkeys(kinds) if kind not in words]
    return status or _meant(" ".join((words, *kinds))), f"{words} ({', '.join(named)})" if named else words


def _status(value: Json) -> int:
    text = str(value)
    return int(text) if text.isdecimal() and 400 <= int(text) <= 599 else 0


def _meant(words: str) -> int:
    """The status that words stand for where none is given."""
    if _MONEY.search(words):
        return 402
    for pattern, status in _KINDS:
        if re.search(pattern, words, re.IGNORECASE):
            return status
    return 500


_KINDS = (
    (r"rate.?limit|too many requests|overloaded", 429),
    (r"authentication|invalid.?api.?key|unauthorized", 401),
    (r"not.?found|no such model|does not exist|no endpoints", 404),
    (
        r"invalid.?request|unsupported|validation|bad request|context.?length|maximum context|too many tokens|prompt is too long",
        400,
    ),
    (r"timed? ?out", 408),
)


def _words(content: Json) -> str:
    """The words of an answer: text, or parts of which those that are text count; thoughts are none."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return ""
    return "".join(_parts(content))


def _parts(parts: list[Json]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, Mapping) and part.get("type", "text") in {"text", "output_text"}:
            text = part.get("text")
            yield text if isinstance(text, str) else str((text or {}).get("value", ""))


def _counted(payload: Json) -> tuple[int, int] | None:
    """(tokens in, tokens out) as the provider counted them; None when it did not."""
    usage = payload.get("usage") if isinstance(payload, dict) else None
    counts = usage if isinstance(usage, dict) else {}
    tokens = tuple(counts.get(key) for key in ("prompt_tokens", "completion_tokens"))
    if not all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in tokens):
        return None
    return (int(tokens[0] or 0), int(tokens[1] or 0))


def _streamed(raw: str) -> Json:
    """An answer that came in events though none were asked for, put together as one; None when it is nothing of the kind."""
    pieces: list[str] = []
    whole: dict[str, Json] = {}
    ended = None
    for line in raw.splitlines():
        if not line.startswith("data:") or line.strip() == "data: [DONE]":
            continue
        try:
            event = json.loads(line[5:])
            if _error_in(event) is not None:
                return event
            choice = (event.get("choices") or [{}])[0]
            pieces.append(_words((choice.get("delta") or choice.get("message") or {}).get("content")))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
            return None
        ended = choice.get("finish_reason") or ended
        whole |= {name: event[name] for name in ("model", "usage") if event.get(name)}
    if not pieces:
        return None
    return {**whole, "choices": [{"message": {"content": "".join(pieces)}, "finish_reason": ended}]}
