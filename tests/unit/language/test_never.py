"""What can never happen is told: steps behind an end, hours added to a day, a division by zero."""

import pytest

from engine.model.errors import PermanentError
from tests.unit.language.expressing import value, wrong
from tests.unit.language.trees import playbook

HEAD = "name: Case\non: { manual: {} }\ninputs: { over: bool }\nsteps:\n"
TELL = "uses: notify/me, with: { text: x } }\n"


def codes(*steps: str) -> list[str]:
    """What is told of these steps."""
    return [one.code for one in playbook(HEAD + "".join(f"  - {{ {one}" for one in steps)).diagnostics]


@pytest.mark.parametrize(
    "steps",
    [
        ("id: stop, uses: run/end }\n", f"id: b, {TELL}"),
        ("id: stop, uses: run/end, with: { as: cancelled } }\n", f"id: b, {TELL}", f"id: c, {TELL}"),
        (f"id: a, {TELL}", "id: stop, uses: run/end }\n", f"id: b, needs: [a, stop], {TELL}"),
        ("id: stop, uses: run/end }\n", f"id: b, if: '${{{{ inputs.over }}}}', {TELL}"),
        ("id: stop, uses: run/end }\n", f"id: a, needs: [], {TELL}", f"id: b, needs: [stop], {TELL}"),
    ],
)
def test_what_stands_behind_an_end_never_runs(steps):
    assert codes(*steps) == ["SW213"]


@pytest.mark.parametrize(
    "steps",
    [
        (f"id: a, {TELL}", "id: stop, uses: run/end }\n"),
        ("id: stop, if: '${{ inputs.over }}', uses: run/end }\n", f"id: b, {TELL}"),
        ("id: stop, uses: run/end }\n", f"id: a, needs: [], {TELL}"),
        ("id: stop, uses: run/end }\n", f"id: a, if: '${{{{ always() }}}}', {TELL}"),
    ],
)
def test_an_end_that_may_not_come_or_comes_last_is_no_mistake(steps):
    assert codes(*steps) == []


@pytest.mark.parametrize("length", ["9h", "30m", "36h", "25h", "90s"])
def test_a_day_takes_no_hours(length):
    assert wrong(f"plus(inputs.due, '{length}')")[0] == "SW110"
    assert wrong(f"minus(today(), '{length}')")[0] == "SW110"


@pytest.mark.parametrize("length", ["3d", "48h", "2w"])
def test_a_day_takes_whole_days_however_they_are_written(length):
    assert value(f"plus(inputs.due, '{length}')")


@pytest.mark.parametrize("text", ["inputs.count / 0", "1.0 / 0.0", "inputs.count % 0", "inputs.share / 0"])
def test_a_written_zero_divides_nothing(text):
    assert wrong(text)[0] == "SW109"


@pytest.mark.parametrize(
    "text",
    [
        "text(1.0 / inputs.share)",
        "1.0 / inputs.share",
        "'x' + text(inputs.count / inputs.share)",
        "text(-1.0 / inputs.share)",
    ],
)
def test_a_division_by_a_zero_that_came_is_never_written_as_a_number(text):
    with pytest.raises(PermanentError):
        value(text, inputs__share=0)


STATUS = """\
name: Case
on: { manual: {} }
inputs: { go: bool }
steps:
  - { id: first, uses: notify/me, with: { text: hi }MORE }
  - { id: after, if: "IF", uses: notify/me, with: { text: "TEXT" } }
"""


def status(test: str, *, more: str = "", text: str = "hi") -> list[str]:
    source = STATUS.replace("MORE", more).replace("IF", test).replace("TEXT", text)
    return [f"{one.code} {one.hint}" for one in playbook(source).diagnostics]


@pytest.mark.parametrize(
    "test",
    [
        "${{ steps.first.status == 'failed' }}",
        "${{ 'failed' == steps.first.status }}",
        "${{ inputs.go && steps.first.status == 'failed' }}",
        "${{ steps.first.status == 'skipped' || steps.first.status == 'failed' }}",
    ],
)
def test_nobody_behind_a_failed_step_reads_that_it_failed(test):
    (found,) = status(test)

    assert found.startswith("SW114 `first` stops what comes after it when it fails")


@pytest.mark.parametrize(
    ("test", "more"),
    [
        ("${{ failure() && steps.first.status == 'failed' }}", ""),
        ("${{ steps.first.status == 'failed' && always() }}", ""),
        ("${{ steps.first.status == 'failed' }}", ", continue-on-error: true"),
        ("${{ steps.first.status != 'failed' }}", ""),
        ("${{ steps.first.status == 'skipped' }}", ""),
    ],
)
def test_where_it_can_be_read_nothing_is_said(test, more):
    assert status(test, more=more) == []


def test_a_text_of_a_step_that_runs_after_a_failure_may_say_so():
    assert status("${{ failure() }}", text="${{ steps.first.status == 'failed' ? 'a' : 'b' }}") == []
    assert status("${{ inputs.go }}", text="${{ steps.first.status == 'failed' ? 'a' : 'b' }}") != []


@pytest.mark.parametrize(("time", "codes"), [(", time: 3d", []), ("", ["SW114"])])
def test_a_wait_without_a_time_never_ends_with_nothing(time, codes):
    source = (
        "name: Case\non: { email: { mailbox: leads } }\nsubject: ${{ event.from }}\nsteps:\n"
        '  - { id: wait, uses: wait/for, with: { any: { reply: { email: { thread: "${{ event.thread }}" } } }TIME } }\n'
        "  - { id: after, if: \"${{ steps.wait.outputs.got == 'nothing' }}\", uses: notify/me, with: { text: hi } }\n"
    ).replace("TIME", time)

    assert [one.code for one in playbook(source).diagnostics] == codes


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("skiped", "did you mean `skipped`?"),
        ("other", "it is one of `succeeded`, `skipped`, `failed`, `cancelled`"),
        ("done", "it is one of `succeeded`, `skipped`, `failed`, `cancelled`"),
        ("success", "did you mean `succeeded`?"),
    ],
)
def test_a_word_that_is_no_slip_of_any_gets_the_list(value, hint):
    assert status(f"${{{{ steps.first.status == '{value}' }}}}") == [f"SW114 {hint}"]
