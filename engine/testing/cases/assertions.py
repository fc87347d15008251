"""What a case expects against what happened."""

from dataclasses import dataclass
from typing import Any

from engine.language.documents.test_file import NOTHING, Expectation
from engine.model.definitions.diagnostics import Span
from engine.model.state.state import RunState, StepState
from engine.model.values.canonical_json import Json
from engine.model.values.money import Money
from engine.testing.cases.runner import Play


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One thing that is not as the case says. `claim` is a key of `expect`, or a move; `place` is in the test file."""

    claim: str
    place: Span
    expected: str
    happened: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryLine:
    """One line of a run's story: a step, how it stands, and why."""

    step: str
    status: str
    because: str


def judge(play: Play, expectation: Expectation) -> Failure | None:
    """None when it is as expected."""
    match expectation.key:
        case "sent":
            # What only prepares has sent nothing yet; a case may name it all the same.
            aside = play.bench.script.preparing.difference(expectation.names)
            return _compared(
                expectation,
                _names(expectation.names),
                _names([n for n in play.bench.script.sent if n not in aside]),
            )
        case "never":
            broken = [name for name in expectation.names if _happened(play, name)]
            return (
                _failure(expectation, _names(expectation.names), f"{_names(broken)} happened")
                if broken
                else None
            )
        case "waiting":
            return _waiting(play, expectation)
        case "status":
            reason = play.state().reason
            happened = play.status()
            wrong = happened not in expectation.names
            return (
                _failure(expectation, expectation.names[0], f"{happened} ({reason})" if reason else happened)
                if wrong
                else None
            )
        case "stopped-by":
            return _compared(expectation, expectation.names[0], play.state().stopping or "nothing")
        case _:
            return _outputs(play, expectation)


def _failure(expectation: Expectation, expected: str, happened: str) -> Failure:
    return Failure(claim=expectation.key, place=expectation.span, expected=expected, happened=happened)


def _compared(expectation: Expectation, expected: str, happened: str) -> Failure | None:
    return None if expected == happened else _failure(expectation, expected, happened)


def _names(names: "tuple[str, ...] | list[str]") -> str:
    return f"[{', '.join(names)}]" if names else "nothing"


def _happened(play: Play, name: str) -> bool:
    """Whether a step did anything: sent, or done. A question or wait that only began did nothing."""
    if name in play.bench.script.sent:
        return True
    return any(
        step.status == "succeeded" and id_.partition("#")[0] == name
        for run in play.bench.loop.journal.book.runs.values()
        for id_, step in run.steps.items()
    )


def _waiting(play: Play, expectation: Expectation) -> Failure | None:
    left = play.waits()
    happened = _names([name for name, _ in left]) if left else NOTHING
    for name in expectation.names:
        matching = next((wait for wait in left if name in wait[1]), None)
        if matching is None:
            return _failure(expectation, _names(expectation.names), happened)
        left.remove(matching)
    return (
        _failure(expectation, _names(expectation.names) if expectation.names else NOTHING, happened)
        if left
        else None
    )


def _outputs(play: Play, expectation: Expectation) -> Failure | None:
    outputs = play.bench.loop.journal.value(play.state().outputs)
    happened: dict[str, Json] = outputs if isinstance(outputs, dict) else {}
    wrong = [name for name, value in expectation.fields.items() if not _same(happened.get(name), value)]
    if not wrong:
        return None
    expected = ", ".join(f"{name}: {_shown(expectation.fields[name])}" for name in wrong)
    return _failure(
        expectation, expected, ", ".join(f"{name}: {_shown(happened.get(name))}" for name in wrong)
    )


def _same(a: Any, b: Any) -> bool:  # noqa: ANN401 - two values of any kind
    if a == b:
        return True
    try:
        return Money.of(a) == Money.of(b)
    except ValueError:
        return False


def _shown(value: Json) -> str:
    try:
        return Money.of(value).text()
    except ValueError:
        return "nothing" if value is None else str(value)


def story(play: Play) -> tuple[StoryLine, ...]:
    """How each step of the tested run stands, and why; then those of runs it called."""
    lines: list[StoryLine] = []
    if not play.run:
        return ()
    for run in play.bench.loop.journal.book.runs.values():
        plan = play.bench.loop.journal.plan(run)
        prefix = "" if run.id == play.run else f"{plan.id}/"
        for node in plan.nodes:
            items = [id_ for id_ in run.steps if id_.partition("#")[0] == node.id]
            for id_ in items or [node.id]:
                step = run.step(id_)
                if step.status != "pending":
                    lines.append(_line(play, run, prefix + id_, step))
        status = play.status() if run.id == play.run else run.status
        lines.append(StoryLine(step=f"{prefix}the run", status=status, because=run.reason))
    return tuple(lines)


def _line(play: Play, run: RunState, name: str, step: StepState) -> StoryLine:
    because = step.because
    match step.status:
        case "failed" | "retrying" | "unknown":
            message = play.bench.loop.journal.value(step.message)
            because = f"{step.code}: {message}" if message else step.code
        case "carded":
            because = f"at gate `{step.gate}`"
        case "asked":
            because = f"asks {step.person}"
        case "waiting":
            because = f"until {step.due[:16]}Z" if step.due else "for ever"
        case "succeeded" if step.intents:
            because = "sent"
        case "skipped" if not because:
            because = run.status
        case _:
            pass
    status = "waiting" if step.status in {"carded", "asked"} else step.status
    base, _, key = name.partition("#")
    return StoryLine(step=f"{base}#{key[:4]}" if key else base, status=status, because=because)
