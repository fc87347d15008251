"""Begins steps and takes in what they gave: reads, waits, questions, ends. Effects go on in `engine.kernel.steps.effects`."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from engine.kernel.core.scope import Scope, arguments
from engine.kernel.core.step_context import StepContext
from engine.kernel.resilience.backoff import MAX_ASKED, backoff, certainly_nothing, next_try, share, until
from engine.kernel.resilience.call_guard import may_call
from engine.kernel.resilience.circuit_breaker import connector_of
from engine.kernel.steps import answers, budgets, foreach, subplaybooks
from engine.kernel.triggers import unread_letters
from engine.kernel.triggers.arrivals import taken_up
from engine.kernel.triggers.intake import taken_by_step
from engine.kernel.triggers.matching import match_of, subscribe
from engine.kernel.triggers.set_aside import owned, subject_of
from engine.model.definitions.actions import EffectClass
from engine.model.definitions.plan import Ask
from engine.model.definitions.taint import Labels, encode
from engine.model.definitions.triggers import ACKNOWLEDGE, CAUTIONS
from engine.model.effects import Call
from engine.model.errors import ABSENT, EngineError, PermanentError, TransientError
from engine.model.events.events import (
    Draft,
    HumanAsked,
    StepFailed,
    StepRetried,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    WaitStarted,
)
from engine.model.events.outages import FLEETING, EffectCarried, EffectSkipped
from engine.model.rate_limited import retry_after
from engine.model.state.budgets import OverBudget
from engine.model.values import ids
from engine.model.values.canonical_json import Json
from engine.model.values.timestamps import later, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Work to be carried by the executor, and what to do on the loop's thread with its result, or with its error.

    `connector` is whose call it is; empty where the world is not asked. `probe`: it only asks whether the connector answers.
    """

    work: Callable[[], Any]
    done: Callable[[Any], None]
    failed: Callable[[BaseException], None]
    connector: str = ""
    probe: bool = False


Propose = Callable[[StepContext, Call, dict[str, Labels]], Attempt | None]


def begin(place: StepContext, propose: Propose) -> Attempt | None:
    """Evaluate a step's condition and arguments and start it. `propose` freezes effects. None: nothing is left to carry."""
    node, journal, step = place.node, place.journal, place.state
    attempt = step.attempt if step.status == "running" else step.attempt + 1
    scope = place.scope()
    try:
        if node.foreach is not None and not place.item:
            foreach.fan_out(place, scope)
            return None
        if step.done and step.status == "pending":
            journal.write(*_carried(place, scope))
            return None
        if why := _not_run(place, scope):
            journal.write(place.draft(StepSkipped(because=why)), durable=False)
            return None
        if node.repeat is not None and not place.item:
            foreach.first_round(place)
            return None
        args, origins = arguments(scope, node)
        asked = _question(scope, node.ask) if node.ask is not None else {}
        subject = _subject(place, scope)
    except EngineError as error:
        if error.code == ABSENT:
            journal.write(place.draft(StepSkipped(because=error.message)), durable=False)
        else:
            fail(place, error, attempt)
        return None
    if _asks(place) and not may_call(place, node.uses):
        return None
    if step.status != "running":
        started = StepStarted(attempt=attempt, once=claim_of(place))
        journal.write(Draft(body=started, run=place.run.id, step=place.step, subject=subject), durable=False)
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
            words = encode(origins.get("because", frozenset()))
            ended = StepSucceeded(attempt=attempt, outputs=outputs, labels=words)
            journal.write(place.draft(ended), durable=True)
        case "playbook":
            subplaybooks.call(place, args, origins)
        case "find":
            rows, labels = subplaybooks.find(journal, args)
            body = StepSucceeded(attempt=attempt, outputs=place.sealed(rows), labels=encode(labels))
            journal.write(place.draft(body), durable=True)
    return None


def _asks(place: StepContext) -> bool:
    """Whether beginning the step calls its connector: a read does, and an effect whose preview asks the world."""
    node = place.node
    if node.kind == "effect":
        return place.journal.house.broker.asks_first(node.uses)
    return node.action is not None and node.action.kind is not EffectClass.PURE


def _not_run(place: StepContext, scope: Scope) -> str:
    """Why the step is skipped, or empty: its `if` is false, or its `once` is used up."""
    node = place.node
    if place.state.revision and place.state.status != "pending":
        return ""
    if place.run.caution and node.uses == ACKNOWLEDGE:
        return f"nothing is acknowledged: {CAUTIONS[place.run.caution]}"
    # Whether a step with `repeat` runs is asked once, not in each round.
    round_ = node.repeat is not None and bool(place.item)
    if node.condition is not None and not round_ and not scope.evaluate(node.condition)[0]:
        return f"if {node.condition.written}"
    claim = claim_of(place)
    if claim and taken_by_step(place.journal, claim, place.run.id, place.step):
        return "once: it was done before"
    if claim and place.item and _twin(place, claim):
        return "once: another item does it"
    return ""


