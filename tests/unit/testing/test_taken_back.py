"""Cases of playbooks that ask with defaults and take steps back: nothing needs more than what the operator writes."""

from tests.unit.testing.workspaces import failures, results, workspace

ASKS = """\
name: Tell
stage: approval
on: { manual: {} }
if-failed: undo
steps:
  - id: ask
    uses: human/ask
    with: { title: T, choices: [yes, no], fields: { words: { type: text, default: as before }, who: text } }
  - id: note
    uses: files/write
    with: { path: vault/notes/a.md, text: "${{ steps.ask.outputs.words }}" }
    undo: { uses: notify/me, with: { text: "Remove ${{ steps.note.outputs.path }}" } }
  - { id: last, uses: notify/me, with: { text: x } }
outputs: { words: "${{ steps.ask.outputs.words }}" }
"""


def played(tmp_path, then, expect):
    case = f"  - name: it\n    inputs: {{}}\n    then: {then}\n    expect: {expect}\n"
    found, coverage = results(workspace(tmp_path, ASKS, case))
    return failures(found["it"]), coverage


def test_an_answer_may_leave_out_what_has_a_default(tmp_path):
    then = "[ { answer: { ask: { choice: yes, who: me } } } ]"

    wrong, coverage = played(tmp_path, then, "{ status: succeeded, outputs: { words: as before } }")

    assert wrong == []
    assert [one.missing for one in coverage] == [()]


def test_what_takes_a_step_back_is_no_step_that_was_sent(tmp_path):
    then = "[ { fail: last }, { answer: { ask: { choice: yes, who: me } } } ]"

    wrong, _ = played(tmp_path, then, "{ status: failed, sent: [note] }")

    assert wrong == []
