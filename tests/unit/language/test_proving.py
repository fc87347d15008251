import random
from dataclasses import replace
from pathlib import Path

import pytest

from engine.language.diagnostics.verify_fix import apply_fix, with_verified_fixes
from engine.language.documents import agents, intents, policy, settings
from engine.language.templates import renderer
from engine.model.definitions.diagnostics import Diagnostic, Fix, Span

ROOT = Path(__file__).parents[3]


def wrong(column: int, end: int, text: str, message: str = "odd") -> Diagnostic:
    span = Span(path="a.yaml", line=1, column=column, end_line=1, end_column=end)
    return Diagnostic(code="SW050", span=span, message=message, fix=Fix(span=span, text=text))


def test_a_fix_that_works_is_kept():
    found = [wrong(1, 4, "two")]

    assert with_verified_fixes(b"one", found, lambda data: [] if data == b"two" else found) == tuple(found)


@pytest.mark.parametrize(
    "after",
    [[wrong(1, 4, "two")], [wrong(1, 4, "x", "another")], [wrong(1, 4, "two"), wrong(1, 4, "x", "another")]],
    ids=["changes nothing", "brings another", "both"],
)
def test_a_fix_that_does_not_is_left_out(after):
    (one,) = with_verified_fixes(b"one", [wrong(1, 4, "two")], lambda data: after)

    assert one.fix is None


@pytest.mark.parametrize(("code", "kept"), [("SW014", True), ("SW102", False)])
def test_an_unreadable_file_s_fix_may_show_what_nothing_performs_yet(code, kept):
    """Without it, one unquoted expression in a playbook of declared actions would be refused without the quoted line."""
    before = replace(wrong(1, 4, "two"), code=code)
    hidden = replace(wrong(1, 4, "x", "nothing performs it"), code="SW307", fix=None)

    (one,) = with_verified_fixes(b"one", [before], lambda data: [hidden])

    assert (one.fix is not None) == kept


def test_a_fix_may_span_lines_and_reach_past_the_end():
    span = Span(path="a.yaml", line=1, column=3, end_line=3, end_column=1)

    assert apply_fix(b"ab\ncd\n", Fix(span=span, text="!")) == b"ab!"


def test_lines_of_windows_are_repaired_in_place():
    span = Span(path="a.yaml", line=2, column=1, end_line=2, end_column=3)

    assert apply_fix(b"\xef\xbb\xbfab\r\ncd\r\n", Fix(span=span, text="x")) == b"ab\nx\n"


AROUND = agents.AgentContext(
    notes={"tone-of-voice": "vault/knowledge/tone-of-voice.md"},
    paths=(),
    models=("default", "none"),
    actions={},
)
READERS = {
    "vault/agents/draft-reply.md": lambda data: agents.parse("vault/agents/a.md", data, AROUND)[1],
    "steward.yaml": lambda data: settings.parse("a", data)[1],
    "vault/policy.yaml": lambda data: policy.parse(
        "a", data, context=policy.PolicyContext(actions={"email/reply": None, "payments/request": None})
    )[1],
    "vault/intents/work.yaml": lambda data: intents.parse([("a", data)])[1],
    "vault/templates/replies/payment.md": lambda data: renderer.parse("a", data)[1],
}
SCRAPS = [
    "${{ ",
    " }}",
    "end",
    "for x in ",
    "if ",
    "\n",
    ": ",
    "[",
    "]",
    "{",
    "}",
    '"',
    "- ",
    "#",
    "items",
    ".",
    "?",
    "0",
    "=",
]


@pytest.mark.parametrize("name", READERS)
def test_whatever_is_broken_every_printed_fix_is_one(name):
    chance = random.Random(name)
    whole = (ROOT / name).read_text(encoding="utf-8")
    read, tried = READERS[name], 0
    for _ in range(150):
        text = whole
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(text))
            scrap = chance.choice(SCRAPS)
            text = (
                text[:at] + scrap + text[at:]
                if chance.random() < 0.6
                else text[:at] + text[at + len(scrap) :]
            )
        before = read(text.encode())
        # What can't be read at all shows its first mistake only; the next one shows after it.
        for one in before if len(before) > 1 or (before and before[0].code >= "SW050") else ():
            if one.fix is not None:
                tried += 1
                after = read(apply_fix(text.encode(), one.fix))
                assert len(after) < len(before), (text, one)
    assert tried
