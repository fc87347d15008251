"""Codes of agents (SW09x)."""

from collections.abc import Callable, Collection

from engine.language.text.suggest import did_you_mean, nearest
from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span


def _near(span: Span, name: str, known: Collection[str]) -> Fix | None:
    best = nearest(name, known)
    return Fix(span=span, text=best) if best is not None else None


def unknown_model(span: Span, *, name: str, known: Collection[str]) -> Diagnostic:
    """SW090: an agent asks a model that steward.yaml doesn't have.

    `default` may always be named: without an entry of that name no model is asked, and the agent degrades to your own words or to
    a person. `none` says so for good.

    Wrong: `model: fats` where steward.yaml has `models: { fast: … }`. Right: `model: fast`.
    """
    return Diagnostic(
        code="SW090",
        span=span,
        message=f"steward.yaml has no model `{name}`",
        hint=did_you_mean(name, known, label="models"),
        fix=_near(span, name, known),
    )


def no_instructions(span: Span) -> Diagnostic:
    """SW091: an agent without a word of instruction.

    What stands below the front matter is what the model is told; without it, only the names of the fields would be.

    Wrong: nothing below the closing `---`. Right: `Copy what is printed; never compute.`
    """
    return Diagnostic(
        code="SW091", span=span, message="this agent has no instructions", hint="write them below the `---`"
    )


def bad_tool(span: Span, *, name: str, acts: bool, known: Collection[str]) -> Diagnostic:
    """SW092: a tool that is no action that only reads.

    An agent proposes and never performs: it can be handed what reads (`memory/recall`, `tables/read`), nothing that acts, and no
    other agent. What it proposes is done by a step of the playbook, where you see it.

    Wrong: `tools: [email/reply]`. Right: `tools: [memory/recall]`, and a step with `uses: email/reply`.
    """
    problem = "acts, and an agent only proposes" if acts else "is no action that reads"
    return Diagnostic(
        code="SW092",
        span=span,
        message=f"`{name}` {problem}",
        hint="do it in a step of the playbook" if acts else did_you_mean(name, known, label="tools"),
        fix=None if acts else _near(span, name, known),
    )


def no_examples(span: Span, *, pattern: str) -> Diagnostic:
    """SW093: `examples` matches no file (a warning).

    A pattern begins at the workspace's root (`vault/knowledge/replies/*.md`), or with `../` at the agent's own folder.

    Wrong: `examples: ../replies/*.md`. Right: `examples: ../knowledge/replies/*.md`, where that folder holds a note.
    """
    return Diagnostic(
        code="SW093",
        span=span,
        message=f"no file matches `{pattern}`",
        hint="write an example there, or take the key out",
        severity=Severity.WARNING,
    )


def too_many_examples(span: Span, *, count: int, limit: int) -> Diagnostic:
    """SW094: `examples` matches more files than an agent can be shown.

    Each is kept with every run that uses the agent, so that the run can be repeated.

    Wrong: `examples: vault/**/*.md` in a large vault. Right: `examples: vault/knowledge/replies/*.md`.
    """
    return Diagnostic(
        code="SW094",
        span=span,
        message=f"`examples` matches {count:,} files; an agent is shown {limit} at most",
        hint="name a folder that holds examples only",
    )


def not_given(span: Span, *, name: str, type_: str) -> Diagnostic:
    """SW095: an output that no agent can give.

    A file is known by a handle that only the engine makes: an agent that could name one could name somebody else's.

    Wrong: `outputs: { letter: file }`. Right: `outputs: { body: text }`, and a step with `uses: documents/render`.
    """
    return Diagnostic(
        code="SW095",
        span=span,
        message=f"an agent can't give `{name}`: {type_} is made by a connector only",
        hint="let it give text, and make the file in a step",
    )


AGENTS: dict[str, Callable[..., Diagnostic]] = {
    "SW090": unknown_model,
    "SW091": no_instructions,
    "SW092": bad_tool,
    "SW093": no_examples,
    "SW094": too_many_examples,
    "SW095": not_given,
}
"""Code → what makes its diagnostic; the docstring is the page of `steward explain`."""