def _twin(place: StepContext, claim: str) -> bool:
    """Whether an item above this one is about to do the same, so that a card shows only what would leave."""
    node, run = place.node.id, place.run
    for key in run.step(node).keys:
        if key == place.item:
            return False
        sibling = run.step(f"{node}#{key}")
        if sibling.once == claim and (sibling.left or not sibling.settled):
            return True
    return False


def _carried(place: StepContext, scope: Scope) -> list[Draft]:
    """An effect that happened before the run was tried again, beside what it would be today."""
    done = place.journal.effect(place.state)
    try:
        args = arguments(scope, place.node)[0]
    except EngineError:
        args = {}
    differs = tuple(sorted(name for name in {*args, *done.args} if args.get(name) != done.args.get(name)))
    drafts = [place.draft(EffectCarried(key=done.key, differs=differs))]
    if wrong := unexpected(place, place.journal.value(place.state.outputs) or {}):
        failed = StepFailed(attempt=place.state.attempt, code=wrong.code, message=place.sealed(wrong.message))
        drafts.append(place.draft(failed))
    return drafts


def claim_of(place: StepContext) -> str:
    """The HMAC under which this step's `once` is used up; empty without one."""
    if place.node.once is None:
        return ""
    text, _ = place.scope().evaluate(place.node.once)
    house = place.journal.house
    name = owned(place.run.caution, f"{place.plan.id}/{place.node.id}")
    return match_of(house.index_key, "once", name, text)


def _subject(place: StepContext, scope: Scope) -> str:
    if place.node.subject is None:
        return place.subject
    person, _ = scope.evaluate(place.node.subject)
    return subject_of(place.journal, person, place.run.caution) if person else place.run.subject


def _call(place: StepContext, args: dict[str, Json]) -> Call:
    run, journal = place.run, place.journal
    trigger = unread_letters.answered(journal, place.plan, run, place.node)
    if run.caution:
        # Also in a run that one of these called, whose own event says nothing of it.
        trigger = {**trigger, "caution": run.caution}
    return Call(
        action=place.node.uses,
        args=args,
        run=ids.RunId(run.id),
        step=place.step,
        subject=ids.SubjectId(place.subject) if place.subject else None,
        trigger=trigger,
        at=moment(place.state.at or journal.now()),
        files=journal.files(place.plan),
        budget=None if place.plan.budget_usd is None else Decimal(str(place.plan.budget_usd)),
        last=place.state.attempt - place.state.rate_limited_attempts >= place.node.retry.attempts,
        model_disabled=place.state.model_disabled,
        seen=set(_templates(place, args)),
    )


def _templates(place: StepContext, args: dict[str, Json]) -> Iterator[str]:
    """The paths of the templates among a step's arguments."""
    for param in place.node.action.params if place.node.action else ():
        value = args.get(param.name)
        if param.type.kind == "template" and isinstance(value, dict):
            yield f"vault/templates/{value['name']}.md"


def versions(place: StepContext, paths: Iterable[str]) -> dict[str, Json]:
    """Path → version of files a step was made from: those its plan pinned, and others as they are deployed."""
    pinned = dict(place.plan.files)
    return {path: pinned.get(path) or place.journal.house.version(path) for path in sorted(paths)}


def _read(place: StepContext, call: Call, origins: dict[str, Labels]) -> Attempt:
    connectors = place.journal.house.connectors
    attempt = place.state.attempt
    spec = place.node.action

    def done(result: tuple[dict[str, Json], Labels]) -> None:
        outputs, labels = result
        if wrong := unexpected(place, outputs):
            fail(place.fresh(), wrong, attempt)
            return
        if spec is not None and spec.passes_labels:
            labels = labels.union(*origins.values())
        seen = place.sealed(versions(place, call.seen)) if call.seen else None
        body = StepSucceeded(attempt=attempt, outputs=place.sealed(outputs), labels=encode(labels), seen=seen)
        pure = spec is not None and spec.kind is EffectClass.PURE
        place.journal.write(place.draft(body), durable=not pure)

    # Looked up as part of the work: a missing reader is a failure of this step, reported like any other.
    return Attempt(
        work=lambda: connectors.reader(call.action).read(call),
        done=done,
        failed=lambda error: fail(place.fresh(), error, attempt),
        connector=connector_of(call.action) if _asks(place) else "",
    )


