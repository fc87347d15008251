"""A run that failed is a line until somebody begins it again or leaves it so; nothing that happened in it happens twice. Time is virtual."""

import pytest

from engine.cli.main import main
from engine.model.events import events as e
from engine.model.events import outages as o
from engine.testing.scenario import Counting, Scenario, letter

pytestmark = pytest.mark.slow

TWO = """\
name: Two
stage: approval
on: { email: { mailbox: leads }, manual: {} }
once: only this time
steps:
  - { id: first, uses: provider/idempotent, with: { text: one } }
  - { id: asked, uses: human/ask, with: { title: Which?, choices: [a, b] } }
  - { id: second, uses: provider/opaque, with: { text: "two ${{ steps.asked.outputs.choice }}" } }
"""
CALLER = """\
name: Caller
stage: approval
on: { email: { mailbox: leads } }
steps:
  - { id: below, uses: playbook/called, with: { what: hello } }
"""
CALLED = """\
name: Called
stage: approval
on: { call: {} }
inputs: { what: text }
steps:
  - { id: tell, uses: provider/idempotent, with: { text: "${{ inputs.what }}" } }
  - { id: again, uses: provider/opaque, with: { text: refused } }
"""
SIDES = """\
name: Sides
stage: approval
on: { email: { mailbox: leads } }
steps:
  - { id: refused, uses: provider/opaque, with: { text: no } }
  - { id: behind, uses: provider/idempotent, with: { text: behind } }
  - { id: beside, uses: provider/customer, needs: [], with: { text: beside } }
"""


def wrote(made: Scenario, id_: str = "one") -> None:
    """A letter comes."""
    made.drop(id_, letter("Words", "Hello", id=id_))
    made.run()


def answered(made: Scenario, choice: str) -> None:
    """The open question."""
    (row,) = [one for one in made.queue() if one.kind == "question"]
    made.ask("answer", target=row.id, body={"choice": choice})


def failed(supplied, provider) -> Scenario:
    """The second effect was refused for good."""
    made = supplied(two=TWO)
    wrote(made)
    provider.behave("400", mode="opaque")
    answered(made, "a")
    return made


def of(made: Scenario, *types: type) -> list:
    return [event.body for event in made.events() if isinstance(event.body, types)]


def test_a_failed_run_of_a_person_s_letter_is_a_line_until_it_is_begun_again(supplied, provider):
    made = failed(supplied, provider)
    (row,) = made.queue()
    (run,) = made.runs()
    assert (row.kind, row.run, row.about) == ("failed", run.id, "Words · ada@example.org")
    assert f"steward retry {row.short}" in row.needs
    said = made.ask("retry", target=run.id)
    assert (said.verdict, made.runs()[0].status, made.queue()) == ("accepted", "succeeded", [])
    assert list(provider.effects().values()) == [1, 1]
    (again,) = of(made, o.RunRetried)
    assert set(again.kept) == {"first", "asked"}, "what happened, and what a person answered"
    assert of(made, o.EffectCarried)[0].differs == ()
    assert len(of(made, e.HumanAsked)) == 1
    assert len(of(made, e.OnceClaimed)) == 1, "its own claim is no claim of another"


def test_today_s_playbook_is_what_runs_and_what_differs_is_shown_and_not_repeated(supplied, provider):
    made = failed(supplied, provider)
    made.commit({"playbooks/two.yaml": TWO.replace("text: one", "text: other").replace("two $", "mended $")})
    said = made.ask("retry", target=made.runs()[0].id)
    assert "not repeated, because it happened: first" in said.message
    assert of(made, o.EffectCarried)[0].differs == ("text",)
    bodies = [
        made.value(step.proposal)["args"]["text"] for step in made.runs()[0].steps.values() if step.done
    ]
    assert sorted(bodies) == ["mended a", "one"]
    assert provider.asked()["perform"] == 3


