"""One effect from frozen proposal to outcome: gate, card, hold, release, recovery, undo. The broker is asked at each touch."""

from collections.abc import Callable
from dataclasses import replace

from engine.kernel.core.scope import Scope
from engine.kernel.core.services import LedgerWriter
from engine.kernel.core.step_context import StepContext
from engine.kernel.resilience.backoff import certainly_nothing, next_day, next_try, until
from engine.kernel.resilience.circuit_breaker import connector_of
from engine.kernel.resilience.health_gate import leaves
from engine.kernel.steps.doubts import doubts_of_other_runs, seen_first
from engine.kernel.steps.execute import Attempt, claim_of, fail, unexpected, versions
from engine.kernel.triggers import unread_letters
from engine.kernel.triggers.intake import is_once_claimed, taken_by_step
from engine.model import approval_rule
from engine.model.commands import OpenCard
from engine.model.defaults import DECISION_TIMEOUT
from engine.model.definitions.actions import EffectClass, Reach, UndoSpec
from engine.model.definitions.plan import Plan, Stage, undo_of, undone_by
from engine.model.definitions.taint import Labels, encode
from engine.model.definitions.triggers import CAUTIONS, EMITTED
from engine.model.effects import Answer, Call, Effect, Outcome, Verdict, dump
from engine.model.errors import EngineError
from engine.model.events.events import (
    CardClosed,
    CardOpened,
    Draft,
    EffectFailed,
    EffectGated,
    EffectIntended,
    EffectKept,
    EffectPreviewed,
    EffectProposed,
    EffectSucceeded,
    EffectUndone,
    EffectUnknown,
    Event,
    OnceClaimed,
    StepFailed,
    StepSkipped,
    StepStarted,
)
from engine.model.events.outages import FLEETING, EffectDeferred, EffectSkipped
from engine.model.state.state import RunState, StepState
from engine.model.values import canonical_json, ids
from engine.model.values.canonical_json import Json
from engine.model.values.timestamps import later
from engine.runtime.broker import classify


def stopped(journal: LedgerWriter) -> bool:
    """Whether nothing may leave: the ledger says so, or the flag file exists."""
    return journal.book.stopped or journal.house.flag()


def stage_of(place: StepContext) -> Stage:
    """The effective stage of a step: the lower of the run's and the step's own."""
    return approval_rule.lowest(Stage(place.run.stage), place.node.stage)


def propose(place: StepContext, call: Call, origins: dict[str, Labels]) -> Attempt:
    """Freeze the next revision of an effect; when it is frozen, ask governance."""
    revision = place.state.revision + 1
    key = ids.effect_key(ids.RunId(place.run.id), place.node.id, place.item, call.action, revision)
    keyed = Call(
        action=call.action, args=call.args, run=call.run, step=call.step, subject=call.subject,
        trigger=call.trigger, at=call.at, key=key, revision=revision, files=call.files, seen=call.seen,
    )  # fmt: skip
    broker = place.journal.house.broker

    def done(effect: Effect) -> None:
        now = place.fresh()
        frozen = replace(
            effect, seen=tuple((path, str(version)) for path, version in versions(now, keyed.seen).items())
        )
        now.journal.write(*proposed(now, frozen, edited=False))

    def failed(error: BaseException) -> None:
        now = place.fresh()
        fail(now, error, now.state.attempt)

    return Attempt(
        work=lambda: broker.propose(keyed, floor=place.node.reach, labels=origins),
        done=done,
        failed=failed,
        connector=connector_of(call.action) if broker.asks_first(call.action) else "",
    )


