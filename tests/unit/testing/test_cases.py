import os

import pytest

from engine.testing.cases import report
from engine.testing.cases.suite import Tests
from tests.unit.testing.workspaces import TWO_STEPS, failures, results, workspace

LETTERS = """\
name: Letters
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
gates:
  yes: { title: Reply, expires-after: 2d }
steps:
  - id: intent
    uses: intent/resolve
    with: { text: "${{ event.text }}" }
    retry: { attempts: 2 }
  - id: reply
    uses: email/reply
    with: { body: "About ${{ steps.intent.outputs.name }}" }
    gate: yes
  - id: more
    uses: wait/for
    with: { any: { reply: { email: { thread: "${{ event.thread }}" } } }, time: 3d }
  - id: note
    if: ${{ steps.more.outputs.got == 'nothing' }}
    uses: notify/me
    with: { text: silence }
"""


def only(folder, playbook, case, **more):
    found, _ = results(workspace(folder, playbook, case, **more))
    (result,) = found.values()
    return result


def test_a_failure_says_what_was_expected_what_happened_and_where(tmp_path):
    folder = workspace(
        tmp_path,
        TWO_STEPS,
        "  - name: loud\n    inputs: { words: hi, loud: false }\n    expect: { sent: [note, shout], status: failed }\n",
    )
    tests = Tests(folder)
    (file,) = tests.files()
    result = tests.run(file, file.cases[0])

    assert failures(result) == [("sent", "[note, shout]", "[note]"), ("status", "failed", "succeeded")]
    shown = report.text(result, file.source)
    assert shown.splitlines()[:5] == [
        "playbooks/tests/tell.test.yaml:5:21  sent: this is not so",
        "    5 │     expect: { sent: [note, shout], status: failed }",
        "      │                     ^^^^^^^^^^^^^",
        "   = expected [note, shout]",
        "   = happened [note]",
    ]
    assert "   shout    skipped    if inputs.loud" in shown.splitlines()
    assert "   the run  succeeded" in shown.splitlines()


@pytest.mark.parametrize(
    ("expect", "wrong"),
    [
        ("sent: [note]", []),
        ("never: [shout]", []),
        ("never: [shout, note]", [("never", "[shout, note]", "[note] happened")]),
        ("status: succeeded", []),
        ("waiting: none", []),
        ("waiting: note", [("waiting", "[note]", "none")]),
        ("stopped-by: an-event", [("stopped-by", "an-event", "nothing")]),
    ],
)
def test_each_expectation(tmp_path, expect, wrong):
    case = f"  - name: one\n    inputs: {{ words: hi, loud: false }}\n    expect: {{ {expect} }}\n"
    assert failures(only(tmp_path, TWO_STEPS, case)) == wrong


@pytest.mark.parametrize(
    ("then", "expect", "wrong"),
    [
        ("[]", "sent: [], waiting: yes", []),
        ("[]", "waiting: reply", []),
        ("[ { approve: yes } ]", "sent: [reply], waiting: more", []),
        ("[ { approve: reply } ]", "sent: [reply], waiting: more", []),
        ("[ { reject: yes } ]", "sent: [], status: cancelled", []),
        ("[ { advance: 2d } ]", "sent: [], status: cancelled", []),
        ("[ { approve: yes }, { advance: 2d } ]", "sent: [reply], waiting: more", []),
        ("[ { approve: yes }, { advance: 4d } ]", "sent: [reply, note], status: succeeded", []),
        (
            "[ { approve: yes }, { advance: 1d }, { event: { text: ok } } ]",
            "sent: [reply], never: [note], status: succeeded",
            [],
        ),
        (
            "[ { approve: yes }, { event: { text: ok, thread: another } } ]",
            "sent: [reply], waiting: more",
            [],
        ),
        (
            "[ { approve: yes }, { event: { from: no-reply@example.com, text: away } } ]",
            "sent: [reply], waiting: more",
            [],
        ),
        ("[ { edit: { yes: Other words. } }, { approve: yes } ]", "sent: [reply]", []),
        ("[ { event: { text: wait } }, { approve: yes } ]", "sent: [reply]", []),
        ("[ { fail: intent } ]", "waiting: yes", []),
        ("[ { fail: intent }, { fail: intent } ]", "sent: [], status: failed, never: [intent, reply]", []),
        ("[ { fail: reply }, { approve: yes } ]", "sent: [], status: failed", []),
        (
            "[ { approve: yes }, { approve: yes } ]",
            "sent: [reply]",
            [("approve", "approve yes", "no card of `yes` is open; the run waits at `more`")],
        ),
        (
            "[ { reject: yes }, { approve: yes } ]",
            "sent: [reply]",
            [("approve", "approve yes", "no card of `yes` is open; the run is cancelled (yes: rejected)")],
        ),
    ],
)
def test_each_move(tmp_path, then, expect, wrong):
    case = f"  - name: one\n    event: {{ from: ada@example.com, text: what is your quote }}\n    then: {then}\n    expect: {{ {expect} }}\n"
    assert failures(only(tmp_path, LETTERS, case, name="letters")) == wrong


