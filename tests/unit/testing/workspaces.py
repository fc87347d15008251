"""A small workspace with one playbook and one test file."""

from engine.app.setup import starter_files
from engine.testing.cases.suite import Tests

TWO_STEPS = """\
name: Tell
stage: approval
on: { manual: {} }
inputs: { words: text, loud: bool }
steps:
  - id: note
    uses: notify/me
    with: { text: "${{ inputs.words }}" }
  - id: shout
    if: ${{ inputs.loud }}
    uses: notify/me
    with: { text: loud }
"""


def workspace(folder, playbook, cases, *, name="tell"):
    """The starter's vault with one playbook and its tests."""
    starter_files.write(folder, id="case")
    for file in (folder / "playbooks").rglob("*.yaml"):
        file.unlink()
    (folder / "playbooks" / f"{name}.yaml").write_text(playbook)
    (folder / "playbooks" / "tests").mkdir(exist_ok=True)
    (folder / "playbooks" / "tests" / f"{name}.test.yaml").write_text(f"playbook: {name}\ncases:\n{cases}")
    return folder


def results(folder):
    """Every case of a folder, by name; diagnostics are refused."""
    tests = Tests(folder)
    files = tests.files()
    assert [one for file in files for one in file.diagnostics] == []
    found = {case.name: tests.run(file, case) for file in files for case in file.cases}
    return found, tests.coverage(files)


def failures(result):
    """(what, expected, happened) of each failure."""
    return [(one.claim, one.expected, one.happened) for one in result.failures]
