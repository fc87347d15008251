"""What a room and an agent cost, in CPU milliseconds of the engine and of all that runs for it, without the model's own time.

python -m benchmarks.agents [--loose 3]    ends with 1 when a warm call is past its limit, or no level could be tried
"""

import os
import statistics
import sys
import time
from datetime import UTC, datetime

from benchmarks import limits
from engine.agents import DRAFT
from engine.agents.agent_reader import PROGRAM, Agents
from engine.model.definitions.agents import AgentSource
from engine.model.definitions.types import NOTE, PERSON, TEXT, Field, listing
from engine.model.effects import Call
from engine.model.ports import Connectors, Limits, Reader
from engine.model.values.ids import RunId
from engine.runtime.sandbox import SandboxPool
from engine.testing.models import Scripted, in_form

ROUNDS = 40
_AGENT = AgentSource(
    name="draft-reply",
    path="vault/agents/draft-reply.md",
    description="Drafts one reply.",
    inputs=(
        Field(name="message", type=TEXT),
        Field(name="contact", type=PERSON),
        Field(name="sources", type=listing(NOTE), optional=True),
    ),
    outputs=DRAFT.outputs,
    instructions="Answer in the language of the letter.",
)
_LETTER = "Hello, could you quote a website check? " * 40
_NOTES = [
    {"path": f"vault/sops/{n}.md", "title": "x", "text": "A quote names what is included. " * 30}
    for n in range(3)
]
_ANSWER = {
    "body": "Hello Ada, thank you. " * 20,
    "items": [{"what": "check", "amount": "490.00 EUR"}],
    "confidence": 0.9,
}


class _Drafts:
    def declare(self) -> tuple[()]:
        return ()

    def read(self, call: Call) -> tuple[dict[str, object], frozenset[str]]:
        raise AssertionError


def _no_tools() -> Connectors:
    raise AssertionError


def below(pid: int) -> float:
    """Milliseconds used so far by `pid` and all below it, children that ended included (Linux)."""
    ticks, parents = os.sysconf("SC_CLK_TCK"), dict[int, tuple[int, float]]()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry)] = int(fields[1]), sum(map(int, fields[11:15])) / ticks * 1000
    family = {pid}
    while more := {one for one, (parent, _) in parents.items() if parent in family} - family:
        family |= more
    return sum(parents[one][1] for one in family if one in parents)


def main() -> int:
    """A few rows for each level that is there."""
    held = limits.Limits(limits.parser("agents", __doc__).parse_args().loose)
    tried = 0
    call = Call(
        action="agent/draft-reply",
        args={"message": _LETTER, "contact": {"name": "Ada", "email": "ada@example.org", "known": True}, "sources": _NOTES},
        run=RunId("r"), step="draft", subject=None, trigger={}, at=datetime(2026, 3, 2, tzinfo=UTC),
    )  # fmt: skip
    drafts: Reader = _Drafts()  # type: ignore[assignment]  # never asked here
    for level in (3, 2, 1):
        room = SandboxPool(
            {PROGRAM: "engine.agents.dspy_program", "bare": "engine.runtime.sandbox.self_test"},
            max_level=level,
        )
        if room.level != level:
            print(f"level {level}: NOT RUN: {room.report()[0].why}")
            continue
        tried += 1
        models = Scripted([in_form(_ANSWER)])
        agents = Agents(
            agents=lambda _: {"draft-reply": _AGENT},
            configured=lambda _: "stub-1",
            room=room,
            models=models,
            drafts=drafts,
            tools=_no_tools,
        )
        began, start = time.perf_counter(), below(os.getpid())
        agents.read(call)
        spent, took = below(os.getpid()) - start, (time.perf_counter() - began) * 1000
        held.row(f"level {level}: first call", spent, "ms CPU", more=f"{took:.0f} ms wall")
        walls, before = [], below(os.getpid())
        for _ in range(ROUNDS):
            at = time.perf_counter()
            agents.read(call)
            walls.append((time.perf_counter() - at) * 1000)
        each = (below(os.getpid()) - before) / ROUNDS
        wall = f"{statistics.median(walls):.1f} ms wall (median of {ROUNDS})"
        held.row(f"level {level}: warm call", each, "ms CPU", 60, more=wall)
        bounds = Limits(seconds=10, cpu=5, memory=1_000_000_000, output=10_000, processes=1)
        room.run("bare", {"marker": "/nowhere"}, serve=lambda _: None, limits=bounds, needs=1)
        before = below(os.getpid())
        for _ in range(ROUNDS):
            room.run("bare", {"marker": "/nowhere"}, serve=lambda _: None, limits=bounds, needs=1)
        small = (below(os.getpid()) - before) / ROUNDS
        held.row(f"level {level}: an attempt of a small program", small, "ms CPU")
        room.close()
    return held.code if tried else 1


if __name__ == "__main__":
    sys.exit(main())
