"""The gateway to models: keys, prices and budgets in one place. Money is set aside before a call leaves; every call is two events."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from zoneinfo import ZoneInfo

from engine.model.definitions.settings import Config, ModelConfig
from engine.model.effects import Call
from engine.model.errors import EngineError, PermanentError
from engine.model.events.readers import ModelAnswered, ModelReserved
from engine.model.ports import ModelReply, ModelRequest, Recorder, Secrets
from engine.model.state.budgets import Costs, OverBudget
from engine.model.values.canonical_json import Json
from engine.model.values.timestamps import stamp
from engine.runtime import model_replies
from engine.runtime.http import Endpoint
from engine.runtime.model_dialects import Dialect, Dialects, refused_names
from engine.runtime.model_replies import ParsedReply

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
    scope_words: str
    scope: str
    renews: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Port Models. `costs` are what calls have cost or set aside so far; `now` is the present moment; `dialects` how endpoints are asked.

    Safe to use from several threads: reserving looks at the budgets and writes the reservation under one lock.
    """

    config: Config
    secrets: Secrets
    recorder: Recorder
    costs: Callable[[], Costs]
    now: Callable[[], datetime]
    commitment: Callable[[str, Call], str]
    dialects: Dialects = field(default_factory=Dialects)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def available(self, name: str) -> bool:
        """Whether steward.yaml has a model of this name."""
        return self.config.model(name) is not None

    def complete(self, request: ModelRequest, *, call: Call, budget: Decimal | None) -> ModelReply:
        """Ask once, between a reservation and an answer that are both durable. Raises as the port says."""
        model, endpoint = self._reached(request.model)
        longest = model.max_tokens or request.max_tokens
        words = sum(len(text.encode()) + _WRAPPING for _, text in request.messages)
        max_cost = self._price(model, words, longest, endpoint)
        id_ = self._reserve(request, call, max_cost, budget)
        prompt: list[Json] = [{"role": role, "content": text} for role, text in request.messages]
        digest = self.commitment(json.dumps(prompt, sort_keys=True), call)
        raw, reading = self._exchange(model, endpoint, request.messages, longest)
        counted = _believed(reading.counted, words, longest + len(raw.encode()))
        tokens_in, tokens_out = counted or (0, 0)
        usd = self._price(model, tokens_in, tokens_out, endpoint)
        trouble = reading.trouble
        unpaid = counted is not None or (trouble is not None and trouble.code in _UNPAID)
        answered = ModelAnswered(
            call=id_, model=request.model, served=reading.served, code=trouble.code if trouble else "", tokens_in=tokens_in,
            tokens_out=tokens_out, usd=str(usd), aside="0" if unpaid else str(max_cost), prompt_digest=digest,
        )  # fmt: skip
        self.recorder.record(answered, call=call, sealed={"prompt": prompt, "answer": raw})
        if trouble is not None:
            raise trouble
        return ModelReply(
            text=reading.text, served=reading.served, tokens_in=tokens_in, tokens_out=tokens_out,
            usd=usd if unpaid else max_cost, cut=reading.cut, ended=reading.ended,
        )  # fmt: skip

    def _reached(self, name: str) -> tuple[ModelConfig, Endpoint]:
        """The model of this name and where it is asked. Raises PermanentError(code='no-model')."""
        model = self.config.model(name)
        if model is None:
            raise PermanentError(
                f"steward.yaml names no model {name!r}",
                code="no-model",
                now_true="No model was asked.",
                way_out="write it under models: in steward.yaml, commit it, and run again",
            )
        key = self.secrets.secret(model.key.name) if model.key is not None else ""
        return model, Endpoint(base=address(model), key=key, seconds=model.timeout)

    def _exchange(
        self, model: ModelConfig, endpoint: Endpoint, messages: tuple[tuple[str, str], ...], longest: int
    ) -> tuple[str, ParsedReply]:
        """What came back and what it says. What the endpoint refuses about the way it is asked is learned, and it is asked anew."""
        dialect, raw = self.dialects.dialect_of(endpoint.base, model.model), ""
        while True:
            body = request_body(model, dialect, messages, longest)
            try:
                answer = endpoint.post("/chat/completions", body)
            except EngineError as error:
                return raw, ParsedReply(trouble=error)
            raw = _scrubbed(answer.body.decode("utf-8", "replace"), endpoint.key)
            reading = model_replies.read(model.name, answer.status, answer.headers, raw, now=self.now())
            if reading.trouble is None or reading.trouble.code not in _ABOUT_THE_WAY:
                return raw, reading
            lesson = dialect.learned(raw, body)
            if lesson is None:
                return raw, _explained(model, raw, body, reading)
            dialect = lesson
            self.dialects.keep(endpoint.base, model.model, dialect)

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

    def _reserve(self, request: ModelRequest, call: Call, max_cost: Decimal, budget: Decimal | None) -> str:
        """Set the most a call can cost aside, durably, or refuse. Returns the call's name."""
        with self._lock:
            costs = self.costs()
            for limit in self._limits(costs, call, budget):
                left = limit.usd + costs.granted(limit.scope) - limit.spent
                if max_cost > left:
                    raise OverBudget(
                        limit.scope_words, scope=limit.scope, needs=max_cost, left=max(left, Decimal(0)),
                        limit=limit.usd, renews=limit.renews,
                    )  # fmt: skip
            id_ = f"{call.run}/{call.step}/{costs.calls_of_step(call.run, call.step) + 1}"
            reserved = ModelReserved(
                call=id_, model=request.model, usd=str(max_cost), isolation=request.isolation
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
        budgets = (
            (budget, Decimal(0), "for this agent", f"agent {call.run}/{call.step}", ""),
            (call.budget, costs.run_total(call.run), "for this run", f"run {call.run}", ""),
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
            _Limit(usd=usd, spent=spent, scope_words=scope_words, scope=scope, renews=renews)
            for usd, spent, scope_words, scope, renews in budgets
            if usd is not None
        ]


def address(model: ModelConfig) -> str:
    """Where a model is asked."""
    return model.base_url or ADDRESSES.get(model.uses, "")


def request_body(
    model: ModelConfig, dialect: Dialect, messages: tuple[tuple[str, str], ...], longest: int
) -> dict[str, Json]:
    """What is posted: the operator's parameters, and ours as far as the endpoint takes them."""
    chat = list(messages)
    if not dialect.system and len(chat) > 1 and chat[0][0] == "system":
        (_, system), (role, text), *following = chat
        chat = [(role, f"{system}\n\n{text}"), *following]
    body: dict[str, Json] = {
        "model": model.model,
        "messages": [{"role": role, "content": text} for role, text in chat],
        dialect.length: longest,
    }
    if dialect.cold and model.temperature is not None:
        body["temperature"] = model.temperature
    return {**body, **dict(model.parameters)}


def _explained(model: ModelConfig, raw: str, body: Mapping[str, Json], reading: ParsedReply) -> ParsedReply:
    """A refusal of a parameter that the operator wrote says which one."""
    named = refused_names(raw, body) & {name for name, _ in model.parameters}
    if not named:
        return reading
    which = ", ".join(sorted(named))
    trouble = PermanentError(
        f"{model.name} does not take {which}, which steward.yaml sets: {model_replies.said_in(raw)}",
        code="model-request",
        now_true="Nothing was drafted.",
        way_out=f"take it out of models.{model.name}.parameters, commit it, and run again",
    )
    return replace(reading, trouble=trouble)


def _believed(counted: tuple[int, int] | None, most_in: int, most_out: int) -> tuple[int, int] | None:
    """(tokens in, tokens out) as the provider counted them; None when it counted nonsense.

    Providers may count more than we do (their own wrapping, thoughts that are not shown). Tenfold is nonsense: believed,
    one wrong answer would use up the budget of a month.
    """
    if counted is None:
        return None
    tokens_in, tokens_out = counted
    return counted if tokens_in <= _TENFOLD * most_in and tokens_out <= _TENFOLD * most_out else None


# A provider that turned the request away, or was never reached, did no work for it.
_UNPAID = frozenset({"model-key", "model-missing", "model-money", "rate-limited", "model-request", "unreachable", "address"})  # fmt: skip
# A refusal that may be about the way the question was put.
_ABOUT_THE_WAY = frozenset({"model-request", "model-down"})


def _scrubbed(text: str, key: str) -> str:
    """Providers repeat keys in their complaints; what is kept and shown holds none."""
    return text.replace(key, "[key]") if key else text