def test_a_move_that_cant_be_made_is_shown_at_its_place(tmp_path):
    case = "  - name: one\n    event: {}\n    then: [ { approve: yes }, { reject: yes } ]\n    expect: { sent: [reply] }\n"
    (failure,) = only(tmp_path, LETTERS, case, name="letters").failures

    assert (failure.place.line, failure.place.column) == (5, 33)


def test_a_letter_that_starts_nothing_says_why(tmp_path):
    case = "  - name: one\n    event: { from: no-reply@example.com }\n    expect: { sent: [] }\n"

    assert failures(only(tmp_path, LETTERS, case, name="letters")) == [
        (
            "begin",
            "a run",
            "this letter starts nothing: the sender takes no answers, and names nobody who does",
        )
    ]


@pytest.mark.parametrize("mailbox", ["../../../../elsewhere", "..", ".hidden", "a/b", "/elsewhere"])
def test_a_mailbox_leads_nowhere_else(tmp_path, mailbox):
    case = f"  - name: one\n    event: {{ mailbox: {mailbox} }}\n    expect: {{ sent: [] }}\n"

    assert failures(only(tmp_path, LETTERS, case, name="letters")) == [
        ("begin", "a run", f"`{mailbox}` is no name of a mailbox")
    ]


def test_given_outputs_are_read_and_the_step_is_not_performed(tmp_path):
    case = "  - name: one\n    event: {}\n    given: { intent: { name: gift } }\n    then: [ { approve: yes } ]\n    expect: { sent: [reply] }\n"
    folder = workspace(tmp_path, LETTERS, case, name="letters")
    found, _ = results(folder)

    assert found["one"].passed


def test_a_rendered_paper_and_a_link_reach_the_card(tmp_path):
    playbook = """\
name: Paper
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
gates: { send: { title: Send } }
steps:
  - id: who
    uses: identity/resolve
    with: { email: "${{ event.from }}" }
  - id: paper
    uses: documents/render
    with: { template: services-agreement, values: { client: "${{ steps.who.outputs }}" } }
  - id: reply
    uses: email/reply
    with: { body: Here it is., attach: ["${{ steps.paper.outputs.file }}"] }
    gate: send
"""
    case = """\
  - name: one
    event: {}
    then: [ { approve: send } ]
    expect: { sent: [paper, reply], status: succeeded }
  - name: a file of the test
    event: {}
    given: { paper: { file: fixtures/signed.pdf } }
    then: [ { approve: send } ]
    expect: { sent: [reply], status: succeeded }
  - name: prepared and not sent
    event: {}
    then: [ { reject: send } ]
    expect: { sent: [], never: [paper], status: cancelled }
"""
    found, _ = results(workspace(tmp_path, playbook, case, name="paper"))

    assert [failures(one) for one in found.values()] == [[], [], [("never", "[paper]", "[paper] happened")]]


def test_coverage_names_what_no_case_went_through(tmp_path):
    case = "  - name: one\n    inputs: { words: hi, loud: false }\n    expect: { sent: [note] }\n"
    _, (covered,) = results(workspace(tmp_path, TWO_STEPS, case))

    assert report.covered(covered) == [
        "tell: 1 of 2 steps, 1 of 2 branches",
        "  playbooks/tell.yaml:9  `shout`",
        "  playbooks/tell.yaml:9  `shout` with its `if` true",
    ]


def test_gates_and_waits_are_branches(tmp_path):
    case = "  - name: one\n    event: {}\n    then: [ { approve: yes }, { advance: 4d } ]\n    expect: { status: succeeded }\n"
    _, (covered,) = results(workspace(tmp_path, LETTERS, case, name="letters"))

    assert {one.name for one in covered.missing} == {
        "`yes` refused",
        "`more` getting reply",
        "`note` with its `if` false",
    }


