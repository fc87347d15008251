"""answer: a question, a letter, an alarm, or what became of an effect."""

import argparse
import shlex
from typing import Any

from engine.app.commands import command_bus
from engine.app.commands.command_bus import LedgerReader
from engine.app.queries import descriptions
from engine.cli import context
from engine.cli.commands import letters
from engine.cli.commands.approvals import carry_out
from engine.cli.output import err
from engine.cli.screen import card_view, progress
from engine.model.errors import UsageError
from engine.model.values import ids
from engine.model.values.canonical_json import Json


def answer(args: argparse.Namespace) -> int:
    """Answer a question."""
    context.need_person("answer")
    workspace = context.workspace()
    reading = command_bus.open_reader(workspace)
    try:
        target, body = _find_target(reading, args.id, args.words)
    finally:
        reading.close()
    return carry_out(
        workspace,
        command_bus.request("answer", actor=context.actor(), target=target, body=body),
        known=reading.book,
    )


def _find_target(reading: LedgerReader, prefix: str, words: list[str]) -> tuple[str, dict[str, Json]]:
    """The id that is answered and the body: of an alarm, an effect of unknown outcome, or a question."""
    if prefix == "clock":
        if words != ["right"]:
            raise UsageError(
                "the clock is right, or it is set",
                now_true="Nothing changed.",
                way_out="steward answer clock right",
            )
        return "clock", {}
    alarm = descriptions.find_alarm(reading, prefix)
    if alarm is not None:
        if words != ["seen"]:
            raise UsageError("an alarm is answered with one word", way_out=f"steward answer {prefix} seen")
        return alarm.id, {}
    if (note := descriptions.find_note(reading, prefix)) is not None:
        return note.id, letters.parse_answer(note, words)
    if words[-1:] in (["happened"], ["did-not-happen"]):
        # More ids may precede the word: a broken connection often leaves many letters open.
        keys = _unknown_effects(reading, [prefix, *words[:-1]])
        if keys:
            return keys[0], {"happened": words[-1] == "happened", "also": keys[1:]}
    if prefix == "all":
        raise _which()
    run, step = descriptions.find_question(reading, prefix)
    state = run.step(step)
    if state.status == "unknown":
        raise _which()
    question = reading.ledger.unseal(ids.ValueId(state.question))
    body = _parse_answers(question, words)
    _confirm_defaults(question, body)
    return state.ask, body


def _which() -> UsageError:
    return UsageError(
        "say whether it happened",
        now_true="Nothing was noted.",
        way_out="steward answer ID [ID …] happened   or   steward answer ID [ID …] did-not-happen   (or all)",
    )


def _confirm_defaults(question: dict[str, Any], answers: dict[str, Json]) -> None:
    """Show the defaults that count without being typed, before they do."""
    for name, _, kind in question["fields"]:
        for warning in card_view.defaults(question, name, kind) if name not in answers else ():
            err(warning)


def _unknown_effects(reading: LedgerReader, names: list[str]) -> list[str]:
    """The keys of effects of unknown outcome, by the beginnings of their ids; ``all`` means every one. Empty when the words name none."""
    runs = reading.book.runs.values()
    keys = [step.key for run in runs for step in run.steps.values() if step.status == "unknown"]
    if names == ["all"]:
        if not keys:
            raise UsageError(
                "there is no effect of which nobody knows whether it happened",
                now_true="Nothing was noted.",
                way_out="steward queue",
            )
        return keys
    meant = {
        name: [key for key in keys if len(name) >= descriptions.SHORTEST and key.startswith(name.lower())]
        for name in names
    }
    if len(names) == 1 and not meant[names[0]]:
        return []
    if wrong := [name for name, matches in meant.items() if len(matches) != 1]:
        raise UsageError(
            f"no single effect whose end is not known is called {', '.join(wrong)}",
            now_true="Nothing was noted, of the others neither.",
            way_out="steward queue",
        )
    return list(dict.fromkeys(matches[0] for matches in meant.values()))


def _parse_answers(question: dict[str, Any], words: list[str]) -> dict[str, Json]:
    answers: dict[str, Json] = {}
    kinds = {name: kind for name, _, kind in question["fields"]}
    for word in words:
        name, equals, value = word.partition("=")
        if word in question["choices"]:
            answers["choice"] = word
        elif equals and name in kinds:
            answers[name] = progress.typed(kinds[name], value)
        elif word != "done" or question["choices"] or kinds:
            known = [*map(shlex.quote, question["choices"]), *(f"{name}=…" for name in kinds)] or ["done"]
            raise UsageError(f"`{word}` is no answer here", way_out=f"choose: {' '.join(known)}")
    return answers
