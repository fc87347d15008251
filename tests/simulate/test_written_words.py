"""What the words of the language that came last do in a run: one company with a playbook for each, through the public door."""

from datetime import timedelta

import pytest

from engine.cli.screen import card_view
from engine.model.values.timestamps import stamp
from engine.testing.provider import Provider
from engine.testing.scenario import PROVIDER_FILE, Scenario, letter
from tests.campaigns.invariants import judge
from tests.campaigns.standin import DIED, ending

pytestmark = pytest.mark.slow

PLAYBOOKS = {}

PLAYBOOKS["refuses"] = """\
name: Refuses
stage: auto
on: { manual: {}, email: { mailbox: leads } }
if-failed: undo
steps:
  - { id: try, uses: provider/idempotent, with: { text: tried } }
  - { id: no, uses: run/end, with: { as: failed, because: "the shop is shut" } }
  - id: say
    if: ${{ failure() }}
    uses: provider/idempotent
    with: { text: "${{ run.failed-step }}: ${{ run.error }}" }
"""
PLAYBOOKS["calls-refuses"] = """\
name: Calls one that refuses
stage: auto
on: { manual: {} }
steps:
  - { id: sub, uses: playbook/refused, with: {} }
"""
PLAYBOOKS["refused"] = """\
name: Refused
stage: auto
on: { call: {} }
steps:
  - { id: no, uses: run/end, with: { as: failed } }
"""
PLAYBOOKS["rounds"] = """\
name: Rounds
stage: auto
on: { manual: {} }
inputs: { after: time, go: bool }
steps:
  - id: knock
    if: ${{ inputs.go }}
    uses: provider/idempotent
    with: { text: knock }
    repeat: { until: "${{ now() > inputs.after && steps.knock.outputs.id != '' }}", at-most: 3, pause: 5m }
  - id: tell
    uses: provider/idempotent
    with: { text: "done, ${{ steps.knock.outputs.id == '' ? 'unnamed' : 'named' }}" }
"""
PLAYBOOKS["calls-again"] = """\
name: Calls again
stage: auto
on: { manual: {} }
steps:
  - id: sub
    uses: playbook/kind
    with: { kind: weekly }
    repeat: { until: false, at-most: 2, pause: 1m }
    continue-on-error: true
  - { id: soft, if: "${{ steps.sub.status == 'failed' }}", uses: provider/idempotent, with: { text: soft } }
"""
PLAYBOOKS["asked-rounds"] = """\
name: Asked in each round
stage: approval
on: { manual: {} }
steps:
  - id: knock
    uses: provider/customer
    with: { text: knock }
    repeat: { until: false, at-most: 2, pause: 1m }
"""
PLAYBOOKS["paced"] = """\
name: Paced
stage: approval
on: { manual: {} }
gates: { all: { title: All } }
steps:
  - id: post
    foreach: [ada, bob, cem]
    key: ${{ item }}
    pause: 30m
    uses: provider/customer
    with: { text: "to ${{ item }}" }
    gate: all
  - id: who
    uses: provider/idempotent
    with: { text: "by ${{ gates.all.who }}" }
"""
PLAYBOOKS["asks"] = """\
name: Asks from data
stage: auto
on: { manual: {} }
inputs: { names: "[text]", kind: { type: "one of weekly, monthly", default: weekly } }
steps:
  - { id: which, uses: human/ask, with: { title: Whose, choices: "${{ inputs.names }}" } }
  - { id: tell, uses: provider/idempotent, with: { text: "${{ steps.which.outputs.choice }} ${{ inputs.kind }}" } }
"""
PLAYBOOKS["kinds"] = """\
name: A kind at a time
stage: auto
on: { manual: {} }
steps:
  - id: each
    foreach: [weekly, monthly]
    key: ${{ item }}
    uses: playbook/kind
    with: { kind: "${{ item }}" }
"""
PLAYBOOKS["kind"] = """\
name: Kind
stage: auto
on: { call: {} }
inputs: { kind: "one of weekly, monthly" }
steps:
  - { id: tell, uses: provider/idempotent, with: { text: "${{ inputs.kind }}" } }
"""
PLAYBOOKS["dropped"] = """\
name: Dropped
stage: auto
on: { file: { path: "vault/inbox/scans/*.txt" } }
steps:
  - { id: say, uses: provider/idempotent, with: { text: "${{ event.name.lower().replace('.txt', '') }}" } }
"""
PLAYBOOKS["far"] = """\
name: Far away
stage: auto
on: { schedule: { cron: "0 9 * * *", time-zone: Asia/Tokyo } }
steps:
  - { id: say, uses: provider/idempotent, with: { text: "${{ text(event.at) }}" } }
"""


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """One workspace with all of them, and a provider."""
    folder = tmp_path_factory.mktemp("company")
    (folder / "supplied").mkdir()
    with Provider.start(folder / "supplied" / PROVIDER_FILE) as provider:
        files = {f"playbooks/{name}.yaml": text for name, text in PLAYBOOKS.items()}
        yield Scenario.make(folder / "supplied", files=files, provider=provider.address, bare=True)