def proposed(place: StepContext, effect: Effect, *, edited: bool) -> list[Draft]:
    """The events of a frozen proposal and governance's answer to it."""
    journal = place.journal
    verdict = judge(place, effect)
    body = EffectProposed(
        action=effect.action,
        key=effect.key,
        revision=effect.revision,
        kind=effect.kind.value,
        reach=effect.reach.value,
        proposal=place.sealed(dump(effect)),
        digest=journal.commitment(effect.digest, place.subject),
        edited=edited,
    )
    # Each thing that is taken back is a decision of its own, also of one item among others.
    gate = place.step if undone_by(place.step) else place.node.gate or place.node.id
    gated = EffectGated(
        revision=effect.revision,
        answer=verdict.answer.value,
        rule=verdict.rule,
        because=f"{verdict.because}; {verdict.cap}, so it leaves tomorrow at the earliest"
        if verdict.not_before
        else verdict.because,
        strength=verdict.strength,
        gate=gate if verdict.answer is Answer.ASK else "",
    )
    drafts = [place.draft(body), place.draft(gated)]
    if verdict.answer is Answer.DENY:
        drafts.append(place.draft(_denied(place, verdict)))
    elif verdict.answer is Answer.PREVIEW:
        drafts.append(place.draft(EffectPreviewed(revision=effect.revision, proposal=body.proposal)))
    return drafts


def judge(place: StepContext, effect: Effect) -> Verdict:
    """Governance's answer for this step, now."""
    journal, origin, caution = place.journal, place.run.origin, place.run.caution
    # A mailbox on a server counts as new until a person approves this kind of effect for its letters.
    watched = bool(origin) and (origin, effect.action) not in journal.book.vouched
    verdict = journal.house.policy.judge(
        effect,
        plan=place.plan,
        node=place.node,
        stage=stage_of(place),
        stopped=stopped(journal),
        watched=watched,
    )
    if caution and verdict.answer is Answer.ALLOW and effect.reach is not Reach.INTERNAL:
        return Verdict(
            answer=Answer.ASK,
            rule=f"caution {caution}",
            because=CAUTIONS[caution],
            strength=approval_rule.strength(effect.reach),
        )
    return seen_first(place, effect, verdict)


def _denied(place: StepContext, verdict: Verdict) -> StepFailed | EffectSkipped:
    code, message = f"denied: {verdict.rule}", place.sealed(verdict.because)
    if place.node.uses in FLEETING:
        return EffectSkipped(code=code, message=message)
    return StepFailed(attempt=place.state.attempt, code=code, message=message)


def open_card(
    journal: LedgerWriter, plan: Plan, run: RunState, command: OpenCard, *, replaces: str = ""
) -> list[Draft]:
    """The event that asks a person about frozen proposals. Its digest binds bytes, plan and expiry."""
    gate = next((gate for gate in plan.gates if gate.id == command.gate), None)
    expires = later(journal.now(), gate.expires_after if gate else DECISION_TIMEOUT)
    members = [_member(journal, plan, run, step) for step in command.steps]
    digest = canonical_json.name_of([run.plan, expires, [member["digest"] for member in members]])
    card = ids.card_id(ids.RunId(run.id), command.gate, digest)
    scope = Scope(journal=journal, plan=plan, run=run, now=journal.now())
    title = scope.evaluate(gate.title)[0] if gate else plan.node(command.steps[0]).name
    content: dict[str, Json] = {
        "card": card,
        "title": title,
        "playbook": plan.name,
        "playbook-id": plan.id,
        "run": run.id,
        "gate": command.gate,
        "expires": expires,
        "digest": digest,
        "members": members,
        "letter": _letter(journal, run),
        "letters": unread_letters.shown_on_card(journal, run),
        "findings": [*_findings(journal, plan, run), *doubts_of_other_runs(journal, run, command.steps)],
        "since": _since(journal, replaces, members),
    }
    body = CardOpened(
        card=card,
        gate=command.gate,
        steps=command.steps,
        revisions=tuple(run.step(step).revision for step in command.steps),
        expires=expires,
        strength=max(run.step(step).strength for step in command.steps),
        digest=journal.commitment(digest, run.subject),
        content=journal.seal(content, run.subject),
        replaces=replaces,
    )
    return [Draft(body=body, run=run.id, subject=run.subject)]