def test_nothing_outside_the_temporary_folder_is_written_and_no_secret_is_read(tmp_path, monkeypatch):
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    case = "  - name: one\n    event: {}\n    then: [ { approve: yes }, { advance: 4d } ]\n    expect: { sent: [reply, note] }\n"
    workspace(work, LETTERS, case, name="letters")
    settings = (work / "steward.yaml").read_text()
    (work / "steward.yaml").write_text(
        f'{settings}connectors:\n  email: {{ host: mail.example.com, user: robin, password: "${{{{ secrets.MAIL }}}}", mailboxes: {{ leads: letters }} }}\n'
    )
    for name in ("HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, os.fspath(home))
    monkeypatch.setenv("MAIL", "the-secret")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    found, _ = results(work)

    assert found["one"].passed, failures(found["one"])
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_case_gives_the_same_twice(tmp_path):
    case = "  - name: one\n    event: {}\n    then: [ { approve: yes } ]\n    expect: { sent: [] }\n"
    workspace(tmp_path, LETTERS, case, name="letters")

    assert results(tmp_path)[0] == results(tmp_path)[0]


def test_tests_of_a_playbook_that_does_not_compile_are_not_run(tmp_path):
    workspace(
        tmp_path,
        TWO_STEPS.replace("notify/me", "notify/mee"),
        "  - name: one\n    expect: { sent: [note] }\n",
    )
    (file,) = Tests(tmp_path).files()

    assert file.wrong
    assert not file.runnable
    assert {one.span.path for one in file.diagnostics} == {"playbooks/tell.yaml"}


DUNNING = """\
name: Dunning
stage: approval
on: { event: { type: stripe/invoice.payment_failed } }
stop-on: [ { event: { type: stripe/invoice.paid, match: { invoice: "${{ event.invoice }}" } } } ]
steps:
  - id: first
    uses: notify/me
    with: { text: first }
  - id: pause
    uses: wait/for
    with: { time: 7d }
  - id: second
    uses: notify/me
    with: { text: second }
"""


@pytest.mark.parametrize(
    ("then", "expect"),
    [
        (
            "[ { advance: 1d }, { event: { type: stripe/invoice.paid, invoice: in_1 } }, { advance: 30d } ]",
            "sent: [first], never: [second], status: succeeded, stopped-by: stripe/invoice.paid",
        ),
        (
            "[ { event: { type: stripe/invoice.paid, invoice: in_2 } }, { advance: 30d } ]",
            "sent: [first, second], status: succeeded",
        ),
    ],
)
def test_an_event_stops_the_run_it_is_about(tmp_path, then, expect):
    case = f"  - name: one\n    event: {{ invoice: in_1 }}\n    then: {then}\n    expect: {{ {expect} }}\n"
    assert failures(only(tmp_path, DUNNING, case, name="dunning")) == []


EACH = """\
name: Each
stage: approval
on: { manual: {}, call: {} }
inputs: { words: [text] }
outputs: { count: "${{ size(inputs.words) }}" }
gates: { all: { title: All of them } }
steps:
  - id: tell
    foreach: ${{ inputs.words }}
    key: ${{ item }}
    uses: notify/me
    with: { text: "${{ item }}" }
    gate: all
"""


def test_a_foreach_is_sent_once_for_each_item_and_outputs_are_compared(tmp_path):
    case = """\
  - name: one
    inputs: { words: [a, b] }
    then: [ { approve: all } ]
    expect: { sent: [tell, tell], status: succeeded, outputs: { count: 2 } }
  - name: two
    inputs: { words: [a, b] }
    then: [ { reject: all } ]
    expect: { sent: [], status: cancelled, outputs: { count: 2 } }
"""
    found, (covered,) = results(workspace(tmp_path, EACH, case, name="each"))

    assert failures(found["one"]) == []
    assert failures(found["two"]) == [("outputs", "count: 2", "count: nothing")]
    assert covered.complete


def test_a_file_that_is_dropped(tmp_path):
    playbook = """\
name: Receipts
stage: approval
on: { file: { path: "receipts/*.pdf" } }
subject: ${{ event.sha256 }}
steps:
  - id: note
    if: ${{ event.path == 'receipts/a.pdf' }}
    uses: notify/me
    with: { text: "${{ event.file.name }}" }
"""
    case = "  - name: one\n    event: { file: fixtures/a.pdf }\n    expect: { sent: [note], status: succeeded }\n"
    assert failures(only(tmp_path, playbook, case, name="receipts")) == []


def test_an_input_that_is_left_out_has_its_default(tmp_path):
    playbook = TWO_STEPS.replace("loud: bool", "loud: { type: bool, default: true }")
    case = (
        "  - name: one\n    inputs: { words: hi }\n    expect: { sent: [note, shout], status: succeeded }\n"
    )
    assert failures(only(tmp_path, playbook, case)) == []


ATTACHED = """\
name: Attached
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
steps:
  - id: each
    foreach: ${{ event.attachments }}
    key: ${{ item.name }}
    uses: notify/me
    with: { text: "${{ item.name }} of ${{ event.name }}" }
"""


@pytest.mark.parametrize(
    "name", ["Ada", "'Ada \"the first\" Byron'", "'Ada, Byron <a@b.c>'", "Adéla", "'\\u202e'"]
)
def test_a_letter_with_files_and_an_odd_name(tmp_path, name):
    case = f"  - name: one\n    event: {{ from: ada@example.com, name: {name}, attachments: [a.pdf, fixtures/b.txt] }}\n    expect: {{ sent: [each, each], status: succeeded }}\n"
    folder = workspace(tmp_path, ATTACHED, case, name="attached")
    (folder / "playbooks" / "tests" / "a.pdf").write_bytes(b"%PDF-1.4")
    found, _ = results(folder)

    assert failures(found["one"]) == []


def test_an_input_outside_of_its_limits_starts_nothing(tmp_path):
    playbook = TWO_STEPS.replace("loud: bool", "loud: bool, many: { type: integer, max: 5 }")
    case = "  - name: one\n    inputs: { words: hi, loud: true, many: 6 }\n    expect: { sent: [] }\n"
    ((what, _, happened),) = failures(only(tmp_path, playbook, case))

    assert what == "begin"
    assert "many" in happened
