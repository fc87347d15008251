"""What docs/how-to/write-a-playbook.md shows compiles: whole playbooks as they stand, pieces of one inside one, the template and the case beside them."""

import re
from pathlib import Path

import pytest

from engine.app import checking
from engine.language import casefile
from tests.unit.language.trees import STARTER, MemoryTree

GUIDE = (Path(__file__).parents[3] / "docs" / "how-to" / "write-a-playbook.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", GUIDE, re.DOTALL)
AROUND = """\
name: Around
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
inputs: { "number?": text, "day?": date }
steps:
  - { id: who, uses: identity/resolve, with: { email: "${{ event.from }}" } }
  - { id: open, uses: stripe/invoices, with: { status: open } }
"""
SETTINGS = (
    b"operator: { name: R, email: r@example.com }\nconnectors: { stripe: { key: '${{ secrets.S }}' }, "
    b"email: { mailboxes: { leads: vault/inbox/leads, payments: vault/inbox/payments } } }\nsecrets: [env]\n"
)
OVERDUE = b"---\nsubject: Overdue\nvalues: { number: text }\n---\n${{ number }}\n"


def found(files: dict[str, bytes]):
    tree = MemoryTree({
        **STARTER, "steward.yaml": SETTINGS, "vault/templates/overdue.md": OVERDUE, **files,
    })  # fmt: skip
    made = checking.compile_tree(tree)
    return [one for one in made.diagnostics if one.code != "SW307"], made, tree


WHOLE = [text for kind, text in BLOCKS if kind == "yaml" and text.startswith("name:")]
PIECES = [text for kind, text in BLOCKS if kind == "yaml" and text.startswith("  - id")]


def test_every_block_is_looked_at():
    assert len(WHOLE) + len(PIECES) + 1 == sum(kind == "yaml" for kind, _ in BLOCKS)
    assert len(PIECES) >= 3


@pytest.mark.parametrize("text", WHOLE, ids=lambda text: text.partition("\n")[0])
def test_a_whole_playbook_compiles(text):
    text = text.replace(
        "steps: …",
        "steps: [ { id: tell, uses: notify/me, with: { text: \"${{ default(inputs.note, '')\
 }}\" } } ]",
    )
    assert found({"playbooks/case.yaml": text.encode()})[0] == []


@pytest.mark.parametrize("text", PIECES, ids=lambda text: text.partition("\n")[0].strip())
def test_a_piece_compiles_among_others(text):
    assert found({"playbooks/case.yaml": (AROUND + text).encode()})[0] == []


def test_the_template_and_the_case():
    (template,) = [text for kind, text in BLOCKS if not kind and text.startswith("---")]
    case = next(text for kind, text in BLOCKS if kind == "yaml" and text.startswith("playbook:"))
    diagnostics, made, tree = found({
        "vault/templates/bill.md": template.encode(),
        "playbooks/thank-payer.yaml": WHOLE[0].encode(),
        "playbooks/tests/thank-payer.test.yaml": case.encode(),
    })  # fmt: skip
    assert diagnostics == []
    assert casefile.check(tree, made.plans, made.broken) == ()
