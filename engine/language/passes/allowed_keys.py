"""Which keys fit which kind of step."""

from collections.abc import Sequence

from engine.language.diagnostics.codes import graph as code
from engine.language.passes.resolved import ResolvedStep
from engine.model.definitions.diagnostics import Diagnostic, Span
from engine.model.definitions.plan import NodeKind

_ACTS_ONLY = "only steps that act can be held, asked about or taken back"
_BY_ITSELF = "it ends by its own `time:`"
_ONLY_ACTS = "only an effect is claimed for ever; put it on a step that acts, or on the playbook"
_READS_BACK = "it reads back what an action gave"
_BESIDE_REPEAT = {
    "foreach": "its items would each have rounds of their own; repeat a playbook that is called for each",
    "gate": "each round is a decision of its own",
    "once": "the second round would find the text used up",
}
_NO_LIST = "the step has no `foreach`"
_WORDS: dict[NodeKind, str] = {
    "call": "a step that only reads",
    "effect": "a step that acts",
    "wait": "`wait/for`",
    "human": "a question to a person",
    "end": "`run/end`",
    "playbook": "a step that runs another playbook",
    "find": "`run/find`",
}
_ACTING = dict.fromkeys(("gate", "reach", "undo", "undo-within"), _ACTS_ONLY)
_SPECIAL = {**_ACTING, "once": _ONLY_ACTS, "expect": _READS_BACK}
_OF_LISTS = ("key", "max-parallel", "pause")
_UNFIT: dict[NodeKind, dict[str, str]] = {
    "call": {**_ACTING, "once": _ONLY_ACTS},
    "effect": {},
    "wait": {
        **_SPECIAL,
        "timeout": _BY_ITSELF,
        "retry": "there is nothing to try again",
        "continue-on-error": "it can't fail",
        "repeat": "it waits until something comes, or its `time:` is over",
    },
    "human": {
        **_SPECIAL,
        "retry": "a person is asked once",
        "repeat": "a person is asked once; ask again in a step of its own",
    },
    "playbook": {
        **_SPECIAL,
        **dict.fromkeys(("timeout", "retry", "continue-on-error"), "the called playbook's own steps say it"),
    },
    "find": {**_SPECIAL, "retry": "it can't fail", "timeout": "it takes no time"},
    "end": {
        **_SPECIAL,
        **dict.fromkeys(("foreach", "repeat"), "a run ends once"),
        **dict.fromkeys(
            ("timeout", "retry", "continue-on-error", "stage"), "ending a run takes no time and can't fail"
        ),
    },
}


def _beside_repeat(key: str, span: Span) -> Diagnostic:
    return code.key_does_not_fit(span, key=key, kind="a step with `repeat`", why=_BESIDE_REPEAT[key])


def check_keys(steps: Sequence[ResolvedStep]) -> list[Diagnostic]:
    """Diagnostics of keys that have no meaning on their step."""
    diagnostics = []
    for resolved in steps:
        unfit = _UNFIT[resolved.kind]
        for key, span in resolved.step.keys:
            if key in unfit and not (key == "continue-on-error" and resolved.step.again is not None):
                diagnostics.append(
                    code.key_does_not_fit(span, key=key, kind=_WORDS[resolved.kind], why=unfit[key])
                )
            elif key in _BESIDE_REPEAT and resolved.step.again is not None:
                diagnostics.append(_beside_repeat(key, span))
            elif key in _OF_LISTS and resolved.step.foreach is None:
                diagnostics.append(code.key_does_not_fit(span, key=key, kind="this step", why=_NO_LIST))
    return diagnostics
