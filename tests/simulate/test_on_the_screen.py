"""A question with defaults and an undo of one's own, as a person types them in real processes."""

from typing import Any

import pytest

from engine.testing.scenario import Scenario
from tests.simulate.terminal import environment, plainly, typed

pytestmark = pytest.mark.slow

WORDS = """\
name: Words
stage: approval
on: { manual: {} }
inputs: { words: text }
steps:
  - id: ask
    uses: human/ask
    with:
      title: How much
      choices: [give, keep]
      fields:
        amount: { type: money, default: 49.00 EUR }
        words: { type: text, default: "${{ inputs.words }}" }
        who: text
  - id: note
    uses: files/write
    with: { path: vault/notes/a.md, text: "${{ steps.ask.outputs.words }}" }
    undo: { uses: notify/me, with: { text: "Remove ${{ steps.note.outputs.path }} by hand" } }
"""


def test_what_counts_unsaid_is_seen_before_it_counts_and_what_was_done_is_taken_back(tmp_path):
    made = Scenario.make(tmp_path / "company", files={"playbooks/words.yaml": WORDS}, bare=True)
    made.start("words", words="hidden\u200b\u202ewords")
    here: dict[str, Any] = {"cwd": made.root, "env": environment(made.env)}
    (asked,) = made.queue()

    seen = plainly(["show", asked.short], **here)
    assert "[default 49.00 EUR]" in seen.text
    assert '[default "hidden\\u{200b}\\u{202e}words"]' in seen.text

    answered = typed(["answer", asked.short, "give", "who=me"], **here)
    assert answered.code == 0, answered.text
    assert answered.text.index("hidden\\u{200b}\\u{202e}words") < answered.text.index("answered")
    assert (made.root / "vault/notes/a.md").read_text() == "hidden\u200b\u202ewords"

    (run,) = made.runs()
    undone = typed(["undo", run.id[:8]], **here)
    assert undone.code == 0, undone.text
    assert "Remove vault/notes/a.md by hand" in undone.text
    shown = plainly(["show", run.id[:8]], **here)
    assert "note       taken back" in shown.text
    assert "note~undo  succeeded" in shown.text
    again = typed(["undo", run.id[:8]], **here)
    assert again.code == 5
    assert "it was taken back already: note" in again.text
    assert plainly(["verify"], **here).code == 0
