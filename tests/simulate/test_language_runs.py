"""What the whole language does when it runs: items, claims, early ends, groups, schedules, files, what is read back and taken back."""

from datetime import timedelta

import pytest

from engine.testing.scenario import letter

pytestmark = pytest.mark.slow

LIST = """\
name: Each
stage: approval
on: { manual: {} }
inputs:
  people: "[{ id: text, wants: bool }]"
gates:
  all: { title: "Everybody", expires-after: 1d }
steps:
  - id: tell
    foreach: ${{ inputs.people }}
    key: ${{ item.id }}
    if: ${{ item.wants }}
    uses: provider/customer
    with: { text: "for ${{ item.id }}" }
    gate: all
  - id: count
    uses: provider/idempotent
    with: { text: "${{ text(size(steps.tell.outputs)) }} told" }
"""
PEOPLE = [{"id": "ada", "wants": True}, {"id": "bob", "wants": False}, {"id": "cem", "wants": True}]


def texts(made) -> list[str]:
    """What the provider was told, sorted."""
    steps = [step for run in made.runs() for step in run.steps.values() if step.proposal and step.done]
    return sorted(made.value(step.proposal)["args"]["text"] for step in steps)


def test_a_gate_over_items_is_one_card_with_a_row_each(supplied, provider):
    """Items whose `if` is false have no row; approving lets each leave once."""
    made = supplied(each=LIST)
    made.start("each", people=PEOPLE)
    (shown,) = made.cards()
    assert len(shown.card.steps) == 2
    assert provider.effects() == {}
    assert made.approve(shown).exit == 0
    assert texts(made) == ["2 told", "for ada", "for cem"]
    assert len(provider.effects()) == 3
    assert made.runs()[0].status == "succeeded"


def test_no_item_at_all_is_no_card(supplied):
    """An empty list settles the step."""
    made = supplied(each=LIST)
    made.start("each", people=[])
    assert made.cards() == []
    assert texts(made) == ["0 told"]


def test_rejecting_the_card_cancels_every_item_and_what_stands_behind(supplied, provider):
    """Nothing leaves."""
    made = supplied(each=LIST)
    made.start("each", people=PEOPLE)
    (shown,) = made.cards()
    made.ask("reject", target=shown.card.id)
    assert provider.effects() == {}
    assert made.runs()[0].status == "cancelled"


def test_two_items_with_one_key_fail_the_step_before_anything_leaves(supplied, provider):
    """The key names the effect; one key never has two bodies."""
    made = supplied(each=LIST)
    made.start("each", people=[PEOPLE[0], PEOPLE[0]])
    assert made.runs()[0].status == "failed"
    assert provider.effects() == {}


ONCE = """\
name: Once
stage: approval
on: { manual: {} }
inputs: { invoice: text }
once: ${{ inputs.invoice }}
steps:
  - { id: pay, uses: provider/customer, with: { text: "${{ inputs.invoice }}" } }
"""


def test_once_is_used_up_by_the_first_intent_and_left_free_by_a_no(supplied, provider):
    """A rejected card claims nothing; the second approved run of the same text is the last."""
    made = supplied(once=ONCE)
    made.start("once", invoice="in_1")
    (first,) = made.cards()
    made.ask("reject", target=first.card.id)
    made.start("once", invoice="in_1")
    (second,) = made.cards()
    made.approve(second)
    made.start("once", invoice="in_1")
    made.start("once", invoice="in_2")
    assert [run.status for run in made.runs()] == ["cancelled", "succeeded", "no-op", "running"]
    assert sum(provider.effects().values()) == 1


def test_two_runs_that_wait_for_the_same_once_have_one_winner(supplied, provider):
    """The other one's step is skipped when its turn comes."""
    made = supplied(once=ONCE)
    made.start("once", invoice="in_1")
    made.start("once", invoice="in_1")
    for shown in made.cards():
        made.approve(shown)
    assert sum(provider.effects().values()) == 1
    assert {run.status for run in made.runs()} == {"succeeded"}


STOPPED = """\
name: Dunning
stage: approval
on:
  email: { mailbox: leads }
stop-on:
  - email: { thread: "${{ event.thread }}" }
steps:
  - { id: first, uses: provider/idempotent, with: { text: first } }
  - { id: pause, uses: wait/for, with: { time: 3d } }
  - { id: second, uses: provider/customer, with: { text: second } }
"""


def test_what_stop_on_names_ends_the_run_well_and_withdraws_its_card(supplied, provider):
    """While it waits for the person, too."""
    made = supplied(dunning=STOPPED)
    made.drop("one", letter("Bill", "Where is it?", id="bill@example.org"))
    made.run()
    made.later(timedelta(days=3, minutes=1))
    assert len(made.cards()) == 1
    made.drop("two", letter("Re: Bill", "Paid.", id="paid@example.org", answers="bill@example.org"))
    made.run()
    assert made.cards() == []
    assert [run.status for run in made.runs("dunning")] == ["succeeded"]
    assert "stopped by" in made.runs("dunning")[0].reason
    assert sum(provider.effects().values()) == 1


