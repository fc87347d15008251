"""What starts a playbook against what it needs; and whose call ends a wait."""

import pytest

from engine.model.definitions.diagnostics import Severity
from tests.unit.language.trees import playbook as compile_case

ON = {
    "email": "email: { mailbox: leads }",
    "file": "file: { path: 'vault/inbox/*.pdf' }",
    "schedule": "schedule: { cron: '0 7 * * 1' }",
    "webhook": "webhook: { path: orders, secret: '${{ secrets.HOOK }}' }",
    "intent": "intent: { name: quote-request }",
    "event": "event: { type: email/sent }",
}
STEPS = "steps:\n  - { id: tell, uses: notify/me, with: { text: 'M ${{ inputs.month }}' } }\n"


def errors(source: str) -> list[str]:
    """The codes of what is wrong, without warnings."""
    return [one.code for one in compile_case(source).diagnostics if one.severity is Severity.ERROR]


@pytest.mark.parametrize("kind", ON)
def test_what_gives_no_inputs_can_not_start_what_needs_them(kind):
    assert "SW414" in errors(f"name: Case\non: {{ {ON[kind]} }}\ninputs: {{ month: text }}\n{STEPS}")


@pytest.mark.parametrize("kind", ["manual: {}", "call: {}", "manual: {}, call: {}"])
def test_a_person_and_a_playbook_give_inputs(kind):
    assert errors(f"name: Case\non: {{ {kind} }}\ninputs: {{ month: text }}\n{STEPS}") == []


@pytest.mark.parametrize(
    "inputs", ["month: { type: text, default: May }", "month: { type: text, default: '' }"]
)
def test_a_default_needs_no_giver(inputs):
    assert "SW414" not in errors(f"name: Case\non: {{ {ON['schedule']} }}\ninputs: {{ {inputs} }}\n{STEPS}")


def test_an_optional_input_needs_no_giver():
    steps = STEPS.replace("'M ${{ inputs.month }}'", "\"${{ default(inputs.month, 'May') }}\"")
    assert errors(f"name: Case\non: {{ {ON['schedule']} }}\ninputs: {{ month?: text }}\n{steps}") == []


def test_each_trigger_says_all_it_can_not_give():
    source = f"name: Case\non: {{ manual: {{}}, {ON['email']}, {ON['schedule']} }}\ninputs: {{ month: text, client: text }}\n{STEPS}"
    found = [one for one in compile_case(source).diagnostics if one.code == "SW414"]
    assert [one.message for one in found] == [
        "`email` can't give the required inputs `month`, `client`",
        "`schedule` can't give the required inputs `month`, `client`",
    ]


WAIT = """\
name: Case
on: { manual: {} }
inputs: { booking: text }
steps:
  - { id: wait, uses: wait/for, with: { any: { call: { webhook: BODY } }, time: 3d } }
"""
STOP = """\
name: Case
on: { manual: {} }
inputs: { booking: text }
stop-on: [ { webhook: BODY } ]
steps:
  - { id: wait, uses: wait/for, with: { time: 3d } }
"""


@pytest.mark.parametrize("place", [WAIT, STOP], ids=["wait", "stop-on"])
@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ("{ path: done }", ["SW415"]),
        ("{ path: done, match: {} }", ["SW415"]),
        ("{ path: done, mach: { uid: a } }", ["SW403"]),
        ("{ match: { uid: a } }", ["SW406"]),
        ("{}", ["SW406"]),
        ("{ path: done, match: { uid: '${{ inputs.booking }}' } }", []),
        ("{ path: done, match: { uid: '${{ inputs.booking }}', state: paid } }", []),
    ],
)
def test_a_webhook_is_waited_for_with_what_tells_this_call_from_others(place, body, codes):
    assert errors(place.replace("BODY", body)) == codes


def test_what_is_to_be_written_reads_what_this_playbook_has():
    (found,) = compile_case(WAIT.replace("BODY", "{ path: done }")).diagnostics
    assert found.message == "anybody's call to `done` would end this"
    assert found.hint == 'say which one: `match: { id: "${{ inputs.booking }}" }`'
