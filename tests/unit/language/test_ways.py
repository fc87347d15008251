"""The way out of what does not fit: optional types, triggers written short, sums of many people, and a hint for each misfit."""

import pytest

from engine.language.documents import trigger_shorthand
from engine.language.text.nodes import Mapping
from engine.language.types.conversions import way
from engine.language.yaml.reader import read_text
from engine.model.definitions.diagnostics import Diagnostic
from engine.model.definitions.types import DATE, TIME
from tests.unit.language.mending import mended
from tests.unit.language.trees import playbook as compile_case

NAME = "name: Case\non: { manual: {} }\n"
TELL = "steps:\n  - { id: tell, uses: notify/me, with: { text: hi } }\n"


def said(source: str) -> list[Diagnostic]:
    """What is wrong, but for actions that nothing performs."""
    return [one for one in compile_case(source).diagnostics if one.code != "SW307"]


def fixed(source: str) -> str:
    """The file with its one printed fix."""
    found = said(source)
    assert len(found) == 1, found
    return mended(source.encode(), found[0]).decode()


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ('note: "text?"', "note?: text"),
        ("note: text | null", "note?: text"),
        ("note: text or null", "note?: text"),
        ("note: optional text", "note?: text"),
        ('note: "string?"', "note?: text"),
        ('note: "[text]?"', "note?: [text]"),
        ("note: string", "note: text"),
        ("note: float", "note: number"),
        ("note: array", "note: [text]"),
        ("note: datetime", "note: time"),
    ],
)
def test_what_may_be_missing_has_the_mark_on_its_name(written, right):
    assert f"inputs:\n  {right}\n" in fixed(f"{NAME}inputs:\n  {written}\n{TELL}")


def test_a_reader_of_what_is_optional_hears_of_it_once_its_type_is_known():
    reading = TELL.replace("text: hi", 'text: "${{ inputs.note }}"')
    mended_ = fixed(f'{NAME}inputs: {{ note: "text?" }}\n{reading}')

    assert "inputs: { note?: text }" in mended_
    assert [one.code for one in said(mended_)] == ["SW111"]


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ('schedule: [{ cron: "0 8 * * *" }, { cron: "0 18 * * *" }]', 'schedule: { cron: "0 8,18 * * *" }'),
        ('schedule:\n    - cron: "0 8 * * 1"\n    - cron: "0 8 * * 4"', 'schedule:\n    cron: "0 8 * * 1,4"'),
        ('schedule:\n    - "0 8 * * *"', 'schedule:\n    cron: "0 8 * * *"'),
        ('schedule: "0 8 * * *"', 'schedule: { cron: "0 8 * * *" }'),
        ("email: leads", "email: { mailbox: leads }"),
        ("email: [leads]", "email: { mailbox: leads }"),
        ("file: vault/receipts/*.pdf", 'file: { path: "vault/receipts/*.pdf" }'),
        ("manual: []", "manual: {}"),
        ("manual: true", "manual: {}"),
    ],
)
def test_a_trigger_written_short(written, right):
    found = fixed(f"name: Case\non:\n  {written}\n{TELL}")

    assert f"on:\n  {right}\n" in found
    assert said(found) == []


@pytest.mark.parametrize("crons", [("0 8 * * *", "30 18 * * *"), ("*/5 * * * *", "7 * * * *")])
def test_schedules_that_are_no_single_one_get_words_and_no_fix(crons):
    rows = "".join(f'    - cron: "{one}"\n' for one in crons)
    (found,) = said(f"name: Case\non:\n  schedule:\n{rows}{TELL}")

    assert (found.code, found.fix) == ("SW022", None)
    assert "another playbook" in found.hint


def test_what_starts_nothing_known_is_left_to_others():
    tree, _ = read_text("case.yaml", "push: [main]")

    assert isinstance(tree, Mapping)
    assert trigger_shorthand.trigger(tree.entries[0]) is None


MANY = "  - { id: open, uses: stripe/invoices, with: { status: open } }\n"


def about(text: str) -> list[str]:
    source = f'{NAME}inputs: {{ mail: email }}\nsteps:\n{MANY}  - {{ id: tell, uses: notify/me, with: {{ text: "{text}" }} }}\n'
    return [one.code for one in said(source)]


ROWS = "steps.open.outputs.invoices"