UNDONE = """\
name: Undone
stage: approval
if-failed: undo
on: { manual: {} }
steps:
  - { id: one, uses: provider/idempotent, with: { text: one } }
  - { id: two, uses: provider/queryable, with: { text: two } }
  - id: three
    uses: provider/idempotent
    with: { text: three }
    expect: { repeated: true }
"""


def test_what_does_not_come_back_as_expected_fails_and_is_taken_back_newest_first(supplied):
    """What declares no undo stays, and says so."""
    made = supplied(undone=UNDONE)
    made.start("undone")
    (run,) = made.runs()
    assert run.status == "failed"
    assert run.reason == "three: expect"
    assert [run.step(id_).undone for id_ in ("one", "two", "three")] == [True, False, True]
    assert run.step("two").undo_failed
    taken = [event.step for event in made.events() if event.type in {"effect.undone", "effect.kept"}]
    assert taken == ["three", "two", "one"]


GROUPED = """\
name: Grouped
stage: approval
on: {{ manual: {{}} }}
concurrency: {{ group: same, if-running: {how} }}
steps:
  - {{ id: say, uses: provider/customer, with: {{ text: say }} }}
"""


def test_a_group_waits_drops_or_replaces(supplied, tmp_path):
    """As the playbook says."""
    made = supplied(**{how: GROUPED.format(how=how) for how in ("wait", "drop", "replace")})
    for how in ("wait", "drop", "replace"):
        made.start(how)
        made.start(how)
    found = {how: [run.status for run in made.runs(how)] for how in ("wait", "drop", "replace")}
    assert found == {
        "wait": ["running", "queued"],
        "drop": ["running", "no-op"],
        "replace": ["cancelled", "running"],
    }
    assert len(made.cards()) == 3


DAILY = """\
name: Daily
stage: approval
on:
  schedule: { cron: "0 9 * * *" }
steps:
  - { id: say, uses: provider/idempotent, with: { text: "due ${{ text(event.at) }}" } }
"""


def test_a_schedule_owes_nothing_for_the_past_and_of_missed_firings_runs_the_latest(supplied, provider):
    """And every one of them is recorded."""
    made = supplied(daily=DAILY)
    made.run()
    assert made.runs() == []
    made.later(timedelta(days=1))
    assert len(made.runs()) == 1
    made.run()
    assert len(made.runs()) == 1
    made.later(timedelta(days=7))
    assert len(made.runs()) == 2
    assert made.book().ignored["missed"] == 6
    assert sum(provider.effects().values()) == 2


DROPPED = """\
name: Dropped
stage: approval
on:
  file: { path: "vault/inbox/receipts/*.txt" }
once: ${{ event.sha256 }}
steps:
  - { id: say, uses: provider/idempotent, with: { text: "${{ event.path }} ${{ event.file.name }}" } }
"""


def test_a_dropped_file_starts_one_run_and_a_touched_copy_none(supplied, provider):
    """The same bytes in another place are another file, and `once` keeps them from being booked twice."""
    made = supplied(dropped=DROPPED)
    folder = made.root / "vault" / "inbox" / "receipts"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("42 EUR")
    (folder / "b.pdf").write_text("not this one")
    made.run()
    made.run()
    (folder / "a.txt").touch()
    made.run()
    assert [run.status for run in made.runs("dropped")] == ["succeeded"]
    (folder / "c.txt").write_text("42 EUR")
    made.run()
    assert [run.status for run in made.runs("dropped")] == ["succeeded", "no-op"]
    assert len(provider.effects()) == 1


SETTLE = """\
name: Settle
stage: approval
on: { manual: {} }
gates:
  settle: { title: "Pay and tell", expires-after: 2d }
steps:
  - { id: pay, uses: provider/idempotent, with: { text: pay }, gate: settle }
  - { id: tell, uses: provider/idempotent, with: { text: tell }, gate: settle }
"""


def test_members_in_order_are_one_card_and_leave_in_order(supplied):
    """Pay, then tell."""
    made = supplied(settle=SETTLE)
    made.start("settle")
    (shown,) = made.cards()
    assert shown.card.steps == ("pay", "tell")
    made.approve(shown)
    left = [event.step for event in made.events() if event.type == "effect.succeeded"]
    assert left == ["pay", "tell"]
    assert made.runs()[0].status == "succeeded"


TOLD_ONCE = """\
name: Reminders
stage: {stage}
on: {{ manual: {{}} }}
inputs: {{ invoices: "[{{ id: text, who: text, wants: bool }}]" }}
steps:
  - id: remind
    foreach: ${{{{ inputs.invoices }}}}
    key: ${{{{ item.id }}}}
    once: ${{{{ item.who }}}}
    if: ${{{{ item.wants }}}}
    uses: provider/{action}
    with: {{ text: "${{{{ item.id }}}} to ${{{{ item.who }}}}" }}
"""


