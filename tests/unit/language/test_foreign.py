"""Values written as other template languages write them: told at their place, with what to write; what may be meant as it stands is not."""

import pytest

from engine.language.templates.renderer import parse
from engine.model.definitions.diagnostics import Diagnostic, Severity
from engine.model.text.placeholders import leftovers
from tests.unit.language.mending import mended
from tests.unit.language.trees import compiled
from tests.unit.language.trees import playbook as compile_case

HEAD = "name: Case\non: { manual: {} }\ninputs: { name: text, first_name: text, n: number, rows: [text] }\nsteps:\n"


def case(body: str) -> str:
    return f"{HEAD}  - {{ id: tell, uses: notify/me, {body} }}\n"


def said(source: str) -> list[Diagnostic]:
    return list(compile_case(source).diagnostics)


WRITTEN = [
    ("Hi {{ inputs.name }}", "Hi ${{ inputs.name }}"),
    ("Hi {{name}}", "Hi ${{ inputs.name }}"),
    ("Hi {{{ name }}}", "Hi ${{ inputs.name }}"),
    ("Hi {{- name -}}", "Hi ${{ inputs.name }}"),
    ("={{ $json.name }}", "${{ inputs.name }}"),
    ("Hi $ {{ inputs.name }}", "Hi ${{ inputs.name }}"),
    ("Hi ${NAME}", "Hi ${{ inputs.name }}"),
    ("Hi ${inputs.name}", "Hi ${{ inputs.name }}"),
    ("Hi <%= name %>", "Hi ${{ inputs.name }}"),
    ("Hi *|NAME|*", "Hi ${{ inputs.name }}"),
    ("Hi {firstName}", "Hi ${{ inputs.first_name }}"),
    ("Hi {inputs.name}", "Hi ${{ inputs.name }}"),
    ("Hi #{name}", "Hi ${{ inputs.name }}"),
    ("Hi $(NAME)", "Hi ${{ inputs.name }}"),
    ("Hi %(name)s", "Hi ${{ inputs.name }}"),
    ("Hi %FIRST_NAME%", "Hi ${{ inputs.first_name }}"),
    ("Hi [[name]]", "Hi ${{ inputs.name }}"),
    ("Hi <<name>>", "Hi ${{ inputs.name }}"),
    ("Hi $name", "Hi ${{ inputs.name }}"),
    ("{{ n }}", "${{ text(inputs.n) }}"),
]


@pytest.mark.parametrize(("written", "right"), WRITTEN)
def test_what_nothing_fills_in_is_told_with_what_to_write(written, right):
    source = case(f'with: {{ text: "{written}" }}')
    (found,) = said(source)

    assert (found.code, found.severity) == ("SW133", Severity.WARNING)
    repaired = mended(source.encode(), found).decode()
    assert repaired == case(f'with: {{ text: "{right}" }}')
    assert said(repaired) == []


@pytest.mark.parametrize(
    "written",
    [
        "{{ nobody }}",
        "{{ name | upper }}",
        "{% if name %}",
        "{{#if name}}",
        "${UNKNOWN}",
        "<% if name %>",
        "*|LIST:URL|*",
    ],
)
def test_without_a_value_of_that_name_there_are_words_and_no_fix(written):
    (found,) = said(case(f'with: {{ text: "Hi {written}" }}'))

    assert (found.code, found.fix) == ("SW133", None)
    assert found.hint


@pytest.mark.parametrize(
    "written",
    [
        "a {note} to 100% or %5", "[[A note]]", "[Your name]", "$5 and $HOME", "{ a: 1 }", "<name>", "#1", "50%name",
        "${{ '{{ name }}' }} as it stands", "${{ '${NAME}' }} too", "a {{ b", "a } b }}", "%d of %s", "::name::", "costs {n",
    ],
)  # fmt: skip
def test_what_may_be_meant_as_it_stands_is_left_alone(written):
    assert said(case(f'with: {{ text: "{written}" }}')) == []


