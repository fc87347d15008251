"""What tests of agents share: one room with the agent program, one agent, and a reader around a scripted model."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from engine.agents import DRAFT
from engine.agents.agent_reader import Agents
from engine.model.definitions.actions import ActionSpec, EffectClass, Param
from engine.model.definitions.agents import AgentSource
from engine.model.definitions.taint import Label
from engine.model.definitions.types import INTEGER, NOTE, PERSON, TEXT, Field, listing
from engine.model.effects import Call
from engine.model.values.ids import RunId

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TONE = "vault/knowledge/tone-of-voice.md"
AGENT = AgentSource(
    name="draft-reply",
    path="vault/agents/draft-reply.md",
    description="Drafts one reply.",
    inputs=(
        Field(name="message", type=TEXT),
        Field(name="contact", type=PERSON),
        Field(name="sources", type=listing(NOTE), optional=True),
    ),
    outputs=DRAFT.outputs,
    budget_usd=Decimal("0.05"),
    instructions="Answer in the language of the letter. [[tone-of-voice]]",
    links=(TONE,),
)
CONTACT = {"name": "Ada", "email": "ada@example.org", "known": True}
GOOD = {"body": "Hello Ada, thank you.", "items": [], "confidence": 0.9}


class Drafter:
    """Stands for the operator's own words."""

    def declare(self):
        return ()

    def read(self, call):
        return {"body": "from a template"}, frozenset()


def asked(
    message="Hello, what is a website check?",
    *,
    name="draft-reply",
    files=((TONE, "Short and warm."),),
    **args,
):
    return Call(
        action=f"agent/{name}",
        args={"message": message, "contact": CONTACT, **args},
        run=RunId("r1"),
        step="draft",
        subject=None,
        trigger={},
        at=AT,
        files=files,
    )  # fmt: skip


RECALL = ActionSpec(
    name="memory/recall",
    summary="Recall notes",
    kind=EffectClass.READ,
    params=(
        Param(name="query", type=TEXT, required=True, description="what to look for"),
        Param(name="limit", type=INTEGER, description="how many"),
    ),
    labels=frozenset({Label.OPERATOR}),
)
PAY = ActionSpec(name="payments/refund", summary="Pay back", kind=EffectClass.IDEMPOTENT)


class Tools:
    """Connectors with one thing to look up, and one that acts."""

    def __init__(self, found=None):
        self.found = (
            {"notes": [{"path": "a.md", "text": "A check costs 490.00 EUR."}]} if found is None else found
        )
        self.asked = []

    def spec(self, action):
        return {"memory/recall": RECALL, "payments/refund": PAY}.get(action)

    def connector(self, action):
        raise AssertionError(action)

    def reader(self, action):
        return self

    def declare(self):
        return (RECALL,)

    def read(self, call):
        self.asked.append((call.action, call.args))
        if isinstance(self.found, Exception):
            raise self.found
        return self.found, frozenset({Label.UNTRUSTED})


def reader(room, models, *, agents=(AGENT,), tools_=None, **changes):
    held = {one.name: replace(one, **changes) for one in agents}
    return Agents(
        agents=lambda call: held,
        configured=lambda name: "stub-1",
        room=room,
        models=models,
        drafts=Drafter(),
        tools=lambda: tools_ or Tools(),
    )
