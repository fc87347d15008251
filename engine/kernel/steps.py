"""Begins steps and takes in what they gave: reads, waits, questions, ends. Effects go on in `engine.kernel.acting`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from engine.kernel.house import Journal
from engine.kernel.intake import match_of
from engine.kernel.scope import Scope, arguments
from engine.model import ids
from engine.model.actions import EffectClass
from engine.model.canonical import Json
from engine.model.effects import Call
from engine.model.errors import EngineError, TransientError
from engine.model.events import (
    Body,
    Draft,
    HumanAsked,
    StepFailed,
    StepRetried,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    WaitStarted,
)  # fmt: skip
from engine.model.labels import Labels, encode
from engine.model.plan import Node, Plan, Retry
from engine.model.state import RunState
from engine.model.times import later, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Work to be carried by the executor, and what to do on the loop's thread with its result, or with its error."""

    work: Callable[[], Any]
    done: Callable[[Any], None]
    failed: Callable[[BaseException], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A step of a run, with all that is needed to act on it."""

    journal: Journal
    plan: Plan
    run: RunState
    node: Node

    def draft(self, body: Body) -> Draft:
        """An event of this step."""
        return Draft(body=body, run=self.run.id, step=self.node.id, subject=self.run.subject)

    def fresh(self) -> "Place":
        """The same place with the run as it is now."""
        return Place(
            journal=self.journal, plan=self.plan, run=self.journal.book.runs[self.run.id], node=self.node
        )

    def sealed(self, value: Json) -> str:
        """Seal a value under the run's subject."""
        return self.journal.seal(value, self.run.subject)


def begin(
    place: Place, propose: Callable[[Place, Call, dict[str, Labels]], Attempt | None]
) -> Attempt | None:
    """Evaluate a step's condition and arguments and start it. `propose` freezes effects. None: nothing is left to carry."""
    node, journal = place.node, place.journal
    step = place.run.step(node.id)
    attempt = step.attempt if step.status == "running" else step.attempt + 1
    scope = Scope(journal=journal, plan=place.plan, run=place.run, now=journal.now())
    try:
        if node.condition is not None and step.revision == 0 and not scope.evaluate(node.condition)[0]:
            body = StepSkipped(because=f"if {node.condition.written}")
            journal.write(place.draft(body), durable=False)
            return None
        args, origins = arguments(scope, node)
        asked = _title(scope, node)
    except EngineError as error:
        fail(place, error, attempt)
        return None
    if step.status != "running":
        journal.write(place.draft(StepStarted(attempt=attempt)), durable=False)
        place = place.fresh()
    match node.kind:
        case "call":
            return _read(place, _call(place, args), origins)
        case "effect":
            return propose(place, _call(place, args), origins)
        case "wait":
            _wait(place, scope)
        case "human":
            _ask(place, asked)
        case "end":
            outputs = place.sealed({"as": node.end_as, "because": args.get("because")})
            journal.write(place.draft(StepSucceeded(attempt=attempt, outputs=outputs)), durable=True)
    return None


def _call(place: Place, args: dict[str, Json]) -> Call:
    run, journal = place.run, place.journal
    trigger = journal.value(run.event)
    return Call(
        action=place.node.uses,
        args=args,
        run=ids.RunId(run.id),
        step=place.node.id,
        subject=ids.SubjectId(run.subject) if run.subject else None,
        trigger=trigger if isinstance(trigger, dict) else {},
        at=moment(run.step(place.node.id).at or journal.now()),
        files=journal.files(place.plan),
    )


def _read(place: Place, call: Call, origins: dict[str, Labels]) -> Attempt:
    reader = place.journal.house.connectors.reader(call.action)

    attempt = place.run.step(place.node.id).attempt
    spec = place.node.action

    def done(result: tuple[dict[str, Json], Labels]) -> None:
        outputs, labels = result
        if spec is not None and spec.passes_labels:
            labels = labels.union(*origins.values())
        body = StepSucceeded(attempt=attempt, outputs=place.sealed(outputs), labels=encode(labels))
        pure = spec is not None and spec.kind is EffectClass.PURE
        place.journal.write(place.draft(body), durable=not pure)

    return Attempt(
        work=lambda: reader.read(call), done=done, failed=lambda error: fail(place.fresh(), error, attempt)
    )


def fail(place: Place, error: BaseException, attempt: int) -> None:
    """A step's attempt failed: retry when that may help and attempts are left, else fail it for good."""
    code = error.code if isinstance(error, EngineError) else f"bug: {type(error).__name__}"
    text = error.message if isinstance(error, EngineError) else str(error)
    message = place.sealed(text)
    retry = place.node.retry
    if isinstance(error, TransientError) and attempt < retry.attempts:
        due = later(place.journal.now(), backoff(retry, attempt, place.journal.house.chance()))
        place.journal.write(place.draft(StepRetried(attempt=attempt, due=due, code=code, message=message)))
        return
    place.journal.write(place.draft(StepFailed(attempt=attempt, code=code, message=message)))


def backoff(retry: Retry, attempt: int, chance: float) -> timedelta:
    """Full jitter: a share of the exponential delay (AWS architecture blog, "Exponential backoff and jitter")."""
    delay = retry.base * (2 ** (attempt - 1) if retry.backoff == "exponential" else 1)
    return min(delay, retry.max) * (chance or 1.0)


def _title(scope: Scope, node: Node) -> Json:
    return scope.evaluate(node.ask.title)[0] if node.ask is not None else None


def _wait(place: Place, scope: Scope) -> None:
    names, kinds, matches = [], [], []
    house = place.journal.house
    for wait in place.node.waits:
        for field, arg in wait.match:
            value, _ = scope.evaluate(arg)
            names.append(wait.name)
            kinds.append(wait.trigger)
            matches.append(f"{field}={match_of(house.index_key, wait.trigger, field, value)}")
    until = ""
    if place.node.until is not None:
        length, _ = scope.evaluate(place.node.until)
        until = later(scope.now, timedelta(seconds=float(length)))
    body = WaitStarted(until=until, names=tuple(names), kinds=tuple(kinds), matches=tuple(matches))
    place.journal.write(place.draft(body))


def _ask(place: Place, title: Json) -> None:
    ask = place.node.ask
    if ask is None:
        return
    attempt = place.run.step(place.node.id).attempt
    id_ = ids.card_id(ids.RunId(place.run.id), place.node.id, f"ask {attempt}")
    question = {
        "title": title,
        "choices": list(ask.choices),
        "fields": [[name, str(type_), type_.kind] for name, type_ in ask.fields],
        "context": list(ask.context),
        "cite": place.node.cite,
        "playbook": place.plan.name,
    }
    body = HumanAsked(
        ask=id_,
        who=ask.who or "operator",
        question=place.sealed(question),
        until=later(place.journal.now(), place.node.timeout),
    )
    place.journal.write(place.draft(body))
