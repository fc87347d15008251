"""Seeded mutations of good sources: whatever an operator, a merge tool or an attacker makes of a file, nothing is raised.

STEWARD_FUZZ sets how many cases each test draws (default 2,000).
"""

import os
import random
import time
from pathlib import Path

import pytest

from engine.language.build.compile import Compiled
from engine.language.passes import plan_codec
from engine.language.yaml.reader import front_matter, read
from engine.model.definitions.plan import Plan
from tests.unit.language.expressing import attempt
from tests.unit.language.trees import compiled

ROOT = Path(__file__).parents[2]
CASES = int(os.environ.get("STEWARD_FUZZ", "2000"))
GOLDEN = ROOT / "tests" / "golden" / "compile"
YAML = [path.read_bytes() for path in sorted(GOLDEN.glob("*/playbook.yaml"))]
MARKDOWN = [path.read_bytes() for path in sorted(GOLDEN.glob("*/sop.md"))]
EXPRESSIONS = [
    "steps.intent.outputs.name == 'spam' && event.subject.contains('a')",
    "default(steps.payment-link.outputs.url, null)",
    "sum(steps.payment-link.outputs.items.map(i, times(i.amount, i.hours)))",
    "(inputs.rush ? ['x'] : []) + inputs.words",
    "{'a': inputs.count, 'b': [inputs.share, 1.5]}['a'] + 1",
    "above(percent(inputs.price, 30), '5.00 EUR') || day(ago('3d')) <= inputs.due",
    "steps.sops.outputs.notes.filter(n, n.score > 0.7).map(n, n.found-by).join(', ')",
]
PIECES = [
    b"${{", b"}}", b"{", b"}", b"[", b"]", b"&a ", b"*a", b"<<: ", b"!!x ", b"\t", b"\n", b"---\n", b": ", b" #", b"'", b'"', b"|\n",
    b"- ", b"? ", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xf0\x9f\x98\x80", b"\xe2\x80\xa8", b"steps.", b"id: ", b"with: ", b"null", b"0x1",
    b"- [ ] ", b"**", b"`a: text`", b"[[", b"]]", b"^id", b"```yaml step\n", b"```\n", b"# ", b"> ", b"@partner ", b"default(", b"?:", b"9" * 30,
]  # fmt: skip


def mutated(chance: random.Random, data: bytes) -> bytes:
    """A copy with a few pieces put in, taken out, doubled or swapped."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(found))
        width = chance.choice((1, 3, 10, 40))
        match chance.randint(0, 3):
            case 0:
                found[at:at] = chance.choice(PIECES)
            case 1:
                del found[at : at + width]
            case 2:
                found[at:at] = found[at : at + width] * chance.choice((1, 2, 30))
            case _:
                there = chance.randint(0, len(found))
                found[at : at + width] = found[there : there + width]
    return bytes(found)


def good(found: Compiled, source: bytes) -> None:
    """What has to hold of every result."""
    assert set(found.plans).isdisjoint(found.broken)
    for plan in found.plans.values():
        assert plan_codec.from_bytes(plan_codec.to_bytes(plan)) == plan
        acyclic(plan)
    lines = len(source.split(b"\n")) + 1
    for one in found.diagnostics:
        if one.span.path.endswith(("case.yaml", "case.md")):
            assert 1 <= one.span.line <= lines
            assert one.message


def acyclic(plan: Plan) -> None:
    seen: set[str] = set()
    for node in plan.nodes:
        assert set(node.before) <= seen
        seen.add(node.id)


@pytest.mark.parametrize("part", range(4))
def test_no_playbook_raises(part):
    chance = random.Random(f"playbook {part}")
    for _ in range(CASES // 4):
        data = mutated(chance, chance.choice(YAML))
        read("a.yaml", data)
        if chance.random() < 0.25:
            good(compiled({"playbooks/case.yaml": data}), data)


@pytest.mark.parametrize("part", range(4))
def test_no_sop_raises(part):
    chance = random.Random(f"sop {part}")
    for _ in range(CASES // 4):
        data = mutated(chance, chance.choice(MARKDOWN))
        front_matter("a.md", data)
        if chance.random() < 0.25:
            good(compiled({"vault/sops/case.md": data}), data)


def test_no_expression_raises():
    chance = random.Random("expression")
    for _ in range(CASES):
        text = (
            mutated(chance, chance.choice(EXPRESSIONS).encode()).decode("utf-8", "replace").replace("\n", " ")
        )
        began = time.process_time()
        found, diagnostics = attempt(text)
        assert (found is None) == bool(diagnostics)
        assert time.process_time() - began < 0.5


def test_the_plan_of_another_layout_has_the_same_digest():
    data = (GOLDEN / "lead-capture" / "playbook.yaml").read_text()
    chance = random.Random("layout")
    expected = plan_codec.digest(compiled({"playbooks/case.yaml": data.encode()}).plans["case"])
    for _ in range(20):
        lines = []
        for line in data.split("\n"):
            if chance.random() < 0.2:
                lines.append("# a comment")
            lines.append(
                line + "   # why" if line.strip() and "#" not in line and chance.random() < 0.3 else line
            )
        found = compiled({"playbooks/case.yaml": "\n".join(lines).encode()}).plans["case"]
        assert plan_codec.digest(found) == expected
        assert plan_codec.to_bytes(found) != b""