@pytest.mark.parametrize(
    "text",
    [
        f"Open ${{{{ text(sum({ROWS}.map(i, i.total))) }}}}",
        f"${{{{ text(size({ROWS})) }}}} are open, ${{{{ text(sum({ROWS}.map(i, i.total))) }}}}",
        f"${{{{ {ROWS}.exists(i, above(i.total, '500 EUR')) ? 'one is large' : 'all are small' }}}}",
        f"${{{{ size({ROWS}) > 3 ? 'many' : 'few' }}}}",
        f"${{{{ text(percent(sum({ROWS}.filter(i, i.email != 'a@example.com').map(i, i.total)), 19)) }}}}",
        f"${{{{ {ROWS}.all(i, below(i.total, '9 EUR')) ? 'small' : 'not all' }}}}",
    ],
)
def test_a_sum_a_count_or_a_yes_is_about_nobody(text):
    assert about(text) == []


@pytest.mark.parametrize(
    "text",
    [
        f"${{{{ {ROWS}.map(i, i.email).join(', ') }}}}",
        f"${{{{ text(size({ROWS})) }}}}: ${{{{ {ROWS}.map(i, i.email).join(', ') }}}}",
        f"${{{{ {ROWS}[0].email }}}}",
    ],
)
def test_whoever_is_named_is_somebody(text):
    assert about(text) == ["SW303"]


@pytest.mark.parametrize(
    ("inputs", "place", "hint"),
    [
        ("f: file", 'uses: notify/me, with: { text: "${{ inputs.f }}" }', "it has `inputs.f.name`"),
        ("n: number", 'uses: notify/me, with: { text: "${{ inputs.n }}" }', "write `text(inputs.n)`"),
        ("m: money", 'uses: notify/me, with: { text: "${{ inputs.m }}" }', "write `text(inputs.m)`"),
        ("l: [text]", 'uses: notify/me, with: { text: "${{ inputs.l }}" }', "`join` makes one text of it"),
        ("p: person", 'uses: notify/me, with: { text: "${{ inputs.p }}" }', "it has `inputs.p.name`"),
        (
            "t: text, m: email",
            'uses: identity/resolve, with: { email: "${{ inputs.t }}" }',
            "of that type: `inputs.m`",
        ),
        ("t: text", 'uses: identity/resolve, with: { email: "${{ inputs.t }}" }', "declare it as `email`"),
        (
            "p: person",
            'uses: identity/resolve, with: { email: "${{ inputs.p }}" }',
            "it has `inputs.p.email`",
        ),
        ("t: text", 'uses: wait/for, with: { time: "${{ inputs.t }}" }', "write a length like `'3d'`"),
        (
            "t: text",
            'uses: notify/me, if: "${{ inputs.t }}", with: { text: hi }',
            "compare it with something",
        ),
        (
            "l: [text]",
            'uses: notify/me, if: "${{ inputs.l }}", with: { text: hi }',
            "write `size(inputs.l) > 0`",
        ),
        (
            "n: number",
            'uses: notify/me, with: { text: "${{ text(times(inputs.n, 2)) }}" }',
            "an amount has a currency",
        ),
        (
            "t: text",
            'uses: notify/me, with: { text: "${{ text(days(inputs.t, now())) }}" }',
            "write a day like `'2026-05-01'`",
        ),
    ],
)
def test_each_misfit_has_a_way(inputs, place, hint):
    found = said(
        f"{NAME}subject: ada@example.org\ninputs: {{ {inputs} }}\nsteps:\n  - {{ id: step, {place} }}\n"
    )

    assert [one.code for one in found] == ["SW110"]
    assert found[0].hint.startswith(hint)


def test_null_says_that_nothing_else_counts():
    source = (
        f'{NAME}subject: ada@example.org\ninputs: {{ "m?": email }}\nsteps:\n'
        '  - { id: who, uses: identity/resolve, with: { email: "${{ default(inputs.m, null) }}" } }\n'
    )
    (found,) = said(source)

    assert found.code == "SW111"
    assert found.hint.startswith("`null` says that nothing else counts")


def test_a_time_by_default_is_written_as_one():
    (found,) = said(f"{NAME}inputs: {{ opens: {{ type: time, default: 12:30 }} }}\n{TELL}")

    assert found.hint == "write it like `2026-05-01T09:00:00Z`"


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        (f"{NAME}inputs: {{ due: {{ type: time, default: 2026-05-01 }} }}\n{TELL}", "read `at(…, '09:00')`"),
        (
            f"{NAME}{TELL}".replace("uses", 'if: "${{ event.at > today() }}", uses'),
            "`at(…, '09:00')` a time of a date",
        ),
    ],
)
def test_where_a_day_stands_for_a_time_the_hint_names_what_makes_one(source, hint):
    (found,) = said(source)
    assert hint in found.hint


def test_a_day_that_is_read_becomes_a_time_by_its_hour():
    assert way(DATE, TIME, "inputs.due").hint == "`at` makes a time of a day: `at(inputs.due, '09:00')`"
