"""A failed case for people and for programs: expected against happened at its place in the test file, then the run's story."""

from engine.language.diagnostics import render
from engine.language.text.source import SourceText
from engine.model.text.safe_text import masked
from engine.model.values.canonical_json import Json
from engine.testing.cases.assertions import Failure, StoryLine
from engine.testing.cases.coverage import Coverage
from engine.testing.cases.suite import CaseResult


def text(result: CaseResult, source: SourceText, *, color: bool = False) -> str:
    """What is not as expected, and how the run came there."""
    parts = [failure(one, source, color=color) for one in result.failures]
    return "\n".join([*parts, *(f"   {line}" for line in table(result.story))])


def failure(one: Failure, source: SourceText, *, color: bool = False) -> str:
    """Its place, the line, and both sides."""
    span = one.place
    lines = [f"{span.path}:{span.line}:{span.column}  {one.what}: this is not so"]
    lines += render.excerpt(source.line(span.line), span, color=color)
    lines += [
        f"   = expected {masked(one.expected)}",
        f"   = happened {masked(one.happened)}",
    ]
    return "\n".join(lines)


def table(story: tuple[StoryLine, ...]) -> list[str]:
    """The story in columns."""
    names = max((len(one.step) for one in story), default=0)
    states = max((len(one.status) for one in story), default=0)
    return [f"{one.step:<{names}}  {one.status:<{states}}  {masked(one.because)}".rstrip() for one in story]


def covered(one: Coverage) -> list[str]:
    """One playbook's coverage, and each part that no case went through with its line."""
    steps, branches = one.covered(branches=False), one.covered(branches=True)
    lines = [f"{one.playbook}: {steps} of {one.steps} steps, {branches} of {one.branches} branches"]
    return lines + [f"  {part.place.path}:{part.place.line}  {part.name}" for part in one.missing]


def to_json(results: tuple[CaseResult, ...], coverage: tuple[Coverage, ...]) -> dict[str, Json]:
    """The same as data."""
    return {
        "cases": [_case(one) for one in results],
        "coverage": [
            {
                "playbook": one.playbook,
                "steps": one.steps,
                "steps-covered": one.covered(branches=False),
                "branches": one.branches,
                "branches-covered": one.covered(branches=True),
                "missing": [
                    {
                        "step": part.step,
                        "branch": part.branch,
                        "path": part.place.path,
                        "line": part.place.line,
                    }
                    for part in one.missing
                ],
            }
            for one in coverage
        ],
    }


def _case(result: CaseResult) -> dict[str, Json]:
    return {
        "path": result.path,
        "line": result.line,
        "playbook": result.playbook,
        "name": result.case,
        "passed": result.passed,
        "failures": [
            {
                "what": one.what,
                "expected": one.expected,
                "happened": one.happened,
                "path": one.place.path,
                "line": one.place.line,
                "column": one.place.column,
            }
            for one in result.failures
        ],
        "story": [{"step": one.step, "status": one.status, "because": one.because} for one in result.story],
    }
