"""Files and words of other tools: one line that says whose file it is, and what their words are called here."""

import pytest

from tests.unit.language.mending import mended
from tests.unit.language.trees import playbook

FILES = {
    "GitHub Actions": "name: CI\non: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    steps:\n      - run: make\n",
    "Kestra": "id: hello\nnamespace: company.team\ntasks:\n  - id: log\n    type: io.kestra.plugin.core.log.Log\n",
    "Dagu": "schedule: '0 9 * * *'\nsteps:\n  - name: one\n    command: echo hi\n",
    "n8n": '{"name": "W", "nodes": [{"parameters": {}, "type": "n8n-nodes-base.manualTrigger"}], "connections": {}}\n',
}


@pytest.mark.parametrize("tool", FILES)
def test_whose_file_it_is_stands_first(tool):
    first, *rest = playbook(FILES[tool]).diagnostics

    assert (first.code, first.span.line) == ("SW040", 1)
    assert tool in first.message
    assert "SW040" not in {one.code for one in rest}


@pytest.mark.parametrize(
    "text",
    [
        "name: X\non: { manual: {} }\nsteps:\n  - { id: a, uses: notify/me, with: { text: hi }, command: x }\n",
        "name: X\ntasks: []\n",
        "name: X\nstep: []\n",
    ],
)
def test_a_playbook_with_a_slip_is_nobody_else_s(text):
    assert "SW040" not in {one.code for one in playbook(text).diagnostics}


HEAD = "name: Case\non: { manual: {} }\ninputs: { rows: [{ id: text }] }\nsteps:\n  - { id: a, uses: notify/me, with: { text: hi } }\n"


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ('when: "${{ true }}"', 'if: "${{ true }}"'),
        ("depends: [a]", "needs: [a]"),
        ("depends_on: [a]", "needs: [a]"),
        ("allow_failure: true", "continue-on-error: true"),
        ('if: "${{ success() }}"', 'if: "${{ true }}"'),
        (
            'matrix: "${{ inputs.rows }}", key: "${{ item.id }}"',
            'foreach: "${{ inputs.rows }}", key: "${{ item.id }}"',
        ),
        (
            'foreach: "${{ inputs.rows }}", key: "${{ row.id }}"',
            'foreach: "${{ inputs.rows }}", key: "${{ item.id }}"',
        ),
        (
            'foreach: "${{ inputs.rows }}", key: "${{ matrix.id }}"',
            'foreach: "${{ inputs.rows }}", key: "${{ item.id }}"',
        ),
    ],
)
def test_words_of_other_tools_are_known(written, right):
    step = "  - {{ id: b, uses: notify/me, {}, with: {{ text: hi }} }}\n"
    source = (HEAD + step.format(written)).encode()
    found = next(one for one in playbook(source.decode()).diagnostics if one.fix)

    assert mended(source, found).decode() == HEAD + step.format(right)


@pytest.mark.parametrize(("written", "right"), [("tasks", "steps"), ("trigger", "on"), ("params", "inputs")])
def test_keys_of_other_tools_are_known(written, right):
    source = HEAD.replace(f"{right}:", f"{written}:", 1)
    found = [one for one in playbook(source).diagnostics if one.code == "SW020"]

    assert [one.hint for one in found] == [f"did you mean `{right}`?"]
