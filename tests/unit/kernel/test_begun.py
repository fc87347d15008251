"""How a step begins: what it would do twice, which files it names, and who is asked."""

from dataclasses import replace
from typing import Any

import pytest

from engine.kernel.steps import execute
from engine.model.definitions.actions import ActionSpec, EffectClass, Param
from engine.model.definitions.plan import Fixed, Node
from engine.model.definitions.types import TEMPLATE
from engine.model.effects import Call
from engine.model.events import connectors as k
from engine.model.events import events as e
from tests.unit.kernel.journals import Books
from tests.unit.kernel.plans import at, node, plan


class Never:
    """A broker that is asked whether a preview asks the world."""

    def asks_first(self, _action: str) -> bool:
        """No."""
        return False


def begun(books: Books, step: str) -> tuple[list[Call], list[Any]]:
    """What was to be proposed, and what was written."""
    calls: list[Call] = []
    execute.begin(books.at(step), lambda _place, call, _origins: calls.append(call))
    return calls, books.news()


ONCE = plan(node("a", "effect", foreach=Fixed(value=["x", "y"]), once=Fixed(value="the same")))


def fanned() -> Books:
    """Two items that would do the same."""
    books = Books(ONCE, broker=Never())
    rows = books.seal([{"item": "x"}, {"item": "y"}], "")
    books.add(e.StepFanned(keys=("x", "y"), items=rows), "a")
    return books


def test_of_two_items_that_would_do_the_same_the_upper_one_does_it() -> None:
    """Also when it is tried again meanwhile; the lower one is no reason for it not to."""
    books = fanned()
    calls, news = begun(books, "a#x")
    assert (len(calls), [type(one) for one in news]) == (1, [e.StepStarted])
    books.add(e.StepRetried(attempt=1, due=at(1), code="x"), "a#x")
    assert len(begun(books, "a#x")[0]) == 1
    assert begun(books, "a#y") == ([], [e.StepSkipped(because="once: another item does it")])


def test_an_item_above_that_will_not_do_it_leaves_it_to_the_next() -> None:
    """Nothing left of it, and nothing will."""
    books = fanned()
    begun(books, "a#x")
    books.add(e.StepFailed(attempt=1, code="x"), "a#x")
    assert len(begun(books, "a#y")[0]) == 1


def reader(**args: Any) -> Node:
    """A read that may be given two templates."""
    params = (Param(name="first", type=TEMPLATE), Param(name="second", type=TEMPLATE))
    spec = ActionSpec(name="x/y", summary="", kind=EffectClass.PURE, params=params)
    given = tuple((name, Fixed(value=value)) for name, value in args.items())
    return replace(node("a"), action=spec, args=given)


def test_the_files_of_the_templates_that_were_given_are_what_a_step_was_made_from() -> None:
    """One that was left out names none."""
    read: list[Call] = []

    class Readers:
        def reader(self, _action: str) -> "Readers":
            return self

        def read(self, call: Call) -> Any:
            read.append(call)
            return {}, frozenset()

    books = Books(plan(reader(first={"name": "welcome"})), connectors=Readers())
    attempt = execute.begin(books.at("a"), lambda *_: None)
    assert attempt is not None
    attempt.work()
    assert read[0].seen == {"vault/templates/welcome.md"}


@pytest.mark.parametrize(("kind", "connector"), [(EffectClass.PURE, ""), (EffectClass.IDEMPOTENT, "x")])
def test_only_a_read_that_asks_the_world_is_a_call_of_its_connector(
    kind: EffectClass, connector: str
) -> None:
    """What is computed here waits for nobody."""
    one = reader()
    assert one.action is not None
    books = Books(plan(replace(one, action=replace(one.action, kind=kind))), connectors=None)
    attempt = execute.begin(books.at("a"), lambda *_: None)
    assert attempt is not None
    assert attempt.connector == connector


def test_a_step_that_is_no_action_asks_nobody() -> None:
    """An end ends."""
    books = Books(plan(node("e", "end", end_as="succeeded")))
    assert [type(one) for one in begun(books, "e")[1]] == [e.StepStarted, e.StepSucceeded]


def test_what_only_freezes_its_words_is_shown_though_its_connector_is_down() -> None:
    """A preview that asks nobody waits for nobody."""
    books = Books(plan(node("a", "effect")), broker=Never())
    books.add(k.BreakerOpened(connector="x", until=at(30), code="down", times=1), "a")
    assert len(begun(books, "a")[0]) == 1
