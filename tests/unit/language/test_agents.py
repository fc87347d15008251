"""Agents as they are written: the front matter is a signature, the body instructions, links are context."""

from decimal import Decimal
from pathlib import Path

import pytest

from engine.language.build.compile import compile_tree
from engine.language.documents import agents
from engine.model.definitions.actions import EffectClass
from engine.model.definitions.agents import AgentSource, examples_of, spec_of
from engine.model.definitions.diagnostics import Severity
from engine.model.definitions.settings import ModelConfig
from engine.model.definitions.taint import Label
from engine.model.definitions.types import MONEY, NOTE, NUMBER, TEXT, Field, listing, record
from tests.unit.language.actions import ACTIONS
from tests.unit.language.mending import codes, mended
from tests.unit.language.trees import CONFIG, MemoryTree, compiled

STARTER = Path(__file__).parents[3] / "vault" / "agents" / "draft-reply.md"
PATHS = {
    "vault/knowledge/Tone of voice.md",
    "vault/knowledge/prices.md",
    "vault/knowledge/replies/a.md",
    "vault/knowledge/replies/b.md",
    "vault/knowledge/replies/old/c.md",
}
GOOD = """\
---
description: Drafts one reply.
inputs: { message: text, "sources?": [note] }
outputs: { body: text, items: [{ what: text, amount: money }], confidence: number }
model: fast
budget: { usd: 0.05 }
tools: [memory/recall]
examples: ../knowledge/replies/*.md
---
Answer in the language of the letter. [[Tone of voice]]

Prices: [[prices#Hours|the list]], and [[tone of voice]] again. Not `[[code]]`.

```
[[nor this]]
```
"""
PLAYBOOK = """\
name: A
stage: approval
on: { manual: {} }
steps:
  - { id: draft, uses: agent/writer, with: { message: hello } }
  - { id: tell, uses: notify/me, with: { text: "${{ steps.draft.outputs.body }}" } }
"""


def parse(text, *, name="writer", paths=PATHS):
    world = agents.AgentContext(
        notes=agents.names_of(paths), paths=paths, models=("default", "none", "fast"), actions=ACTIONS
    )
    return agents.parse(f"vault/agents/{name}.md", text.encode(), world)


def written(front, body="Do it.\n"):
    return f"---\ndescription: Writes.\noutputs: {{ body: text }}\n{front}---\n{body}"


def test_an_agent_as_written():
    agent, diagnostics = parse(GOOD)

    assert diagnostics == ()
    assert agent is not None
    assert agent == AgentSource(
        name="writer",
        path="vault/agents/writer.md",
        description="Drafts one reply.",
        inputs=(Field(name="message", type=TEXT), Field(name="sources", type=listing(NOTE), optional=True)),
        outputs=(
            Field(name="body", type=TEXT),
            Field(name="items", type=listing(record(what=TEXT, amount=MONEY))),
            Field(name="confidence", type=NUMBER),
        ),
        model="fast",
        budget_usd=Decimal("0.05"),
        tools=("memory/recall",),
        examples="vault/knowledge/replies/*.md",
        instructions=agent.instructions,
        links=("vault/knowledge/Tone of voice.md", "vault/knowledge/prices.md"),
    )
    assert agent.instructions.startswith("Answer in the language")


def test_what_is_left_out_has_a_meaning():
    agent, _ = parse(written(""))

    assert agent is not None
    assert (agent.model, agent.budget_usd, agent.tools, agent.examples) == ("default", None, (), "")


def test_the_starter_is_read():
    agent, diagnostics = agents.parse(
        "vault/agents/draft-reply.md",
        STARTER.read_bytes(),
        agents.context_for(CONFIG, ACTIONS, notes={"tone-of-voice": "vault/x.md"}, paths=()),
    )

    assert diagnostics == ()
    assert agent is not None


def test_an_agent_is_an_action_that_reads_and_whose_words_are_a_models():
    agent, _ = parse(GOOD)
    assert agent is not None

    spec = spec_of(agent)

    assert (spec.name, spec.kind, spec.labels, spec.passes_labels) == (
        "agent/writer",
        EffectClass.READ,
        frozenset({Label.MODEL}),
        True,
    )
    assert [(one.name, one.required, one.type.nullable) for one in spec.params] == [
        ("message", True, False),
        ("sources", False, True),
    ]
    assert spec.outputs == agent.outputs


