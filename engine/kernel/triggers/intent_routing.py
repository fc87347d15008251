"""What a letter wants, asked once per letter and only where a playbook or a waiting run listens for intents."""

from dataclasses import replace

from engine.kernel.core.services import Deployment, LedgerWriter
from engine.model.effects import Call
from engine.model.errors import PermanentError, TransientError
from engine.model.ports import Arrival
from engine.model.state.state import State
from engine.model.values import ids
from engine.model.values.timestamps import moment

KIND = "intent"
UNSURE = "unsure"
_ACTION = "intent/resolve"


def waits_on_intent(book: State) -> bool:
    """Whether a run waits for an intent, or would be ended by one."""
    runs = [book.runs[id_] for id_ in book.open_runs]
    return any(
        KIND in run.stop_kinds
        or any(KIND in step.kinds for step in run.steps.values() if step.status == "waiting")
        for run in runs
    )


def triggers_on_intent(deployment: Deployment) -> bool:
    """Whether a deployed playbook starts from an intent."""
    return any(trigger.kind == KIND for plan in deployment.plans.values() for trigger in plan.triggers)


def resolve_intent(journal: LedgerWriter, deployment: Deployment, letter: Arrival) -> Arrival | None:
    """The letter with its `intent` and `confidence`, and the tier that decided; `unsure` counts as ignored. None: not now, ask again later.

    The deployed intents decide. They are pinned by every plan, so a run that begins with this one reads the same.
    """
    plans = [plan for plan in deployment.plans.values() if plan.files]
    files = tuple(
        (path, deployment.contents[sha].decode("utf-8", "replace"))
        for path, sha in (plans[0].files if plans else ())
    )
    words = str(letter.event.get("text") or "").strip() or str(letter.event.get("subject") or "")
    call = Call(
        action=_ACTION, args={"text": words}, run=ids.RunId(""), step="", subject=None, trigger=letter.event,
        at=moment(journal.now()), files=files,
    )  # fmt: skip
    try:
        intent, _ = journal.house.connectors.reader(_ACTION).read(call)
    except TransientError:
        return None
    except PermanentError as error:
        intent = {"name": UNSURE, "confidence": 0.0, "tier": error.code}
    name = str(intent.get("name") or UNSURE)
    intent_fields = {
        "intent": name,
        "confidence": intent.get("confidence") or 0.0,
        "tier": str(intent.get("tier") or ""),
    }
    return replace(
        letter, kind=KIND, event={**letter.event, **intent_fields}, ignored=UNSURE if name == UNSURE else ""
    )
