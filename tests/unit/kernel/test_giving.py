"""What a run gives at its end."""

from dataclasses import replace

import pytest

from engine.kernel.steps import subplaybooks
from engine.model.commands import End
from engine.model.definitions.plan import Expr, Read
from engine.model.definitions.types import TEXT
from engine.model.events import events as e
from tests.unit.kernel.journals import Books
from tests.unit.kernel.plans import node, plan


def reads(path: str, *, cel: str = "x", through_default: bool = False) -> Expr:
    """An output that is what stands at a path, or computed with it."""
    of = Read(path=path, variable="x", type=TEXT, through_default=through_default)
    return Expr(cel=cel, written=path, type=TEXT, reads=(of,))


@pytest.mark.parametrize(
    ("output", "given"),
    [
        (reads("steps.a.outputs.n"), "seven"),
        (reads("steps.b.outputs.n"), None),
        (reads("steps.b.status"), "skipped"),
        (reads("steps.b.outputs.n", cel='"else"', through_default=True), "else"),
        (reads("inputs.b.outputs.n"), "typed"),
    ],
    ids=["done", "skipped", "its-status", "with-a-default", "another-root"],
)
def test_an_output_is_null_only_where_the_step_it_reads_did_not_run(output: Expr, given: str | None) -> None:
    """A default, a status and an input of such a name are there all the same."""
    two = replace(plan(node("a"), node("b")), outputs=(("n", output),))
    books = Books(two, inputs={"b": {"outputs": {"n": "typed"}}})
    books.add(e.StepSucceeded(attempt=1, outputs=books.seal({"n": "seven"}, "")), "a")
    books.add(e.StepSkipped(because="if false"), "b")
    subplaybooks.end(books, books.run, End(status="succeeded", reason=""))
    assert (books.run.status, books.value(books.run.outputs)) == ("succeeded", {"n": given})
