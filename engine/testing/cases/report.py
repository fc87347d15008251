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
    parts = [failure(failure_, source, color=color) for failure_ in result.failures]
    return "\n".join([*parts, *(f"   {line}" for line in table(result.story))])


def failure(failure_: Failure, source: SourceText, *, color: bool = False) -> str:
    """Its place, the line, and both sides."""
    span = failure_.place
    lines = [f"{span.path}:{span.line}:{span.column}  {failure_.claim}: this is not so"]
    lines += render.excerpt(source.line(span.line), span, color=color)
    lines += [
        f"   = expected {masked(failure_.expected)}",
        f"   = happened {masked(failure_.happened)}",
    ]
    return "\n".join(lines)


def table(story: tuple[StoryLine, ...]) -> list[str]:
    """The story in columns."""
    names = max((len(line.step) for line in story), default=0)
    states = max((len(line.status) for line in story), default=0)
    return [
        f"{line.step:<{names}}  {line.status:<{states}}  {masked(line.because)}".rstrip() for line in story
    ]


def covered(coverage: Coverage) -> list[str]:
    """One playbook's coverage, and each part that no case went through with its line."""
    steps, branches = coverage.covered(branches=False), coverage.covered(branches=True)
    lines = [
        f"{coverage.playbook}: {steps} of {coverage.steps} steps, {branches} of {coverage.branches} branches"
    ]
    return lines + [f"  {part.place.path}:{part.place.line}  {part.name}" for part in coverage.missing]


def to_json(results: tuple[CaseResult, ...], coverage: tuple[Coverage, ...]) -> dict[str, Json]:
    """The same as data."""
    return {
        "cases": [_case(result) for result in results],
        "coverage": [
            {
                "playbook": playbook.playbook,
                "steps": playbook.steps,
                "steps-covered": playbook.covered(branches=False),
                "branches": playbook.branches,
                "branches-covered": playbook.covered(branches=True),
                "missing": [
                    {
                        "step": part.step,
                        "branch": part.branch,
                        "path": part.place.path,
                        "line": part.place.line,
                    }
                    for part in playbook.missing
                ],
            }
            for playbook in coverage
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
                "what": failure_.claim,
                "expected": failure_.expected,
                "happened": failure_.happened,
                "path": failure_.place.path,
                "line": failure_.place.line,
                "column": failure_.place.column,
            }
            for failure_ in result.failures
        ],
        "story": [
            {"step": line.step, "status": line.status, "because": line.because} for line in result.story
        ],
    }
