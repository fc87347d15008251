"""An answer against its question: what is missing takes its default, what has none is demanded."""

from engine.kernel.steps import answers

QUESTION = {
    "choices": ["yes", "no"],
    "fields": [["count", "integer", "integer"], ["note", "text", "text"], ["who", "text", "text"]],
    "default": {"count": 3},
    "optional": ["note"],
    "least": {"count": 1},
    "most": {"count": 5},
}


def test_a_default_counts_and_is_named() -> None:
    found = answers.fill_answer(QUESTION, {"choice": "yes", "who": "me"})

    assert found.outputs == {"choice": "yes", "who": "me", "count": 3}
    assert found.defaults == ("count",)
    assert not found.refused


def test_zero_and_no_are_answers_and_nothing_is_not() -> None:
    question = {
        **QUESTION,
        "choices": [],
        "least": {},
        "fields": [["count", "integer", "integer"], ["sure", "bool", "bool"]],
        "default": {"count": 3, "sure": True},
    }

    assert answers.fill_answer(question, {"count": 0, "sure": False}).defaults == ()
    assert answers.fill_answer(question, {"count": None, "sure": False}).defaults == ("count",)


def test_what_has_no_default_and_may_not_be_empty_is_demanded() -> None:
    found = answers.fill_answer(QUESTION, {"choice": "yes"})

    assert (found.refused, found.code) == ("still to fill: who", "fields")


def test_a_choice_comes_before_fields_and_limits_hold_for_defaults_too() -> None:
    assert answers.fill_answer(QUESTION, {"choice": "maybe"}).code == "choice"
    found = answers.fill_answer({**QUESTION, "most": {"count": 2}}, {"choice": "yes", "who": "me"})
    assert (found.refused, found.code) == ("count: at most 2", "limits")


def test_a_question_of_an_older_version_has_no_defaults() -> None:
    old = {"choices": [], "fields": [["who", "text", "text"]]}

    assert answers.fill_answer(old, {}).code == "fields"
    assert answers.fill_answer(old, {"who": "me"}).outputs == {"who": "me"}


def test_what_is_too_long_cannot_be_shown_whole() -> None:
    assert answers.shown_whole("x" * answers.MAX_SHOWN)
    assert not answers.shown_whole("x" * (answers.MAX_SHOWN + 1))
    assert not answers.shown_whole({"words": ["x" * answers.MAX_SHOWN]})
