"""Names are derived: the same on every machine and attempt, different wherever anything differs."""

from hypothesis import given
from hypothesis import strategies as st

from engine.model.events.events import NAMES, TYPES, body_from_json, body_to_json
from engine.model.values import ids
from engine.model.values.ids import RunId

texts = st.text(max_size=20)


@given(texts, texts, texts, texts)
def test_parts_never_run_together(a: str, b: str, c: str, d: str) -> None:
    """Length prefixes keep ("ab", "c") from ("a", "bc")."""
    one, other = ids.run_id(a, b, c, d), ids.run_id(a + b, "", c, d)
    assert (one == other) == (b == "")


def test_a_key_changes_with_each_of_its_parts_and_with_nothing_else() -> None:
    """Run, step, item, action, revision; never the attempt."""
    base = (RunId("r"), "s", "i", "a", 1)
    others = [
        (RunId("x"), "s", "i", "a", 1),
        (RunId("r"), "x", "i", "a", 1),
        (RunId("r"), "s", "x", "a", 1),
        (RunId("r"), "s", "i", "x", 1),
        (RunId("r"), "s", "i", "a", 2),
    ]
    assert len({ids.effect_key(*one) for one in [base, *others]}) == 6
    assert ids.effect_key(*base) == ids.effect_key(*base)


def test_source_ids_contain_nothing_of_what_they_name() -> None:
    """An HMAC under the index key."""
    made = ids.source_id(b"k" * 32, "email", "<a@example.com>")
    assert "example" not in made
    assert made != ids.source_id(b"j" * 32, "email", "<a@example.com>")


def test_card_ids_are_typed_by_people() -> None:
    """Crockford base 32: no I, L, O or U."""
    card = ids.card_id(RunId("r"), "offer", "d")
    assert len(card) == 26
    assert not set(card) & set("ILOU")


def test_every_event_type_is_noun_verbed_and_survives_the_store() -> None:
    """Round trip of each type with every field filled."""
    for name, cls in TYPES.items():
        noun, _, verb = name.partition(".")
        assert (noun + verb).isalpha(), name
        fields = {f: _filled(str(t)) for f, t in cls.__annotations__.items()}
        body = cls(**fields)
        assert NAMES[type(body)] == name
        assert body_from_json(name, body_to_json(body)) == body


def _filled(type_: str) -> object:
    if "tuple[int" in type_:
        return (1, 2)
    if "tuple" in type_:
        return ("a", "b")
    return {"int": 3, "bool": True}.get(type_.replace("<class '", "").replace("'>", ""), "x")