def test_a_step_that_is_another_one_today_is_told(supplied, provider):
    """What happened stays in the ledger, and the new step does what it says."""
    made = failed(supplied, provider)
    made.commit({"playbooks/two.yaml": TWO.replace("uses: provider/idempotent", "uses: provider/queryable")})
    said = made.ask("retry", target=made.runs()[0].id)
    assert "it happened, and today's playbook has no such step: first (provider/idempotent)" in said.message
    assert made.runs()[0].status == "succeeded"
    keys = [event.key for event in of(made, e.EffectIntended)]
    assert len(set(keys)) == len(keys), "no key is used for other bytes"


def test_a_retry_that_fails_again_is_a_line_again(supplied, provider):
    made = failed(supplied, provider)
    provider.behave("400", mode="opaque")
    made.ask("retry", target=made.runs()[0].id)
    (row,) = made.queue()
    assert row.kind == "failed"
    made.ask("retry", target=row.run)
    assert made.runs()[0].status == "succeeded"
    assert made.runs()[0].retries == 2


def test_only_what_failed_is_begun_again(supplied, provider):
    made = supplied(two=TWO)
    wrote(made)
    (run,) = made.runs()
    assert made.ask("retry", target=run.id).verdict == "noop"
    answered(made, "a")
    refused = made.ask("retry", target=run.id)
    assert (refused.exit, "did not fail" in refused.message) == (5, True)
    assert made.ask("retry", target="nothing").exit == 2
    assert made.ask("dismiss", target=run.id).exit == 5


def test_without_a_playbook_nothing_begins_and_the_line_stays(supplied, provider):
    made = failed(supplied, provider)
    (made.root / "playbooks/two.yaml").unlink()
    made.commit({})
    said = made.ask("retry", target=made.runs()[0].id)
    assert said.exit == 1
    assert [row.kind for row in made.queue()] == ["failed"]


def test_what_a_person_dismissed_waits_no_more_and_can_be_brought_back(supplied, provider):
    made = failed(supplied, provider)
    run = made.runs()[0].id
    assert "steward undo" in made.ask("dismiss", target=run).message
    assert (made.queue(), made.ask("dismiss", target=run).verdict) == ([], "noop")
    assert made.ask("undo", target=run).verdict == "accepted"
    assert [row.kind for row in made.queue()] == ["failed"]
    made.ask("dismiss", target=run)
    made.ask("retry", target=run)
    assert (made.runs()[0].status, made.runs()[0].dismissed) == ("succeeded", False)


def test_what_somebody_started_by_hand_is_no_line(supplied, provider):
    """They saw it fail; it can be begun again all the same."""
    made = supplied(two=TWO)
    made.start("two")
    provider.behave("400", mode="opaque")
    answered(made, "a")
    assert (made.runs()[0].status, made.queue()) == ("failed", [])
    made.ask("retry", target=made.runs()[0].id)
    assert made.runs()[0].status == "succeeded"


def test_a_called_run_goes_on_from_where_it_was_when_its_caller_is_begun_again(supplied, provider):
    """And one line stands for both."""
    made = supplied(caller=CALLER, called=CALLED)
    provider.behave("400", mode="opaque")
    wrote(made)
    (row,) = made.queue()
    caller, called = made.runs()
    assert (caller.status, called.status, row.run) == ("failed", "failed", caller.id)
    made.ask("retry", target=called.id)
    assert [run.status for run in made.runs()] == ["succeeded", "succeeded"]
    assert sorted(provider.effects().values()) == [1, 1]


def test_a_failure_leaves_what_is_beside_it_to_its_own_end(supplied, provider):
    made = supplied(sides=SIDES)
    provider.behave("400", mode="opaque")
    wrote(made)
    (run,) = made.runs()
    assert (run.step("refused").status, run.step("behind").status) == ("failed", "cancelled")
    (shown,) = made.cards()
    made.approve(shown)
    assert made.runs()[0].status == "failed"
    assert made.runs()[0].step("beside").status == "succeeded"


