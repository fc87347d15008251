"""SW3xx: what may reach whom, and what can be taken back."""

from collections.abc import Callable

from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span


def reaches_sink(
    span: Span, *, path: str, origin: str, param: str, sink: str, action: str, hint: str, fix: Fix | None
) -> Diagnostic:
    """SW301: a stranger's or a model's words reach a recipient, amount, account, address, command or path that nobody sees.

    Whoever writes a letter may not choose where money, mail or files go. A card shows it to you first; a closed value (a number, a
    date, one of a list) may steer a path, never an amount; a step that only prepares is shown with what sends it.

    Wrong: `files/write` with `path: "letters/${{ event.subject }}.txt"`.
    Right: `path: "letters/${{ event.thread }}.txt"` in a step with `gate:`, or a fixed path.
    """
    message = f"`{path}` ({origin}) reaches the {sink} `{param}` of {action}, and no card shows it"
    return Diagnostic(code="SW301", span=span, message=message, hint=hint, fix=fix)


def no_undo(span: Span, *, action: str, fix: Fix | None) -> Diagnostic:
    """SW302: a step acts, and nothing says how it is taken back.

    Wrong: a step whose action declares no undo, without `undo:`. Right: `undo: { none: the parcel has left }`, or what takes it
    back: `undo: { uses: notify/me, with: { text: "Call the parcel ${{ steps.post.outputs.number }} back" } }`.
    """
    return Diagnostic(
        code="SW302",
        span=span,
        message=f"nothing says how `{action}` is taken back",
        hint="add `undo: { none: why it can't be }`, or `undo: { uses: …, with: … }`",
        fix=fix,
    )


def no_subject(span: Span, *, path: str, fix: Fix | None) -> Diagnostic:
    """SW303: a step takes somebody's data, and the playbook doesn't say whose.

    Values are kept under the key of the person they are about, so that one person can be forgotten. Without `subject` nobody
    could be. A step with `foreach` that writes to a field of its item is about whoever has that address, without saying so.

    Wrong: a playbook that reads `event.from` without `subject:`. Right: `subject: ${{ event.from }}`.
    """
    return Diagnostic(
        code="SW303",
        span=span,
        message=f"`{path}` is about a person, and the playbook names no `subject`",
        hint="add `subject:` with their address",
        fix=fix,
    )


def lower_reach(span: Span, *, written: str, real: str, action: str) -> Diagnostic:
    """SW304: `reach:` lower than what the action does.

    Reach may only rise: what a letter with an attachment means for the law is not the playbook's to say.

    Wrong: `reach: low` on `email/reply` with a `body`. Right: `reach: customer`, or no `reach:`.
    """
    return Diagnostic(
        code="SW304",
        span=span,
        message=f"with these arguments `{action}` reaches {real}; `reach: {written}` can't lower it",
        hint=f"write `{real}` or leave it out",
        fix=Fix(span=span, text=real),
    )


def higher_stage(span: Span, *, step: str, file: str) -> Diagnostic:
    """SW305: a step's stage above its file's.

    The file's stage is the ceiling.

    Wrong: `stage: auto` on a step of a playbook with `stage: approval`. Right: `stage: shadow` on the step, or a higher file.
    """
    return Diagnostic(
        code="SW305",
        span=span,
        message=f"this step says `{step}`, the file's ceiling is `{file}`",
        hint=f"write `{file}` or lower",
        fix=Fix(span=span, text=file),
    )


def into_call(span: Span, *, path: str, origin: str, name: str, playbook: str) -> Diagnostic:
    """SW306: a stranger's or a model's words as the input of another playbook.

    A called playbook takes its inputs as yours: they may become an address or an amount there without a card.

    Wrong: `with: { name: "${{ event.name }}" }` on a `playbook/x`. Right: ask first (`human/ask` with a field), and give the answer.
    """
    return Diagnostic(
        code="SW306",
        span=span,
        message=f"`{path}` ({origin}) becomes the input `{name}` of {playbook}, which takes it as yours",
        hint="let a person confirm it: `human/ask` with a field, and give its answer",
    )


def unperformed(span: Span, *, action: str) -> Diagnostic:
    """SW307: an action that is declared, and that nothing performs in this version (a warning).

    The playbook can be written, drawn and tested with `given`. When it runs, this step fails before anything is sent or changed.

    Wrong: `uses: stripe/refund` in a playbook that is to run today. Right: `uses: human/ask`, and do it by hand until a version
    performs it; docs/reference/actions.md says which actions are declared only.
    """
    return Diagnostic(
        code="SW307",
        span=span,
        message=f"nothing performs `{action}` yet: this step fails when it runs",
        hint="test it with `given`, and let `human/ask` ask you to do it by hand until then",
        severity=Severity.WARNING,
    )


def undo_acts_not(span: Span, *, action: str) -> Diagnostic:
    """SW308: a step is to be taken back by something that does nothing to the world.

    Taking back is an effect of its own, with its own key, its own intent, and its own card where the stage asks for one. Reading,
    asking and waiting take nothing back.

    Wrong: `undo: { uses: human/ask, with: { title: Call them } }`.
    Right: `undo: { uses: notify/me, with: { text: Call them } }`, or `undo: { none: somebody has to call them }`.
    """
    return Diagnostic(
        code="SW308",
        span=span,
        message=f"`{action}` takes nothing back: it does not act",
        hint="name an action that does, or say `undo: { none: why it can't be }`",
    )


TRUST: dict[str, Callable[..., Diagnostic]] = {
    "SW301": reaches_sink,
    "SW302": no_undo,
    "SW303": no_subject,
    "SW304": lower_reach,
    "SW305": higher_stage,
    "SW306": into_call,
    "SW307": unperformed,
    "SW308": undo_acts_not,
}
