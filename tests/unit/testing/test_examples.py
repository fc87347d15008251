"""Whole workspaces of real jobs compile against the actions, agents and events there are.

The examples beside the repository, where that folder is there; and always the golden cases that ask for the same of the language.
What they name and don't hold (templates, agents, notes, a playbook) is written here.
"""

import re
from collections import Counter
from pathlib import Path

import pytest

from engine.app.workspace import check
from engine.app.workspace.action_catalog import declared, unperformed
from engine.cli.main import main
from engine.language.schemas import schemas
from engine.model.definitions.diagnostics import Severity
from tests.counterparts import need
from tests.golden.test_compile import CASES, files_of
from tests.meta import reference
from tests.unit.language.trees import STARTER, MemoryTree

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT.parent / "shared" / "examples"


def template(subject, words, values=""):
    front = f"subject: {subject}\n" + (f"values: {values}\n" if values else "")
    return f"---\n{front}---\n{words}\n".encode()


LIKE = [case for case in CASES if case.startswith("like-") or case == "lead-capture"]
SETTINGS = b"""\
operator: { name: Robin Park, email: robin@example.com }
people: { partner: { name: A Partner, address: partner@example.com } }
time-zone: Europe/Warsaw
models: { default: { uses: openai, model: some-model, key: "${{ secrets.MODEL_KEY }}" } }
connectors: { stripe: { key: "${{ secrets.STRIPE_KEY }}" }, email: { mailboxes: { leads: vault/inbox/leads } } }
secrets: [op, keyring, env]
"""
INVOICE = "{ invoice: { id: text, name: text, due: date, total: money } }"
NAMED = {
    "vault/templates/got-it.md": template("We have your letter", "Thank you."),
    "vault/templates/just-checking.md": template("Just checking", "Did it arrive?"),
    "vault/templates/last-word.md": template("Our last word", "We close this now."),
    "vault/templates/overdue.md": template(
        "Overdue", "${{ invoice.name }}: ${{ text(invoice.total) }}", INVOICE
    ),
    "vault/templates/formal-notice.md": template("Notice", "Due ${{ text(invoice.due) }}", INVOICE),
    "vault/templates/payment-failed.md": template(
        "It did not work", "Try ${{ text(attempt) }}: ${{ link }}", "{ attempt: integer, link: url }"
    ),
    "vault/templates/refunded.md": template(
        "Paid back", "${{ text(amount) }}${{ partial ? ' of it' : '' }}", "{ amount: money, partial: bool }"
    ),
    "vault/templates/services-agreement.md": template(
        "Agreement", "For ${{ client.name }}.", '{ client: person, "price?": money }'
    ),
    "vault/templates/news.md": b"---\nsubject: News\npurpose: marketing\n---\nWe have news.\n",
    "vault/agents/weekly-note.md": (
        b"---\ndescription: Writes the week's note.\n"
        b"inputs: { now: { visitors: integer, leads: integer }, before: [any], missing: [text] }\n"
        b"outputs: { text: text }\n---\nSay what changed. Compute nothing.\n"
    ),
    "vault/agents/receipt.md": (
        b"---\ndescription: Reads one receipt.\ninputs: { text: text }\n"
        b"outputs: { vendor: text, date: date, total: money, vat: money, confidence: number }\n"
        b"model: default\n---\nCopy what is printed; never compute. [[Tone of voice]]\n"
    ),
    "vault/knowledge/Tone of voice.md": b"# Tone of voice\nShort.\n",
    "vault/knowledge/replies/one.md": b"# One\nThank you for asking.\n",
    "playbooks/client-onboarding.yaml": (
        b"name: Client onboarding\nstage: approval\non: { call: {} }\ninputs: { client: person }\n"
        b"subject: ${{ inputs.client.email }}\nsteps:\n"
        b'  - { id: tell, uses: notify/me, with: { text: "Welcome ${{ inputs.client.name }}" } }\n'
    ),
}


def below(folder):
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "README.md"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def wrong(files):
    """What is wrong but for actions that are declared only, and how often each of those is said."""
    found = check.compile_tree(MemoryTree(files))
    declared = [one for one in found.diagnostics if one.code == "SW307"]
    others = [
        (one.code, f"{one.span.path}:{one.span.line}", one.message)
        for one in found.diagnostics
        if one.code != "SW307"
    ]
    assert all(one.severity is Severity.WARNING for one in declared)
    named = Counter(one.message.split("`")[1] for one in declared)
    assert named.keys() <= unperformed()
    return others, found


def test_every_example_compiles_in_a_workspace_that_holds_what_it_names():
    need(EXAMPLES.is_dir(), "../shared/examples", by_hand=True)
    files = below(EXAMPLES)
    # Nobody but the operator is asked yet, and a setting that says otherwise is refused.
    files["steward.yaml"] = files["steward.yaml"].replace(b" ask: email,", b"")

    others, found = wrong({**NAMED, **files})

    assert others == []
    assert found.broken == frozenset()
    stems = {Path(path).stem for path in files if path.startswith(("playbooks/", "vault/sops/"))}
    assert found.plans.keys() >= {one for one in stems if not one.endswith(".test")}


@pytest.mark.parametrize("case", LIKE)
def test_a_playbook_that_asks_for_the_same_compiles_against_what_is_declared(case):
    files = {**STARTER, **NAMED, "steward.yaml": SETTINGS, **files_of(case)}

    others, found = wrong(files)

    assert others == []
    assert "case" in found.plans


def test_of_declared_actions_every_example_needs_one_is_used_by_a_case():
    """So that no declaration stands there untried: what nobody names is an undo."""
    used = set()
    for case in LIKE:
        plan = wrong({**STARTER, **NAMED, "steward.yaml": SETTINGS, **files_of(case)})[1].plans["case"]
        used |= {node.uses for node in plan.nodes}
    undone = {spec.undo.action for spec in declared().values()}

    assert unperformed() - used - undone == set()


def test_the_reference_lists_a_declared_action_apart():
    before, apart, after = reference.actions_page().partition("# Declared only")

    assert apart
    assert [name for name in unperformed() if f"## `{name}`" in before] == []
    assert [name for name in unperformed() if f"## `{name}`" not in after] == []


def test_neither_help_nor_a_schema_offers_a_declared_action(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    offered = capsys.readouterr().out + str(schemas.all_schemas())

    # `stripe/invoice.paid` is an event.
    assert [name for name in sorted(unperformed()) if re.search(rf"{name}(?![\w.-])", offered)] == []