def _member(journal: LedgerWriter, plan: Plan, run: RunState, step: str) -> dict[str, Json]:
    effect = journal.effect(run.step(step))
    node = plan.node(step)
    undo = node.action.undo if node.action is not None else UndoSpec()
    return {
        "step": step,
        "name": node.name,
        "action": effect.action,
        "reach": effect.reach.value,
        "revision": effect.revision,
        "digest": effect.digest,
        "facts": [list(fact) for fact in effect.preview.facts],
        "text": effect.preview.text,
        "warnings": list(effect.preview.warnings),
        "because": run.step(step).because,
        "undo": undo.none or f"undo by {undo.action}",
        "final": not undo.action and node.undo is None and not node.undo_within,
        "undo-within": node.undo_within.total_seconds() if node.undo_within else 0,
        "cite": node.cite,
    }


def _since(journal: LedgerWriter, replaces: str, members: list[dict[str, Json]]) -> list[str]:
    """What is different from the card this one replaces, as lines with ``+`` and ``-``; empty for a first card."""
    old = journal.book.cards.get(replaces)
    if old is None:
        return []
    old_words = {member["step"]: _words(member) for member in journal.value(old.content)["members"]}
    changes = []
    for member in members:
        was, now = old_words.get(member["step"], []), _words(member)
        changes += [f"- {line}" for line in was if line not in now] + [
            f"+ {line}" for line in now if line not in was
        ]
    if old.because == "late":
        return ["+ approved, and it could not leave before that expired", *changes]
    return changes or ["+ what it read has another version now; the words are the same"]


def _words(member: dict[str, Json]) -> list[str]:
    facts = [f"{name}: {value}" for name, value in member["facts"]]
    return [*facts, *member["warnings"], *str(member["text"]).splitlines()]


def _letter(journal: LedgerWriter, run: RunState) -> Json:
    event = journal.value(run.event)
    if not isinstance(event, dict) or "from" not in event:
        return None
    names = ("from", "name", "subject", "text", "auth", "at", "thread", "caution", "via")
    shown = {name: event.get(name) for name in names}
    # What hangs on it, by name: the content stays where it is.
    files = [
        {name: attachment.get(name) for name in ("name", "media", "size")}
        for attachment in event.get("attachments") or []
    ]
    return {**shown, "attachments": files}


def _findings(journal: LedgerWriter, plan: Plan, run: RunState) -> list[Json]:
    """What the readers of this run said, in step order: who, what they want, how sure."""
    findings = []
    for node in plan.nodes:
        step = run.step(node.id)
        if node.kind == "call" and step.status == "succeeded":
            findings.append({"step": node.id, "uses": node.uses, "outputs": journal.value(step.outputs)})
    return findings


def release(place: StepContext) -> Attempt | None:
    """The last look before the intent: stop, policy, expiry, drift, caps, health. Then the durable intent, then the call.

    Whatever was tried before certainly did nothing, so all of this counts each time.
    """
    journal = place.journal
    step = place.state
    effect = journal.effect(step)
    verdict = judge(place, effect)
    if verdict.answer is Answer.DENY:
        journal.write(place.draft(_denied(place, verdict)))
        return None
    if step.until and journal.now() >= step.until and effect.action in FLEETING:
        journal.write(place.draft(EffectSkipped(code=step.code or "late", message=step.message)))
        return None
    if why := _asks_again(place, effect, verdict):
        journal.write(*repropose(place, because=why))
        return None
    if verdict.not_before:
        journal.write(place.draft(_capped(place, effect, verdict)))
        return None
    claims = once_claims(place)
    if claims is None:
        journal.write(place.draft(StepSkipped(because="once: it was done before")))
        return None
    # Last, so that nothing waits for a call that would not be made; when its turn comes, all of this is asked anew.
    if not leaves(place, effect.action, until=waits_until(place)):
        return None
    spec = place.node.action
    window = "" if spec is None or spec.window is None else later(journal.now(), spec.window)
    body = EffectIntended(key=effect.key, revision=effect.revision, attempt=step.intents + 1, window=window)
    intent = journal.write(*(place.draft(claim) for claim in claims), place.draft(body))[-1]
    broker = journal.house.broker
    return _calling(place, effect, lambda: broker.perform(effect, intent))


