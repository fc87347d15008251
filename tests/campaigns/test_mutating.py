"""Mutants are drawn where something is decided, each is a program, and one that no test notices is told."""

import ast

import pytest

from tests.campaigns import mutating
from tests.campaigns.mutating import Mutant, mutants_of

GUARDS = b"""\
def may(card, now):
    if card.ended:
        return False
    return card.open and (now < card.expires or card.held)

def digest_of(effect):
    return name_of([effect.key, {"to": effect.to, "body": effect.body}])
"""


def test_every_guard_of_a_file_is_turned_once():
    drawn = [(mutant.name.split()[1:3], mutant.new.decode()) for mutant in mutants_of("engine/a.py", GUARDS)]

    assert drawn == [
        (["may", "guard"], "(False and (card.ended))"),
        (["may", "return"], "(not (False))"),
        (
            ["may", "operand-0"],
            "((now < card.expires or card.held))",
        ),
        (["may", "operand-1"], "((card.open))"),
        (["may", "operand-0"], "((card.held))"),
        (["may", "operand-1"], "((now < card.expires))"),
        (["digest_of", "element-0"], '[{"to": effect.to, "body": effect.body}]'),
        (["digest_of", "element-1"], "[effect.key]"),
        (["digest_of", "element-0"], '{"body": effect.body}'),
        (["digest_of", "element-1"], '{"to": effect.to}'),
    ]


def test_every_mutant_of_the_engine_is_a_program_and_no_other_than_its_name_says():
    every = mutating.mutants()
    sources = {mutant.path: (mutating.ROOT / mutant.path).read_bytes() for mutant in every}

    for mutant in every[::10]:
        ast.parse(mutant.applied(sources[mutant.path]))
    assert len(every) > 1_000
    assert len({mutant.name for mutant in every}) == len(every)
    assert mutating.equivalents() <= {mutant.name for mutant in every}


@pytest.mark.slow
def test_a_mutant_that_no_test_notices_survives(tmp_path):
    (tmp_path / "a.py").write_text("def f(a, b):\n    return a and b\n", encoding="utf-8")
    (tmp_path / "test_a.py").write_text(
        "from a import f\n\ndef test_f():\n    assert not f(True, False)\n", encoding="utf-8"
    )
    first, second = mutants_of("a.py", (tmp_path / "a.py").read_bytes(), ("test_a.py",))

    assert not mutating.noticed(tmp_path, first)
    assert mutating.noticed(tmp_path, second)
    assert isinstance(first, Mutant)