def told(made, playbook):
    """What the provider was told by the runs of a playbook, in order."""
    steps = [
        step for run in made.runs(playbook) for step in run.steps.values() if step.proposal and step.done
    ]
    return [made.value(step.proposal)["args"]["text"] for step in steps]


def soon(made, **length):
    """A moment so much later, as an input."""
    return stamp(made.clock.now() + timedelta(**length))


# ---------------------------------------------------------------- run/end as failed


def test_a_run_its_author_ends_as_failed_has_failed_and_waits_for_nobody(company):
    """`failure()` steps run with the reason, what was done is taken back where the file says so, and no line stands in the queue."""
    company.drop("shut", letter("Order", "Two, please.", id="shut@example.org"))
    company.run()
    (run,) = company.runs("refuses")
    assert (run.status, run.reason, run.ended_by) == ("failed", "ended by no", "no")
    assert told(company, "refuses") == ["tried", "no: the shop is shut"]
    assert run.step("try").undone
    assert [row for row in company.queue() if row.run == run.id] == []
    assert company.ask("dismiss", target=run.id).exit == 0
    assert not company.runs("refuses")[0].dismissed


def test_what_calls_it_fails_where_it_called(company):
    """The caller's own author did not end it so."""
    company.start("calls-refuses")
    (run,) = company.runs("calls-refuses")
    assert (run.status, run.reason) == ("failed", "sub: refused: failed")


# ---------------------------------------------------------------- repeat and pause


def test_each_round_is_an_effect_of_its_own_until_it_is_so(company):
    """Two are enough; the step gives what the last one gave."""
    company.start("rounds", after=soon(company, minutes=1), go=True)
    assert company.runs("rounds")[-1].waiting == "timer"
    assert told(company, "rounds") == ["knock"]
    company.later(timedelta(minutes=5))
    run = company.runs("rounds")[-1]
    assert (run.status, run.step("knock").keys) == ("succeeded", ("1", "2"))
    assert told(company, "rounds") == ["knock", "knock", "done, named"]
    keys = {run.step(f"knock#{at}").key for at in (1, 2)}
    assert len(keys) == 2


DEATHS = [
    "append:after:step.fanned",
    "append:before:step.paced",
    "append:after:step.paced",
    "append:after:effect.intended",
    "call:after",
]


@pytest.mark.parametrize("point", DEATHS)
def test_a_death_in_a_round_leaves_each_round_done_once(supplied, provider, point):
    """Whoever goes on finds the rounds that were, and does the others."""
    alone = PLAYBOOKS["rounds"].replace("inputs.after", "plus(event.at, '1m')")
    alone = alone.replace("    if: ${{ inputs.go }}\n", "").replace("inputs: { after: time, go: bool }\n", "")
    made = supplied(rounds=alone)
    assert ending(made, "start", "rounds", point=point) == DIED
    made = Scenario.at(made.folder, provider=made.provider)
    made.run()
    made.later(timedelta(minutes=5))
    (run,) = made.runs()
    assert (run.status, run.step("knock").keys) == ("succeeded", ("1", "2"))
    assert list(provider.effects().values()) == [1, 1, 1]
    assert judge(made.folder).violations == ()


def test_what_is_never_so_fails_after_its_last_round_and_can_be_tried_again(company):
    company.start("rounds", after=soon(company, days=300), go=True)
    company.later(timedelta(minutes=5))
    company.later(timedelta(minutes=5))
    company.later(timedelta(hours=5))
    run = company.runs("rounds")[-1]
    assert (run.status, run.reason) == ("failed", "knock: repeat")
    assert company.value(run.step("knock").message) == (
        "done 3 times, and still not so: now() > inputs.after && steps.knock.outputs.id != ''"
    )
    assert run.step("knock").keys == ("1", "2", "3")


