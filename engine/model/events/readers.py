"""Events of what readers found and of what finding it cost. Members of the closed union in :mod:`engine.model.events.events`."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["more", "without", "renewed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReserved:
    """A model is about to be asked: `usd` (decimal text) is set aside first, the most the call can cost. `call` names the call.

    `isolation` is the level of the room whose program asks (0: none), so that each attempt says what it ran in.
    Durable before anything leaves. A call that never gets its answer has spent what it reserved.
    """

    call: str
    model: str
    usd: str
    isolation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswered:
    """The model's answer, or why there is none (`code`, empty when it answered).

    `model` is the name in steward.yaml, `served` what the provider says it used. `tokens_in` and `tokens_out` count tokens, `usd` is the
    decimal cost of the tokens it counted. Where it counted none, `aside` (decimal text) is what budgets go on counting: the most it can have
    been. `prompt` and `answer` are sealed values, `prompt_digest` the HMAC of the prompt.
    """

    call: str
    model: str
    served: str = ""
    code: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    usd: str = "0"
    aside: str = "0"
    prompt: str | None = None
    prompt_digest: str = ""
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetDecided:
    """A call that did not fit the budget of `scope` was asked about (`ask`), and this is what became of it: the step goes on.

    `verdict`: more (`usd`, decimal text, was added to the budget), without a model, or renewed (a new day or month has begun). `by` is who
    said so, ``engine`` when the question expired or the same was refused before. One event for each step that waited; the first has the money.
    """

    ask: str
    scope: str
    by: str
    verdict: Verdict
    channel: str = ""
    usd: str = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentResolved:
    """The intent of a letter was decided, or left to a person (`name` is then ``unsure``).

    `tier` is who decided (rules, ensemble, person), `score` how sure that tier is, `scope` how sure it is that the text is about anything we
    know, `threshold` what `score` had to reach, `proven` whether the threshold's promise is backed by enough cases. `versions` names the
    examples, encoder and calibration used: the same text and versions give the same answer.
    """

    name: str
    tier: str
    score: str
    scope: str
    threshold: str
    proven: bool
    versions: str
