"""What is typed after `steward run NAME` becomes values of the declared types, or a refusal that says what to type."""

import pytest

from engine.kernel.triggers.inputs import command, parse_inputs
from engine.model.definitions.plan import Input, Plan, Stage
from engine.model.definitions.types import (
    ANY,
    BOOL,
    DATE,
    EMAIL,
    FILE,
    INTEGER,
    LENGTH,
    MONEY,
    NUMBER,
    TEXT,
    TIME,
    URL,
    Field,
    Type,
    choice,
    listing,
    record,
)
from engine.model.errors import UsageError


def plan(**types):
    """A playbook with these inputs; one whose name ends in ``_`` may be left out."""
    inputs = tuple(
        Input(name=name.rstrip("_").replace("_", "-"), type=type_, required=not name.endswith("_"))
        for name, type_ in types.items()
    )
    return Plan(
        id="welcome", name="Welcome", description="", path="playbooks/welcome.yaml", source="playbook",
        stage=Stage.APPROVAL, triggers=(), nodes=(), inputs=inputs,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("type_", "typed", "value"),
    [
        (TEXT, "no", "no"),
        (TEXT, "a=b: c # d", "a=b: c # d"),
        (TEXT, "", ""),
        (NUMBER, "2.5", 2.5),
        (INTEGER, "-3", -3),
        (BOOL, "true", True),
        (MONEY, "49.00 EUR", {"minor": 4900, "currency": "EUR"}),
        (DATE, "2026-03-12", "2026-03-12"),
        (TIME, "2026-03-12T09:00:00Z", "2026-03-12T09:00:00.000000Z"),
        (LENGTH, "3d", "3d"),
        (EMAIL, "ada@example.org", "ada@example.org"),
        (URL, "https://example.org/a?b=c", "https://example.org/a?b=c"),
        (choice("red", "blue"), "blue", "blue"),
        (ANY, "7", 7),
        (listing(TEXT), "[a, 'b, c']", ["a", "b, c"]),
        (listing(MONEY), "[1 EUR]", [{"minor": 100, "currency": "EUR"}]),
        (
            listing(record(what=TEXT, amount=MONEY)),
            "[{ what: no, amount: 5.00 EUR }]",
            [{"what": "no", "amount": {"minor": 500, "currency": "EUR"}}],
        ),
        (record(a=INTEGER), "{ a: 1 }", {"a": 1}),
        (record(a=INTEGER), '{"a": 1}', {"a": 1}),
    ],
)
def test_a_word_becomes_a_value_of_the_declared_type(type_, typed, value):
    assert parse_inputs(plan(it=type_), {"words": [f"it={typed}"]}) == {"it": value}


@pytest.mark.parametrize(
    ("type_", "typed", "said"),
    [
        (NUMBER, "many", "`it` is number, and `many` is none; write it like 2.5"),
        (BOOL, "yes", "`it` is bool, and `yes` is none; write it like true"),
        (MONEY, "49", "write it like 49.00 EUR"),
        (DATE, "12.3.2026", "write it like 2026-05-01"),
        (DATE, "2026-02-30", "write it like 2026-05-01"),
        (EMAIL, "ada", "write it like me@example.com"),
        (choice("red", "blue"), "bleu", "`it` is one of red, blue, and `bleu` is none of them"),
        (listing(TEXT), "a", "`it` is [text], and `a` is none"),
        (listing(TEXT), "[a", "`it` can't be read"),
        (listing(INTEGER), "[1, x]", "`it` is integer, and `x` is none"),
        (record(a=INTEGER), "{ b: 1 }", "`it` has no field `b`"),
        (record(amount=INTEGER), "{ amuont: 1 }", "did you mean `amount`?"),
        (record(a=INTEGER, b=TEXT), "{ a: 1 }", "`it` needs `b`"),
        (record(a=INTEGER), "[1]", "`it` is {a: integer}, and a list is none"),
        (FILE, "a.pdf", "`it` is a file, which can't be typed"),
        (listing(TEXT), "&a [*a]", "`it` can't be read"),
    ],
)
def test_a_word_that_is_none_is_refused_with_an_example(type_, typed, said):
    with pytest.raises(UsageError) as caught:
        parse_inputs(plan(it=type_), {"words": [f"it={typed}"]})
    assert said in caught.value.message
    assert (caught.value.code, caught.value.now_true) == ("inputs", "Nothing was started.")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["client=a@b.c", "thred=t"], "welcome has no input `thred`; did you mean `thread`?"),
        (
            ["client=a@b.c", "thread=t", "x=1"],
            "welcome has no input `x`; it takes `client`, `thread`, `note`",
        ),
        (["client=a@b.c"], "welcome needs `thread`"),
        ([], "welcome needs `client`, `thread`"),
        (["client=a@b.c", "client=a@b.c", "thread=t"], "`client` is given twice"),
        (["client=a@b.c", "thread"], "`thread` is no key=value"),
    ],
)
def test_unknown_missing_and_double_names_are_refused_with_what_to_type(words, said):
    with pytest.raises(UsageError) as caught:
        parse_inputs(plan(client=EMAIL, thread=TEXT, note_=TEXT), {"words": words})
    assert caught.value.message == said
    assert caught.value.way_out == "steward run welcome client=me@example.com thread=…"


def test_what_to_type_can_be_pasted_into_a_shell():
    found = command(plan(price=MONEY, items=listing(TEXT), colour=choice("red", "blue"), day_=DATE))

    assert found == "steward run welcome 'price=49.00 EUR' 'items=[a, b]' colour=red"


@pytest.mark.parametrize(
    "text", ['{"client": "a@b.c", "price": "49.00 EUR"}', "client: a@b.c\nprice: 49.00 EUR\n"]
)
def test_a_file_holds_inputs_as_json_or_yaml(text):
    found = parse_inputs(plan(client=EMAIL, price=MONEY, note_=TEXT), {"file": text, "words": ["note=hi"]})

    assert found == {"client": "a@b.c", "price": {"minor": 4900, "currency": "EUR"}, "note": "hi"}


@pytest.mark.parametrize("text", ["[a]", "", "a: &x 1", "{", "client: a@b.c\nclient: b@c.d"])
def test_a_file_that_is_no_map_is_refused(text):
    with pytest.raises(UsageError):
        parse_inputs(plan(client=EMAIL), {"file": text})


def test_values_of_a_program_are_held_to_the_names_too():
    assert parse_inputs(plan(n=INTEGER), {"inputs": {"n": 1}}) == {"n": 1}
    with pytest.raises(UsageError):
        parse_inputs(plan(n=INTEGER), {"inputs": {"m": 1}})
    with pytest.raises(UsageError):
        parse_inputs(plan(n=INTEGER), {})


def test_an_input_with_a_default_may_be_left_out():
    one = Input(name="n", type=INTEGER, required=True, default=3)
    made = Plan(
        id="x",
        name="",
        description="",
        path="",
        source="playbook",
        stage=Stage.AUTO,
        triggers=(),
        nodes=(),
        inputs=(one,),
    )

    assert parse_inputs(made, {"words": []}) == {}


def test_an_open_map_takes_any_field_of_its_type():
    open_ = Type(kind="map", fields=(Field(name="a", type=TEXT, optional=True),), items=INTEGER)

    assert parse_inputs(plan(it=open_), {"words": ["it={ b: 2 }"]}) == {"it": {"b": 2}}