def test_a_step_that_is_skipped_has_no_round(company):
    company.start("rounds", after=soon(company), go=False)
    run = company.runs("rounds")[-1]
    assert (run.status, run.step("knock").status, run.step("tell").status) == (
        "succeeded",
        "skipped",
        "skipped",
    )
    assert not run.step("knock").keys


def test_each_round_is_asked_about_and_a_no_is_the_end(company):
    company.start("asked-rounds")
    (first,) = company.cards()
    company.approve(first)
    assert company.cards() == []
    company.later(timedelta(minutes=1))
    (second,) = company.cards()
    assert second.card.id != first.card.id
    company.ask("reject", target=second.card.id)
    (run,) = company.runs("asked-rounds")
    assert (run.status, run.step("knock#1").status, run.step("knock").status) == (
        "cancelled",
        "succeeded",
        "cancelled",
    )
    assert told(company, "asked-rounds") == ["knock"]


def test_a_called_playbook_runs_anew_in_each_round_and_its_caller_may_go_on_without(company):
    company.start("calls-again")
    company.later(timedelta(minutes=1))
    (run,) = company.runs("calls-again")
    assert (run.status, run.step("sub").code) == ("succeeded", "repeat")
    assert len({run.step(f"sub#{at}").child for at in (1, 2)}) == 2
    assert told(company, "calls-again") == ["soft"]


def test_items_with_a_pause_leave_one_after_the_other(company):
    """All stand on one card; what is approved leaves half an hour apart, also after a long sleep."""
    company.start("paced")
    (shown,) = company.cards()
    assert len(shown.card.steps) == 3
    company.approve(shown)
    assert told(company, "paced") == ["to ada"]
    company.later(timedelta(minutes=29))
    assert told(company, "paced") == ["to ada"]
    company.later(timedelta(hours=9))
    assert told(company, "paced") == ["to ada", "to bob"]
    assert company.runs("paced")[0].waiting == "timer"
    company.later(timedelta(minutes=30))
    assert told(company, "paced") == ["to ada", "to bob", "to cem", "by robin"]


def test_who_decided_can_be_read(company):
    """As the log names them, see above; nobody where a card expired. Who reads it runs after a no, too."""
    company.start("paced")
    company.later(timedelta(days=8))
    assert company.runs("paced")[-1].status == "cancelled"
    assert told(company, "paced")[-1] == "by "


# ---------------------------------------------------------------- choices, kinds, files, schedules


def test_choices_come_from_data(company):
    """Each once, on a line of its own; what can't be shown whole is not offered, and only what is offered is taken."""
    company.start("asks", names=["Ada Park", "Bob", "Ada Park", "two\nlines", "x" * 201])
    (row,) = [one for one in company.queue() if one.playbook == "asks"]
    assert row.about == "operator: one of 2 choices"
    assert row.needs == f"steward show {row.short}"
    shown = list(card_view.question(company.value(company.runs("asks")[-1].step("which").question)))
    assert [one.strip() for one in shown[:3]] == [
        "choose    one of these 2, in quotes:",
        "│ Ada Park",
        "│ Bob",
    ]
    assert company.ask("answer", target=row.id, body={"choice": "two\nlines"}).exit != 0
    company.ask("answer", target=row.id, body={"choice": "Ada Park"})
    assert told(company, "asks") == ["Ada Park weekly"]


@pytest.mark.parametrize(
    ("names", "code"),
    [([], "choices"), (["", "a\nb"], "choices"), ([str(at) for at in range(101)], "too-many")],
)
def test_nothing_to_choose_from_fails_the_step(company, names, code):
    company.start("asks", names=names)
    assert company.runs("asks")[-1].reason == f"which: {code}"


def test_the_words_of_a_written_list_fit_an_input_of_such_words(company):
    company.start("kinds")
    assert company.runs("kinds")[0].status == "succeeded"
    assert told(company, "kind")[-2:] == ["weekly", "monthly"]


def test_a_file_event_has_the_file_s_own_name(company):
    folder = company.root / "vault" / "inbox" / "scans"
    folder.mkdir(parents=True)
    (folder / "Bill 7.TXT.txt").write_text("7 EUR")
    company.run()
    assert told(company, "dropped") == ["bill 7"]


def test_a_schedule_in_a_zone_of_its_own(company):
    """Nine in Tokyo is midnight in UTC, whatever the workspace's zone."""
    company.later(timedelta(days=1))
    due = company.value(company.runs("far")[-1].event)["at"]
    assert due[11:16] == "00:00"
    assert company.book().expected["far", "0 9 * * *"][1] == "Asia/Tokyo"