def test_each_of_a_text_of_many_lines_has_its_own_place():
    source = f"{HEAD}  - id: tell\n    uses: notify/me\n    with:\n      text: |\n        Hi {{{{ name }}}},\n        once more {{{{ name }}}}\n"
    found = said(source)

    assert [(one.span.line, one.span.column) for one in found] == [(9, 12), (10, 19)]
    assert "once more ${{ inputs.name }}" in mended(source.encode(), found[1]).decode()


@pytest.mark.parametrize(
    ("body", "right"),
    [
        ("with: { text: {{ inputs.name }} }", 'with: { text: "${{ inputs.name }}" }'),
        ('if: "{{ inputs.n > 3 }}", with: { text: x }', 'if: "${{ inputs.n > 3 }}", with: { text: x }'),
    ],
)
def test_where_it_is_no_text_at_all_it_is_an_error(body, right):
    source = case(body)
    (found,) = said(source)

    assert found.severity is Severity.ERROR
    assert mended(source.encode(), found).decode() == case(right)


def test_a_once_of_another_language_would_be_the_same_for_all():
    source = case("once: '{{ inputs.name }}', with: { text: hi }").replace("notify/me", "files/write").replace(
        "text: hi", "path: a.txt, text: hi"
    )  # fmt: skip

    assert [one.code for one in said(source)] == ["SW133"]


TEMPLATE = "---\nsubject: Hello %name%\nvalues: { name: text, paid: bool, rows: [text] }\n---\n"


def template(body: str) -> tuple[Diagnostic, ...]:
    return parse("vault/templates/x.md", (TEMPLATE.replace(" %name%", "") + body).encode())[1]


@pytest.mark.parametrize(
    "written", ["{{ name }}", "{{contact.name}}", "${NAME}", "<%= name %>", "%name%", "{name}", "[[name]]"]
)
def test_in_a_template_as_well(written):
    (found,) = template(f"Dear {written},\n")

    assert (found.code, found.span.line, found.span.column) == ("SW133", 5, 6)
    assert found.fix is not None
    assert found.fix.text == "${{ name }}"


def test_in_a_subject_as_well():
    (found,) = parse("vault/templates/x.md", (TEMPLATE + "Hi ${{ name }}\n").encode())[1]

    assert (found.code, found.span.line) == ("SW133", 2)


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("{% if paid %}", "{% endif %}"),
        ("{{#if paid}}", "{{/if}}"),
        ("{%- for row in rows -%}", "{%- endfor -%}"),
    ],
)
def test_a_block_is_mended_from_its_beginning_to_its_end(begin, end):
    body = f"{begin}\nThank you, ${{{{ name }}}}.\n{end}\n"
    (found,) = template(body)

    repaired = mended((TEMPLATE.replace(" %name%", "") + body).encode(), found)
    assert parse("vault/templates/x.md", repaired)[1] == ()


def test_a_block_with_an_else_has_no_fix():
    found = template("{% if paid %}\nThanks\n{% else %}\nPlease pay\n{% endif %}\n")

    assert {one.code for one in found} == {"SW133"}
    assert all(one.fix is None and "there is no else" in one.hint for one in found)


def test_what_stands_in_a_sop_s_question_is_told():
    sop = b"---\ntype: sop\non: { manual: {} }\ninputs: { name: text }\n---\n- [ ] Call {{ name }} ^call\n"
    found = compiled({"vault/sops/case.md": sop}).diagnostics

    assert [(one.code, one.span.line) for one in found] == [("SW133", 6)]


def test_long_words_are_looked_through_in_no_time():
    assert list(leftovers("{{" * 200_000)) == []
    assert list(leftovers("{%" * 50_000 + "%")) == []
    assert list(leftovers("$" * 200_000, ["a"])) == []


@pytest.mark.parametrize(
    "body",
    [
        "{{ name }} {% if a %}\n" * 2_500,
        "{% if a %}\n" * 2_500 + "{% endif %}\n" * 2_500,
        "{{ name }} " * 5_000 + "\n",
    ],
    ids=["lines", "nested", "one line"],
)
def test_a_template_full_of_them_is_told_of_some(body):
    assert 20 <= len(template(body)) <= 120
