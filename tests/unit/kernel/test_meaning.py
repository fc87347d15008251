"""What a letter wants, asked of the deployed intents."""

from typing import Any

import pytest

from engine.kernel.core.services import Deployment
from engine.kernel.triggers import intent_routing
from engine.model.definitions.taint import Label
from engine.model.effects import Call
from engine.model.errors import PermanentError, TransientError
from engine.model.ports import Arrival
from tests.unit.kernel.journals import Books
from tests.unit.kernel.plans import node, plan

NOBODY = Deployment(commit="", plans={}, contents={})


class Reader:
    """Answers, or fails, in one way, and keeps what it was asked."""

    def __init__(self, answer: Any) -> None:
        self._answer, self.asked = answer, list[Call]()

    def reader(self, _action: str) -> "Reader":
        """Itself."""
        return self

    def read(self, call: Call) -> Any:
        """The one answer."""
        self.asked.append(call)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer, frozenset()


def resolved(answer: Any, **event: Any) -> tuple[Arrival | None, Reader]:
    """A letter after it was asked about."""
    reader = Reader(answer)
    letter = Arrival(kind="email", source="s", event=event, labels=frozenset({Label.UNTRUSTED}))
    return intent_routing.resolve_intent(Books(plan(node("a")), connectors=reader), NOBODY, letter), reader


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"text": "please quote", "subject": "Hello"}, "please quote"),
        ({"text": " \n", "subject": "Hello"}, "Hello"),
        ({"text": None, "subject": None}, ""),
        ({}, ""),
    ],
)
def test_the_words_of_a_letter_are_asked_about_and_else_its_subject(
    event: dict[str, Any], words: str
) -> None:
    """A picture in a letter says nothing."""
    _, reader = resolved({"name": "quote"}, **event)
    assert [call.args for call in reader.asked] == [{"text": words}]


@pytest.mark.parametrize(
    ("answer", "said", "ignored"),
    [
        ({"name": "quote", "confidence": 0.9, "tier": "rule"}, ("quote", 0.9, "rule"), ""),
        ({"name": None, "confidence": None, "tier": None}, ("unsure", 0.0, ""), "unsure"),
        (PermanentError("no", code="no-intents"), ("unsure", 0.0, "no-intents"), "unsure"),
    ],
)
def test_what_it_wants_is_part_of_its_event(answer: Any, said: tuple[Any, ...], ignored: str) -> None:
    """What nobody could tell is put aside, with the reason."""
    letter, _ = resolved(answer, text="please quote")
    assert letter is not None
    event = letter.event
    assert (event["intent"], event["confidence"], event["tier"], letter.ignored) == (*said, ignored)
    assert (letter.kind, event["text"]) == ("intent", "please quote")


def test_when_nobody_can_be_asked_it_is_asked_again_later() -> None:
    """The letter is no less a letter."""
    assert resolved(TransientError("warming", code="memory-warming"), text="x")[0] is None