def _asks_again(place: StepContext, effect: Effect, verdict: Verdict) -> str:
    """Why a person is asked before it leaves, though nothing seemed to be in its way; empty when it may leave."""
    step, journal = place.state, place.journal
    if verdict.answer is Answer.ASK and step.answer == Answer.ALLOW:
        # It was to act on its own, and may not any more: a limit of the day is reached, or the quiet hours have begun.
        return "drift"
    if (expires := _expiry(place)) and journal.now() >= expires:
        return "late"
    return "drift" if journal.house.broker.drift(effect) else ""


def _expiry(place: StepContext) -> str:
    """When a person's approval of this step expires; empty where none was asked for."""
    card = place.journal.book.cards.get(place.state.card)
    return card.expires if card is not None and card.status == "approved" else ""


def waits_until(place: StepContext) -> str:
    """When this effect is waited for no more."""
    now, zone = place.journal.now(), place.plan.time_zone
    return place.state.until or until(place.node.uses, now=now, zone=zone, expires=_expiry(place))


def _capped(place: StepContext, effect: Effect, verdict: Verdict) -> EffectDeferred:
    end = waits_until(place)
    return EffectDeferred(
        key=effect.key,
        code="cap",
        message=place.sealed(verdict.cap),
        due=next_day(effect.key, verdict.not_before, until=end),
        until=end,
        tries=place.state.tries,
    )


def give_up(place: StepContext) -> None:
    """It waits for its connector and has waited long enough: skipped, asked about again, or failed."""
    journal, step = place.journal, place.state
    code = step.code or step.wait
    expires = _expiry(place)
    if place.node.uses in FLEETING:
        journal.write(place.draft(EffectSkipped(code=code, message=step.message)))
    elif expires and journal.now() >= expires:
        journal.write(*repropose(place, because="late"))
    else:
        journal.write(place.draft(EffectFailed(key=step.key, code=code, message=step.message)))


def once_claims(place: StepContext) -> list[OnceClaimed] | None:
    """What an intent uses up, of the run's `once` and of the step's; None when another run, step or item was first."""
    journal, run, step = place.journal, place.run, place.step
    claims, unclaimed = journal.book.claims, []
    if run.once:
        if is_once_claimed(journal, run.once, run.id):
            return None
        unclaimed += [run.once] if claims.get(run.once, ("", ""))[0] != run.id else []
    if own := claim_of(place):
        if taken_by_step(journal, own, run.id, step):
            return None
        unclaimed += [own] if claims.get(own) != (run.id, step) else []
    return [OnceClaimed(claim=claim) for claim in unclaimed]


def repropose(place: StepContext, *, because: str = "drift") -> list[Draft]:
    """The card is dead: what it was made from has changed, or it expired before anything could leave. Those of its members that have
    not left are frozen anew and asked about.
    """
    step = place.state
    card = place.journal.book.cards.get(step.card)
    members = [place.step]
    if card is not None:
        states = {id_: place.run.step(id_) for id_ in card.steps}
        members = [id_ for id_, state in states.items() if not state.left and not state.settled]
    drafts = (
        [Draft(body=CardClosed(card=card.id, because=because), run=place.run.id, subject=place.run.subject)]
        if card
        else []
    )
    for member in members:
        body = StepStarted(attempt=place.run.step(member).attempt)
        drafts.append(Draft(body=body, run=place.run.id, step=member, subject=place.run.subject))
    return drafts


def recover(place: StepContext, intent: Event) -> Attempt | None:
    """A crash, or a line that broke, left an intent without outcome."""
    journal = place.journal
    effect = journal.effect(place.state)
    # Only a person can say what became of an opaque one.
    if effect.kind is not EffectClass.OPAQUE and not leaves(place, effect.action):
        return None
    broker, now = journal.house.broker, journal.house.clock.now()
    return _calling(place, effect, lambda: broker.recover(effect, intent, now=now))


def _calling(place: StepContext, effect: Effect, work: Callable[[], Outcome]) -> Attempt:
    """A call, and what the world's answer becomes in the ledger."""

    def done(result: Outcome) -> None:
        now = place.fresh()
        drafts = [now.draft(_succeeded(now, effect, result))]
        if wrong := unexpected(now, result.outputs):
            message = now.sealed(wrong.message)
            failed = StepFailed(attempt=now.state.attempt, code=wrong.code, message=message)
            drafts.append(now.draft(failed))
        now.journal.write(*drafts)

    def failed(error: BaseException) -> None:
        now = place.fresh()
        now.journal.write(now.draft(_not_done(now, effect, error)))

    return Attempt(work=work, done=done, failed=failed, connector=connector_of(effect.action))