def test_examples_stay_in_their_folder_unless_two_stars_say_otherwise():
    agent, _ = parse(GOOD)
    assert agent is not None

    assert examples_of(agent, PATHS) == ("vault/knowledge/replies/a.md", "vault/knowledge/replies/b.md")
    assert agents.reads(agent, PATHS)[0] == "vault/agents/writer.md"
    deep, _ = parse(written("examples: vault/knowledge/replies/**/*.md\n"))
    assert deep is not None
    assert len(examples_of(deep, PATHS)) == 3


@pytest.mark.parametrize(
    ("front", "code"),
    [
        ("modle: fast\n", "SW050"),
        ("model: fats\n", "SW090"),
        ("tools: [memory/recal]\n", "SW092"),
        ("tools: memory/recall\n", "SW052"),
        ("inputs: { message: txet }\n", "SW127"),
        ('budget: { usd: "0.05" }\n', "SW052"),
    ],
)
def test_the_printed_fix_removes_the_diagnostic(front, code):
    text = written(front)
    _, diagnostics = parse(text)
    assert codes(diagnostics) == [code]

    _, after = parse(mended(text.encode(), diagnostics[0]).decode())

    assert after == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["SW051", "SW051", "SW091"]),
        ("Just words.\n", ["SW051", "SW051"]),
        ("---\n---\nDo it.\n", ["SW051", "SW051"]),
        ("---\ndescription: A\noutputs: {}\n---\nDo it.\n", ["SW051"]),
        (written("", body="\n  \n"), ["SW091"]),
        (written("tools: [email/reply]\n"), ["SW092"]),
        (written("tools: [agent/receipt]\n"), ["SW092"]),
        (written("model: [fast]\n"), ["SW052"]),
        (written("budget: 3\n"), ["SW052"]),
        (written("budget: {}\n"), ["SW051"]),
        (written("budget: { usd: -1 }\n"), ["SW053"]),
        (written("inputs: [message]\n"), ["SW052"]),
        (written("inputs: { a: { type: number, default: 3 } }\n"), ["SW050"]),
        (written("inputs: { a: { type: number, max: 3 } }\n"), ["SW050"]),
        (written("examples: ../../../etc/*.md\n"), ["SW053"]),
        (written("examples: ../../playbooks/*.yaml\n"), ["SW053"]),
        (written("examples: /etc/passwd\n"), ["SW053"]),
        (written('model: "${{ secrets.MODEL }}"\n'), ["SW054"]),
        ("---\ndescription: A\noutputs: { letter: file }\n---\nDo it.\n", ["SW095"]),
        ("---\ndescription: A\noutputs: { all: [{ letter: file }] }\n---\nDo it.\n", ["SW095"]),
        ("---\ndescription: A\n", ["SW007"]),
        ("---\ndescription: [\n---\nDo it.\n", ["SW007"]),
    ],
)
def test_what_is_refused(text, expected):
    agent, diagnostics = parse(text)

    assert codes(diagnostics) == expected
    assert agent is None
    assert all(one.span.path == "vault/agents/writer.md" for one in diagnostics)


def test_a_file_name_that_can_name_no_agent_is_refused():
    agent, diagnostics = parse(GOOD, name="My Writer")

    assert codes(diagnostics) == ["SW025"]
    assert agent is None


def test_a_link_to_a_note_that_is_not_there_is_said_where_it_stands():
    agent, diagnostics = parse(written("", body="Do it.\n\nSee [[tone of vioce]].\n"))

    assert agent is not None
    assert [(one.code, one.severity, one.span.line, one.span.column) for one in diagnostics] == [
        ("SW130", Severity.WARNING, 7, 7)
    ]
    assert diagnostics[0].fix is not None
    assert diagnostics[0].fix.text == "tone of voice"