def unexpected(place: StepContext, outputs: dict[str, Json]) -> PermanentError | None:
    """What `expect` says should have come back and did not."""
    scope = place.scope()
    for name, arg in place.node.expect:
        expected, _ = scope.evaluate(arg)
        if outputs.get(name) != expected:
            return PermanentError(f"expected {name} {expected!r}, got {outputs.get(name)!r}", code="expect")
    return None


def fail(place: StepContext, error: BaseException, attempt: int) -> None:
    """A step's attempt failed: retry when that may help and attempts are left, else fail it for good."""
    if isinstance(error, OverBudget) and not place.state.model_disabled:
        budgets.ask_for_budget(place, error)
        return
    code = error.code if isinstance(error, EngineError) else f"bug: {type(error).__name__}"
    text = error.message if isinstance(error, EngineError) else str(error)
    again = _retry_due(place, error, attempt)
    if again is not None:
        due, end = again
        message = place.sealed(text)
        body = StepRetried(attempt=attempt, due=due, code=code, message=message, until=end)
        place.journal.write(place.draft(body))
    elif place.node.uses in FLEETING:
        place.journal.write(place.draft(EffectSkipped(code=code, message=place.sealed(text))))
    else:
        place.journal.write(place.draft(StepFailed(attempt=attempt, code=code, message=place.sealed(text))))


def _retry_due(place: StepContext, error: BaseException, attempt: int) -> tuple[str, str] | None:
    """When a read, or the freezing of a proposal, is tried again, and how long it is waited for; None: not at all.

    First as often as `retry` says. What certainly did nothing is waited for beyond that, unless the playbook goes on without it. Being
    asked to wait uses up no attempt.
    """
    retry, now = place.node.retry, place.journal.now()
    name, rate_limited = f"{place.run.id}/{place.step}", place.state.rate_limited_attempts
    asked = retry_after(error)
    waits = asked is not None and not place.node.continue_on_error
    if isinstance(error, TransientError) and attempt - rate_limited < retry.attempts and not waits:
        wait = max(backoff(retry, attempt, share(name, attempt)), timedelta(seconds=asked or 0.0))
        return later(now, min(wait, MAX_ASKED)), ""
    if place.node.continue_on_error or not certainly_nothing(error):
        return None
    end = place.state.until or until(place.node.uses, now=now, zone=place.plan.time_zone)
    if now >= end:
        return None
    tries = rate_limited + 1 if waits else attempt - rate_limited - retry.attempts + 1
    return next_try(name, tries, error, now=now, until=end), end


def _wait(place: StepContext, scope: Scope) -> None:
    until = ""
    if place.node.until is not None:
        length, _ = scope.evaluate(place.node.until)
        until = later(scope.now, timedelta(seconds=float(length)))
    place.journal.write(place.draft(WaitStarted(until=until, **subscribe(place.node.waits, scope))))
    taken_up(place.journal, place.fresh().run, place.step)


def _question(scope: Scope, ask: Ask) -> dict[str, Json]:
    """What is computed of a question: its title, the limits of its fields, and their defaults with where those come from."""
    defaults = {name: scope.evaluate(arg) for name, arg in ask.defaults}
    offered = {
        name: default
        for name, default in defaults.items()
        if default[0] is not None and answers.shown_whole(default[0])
    }
    return {
        **_offered(scope, ask),
        "title": scope.evaluate(ask.title)[0],
        "least": {name: scope.evaluate(arg)[0] for name, arg in ask.least},
        "most": {name: scope.evaluate(arg)[0] for name, arg in ask.most},
        "default": {name: value for name, (value, _) in offered.items()},
        "origins": {name: list(encode(labels)) for name, (_, labels) in offered.items()},
        "too-long": [
            name for name, (value, _) in defaults.items() if value is not None and name not in offered
        ],
    }


def _offered(scope: Scope, ask: Ask) -> dict[str, Json]:
    """What can be chosen. Computed choices were read by a person when they chose, so each is shown whole or not offered. Raises PermanentError."""
    if ask.offers is None:
        return {"choices": list(ask.choices)}
    choices, labels = scope.evaluate(ask.offers)
    return {"choices": answers.choice_texts(choices), "offered": list(encode(labels))}


def _ask(place: StepContext, asked: dict[str, Json]) -> None:
    ask = place.node.ask
    if ask is None:
        return
    attempt = place.state.attempt
    id_ = ids.card_id(ids.RunId(place.run.id), place.step, f"ask {attempt}")
    question = {
        **asked,
        "fields": [[name, str(type_), type_.kind] for name, type_ in ask.fields],
        "optional": [name for name, type_ in ask.fields if type_.nullable],
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