def rows(*pairs: tuple[str, str], but: str = "") -> list[dict[str, object]]:
    """Invoices: an id and whose each is. The one named by `but` is not wanted."""
    return [{"id": id_, "who": who, "wants": id_ != but} for id_, who in pairs]


def reminders(stage: str = "auto", action: str = "idempotent") -> str:
    """The playbook above at a stage, with an action."""
    return TOLD_ONCE.format(stage=stage, action=action)


def test_two_items_of_one_run_with_one_once_act_once(supplied, provider):
    """The first in the order of the list does it; others go on."""
    made = supplied(remind=reminders())
    made.start("remind", invoices=rows(("in-1", "ada"), ("in-2", "ada"), ("in-3", "bob"), ("in-4", "ada")))
    assert texts(made) == ["in-1 to ada", "in-3 to bob"]
    assert len(provider.effects()) == 2
    assert made.runs()[0].status == "succeeded"


def test_an_item_that_is_not_wanted_leaves_the_text_to_the_next(supplied, provider):
    """A false `if` claims nothing."""
    made = supplied(remind=reminders())
    made.start("remind", invoices=rows(("in-1", "ada"), ("in-2", "ada"), but="in-1"))
    assert texts(made) == ["in-2 to ada"]


def test_a_card_over_items_shows_only_what_would_leave(supplied, provider):
    """Who approves sees one letter for each text, and that many leave."""
    made = supplied(remind=reminders("approval", "customer"))
    made.start("remind", invoices=rows(("in-1", "ada"), ("in-2", "ada"), ("in-3", "bob")))
    (shown,) = made.cards()
    assert len(shown.card.steps) == 2
    made.approve(shown)
    assert texts(made) == ["in-1 to ada", "in-3 to bob"]


def test_another_run_finds_the_text_of_an_item_used_up(supplied, provider):
    """By text, whichever run or item: another invoice of hers later is none either."""
    made = supplied(remind=reminders())
    made.start("remind", invoices=rows(("in-1", "ada")))
    made.start("remind", invoices=rows(("in-7", "ada"), ("in-8", "bob")))
    assert texts(made) == ["in-1 to ada", "in-8 to bob"]


def test_two_playbooks_and_two_steps_never_share_a_once(supplied, provider):
    """The same words in another playbook, and at another step, are another claim."""
    second = reminders() + reminders().partition("steps:\n")[2].replace("id: remind", "id: also")
    made = supplied(remind=reminders(), other=second)
    made.start("remind", invoices=rows(("in-1", "ada")))
    made.start("other", invoices=rows(("in-1", "ada"), ("in-2", "ada")))
    assert texts(made) == ["in-1 to ada", "in-1 to ada", "in-1 to ada"]


def test_a_step_that_acted_in_a_run_that_failed_later_stays_used_up(supplied, provider):
    """What left has left: the next run of the same text sends it no second time."""
    broken = "  - { id: sum, uses: provider/idempotent, with: { text: '${{ text([1][inputs.at]) }}' } }\n"
    steps = "  - { id: tell, once: ada, uses: provider/idempotent, with: { text: told } }\n" + broken
    made = supplied(
        tell=f"name: T\nstage: auto\non: {{ manual: {{}} }}\ninputs: {{ at: integer }}\nsteps:\n{steps}"
    )
    made.start("tell", at=3)
    made.start("tell", at=0)
    assert [run.status for run in made.runs()] == ["failed", "succeeded"]
    assert texts(made) == ["1", "told"]


EITHER = """\
name: Either
stage: auto
on: { manual: {} }
inputs: { go: text }
steps:
  - { id: a, if: "${{ inputs.go == 'a' }}", uses: provider/idempotent, with: { text: by a } }
  - { id: b, needs: [], if: "${{ inputs.go == 'b' }}", uses: provider/idempotent, with: { text: by b } }
  - id: tell
    uses: provider/idempotent
    with: { text: "ref ${{ default(steps.a.outputs.id, steps.b.outputs.id) }}" }
"""


@pytest.mark.parametrize(("go", "told"), [("a", "succeeded"), ("b", "succeeded"), ("neither", "skipped")])
def test_what_reads_one_of_two_exclusive_steps_runs_with_the_one_there_is(supplied, provider, go, told):
    """Through `default` neither is needed; where none of them ran, the reader is skipped like any other, and says so."""
    made = supplied(either=EITHER)
    made.start("either", go=go)
    (run,) = made.runs()
    assert run.status == "succeeded"
    assert run.step("tell").status == told
    if told == "skipped":
        assert run.step("tell").because == "nothing stands at `steps.a.outputs.id`, `steps.b.outputs.id`"