def test_examples_that_are_none_or_too_many_are_said():
    many = {f"vault/n/{at}.md" for at in range(101)}

    assert codes(parse(written("examples: vault/none/*.md\n"))[1]) == ["SW093"]
    assert codes(parse(written("examples: vault/n/*.md\n"), paths=many)[1]) == ["SW094"]


def test_a_models_name_comes_from_the_settings():
    config = type(CONFIG)(
        operator=CONFIG.operator, models=(ModelConfig(name="slow", uses="openai", model="m"),)
    )

    world = agents.context_for(config, ACTIONS, notes={}, paths=())

    assert world.models == ("default", "none", "slow")


# ---------------------------------------------------------------- in a workspace


PLAIN = GOOD.replace("model: fast\n", "")


def workspace(agent=PLAIN, **more):
    return {
        "playbooks/case.yaml": PLAYBOOK.encode(),
        "vault/agents/writer.md": agent.encode(),
        "vault/knowledge/Tone of voice.md": b"# Tone\n",
        "vault/knowledge/prices.md": b"# Prices\n",
        "vault/knowledge/replies/a.md": b"# A\n",
        **more,
    }


def test_a_playbook_uses_an_agent_of_the_workspace_and_pins_all_that_it_reads():
    found = compiled(workspace())

    assert found.diagnostics == ()
    pinned = dict(found.plans["case"].files)
    assert {
        "vault/agents/writer.md",
        "vault/knowledge/Tone of voice.md",
        "vault/knowledge/prices.md",
        "vault/knowledge/replies/a.md",
    } <= pinned.keys()


def test_what_an_agent_takes_and_gives_is_checked_like_any_action():
    takes = PLAYBOOK.replace("message: hello", "mesage: hello")
    gives = PLAYBOOK.replace("outputs.body", "outputs.boby")

    found = [compiled(workspace() | {"playbooks/case.yaml": text.encode()}) for text in (takes, gives)]

    assert [codes(one.diagnostics) for one in found] == [["SW121"], ["SW103"]]


def test_an_edited_signature_is_seen_by_the_playbooks_that_use_it():
    assert compiled(workspace()).diagnostics == ()

    found = compiled(workspace(PLAIN.replace("body: text", "words: text")))

    assert [(one.code, one.span.path) for one in found.diagnostics] == [("SW103", "playbooks/case.yaml")]


def test_the_workspaces_own_agent_stands_for_a_declared_one_of_its_name():
    own = b"---\ndescription: Mine\noutputs: { words: text }\n---\nWrite.\n"
    text = PLAYBOOK.replace("agent/writer, with: { message: hello }", "agent/draft-reply").replace(
        "outputs.body", "outputs.words"
    )

    found = compiled({"playbooks/case.yaml": text.encode(), "vault/agents/draft-reply.md": own})

    assert found.diagnostics == ()


def test_a_playbook_whose_agent_has_mistakes_does_not_run_and_repeats_none_of_them():
    found = compiled(workspace("---\ndescription: A\n---\nDo it.\n"))

    assert [(one.code, one.span.path) for one in found.diagnostics] == [("SW051", "vault/agents/writer.md")]
    assert "case" in found.broken
    assert "case" not in found.plans


def test_a_playbook_whose_template_has_mistakes_does_not_run_without_its_step():
    text = "name: A\non: { manual: {} }\nsteps:\n"
    text += "  - { id: a, uses: documents/render, with: { template: bad } }\n"
    text += "  - { id: b, uses: notify/me, with: { text: hi } }\n"
    bad = b"---\nsubject: A\n---\n${{ if }}\n"

    found = compiled({"playbooks/case.yaml": text.encode(), "vault/templates/bad.md": bad})

    assert {one.span.path for one in found.diagnostics} == {"vault/templates/bad.md"}
    assert "case" in found.broken


def test_an_agent_that_nobody_wrote_is_unknown():
    files = workspace()
    del files["vault/agents/writer.md"]

    assert codes(compiled(files).diagnostics) == ["SW120"]


def test_notes_below_the_folder_are_no_agents():
    files = workspace() | {"vault/agents/examples/one.md": b"# One\n"}

    found = compile_tree(MemoryTree(files), actions=ACTIONS, config=CONFIG)

    assert found.diagnostics == ()
