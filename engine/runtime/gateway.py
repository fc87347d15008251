"""The gateway to models: keys, prices and budgets in one place. Money is set aside before a call leaves; every call is two events."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from engine.model.busy import Busy
from engine.model.canonical import Json
from engine.model.config import Config, ModelConfig
from engine.model.effects import Call
from engine.model.errors import EngineError, PermanentError, TransientError
from engine.model.findings import ModelAnswered, ModelReserved
from engine.model.ports import ModelReply, ModelRequest, Recorder, Secrets
from engine.model.spending import Costs, OverBudget
from engine.model.times import stamp
from engine.runtime.endpoint import Answer, Endpoint

ADDRESSES: Mapping[str, str] = {"openai": "https://api.openai.com/v1"}
"""Where a provider lives when steward.yaml names no `base-url`. Any endpoint that speaks the same protocol can be named there."""

_MILLION = Decimal(1_000_000)
_CENT_OF_CENT = Decimal("0.000001")
# What a message costs beside its words in the protocol's own wrapping, in tokens; generous.
_WRAPPING = 16
_TENFOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    """A budget of `usd` dollars, what of it is spent or set aside, and when a new one begins (a stamp; empty for never)."""

    usd: Decimal
    spent: Decimal
    what: str
    scope: str
    renews: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Port Models. `costs` are what calls have cost or set aside so far; `now` is the present moment.

    Safe to use from several threads: reserving looks at the budgets and writes the reservation under one lock.
    """

    config: Config
    secrets: Secrets
    recorder: Recorder
    costs: Callable[[], Costs]
    now: Callable[[], datetime]
    commitment: Callable[[str, Call], str]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def available(self, name: str) -> bool:
        """Whether steward.yaml has a model of this name."""
        return self.config.model(name) is not None

    def complete(self, request: ModelRequest, *, call: Call, budget: Decimal | None) -> ModelReply:
        """Ask once, between a reservation and an answer that are both durable. Raises as the port says."""
        model = self.config.model(request.model)
        if model is None:
            raise PermanentError(
                f"steward.yaml names no model {request.model!r}",
                code="no-model",
                now_true="No model was asked.",
                way_out="write it under models: in steward.yaml, commit it, and run again",
            )
        key = self.secrets.secret(model.key.name) if model.key is not None else ""
        base = model.base_url or ADDRESSES.get(model.uses, "")
        endpoint = Endpoint(base=base, key=key, seconds=model.timeout)
        words = sum(len(text.encode()) + _WRAPPING for _, text in request.messages)
        most = self._price(model, words, request.most, endpoint)
        id_ = self._reserve(request, call, most, budget)
        prompt: list[Json] = [{"role": role, "content": text} for role, text in request.messages]
        digest = self.commitment(json.dumps(prompt, sort_keys=True), call)
        body = {
            "model": model.model,
            "messages": prompt,
            "max_completion_tokens": request.most,
            "temperature": request.temperature,
        }
        raw = ""
        try:
            answer = endpoint.post("/chat/completions", body)
            raw = _scrubbed(answer.body.decode("utf-8", "replace"), key)
            reply = self._read(model, answer, raw, most, endpoint, (words, request.most))
        except EngineError as error:
            usd = "0" if error.code in {"unreachable", "address", *_UNPAID} else str(most)
            failed = ModelAnswered(
                call=id_, model=request.model, code=error.code, usd=usd, prompt_digest=digest
            )
            self.recorder.record(failed, call=call, sealed={"prompt": prompt, "answer": raw})
            raise
        answered = ModelAnswered(
            call=id_, model=request.model, served=reply.served, tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out, usd=str(reply.usd), prompt_digest=digest,
        )  # fmt: skip
        self.recorder.record(answered, call=call, sealed={"prompt": prompt, "answer": raw})
        return reply

    def _price(self, model: ModelConfig, tokens_in: int, tokens_out: int, endpoint: Endpoint) -> Decimal:
        """What so many tokens cost, in dollars, rounded up to a millionth. A model on this machine without prices costs nothing."""
        per_in, per_out = model.usd_per_million_in, model.usd_per_million_out
        if (per_in is None or per_out is None) and not endpoint.local:
            raise PermanentError(
                f"what {model.name} costs is written nowhere, so no budget can hold",
                code="no-price",
                now_true="No model was asked.",
                way_out=f"write the prices beside models.{model.name} in steward.yaml: steward schema steward",
            )
        usd = ((per_in or 0) * tokens_in + (per_out or 0) * tokens_out) / _MILLION
        return Decimal(usd).quantize(_CENT_OF_CENT, rounding=ROUND_UP)

    def _reserve(self, request: ModelRequest, call: Call, most: Decimal, budget: Decimal | None) -> str:
        """Set the most a call can cost aside, durably, or refuse. Returns the call's name."""
        with self._lock:
            costs = self.costs()
            for limit in self._limits(costs, call, budget):
                left = limit.usd + costs.granted(limit.scope) - limit.spent
                if most > left:
                    raise OverBudget(
                        limit.what, scope=limit.scope, needs=most, left=max(left, Decimal(0)),
                        limit=limit.usd, renews=limit.renews,
                    )  # fmt: skip
            id_ = f"{call.run}/{call.step}/{costs.of_step(call.run, call.step) + 1}"
            reserved = ModelReserved(
                call=id_, model=request.model, usd=str(most), isolation=request.isolation
            )
            self.recorder.record(reserved, call=call)
            return id_

    def _limits(self, costs: Costs, call: Call, budget: Decimal | None) -> list["_Limit"]:
        """Every budget a call counts against. `budget` is what is left already: nothing counts against it again."""
        now = self.now().astimezone(ZoneInfo(self.config.time_zone))
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        month = day.replace(day=1)
        tomorrow = (day + timedelta(days=1, hours=12)).replace(hour=0)
        first = (month + timedelta(days=31, hours=12)).replace(day=1, hour=0)
        found = (
            (budget, Decimal(0), "for this agent", f"agent {call.run}/{call.step}", ""),
            (call.budget, costs.of_run(call.run), "for this run", f"run {call.run}", ""),
            (
                self.config.budget_usd_per_day, costs.since(stamp(day)), "for today",
                f"day {day:%Y-%m-%d}", stamp(tomorrow),
            ),
            (
                self.config.budget_usd_per_month, costs.since(stamp(month)), "for this month",
                f"month {day:%Y-%m}", stamp(first),
            ),
        )  # fmt: skip
        return [
            _Limit(usd=usd, spent=spent, what=what, scope=scope, renews=renews)
            for usd, spent, what, scope, renews in found
            if usd is not None
        ]

    def _read(
        self,
        model: ModelConfig,
        answer: Answer,
        raw: str,
        most: Decimal,
        endpoint: Endpoint,
        asked: tuple[int, int],
    ) -> ModelReply:
        """The reply in an answer of the chat-completions protocol. Raises for everything else a provider can say.

        `asked`: the most tokens the question can hold, and the most that were asked for.
        """
        if answer.status != 200:
            raise _refused(model.name, answer.status, raw, answer.after(self.now()))
        try:
            data: Any = json.loads(raw)
            choice = data["choices"][0]
            message = choice["message"]
            text, refusal = message.get("content"), message.get("refusal")
            counted = _counted(data.get("usage"), asked[0], asked[1] + len(answer.body))
            served = str(data.get("model") or "")
            cut = choice.get("finish_reason") == "length"
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
            raise TransientError(f"{model.name} answered nonsense", code="model-garbage") from error
        if refusal or not isinstance(text, str) or not text.strip():
            word = "refused" if refusal else "said nothing"
            raise TransientError(f"{model.name} {word}", code="model-refused" if refusal else "model-empty")
        usd = self._price(model, *counted, endpoint) if counted else most
        tokens_in, tokens_out = counted or (0, 0)
        return ModelReply(
            text=text, served=served, tokens_in=tokens_in, tokens_out=tokens_out, usd=usd, cut=cut
        )


