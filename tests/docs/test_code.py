"""What README and docs show as YAML compiles and as Python runs: whole playbooks, pieces of one inside one, settings, templates, cases."""

import dataclasses
import re

import pytest

from engine.app.workspace import check
from engine.language.documents import test_file
from engine.model.definitions.diagnostics import Diagnostic, Span
from engine.model.effects import Call, Effect
from engine.model.values.ids import EffectKey
from tests.contract.world import AT, RUN
from tests.docs.blocks import Block, blocks, blocks_of
from tests.unit.language.trees import STARTER, MemoryTree

GUIDE = "docs/how-to/write-a-playbook.md"
AROUND = """\
name: Around
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
inputs: { "number?": text, "day?": date, "client?": text }
steps:
  - { id: who, uses: identity/resolve, with: { email: "${{ event.from }}" } }
  - { id: open, uses: stripe/invoices, with: { status: open } }
  - { id: words, uses: notify/brief }
"""
CALLED = """\
name: Called
on: { manual: {}, call: {} }
inputs: { "client?": text }
outputs: { total: "${{ default(inputs.client, '') }}" }
steps: [ { id: tell, uses: notify/me, with: { text: x } } ]
"""
READER = """\
---
type: agent
description: Reads
inputs: { text: text }
outputs: { total: text }
---
Read it.
"""
SETTINGS = (
    b"operator: { name: R, email: r@example.com }\nconnectors: { stripe: { key: '${{ secrets.S }}' }, "
    b"email: { mailboxes: { leads: vault/inbox/leads, payments: vault/inbox/payments } } }\nsecrets: [env]\n"
)
OVERDUE = b"---\nsubject: Overdue\nvalues: { number: text }\n---\n${{ number }}\n"
EVERYWHERE = {
    "steward.yaml": SETTINGS,
    "vault/templates/overdue.md": OVERDUE,
    "playbooks/bill.yaml": CALLED.encode(),
    "playbooks/month-end.yaml": CALLED.encode(),
}

ALL = [block for block in blocks("yaml") if "broken" not in block.flags]
BROKEN = [block for block in blocks("yaml") if "broken" in block.flags]
WHOLE = [block for block in ALL if block.text.startswith("name:")]
PIECES = [block for block in ALL if re.match(r" *- \{? ?id:", block.text)]
CASES = [block for block in ALL if block.text.startswith("playbook:")]
PARTS = [block for block in ALL if re.match(r"(secrets|connectors|models):", block.text)]


def compiled(files: dict[str, bytes]):
    """Diagnostics but for "nothing performs it yet", what was compiled, and its tree."""
    tree = MemoryTree({**STARTER, **EVERYWHERE, **files})
    compilation = check.compile_tree(tree)
    return (
        [diagnostic for diagnostic in compilation.diagnostics if diagnostic.code != "SW307"],
        compilation,
        tree,
    )


def of_place(block: Block) -> str:
    return block.place


def test_every_block_is_looked_at():
    looked_at = [*WHOLE, *PIECES, *CASES, *PARTS]
    assert sorted(map(of_place, looked_at)) == sorted(map(of_place, ALL))
    assert len(WHOLE) >= 4
    assert len(PIECES) >= 9
    assert len(BROKEN) == 1


@pytest.mark.parametrize("block", WHOLE, ids=of_place)
def test_a_whole_playbook_compiles(block):
    text = block.text.replace(
        "steps: …",
        "steps: [ { id: tell, uses: notify/me, with: { text: \"${{ default(inputs.note, '') }}\" } } ]",
    )
    assert compiled({"playbooks/case.yaml": text.encode()})[0] == []


@pytest.mark.parametrize("block", PIECES, ids=of_place)
def test_a_piece_compiles_among_others(block):
    text = "\n".join(
        f"  {line}" if not block.text.startswith(" ") else line for line in block.text.splitlines()
    )
    diagnostics, _, _ = compiled({
        "playbooks/case.yaml": f"{AROUND}{text}\n".encode(), "vault/agents/read-receipt.md": READER.encode(),
    })  # fmt: skip
    assert [diagnostic for diagnostic in diagnostics if diagnostic.span.path == "playbooks/case.yaml"] == []