def take_back(place: StepContext) -> Attempt | None:
    """Undo a finished effect; under a stop it stays done, for taking back touches the world like any effect.

    Where the playbook says how, that ran as a step of its own, and what became of it is written down.
    """
    journal, effect = place.journal, place.journal.effect(place.state)
    undo_state, spec = place.run.step(undo_of(place.step)), place.node.action
    if place.node.undo is not None:
        journal.write(place.draft(_taken_back(place, effect, undo_state)))
        return None
    if spec is not None and spec.undo.action is None:
        journal.write(
            place.draft(EffectKept(key=effect.key, code="no-undo", message=place.sealed(spec.undo.none)))
        )
        return None
    if stopped(journal):
        journal.write(place.draft(EffectKept(key=effect.key, code="denied: stop")))
        return None
    if not leaves(place, effect.action):
        return None
    outputs = journal.value(place.state.outputs) or {}

    def done(result: Outcome) -> None:
        by = undo_state.person or "engine"
        body = EffectUndone(key=effect.key, by=by, outputs=place.sealed(result.outputs))
        journal.write(place.draft(body))

    def failed(error: BaseException) -> None:
        code = error.code if isinstance(error, EngineError) else f"bug: {type(error).__name__}"
        message = place.sealed(error.message if isinstance(error, EngineError) else str(error))
        journal.write(place.draft(EffectKept(key=effect.key, code=code, message=message)))

    return Attempt(
        work=lambda: journal.house.broker.undo(effect, outputs),
        done=done,
        failed=failed,
        connector=connector_of(effect.action),
    )


def _taken_back(place: StepContext, effect: Effect, undo_state: StepState) -> EffectUndone | EffectKept:
    if undo_state.status == "succeeded":
        return EffectUndone(key=effect.key, by=undo_state.person or "engine", outputs=undo_state.outputs)
    message = undo_state.message or (place.sealed(undo_state.because) if undo_state.because else None)
    return EffectKept(key=effect.key, code=undo_state.code or undo_state.status, message=message)


def _succeeded(place: StepContext, effect: Effect, result: Outcome) -> EffectSucceeded:
    spec = place.node.action
    labels = spec.labels if spec is not None else frozenset()
    if spec is not None and spec.passes_labels:
        labels = labels.union(*effect.labels.values())
    return EffectSucceeded(
        key=effect.key,
        outputs=place.sealed(result.outputs),
        provider=result.provider_id,
        labels=encode(labels),
        repeated=result.repeated,
        # A letter that had left before under another key was that one's event.
        emits=EMITTED.get(effect.action, "") if result.outputs.get("sent", True) else "",
    )


def _not_done(
    place: StepContext, effect: Effect, error: BaseException
) -> EffectFailed | EffectUnknown | EffectDeferred | EffectSkipped:
    """What an error of a call is: an unknown end, a wait under the same key, or the world's no."""
    step, now = place.state, place.journal.now()
    code = error.code if isinstance(error, EngineError) else f"bug: {type(error).__name__}"
    text = error.message if isinstance(error, EngineError) else str(error)
    message = place.sealed(text)
    if classify(error) == "unknown":
        return EffectUnknown(key=effect.key, code=code, message=message)
    end, tries = waits_until(place), step.tries + 1
    if now < end and (certainly_nothing(error) or _has_retries_left(place, error)):
        due = next_try(effect.key, tries, error, now=now, until=end)
        return EffectDeferred(key=effect.key, code=code, message=message, due=due, until=end, tries=tries)
    if effect.action in FLEETING:
        return EffectSkipped(code=code, message=message)
    return EffectFailed(key=effect.key, code=code, message=message)


def _has_retries_left(place: StepContext, error: BaseException) -> bool:
    """Whether the playbook's own `retry` has attempts left for what may pass and is not waited for."""
    return classify(error) == "retry" and place.state.intents < place.node.retry.attempts