@pytest.mark.parametrize(
    "point", ["append:before:request.decided", "append:after:request.decided", "append:after:effect.carried"]
)
def test_a_death_around_a_retry_repeats_nothing(supplied, provider, point):
    made = failed(supplied, provider)
    run = made.runs()[0].id

    class Died(BaseException):
        pass

    def probe(reached: str, /) -> None:
        if reached == point:
            raise Died

    made.probe = probe
    with pytest.raises(Died):
        made.ask("retry", target=run, id="the-same")
    made.probe = None
    made.ask("retry", target=run, id="the-same")
    made.run()
    assert made.runs()[0].status == "succeeded"
    assert list(provider.effects().values()) == [1, 1]


def test_several_effects_nobody_knows_of_are_answered_at_once(supplied, provider):
    made = supplied(
        two=TWO.replace("once: only this time\n", "")
        .replace("  - { id: asked, uses: human/ask, with: { title: Which?, choices: [a, b] } }\n", "")
        .replace(" ${{ steps.asked.outputs.choice }}", "")
    )
    provider.behave("drop-before", mode="opaque", times=3)
    for one in ("one", "two", "three"):
        wrote(made, one)
    keys = [row.id for row in made.queue()]
    assert [row.kind for row in made.queue()] == ["unknown"] * 3
    said = made.ask("answer", target=keys[0], body={"happened": False, "also": keys[1:]})
    assert said.message.startswith("3 times noted as not done")
    assert [row.kind for row in made.queue()] == ["failed"] * 3


def test_several_are_answered_as_they_are_typed(supplied, provider, monkeypatch, capsys):
    made = supplied(
        two=TWO.replace("once: only this time\n", "")
        .replace("  - { id: asked, uses: human/ask, with: { title: Which?, choices: [a, b] } }\n", "")
        .replace(" ${{ steps.asked.outputs.choice }}", "")
    )
    provider.behave("drop-before", mode="opaque", times=3)
    for one in ("one", "two", "three"):
        wrote(made, one)
    monkeypatch.chdir(made.root)
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("engine.cli.context.need_person", lambda _verb: None)
    monkeypatch.setattr("engine.app.composition.now", made.clock.now, raising=False)
    one, two, _ = shorts = [row.short for row in made.queue()]

    def typed(*words):
        code = main(["answer", *words])
        return code, " ".join("".join(capsys.readouterr()).split())

    for words, says in (
        ((one,), "say whether it happened"),
        (("all",), "say whether it happened"),
        ((one, two, "maybe"), "say whether it happened"),
        ((one, "ffffffff", "happened"), "is called ffffffff Nothing was noted"),
        ((one, two[:2], "happened"), f"is called {two[:2]} Nothing was noted"),
        (("all", one, "did-not-happen"), "is called all Nothing was noted"),
        ((one, "did", "not", "happen"), "say whether it happened"),
    ):
        code, text = typed(*words)
        assert (code, says in text) == (2, True), (words, text)
    assert [row.short for row in made.queue()] == shorts
    assert typed(two, one, one, "happened")[1].count("2 times noted as done") == 1
    assert len([row for row in made.queue() if row.kind == "unknown"]) == 1
    code, text = typed("all", "did-not-happen")
    assert (code, "noted as not done" in text, "steward retry" in text) == (0, True, True)
    assert not [row for row in made.queue() if row.kind == "unknown"]
    assert typed("all", "happened")[0] == 2


def test_the_probe_of_these_tests_reaches_what_it_names(supplied, provider):
    """A death that never comes would prove nothing."""
    made = failed(supplied, provider)
    made.probe = counting = Counting()
    made.ask("retry", target=made.runs()[0].id)
    wanted = {"append:before:request.decided", "append:after:request.decided", "append:after:effect.carried"}
    assert wanted <= set(counting.points)
