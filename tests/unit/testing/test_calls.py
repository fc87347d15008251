from tests.unit.testing.test_cases import EACH
from tests.unit.testing.workspaces import failures, results, workspace


def test_a_schedule_and_a_called_playbook(tmp_path):
    weekly = """\
name: Weekly
stage: approval
on: { schedule: { cron: "0 9 * * 1" } }
steps:
  - id: each
    uses: playbook/each
    with: { words: [a] }
  - id: note
    uses: notify/me
    with: { text: "${{ text(steps.each.outputs.count) }}" }
"""
    case = """\
  - name: for real
    event: {}
    then: [ { approve: all } ]
    expect: { sent: [tell, note], status: succeeded }
  - name: given
    event: {}
    given: { each: { count: 3 } }
    expect: { sent: [note], never: [tell], status: succeeded }
"""
    workspace(tmp_path, weekly, case, name="weekly")
    (tmp_path / "playbooks" / "each.yaml").write_text(EACH)
    found, _ = results(tmp_path)

    assert {name: failures(one) for name, one in found.items()} == {"for real": [], "given": []}
