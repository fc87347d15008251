"""What is read of a webhook's call: declared as deep as it goes, or one diagnostic that says how."""

import pytest

from engine.model.definitions.diagnostics import Diagnostic
from tests.unit.language.mending import mended
from tests.unit.language.trees import playbook

SECRET = 'secret: "${{ secrets.PAID }}"'
IN_LINE = f"webhook: {{ path: paid, {SECRET} }}"
ON_LINES = f"webhook:\n    path: paid\n    {SECRET}"
NESTED = f"webhook: {{ path: paid, {SECRET}, fields: {{ FIELDS }} }}"


def case(hook: str, *texts: str) -> str:
    """A playbook that this call starts, and that reads these expressions."""
    steps = "".join(
        f'  - {{ id: s{at}, uses: notify/me, with: {{ text: "${{{{ {text} }}}}" }} }}\n'
        for at, text in enumerate(texts)
    )
    return f"name: Case\non:\n  {hook}\nsteps:\n{steps}"


def said(source: str) -> list[Diagnostic]:
    """What is wrong, but for what nobody performs or tells yet."""
    return [one for one in playbook(source).diagnostics if one.code not in {"SW307", "SW413"}]


@pytest.mark.parametrize("hook", [IN_LINE, ON_LINES, f"{ON_LINES}  # ours"])
@pytest.mark.parametrize(
    ("texts", "fields"),
    [
        (["event.data.object.id", "event.kind"], "data: { object: { id: text } }, kind: text"),
        (["event.rows.map(r, r.name).join(', ')"], "rows: [any]"),
        (["text(round(event.a.total, 2))", "event.a.id"], "a: { id: text, total: number }"),
        (["text(plus(event.sum, '1 EUR'))"], "sum: money"),
        (["event.a.paid ? 'yes' : 'no'"], "a: { paid: bool }"),
        (["event.a.count > 3 ? 'many' : 'few'"], "a: { count: number }"),
        (["event.count % 2 == 0 ? 'even' : 'odd'"], "count: integer"),
        (["written(day(event.a.when), 'en')"], "a: { when: time }"),
        (["default(event.a.note, 'none')"], "a: { note: text }"),
    ],
)
def test_one_diagnostic_says_what_to_declare(hook, texts, fields):
    source = case(hook, *texts)
    (found,) = said(source)

    assert (found.code, found.span.line, found.span.column) == ("SW416", 3, 3)
    assert found.hint == f"add `fields: {{ {fields} }}`"
    assert said(mended(source.encode(), found).decode()) == []


def test_an_address_is_declared_as_one_and_whom_the_run_is_about_is_read_once_more():
    source = case(IN_LINE, "event.data.id").replace("steps:\n", 'subject: "${{ event.email }}"\nsteps:\n')
    source += '  - { id: who, uses: identity/resolve, with: { email: "${{ event.email }}" } }\n'
    (found,) = said(source)

    assert found.hint == "add `fields: { data: { id: text }, email: email }`"
    assert said(mended(source.encode(), found).decode()) == []


@pytest.mark.parametrize("text", ["event.id", "event.id + event.kind", "event.path", "text(event.at)"])
def test_texts_of_one_name_each_need_no_declaration(text):
    assert said(case(IN_LINE, text)) == []


@pytest.mark.parametrize(
    ("fields", "text", "codes"),
    [
        ("id: text", "event.id", []),
        ("id: text", "event.di", ["SW103"]),
        ("id: text", "event.kind", ["SW103"]),
        ("data: { id: text }", "event.data.di", ["SW103"]),
        ("data: { sum: money }", "event.data.sum > 3 ? 'a' : 'b'", ["SW109"]),
        ('data: { "note?": text }', "event.data.note + '!'", ["SW111"]),
        ("id: text", "event.path + text(event.at)", []),
        ("id: txet", "event.id", ["SW127"]),
        ("path: text", "event.path", ["SW408"]),
        ("id: { type: text, default: a }", "event.id", ["SW403"]),
    ],
)
def test_what_is_declared_is_checked(fields, text, codes):
    assert [one.code for one in said(case(NESTED.replace("FIELDS", fields), text))] == codes


def test_fields_are_names_with_types():
    hook = NESTED.replace("{ FIELDS }", "[id, email]")
    assert [one.code for one in said(case(hook, "event.path"))][:1] == ["SW110"]


WAIT = (
    "name: Case\non: { manual: {} }\ninputs: { id: text }\nsteps:\n"
    "  - { id: wait, uses: wait/for, with: { any: { sent: { webhook: { path: sent, fields: { data: { id: text, kilos: number } }, MATCH } } } } }\n"
    '  - { id: tell, uses: notify/me, with: { text: "${{ READ }}" } }\n'
)


@pytest.mark.parametrize(
    ("match", "read", "codes"),
    [
        ("data: { id: hers }", "'sent'", []),
        ("order: hers", "'sent'", ["SW103"]),
        ("data: { id: hers }", "default(steps.wait.outputs.event.data.id, 'none')", []),
        ("data: { id: hers }", "steps.wait.outputs.event.data.kilo", ["SW103"]),
    ],
)
def test_a_wait_declares_what_it_reads_of_the_call_that_ends_it(match, read, codes):
    source = WAIT.replace("MATCH", f"match: {{ {match} }}").replace("READ", read)
    assert [one.code for one in said(source)] == codes
