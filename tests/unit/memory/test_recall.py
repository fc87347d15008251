"""`memory/recall`: the index where it can, full text at once where not, and said which."""

import pytest

from engine.memory.fulltext import FullText
from engine.memory.recall import Recall
from engine.model.definitions.taint import Label
from engine.model.errors import PermanentError, TransientError
from tests.contract.world import call
from tests.unit.memory.notes import Notes, front_matter

NOTE = {"path": "vault/sops/a.md", "title": "A", "heading": "H", "commit": "c0ffee", "text": "t", "score": 1.0, "found-by": "meaning and words"}  # fmt: skip


class Index:
    def __init__(self, problem=None):
        self.problem, self.asked = problem, []

    def recall(self, query, *, kind, limit, commit):
        self.asked.append((query, kind, limit, commit))
        if self.problem:
            raise self.problem
        return [NOTE]


def recall(index, commit="c0ffee"):
    tree = Notes({"vault/sops/quoting.md": "# Quoting\n\n## Discounts\n\nNever.\n"})
    tree.commit = commit
    return Recall(
        words=FullText(tree=lambda: tree, front_matter=front_matter), index=index, tree=lambda: tree
    )


def notes(reader, **args):
    outputs, labels = reader.read(call("memory/recall", args))
    assert labels == frozenset({Label.OPERATOR})
    return outputs["notes"]


def test_the_index_is_asked_for_the_commit_that_runs():
    index = Index()
    assert notes(recall(index), query="discounts", kind="sop", limit=2) == [NOTE]
    assert index.asked == [("discounts", "sop", 2, "c0ffee")]


@pytest.mark.parametrize("problem", [TransientError("warming"), PermanentError("absent")])
def test_full_text_answers_at_once_where_the_index_cannot(problem):
    reader = recall(Index(problem))
    (found,) = notes(reader, query="discounts")
    assert found | {"score": 0} == {
        "path": "vault/sops/quoting.md",
        "title": "Quoting",
        "heading": "Discounts",
        "commit": "c0ffee",
        "text": "Quoting › Discounts\n\nNever.",
        "score": 0,
        "found-by": "full-text",
    }
    assert reader.find("discounts", kind="", limit=5)[1] == problem.message


def test_a_working_folder_and_a_light_install_have_full_text():
    index = Index()
    assert notes(recall(index, commit=""), query="discounts")[0]["found-by"] == "full-text"
    assert index.asked == []
    assert notes(recall(None), query="discounts")[0]["found-by"] == "full-text"


@pytest.mark.parametrize("args", [{}, {"query": 7}, {"query": "a", "limit": 0}, {"query": "a", "more": 1}])
def test_refuses_arguments_it_does_not_take(args):
    with pytest.raises(PermanentError):
        recall(Index()).read(call("memory/recall", args))


def test_it_declares_one_action():
    assert [one.name for one in recall(None).declare()] == ["memory/recall"]