def _counted(usage: object, most_in: int, most_out: int) -> tuple[int, int] | None:
    """(tokens in, tokens out) as the provider counted them; None when it did not, or counted nonsense.

    Providers may count more than we do (their own wrapping, thoughts that are not shown). Tenfold is nonsense: believed,
    one wrong answer would use up the budget of a month.
    """
    found = usage if isinstance(usage, dict) else {}
    tokens_in, tokens_out = found.get("prompt_tokens"), found.get("completion_tokens")
    if not isinstance(tokens_in, int) or not isinstance(tokens_out, int):
        return None
    meant = 0 <= tokens_in <= _TENFOLD * most_in and 0 <= tokens_out <= _TENFOLD * most_out
    return (tokens_in, tokens_out) if meant else None


# A provider that turned the request away did no work for it.
_UNPAID = frozenset({"model-key", "model-missing", "rate-limited", "model-request"})


def _refused(name: str, status: int, raw: str, after: float) -> EngineError:
    said = " ".join(raw.split())[:200]
    match status:
        case 401 | 403:
            return PermanentError(
                f"{name} does not take the key ({status})",
                code="model-key",
                now_true="Nothing was drafted.",
                way_out="steward secrets set the key anew, then run again",
            )
        case 404:
            return PermanentError(f"{name} is not there (404): {said}", code="model-missing")
        case 429:
            return Busy(f"{name} asks to wait (429)", after=after)
        case 503 if after:
            return Busy(f"{name} asks to wait (503)", after=after)
        case _ if status >= 500:
            return TransientError(f"{name} failed ({status}): {said}", code="model-down")
        case _:
            return PermanentError(f"{name} did not take the request ({status}): {said}", code="model-request")


def _scrubbed(text: str, key: str) -> str:
    """Providers repeat keys in their complaints; what is kept and shown holds none."""
    return text.replace(key, "[key]") if key else text
