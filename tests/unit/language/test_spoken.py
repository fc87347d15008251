"""What people read: times on the workspace's clock, numbers with the digits they were meant to have. What machines read stays exact."""

from datetime import UTC, datetime

import pytest

from engine.language.expressions import formatting
from engine.language.expressions.expressions import Expressions
from engine.language.templates import renderer
from engine.model.definitions.plan import Expr, Fixed, Text
from tests.unit.language.trees import playbook

AT = "2026-05-01T09:00:30.000000Z"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (10 / 3, "3.33"), (2 / 3, "0.67"), (1 / 3, "0.33"), (1 / 300, "0.0033"), (0.1 + 0.2, "0.3"), (1.1 * 1.1, "1.21"), (100 / 7, "14.29"),
        (0.0725, "0.0725"), (52.520007, "52.520007"), (3.0, "3"), (-10 / 3, "-3.33"), (1e-07, "0.0000001"), (1234567890.5, "1234567890.5"),
        (1234567890123.25, "1234567890123.25"), (99.999999999, "100"), (0.5, "0.5"), (12.34, "12.34"), (1e20, "1e+20"), (2.5e-05, "0.000025"),
    ],
)  # fmt: skip
def test_a_number_has_the_digits_it_was_meant_to_have(number, text):
    assert formatting.as_text(number) == text


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_what_is_no_number_is_never_written(number):
    with pytest.raises(ValueError, match="no number"):
        formatting.as_text(number)


@pytest.mark.parametrize(
    ("stamped", "zone", "text"),
    [
        ("2026-05-01T09:00:30+02:00", "UTC", "2026-05-01 07:00"), ("2026-05-01", "Asia/Tokyo", "2026-05-01"),
        (AT, "Europe/Warsaw", "2026-05-01 11:00"), (AT, "UTC", "2026-05-01 09:00"), (AT, "America/New_York", "2026-05-01 05:00"),
        ("2026-01-01T23:30:00Z", "Asia/Tokyo", "2026-01-02 08:30"), ("whenever", "UTC", "whenever"),
    ],
)  # fmt: skip
def test_a_time_is_one_of_the_workspace_s_clock(stamped, zone, text):
    assert formatting.local(stamped, zone) == text


def filled(arg) -> str:
    """What comes of an argument that reads `event.at` and nothing else."""
    evaluate = Expressions()

    def one(part: str | Expr) -> str:
        if isinstance(part, str):
            return part
        given = {read.variable: AT for read in part.reads}
        return str(evaluate.evaluate(part, given, now=datetime(2026, 5, 1, tzinfo=UTC), zone="Europe/Warsaw"))

    match arg:
        case Text():
            return "".join(map(one, arg.parts))
        case Fixed():
            return str(arg.value)
        case _:
            return one(arg)


HEAD = "name: Case\non: { email: { mailbox: leads } }\nsubject: ${{ event.from }}\nsteps:\n"


def argument(step: str, name: str) -> str:
    found = playbook(f"{HEAD}  - {{ id: step, {step} }}\n")
    assert found.diagnostics == ()
    return filled(dict(found.plans["case"].node("step").args)[name])


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("at ${{ event.at }}", "at 2026-05-01 11:00"),
        ("${{ event.at }}", "2026-05-01 11:00"),
        ("at ${{ text(event.at) }}", "at 2026-05-01 11:00"),
        ("${{ 'at ' + event.at }}", "at 2026-05-01 11:00"),
        ("at ${{ default(event.at, 'some time') }}", "at 2026-05-01 11:00"),
        ("at ${{ event.at < now() ? 'no time' : event.at }}", "at 2026-05-01 11:00"),
        ("at ${{ [event.at].map(t, text(t)).join(', ') }}", "at 2026-05-01 11:00"),
        ("on ${{ day(event.at) }}", "on 2026-05-01"),
    ],
)
def test_in_words_for_people(text, written):
    assert argument(f'uses: notify/me, with: {{ text: "{text}" }}', "text") == written


def test_a_path_and_a_key_stay_exact():
    step = 'uses: files/write, gate: g, once: "${{ event.thread }} ${{ event.at }}", with: { path: "out/${{ event.at }}.txt", text: hi }'
    found = playbook(
        f"{HEAD.replace('steps:', 'gates: { g: {} }' + chr(10) + 'steps:')}  - {{ id: step, {step} }}\n"
    )
    node = found.plans["case"].node("step")

    assert filled(dict(node.args)["path"]) == f"out/{AT}.txt"
    assert filled(node.once).endswith(AT)


@pytest.mark.parametrize("body", ["See you at ${{ when }}.", "See you at ${{ text(when) }}."])
def test_in_a_template(body):
    source = f"---\nsubject: x\nvalues: {{ when: time }}\n---\n{body}\n"
    rendered = renderer.TemplateRenderer(Expressions()).render(
        source, {"when": AT}, path="vault/templates/x.md", zone="Europe/Warsaw"
    )

    assert rendered["body"] == "See you at 2026-05-01 11:00.\n"
