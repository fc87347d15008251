"""Plays one case: begins its run, makes its moves, and leaves what happened to be judged."""

from dataclasses import dataclass, replace
from datetime import timedelta

from engine.kernel.core.decide import next_due
from engine.kernel.core.services import Deployment
from engine.kernel.triggers.arrivals import receive
from engine.language.documents.test_file import Case, Move
from engine.model.definitions.plan import Plan
from engine.model.ports import Arrival
from engine.model.requests import Decided
from engine.model.state.state import CardState, RunState
from engine.model.values.canonical_json import Json
from engine.model.values.timestamps import later, moment, stamp
from engine.testing.cases.trigger_fixtures import NotSo, arriving, begin
from engine.testing.cases.workspace import Bench

_MAX_MOMENTS = 1000


@dataclass(slots=True, kw_only=True)
class Play:
    """One case under way. `run` is the tested run's id."""

    bench: Bench
    plan: Plan
    case: Case
    run: str = ""
    began: Arrival | None = None

    def begin(self) -> None:
        """Start the run. Failures that the case names first are in force from the beginning. Raises NotSo."""
        plan = self.bench.deployment().plans[self.plan.id]
        drafts, self.began = begin(self.bench, plan, self.case.start.kind, self.case.start.fields)
        self.run = self.bench.script.run = drafts[0].run
        for move in self.case.then[: self._leading()]:
            self.bench.script.failing.append(move.target)
        self.bench.loop.journal.write(*drafts)
        self.bench.loop.run()

    def _leading(self) -> int:
        return next((i for i, move in enumerate(self.case.then) if move.kind != "fail"), len(self.case.then))

    def moves(self) -> tuple[Move, ...]:
        """What is left to do after `begin`."""
        return self.case.then[self._leading() :]

    def make(self, move: Move) -> None:
        """One move, and everything that follows from it. Raises NotSo."""
        match move.kind:
            case "approve":
                for card in self._cards(move.target):
                    self._approve(card)
            case "reject":
                for card in self._cards(move.target):
                    self._done(self.bench.ask("reject", target=card.id))
            case "edit":
                for card in self._cards(move.target):
                    step = move.target if move.target in _bases(card) else None
                    body = {"text": move.text} if step is None else {"text": move.text, "step": step}
                    self._done(self.bench.ask("edit", target=card.id, body=body))
            case "answer":
                self._answer(move.target, move.fields)
            case "event":
                arrival = arriving(self.bench, move.target, move.fields, first=self.began)
                # Only this playbook is tested: an event that no step waits for starts nothing here.
                receive(self.bench.loop.journal, _nothing(self.bench), arrival)
                self.bench.loop.run()
            case "advance":
                self._advance(move.length)
            case "fail":
                self.bench.script.failing.append(move.target)

    # ------------------------------------------------------------ people

    def _cards(self, target: str) -> list[CardState]:
        book = self.bench.loop.journal.book
        open_ = [card for card in book.cards.values() if card.status == "open"]
        matching = [card for card in open_ if target == card.gate or target in _bases(card)]
        if not matching:
            raise NotSo(f"no card of `{target}` is open; {self.standing()}")
        return matching

    def _approve(self, card: CardState) -> None:
        decided = self._say_yes(card)
        book = self.bench.loop.journal.book
        if decided.verdict == "refused" and book.cards[card.id].because == "drift":
            # What the card was made from has changed: a person sees the new card and decides about that one.
            again = [
                card_ for card_ in book.cards.values() if card_.run == card.run and card_.gate == card.gate
            ]
            if again[-1].status == "open":
                decided = self._say_yes(again[-1])
        self._done(decided)

    def _say_yes(self, card: CardState) -> Decided:
        shown = self.bench.loop.journal.value(card.content)
        digest = str(shown["digest"]) if isinstance(shown, dict) else ""
        return self.bench.ask("approve", target=card.id, digest=digest, proof=card.strength == 2)

    def _answer(self, target: str, fields: dict[str, Json]) -> None:
        asked = [
            step.ask
            for run in self.bench.loop.journal.book.runs.values()
            for id_, step in run.steps.items()
            if step.status == "asked" and id_.partition("#")[0] == target
        ]
        if not asked:
            raise NotSo(f"`{target}` asks nothing now; {self.standing()}")
        for ask in asked:
            self._done(self.bench.ask("answer", target=ask, body=fields))

    @staticmethod
    def _done(decided: Decided) -> None:
        if decided.verdict == "refused":
            raise NotSo(decided.message.partition("\n")[0])

    # ------------------------------------------------------------ time

    def _advance(self, length: timedelta) -> None:
        """Time passes as it does while the engine is up: everything happens when it is due."""
        clock, loop = self.bench.clock, self.bench.loop
        end = later(stamp(clock.now()), length)
        last_due = ""
        for _ in range(_MAX_MOMENTS):
            book, now = loop.journal.book, stamp(clock.now())
            dues = [next_due(book.runs[run], now=now) for run in book.open_runs]
            due = min((stamp_ for stamp_ in dues if stamp_), default="")
            if not due or due > end or due == last_due:
                break
            clock.advance(max(moment(due) - clock.now(), timedelta(0)))
            loop.run()
            last_due = due
        clock.advance(max(moment(end) - clock.now(), timedelta(0)))
        loop.run()

    # ------------------------------------------------------------ looking

    def state(self) -> RunState:
        """The tested run as it is now."""
        return self.bench.loop.journal.book.runs[self.run]

    def status(self) -> str:
        """Its status; `waiting` when it can't go on by itself."""
        run = self.state()
        return "waiting" if not run.terminal and run.waiting else run.status

    def waits(self) -> list[tuple[str, frozenset[str]]]:
        """(what to call it, all its names) of everything that is waited for: cards, questions, events, unknown effects."""
        book = self.bench.loop.journal.book
        waits = [
            (card.gate, frozenset({card.gate, *_bases(card)}))
            for card in book.cards.values()
            if card.status == "open"
        ]
        for run in book.runs.values():
            for id_, step in run.steps.items():
                base = id_.partition("#")[0]
                if step.status in {"asked", "waiting", "unknown"} and (base, frozenset({base})) not in waits:
                    waits.append((base, frozenset({base})))
        return waits

    def standing(self) -> str:
        """How the run stands, in a few words."""
        waits = ", ".join(f"`{name}`" for name, _ in self.waits())
        run = self.state()
        if waits:
            return f"the run waits at {waits}"
        return f"the run is {self.status()}" + (f" ({run.reason})" if run.reason else "")


def _bases(card: CardState) -> set[str]:
    return {step.partition("#")[0] for step in card.steps}


def _nothing(bench: Bench) -> Deployment:
    return replace(bench.deployment(), plans={}, broken=frozenset())
