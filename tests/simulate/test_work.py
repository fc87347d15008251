"""How much work a command does for what it was asked: counted in events folded, values opened, files and rows read, never in time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.app.commands import command_bus
from engine.cli.main import main
from engine.kernel.core import fold
from engine.ledger import Ledger
from engine.model.state import budgets
from engine.testing.scenario import Scenario, letter
from tests.simulate.test_health import ACTS, at


@pytest.fixture
def busy(tmp_path):
    """A workspace with some letters behind it, one card of them open."""
    company = Scenario.make(tmp_path / "busy", files={"playbooks/acts.yaml": ACTS}, bare=True)
    for name in ("ann", "bob", "cid"):
        company.drop(
            name,
            letter(
                f"About {name}", "Please.", sender=f"{name} <{name}@example.org>", id=f"{name}@example.org"
            ),
        )
    company.run()
    return company


@pytest.fixture
def folded(monkeypatch):
    """The seq of every event that any state was folded from."""
    seen: list[int] = []
    apply = fold.apply

    def counting(book, event):
        seen.append(event.seq)
        apply(book, event)

    monkeypatch.setattr(fold, "apply", counting)
    return seen


def typed(monkeypatch, company, *words):
    at(monkeypatch, company)
    monkeypatch.setattr("engine.app.composition.RealClock", lambda _owner: company.clock)
    monkeypatch.setenv("STEWARD_MEMORY", "off")
    return main(list(words))


def test_run_folds_each_event_once(busy, folded, monkeypatch):
    """The owner's state is what is printed from: nothing is read a second time to tell."""
    typed(monkeypatch, busy, "run")
    assert folded
    assert len(folded) == len(set(folded))


def test_approve_folds_each_event_once(busy, folded, monkeypatch):
    """What was folded to show the card is what the decision is made on; only what came since is read."""
    (first, *_) = busy.cards()
    folded.clear()
    typed(monkeypatch, busy, "approve", first.card.id[:8], "--yes")
    assert len(folded) == len(set(folded))
    assert len(busy.cards()) == 2


def test_approve_folds_each_event_once_when_another_process_decides(busy, folded, monkeypatch):
    """What was folded to show the card is brought up to date to follow its run, and once more to say what waits."""
    submit = command_bus.submit

    def elsewhere(workspace, asked, *, known=None, **how):
        before, since = list(folded), known.seq
        carried = submit(workspace, asked, **how)
        # What the other process folds is its own work.
        folded[:] = before
        return replace(carried, by="elsewhere", book=None, since=since)

    monkeypatch.setattr(command_bus, "submit", elsewhere)
    (card,) = [shown for shown in busy.cards() if shown.card.status == "open"][:1]
    folded.clear()

    typed(monkeypatch, busy, "approve", card.card.id[:8], "--yes")

    assert folded
    assert len(folded) == len(set(folded))


@pytest.mark.parametrize("verb", ["reject", "snooze"])
def test_other_decisions_fold_each_event_once(busy, folded, monkeypatch, verb):
    (first, *_) = busy.cards()
    monkeypatch.setattr("engine.cli.context.need_person", lambda _verb: None)
    folded.clear()
    typed(monkeypatch, busy, verb, first.card.id[:8], *(["2d"] if verb == "snooze" else []))
    assert folded
    assert len(folded) == len(set(folded))


def test_a_state_is_brought_up_by_what_came_since(busy, folded):
    with busy.reading() as reading:
        known = reading.book
        before = known.seq
    busy.drop("dee", letter("About dee", "Please.", sender="dee <dee@example.org>", id="dee@example.org"))
    busy.run()
    folded.clear()
    reading = command_bus.open_reader(busy.workspace(), known)
    try:
        assert len(reading.book.cards) == 4
        assert min(folded) == before + 1
    finally:
        reading.close()


def test_a_state_of_a_longer_ledger_is_not_gone_on_with(busy, tmp_path):
    """A backup was put back meanwhile: the state is folded anew."""
    with busy.reading() as reading:
        known = reading.book
    known.seq += 100
    reading = command_bus.open_reader(busy.workspace(), known)
    try:
        assert reading.book is not known
        assert len(reading.book.cards) == 3
    finally:
        reading.close()


def test_who_asks_for_values_only_folds_nothing(busy, folded):
    reading = command_bus.open_reader(busy.workspace())
    try:
        assert next(iter(reading.ledger.events())).seq == 1
    finally:
        reading.close()
    assert not folded


# ---------------------------------------------------------------- caps


DAY = "2026-03-02T00:00:00.000000Z"


def acts(count: int, *, day: str = "2026-03-01") -> budgets.Acts:
    """So many effects on a day before, one a minute."""
    made = budgets.Acts()
    for n in range(count):
        at = f"{day}T{n // 60 % 24:02d}:{n % 60:02d}:00.000000Z"
        made.begin("email/reply", f"{day}-{n}", at=at, proposal=f"value-{n}")
    return made


def test_what_a_cap_is_held_against_does_not_grow_with_the_past(monkeypatch):
    """With a thousand effects of other days as with none: only today's quarters of an hour are looked at."""
    looked: list[list[str]] = []
    for past in (0, 1000):
        made = acts(past)
        made.begin("email/reply", "k", at="2026-03-02T09:00:00.000000Z", proposal="value-k")
        looked.append(made.proposals("email/reply", DAY, but=""))
        assert made.count("email/reply", DAY, but="") == 1
        assert made.count("email/reply", DAY, but="k") == 0
    assert looked == [["value-k"], ["value-k"]]


def test_what_certainly_did_not_happen_is_not_counted():
    made = acts(0)
    made.begin("email/reply", "k", at="2026-03-02T09:00:00.000000Z", proposal="v")
    made.begin("email/reply", "k", at="2026-03-02T10:00:00.000000Z", proposal="v")
    assert made.count("email/reply", DAY, but="") == 1
    made.drop("k")
    made.drop("k")
    assert made.count("email/reply", DAY, but="") == 0


def test_a_clock_set_back_forgets_nothing_of_today():
    made = budgets.Acts()
    for hour in (12, 9, 11):
        made.begin("a/b", str(hour), at=f"2026-03-02T{hour:02d}:00:00.000000Z", proposal="v")
    assert made.count("a/b", DAY, but="") == 3
    assert made.count("a/b", "2026-03-02T10:00:00.000000Z", but="") == 2


def test_a_count_opens_no_proposal(busy, monkeypatch):
    """The starter's cap on letters counts them; what they say is not unsealed for that."""
    opened: list[str] = []
    unseal = Ledger.unseal_bytes

    def counting(ledger, id_):
        opened.append(id_)
        return unseal(ledger, id_)

    monkeypatch.setattr(Ledger, "unseal_bytes", counting)
    proposals = {step.proposal for run in busy.runs() for step in run.steps.values() if step.proposal}
    opened.clear()
    busy.clock.advance(timedelta(minutes=1))
    busy.drop("dee", letter("About dee", "Please.", sender="dee <dee@example.org>", id="dee@example.org"))
    busy.run()
    assert not proposals & set(opened)
