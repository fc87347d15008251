"""Which keys fit which kind of step."""

from collections.abc import Sequence

from engine.language.codes import graph as code
from engine.language.resolve import Resolved
from engine.model.plan import NodeKind
from engine.model.span import Diagnostic

_ACTS_ONLY = "only steps that act can be held, asked about or taken back"
_BY_ITSELF = "it ends by its own `time:`"
_WORDS: dict[NodeKind, str] = {
    "call": "a step that only reads",
    "effect": "a step that acts",
    "wait": "`wait/for`",
    "human": "a question to a person",
    "end": "`run/end`",
}
_ACTING = dict.fromkeys(("gate", "reach", "undo", "undo-within"), _ACTS_ONLY)
_UNFIT: dict[NodeKind, dict[str, str]] = {
    "call": _ACTING,
    "effect": {},
    "wait": {
        **_ACTING,
        "timeout": _BY_ITSELF,
        "retry": "there is nothing to try again",
        "continue-on-error": "it can't fail",
    },
    "human": {**_ACTING, "retry": "a person is asked once"},
    "end": {
        **_ACTING,
        **dict.fromkeys(
            ("timeout", "retry", "continue-on-error", "stage"), "ending a run takes no time and can't fail"
        ),
    },
}


def check(steps: Sequence[Resolved]) -> list[Diagnostic]:
    """Keys that can't mean anything on their step."""
    return [
        code.key_does_not_fit(span, key=key, kind=_WORDS[one.kind], why=_UNFIT[one.kind][key])
        for one in steps
        for key, span in one.step.keys
        if key in _UNFIT[one.kind]
    ]