@pytest.mark.parametrize("block", PARTS, ids=of_place)
def test_a_part_of_the_settings_is_right(block):
    settings = b"operator: { name: R, email: r@example.com }\n" + block.text.encode()
    assert compiled({"steward.yaml": settings})[0] == []


@pytest.mark.parametrize("case", CASES, ids=of_place)
def test_a_case_fits_the_playbook_of_its_page(case):
    name = re.match(r"playbook: (\S+)", case.text)
    assert name is not None
    playbook = next(block for block in WHOLE if block.page == case.page)
    diagnostics, compilation, tree = compiled({
        f"playbooks/{name[1]}.yaml": playbook.text.encode(),
        f"playbooks/tests/{name[1]}.test.yaml": case.text.encode(),
    })  # fmt: skip
    assert diagnostics == []
    assert test_file.check(tree, compilation.plans, compilation.broken) == ()


def test_the_mistake_of_the_tutorial_is_found_and_its_fix_is_what_the_page_does():
    (broken,) = BROKEN
    (wrong,), _, _ = compiled({broken.path: broken.text.encode()})
    assert wrong.code == "SW102"
    assert wrong.fix is not None
    lines = broken.text.splitlines()
    at = wrong.fix.span
    line = lines[at.line - 1]
    lines[at.line - 1] = line[: at.column - 1] + wrong.fix.text + line[at.end_column - 1 :]
    mended = next(block for block in WHOLE if block.page == broken.page and block.path == broken.path)
    assert "\n".join(lines) + "\n" == mended.text


def test_a_template_is_right():
    (template,) = blocks("markdown")
    assert compiled({template.path: template.text.encode()})[0] == []


# ---------------------------------------------------------------- Python


def test_every_python_block_runs_below_the_one_above_it():
    ran = 0
    for page in {block.page for block in blocks("python")}:
        names: dict[str, object] = {}
        for block in blocks_of(page):
            if block.language == "python":
                exec(compile(block.text, block.place, "exec"), names)
                ran += 1
    assert ran == 4


def names_of(page: str) -> dict[str, object]:
    """What the Python of a page defines."""
    names: dict[str, object] = {}
    for block in blocks_of(page):
        if block.language == "python":
            exec(compile(block.text, block.place, "exec"), names)
    return names


def test_the_connector_of_the_page_keeps_what_connectors_promise(tmp_path):
    journal = names_of("docs/how-to/write-a-connector.md")["Journal"](str(tmp_path / "journal"))  # type: ignore[operator]
    call = Call(
        action="journal/append", args={"text": "Rain"}, run=RUN, step="note", subject=None, trigger={}, at=AT,
        key=EffectKey("k"),
    )  # fmt: skip
    preview = journal.preview(call)
    assert preview == journal.preview(call)
    (spec,) = journal.declare()
    frozen = Effect(
        action=call.action, key=EffectKey("k"), revision=1, run=RUN, step="note", subject=None, kind=spec.kind,
        reach=spec.reach, args=call.args, preview=preview, digest="", labels={},
    )  # fmt: skip
    assert journal.find(frozen) is None
    assert journal.perform(frozen).outputs == {"line": "Rain"}
    assert journal.perform(frozen).repeated
    assert len((tmp_path / "journal").read_bytes().splitlines()) == 1


def test_the_diagnostic_and_the_event_of_the_pages_are_what_the_engine_has():
    shouting = names_of("docs/how-to/add-a-diagnostic.md")["shouting"]
    span = Span(path="playbooks/x.yaml", line=1, column=7, end_column=11)
    assert isinstance(shouting(span, name="LOUD"), Diagnostic)  # type: ignore[operator]
    event = names_of("docs/how-to/add-an-event-type.md")["OfferWithdrawn"]
    assert dataclasses.asdict(event(card="c", by="robin")) == {"card": "c", "by": "robin", "because": ""}  # type: ignore[operator]
