"""Words from outside stay words, in every field they come in and every place they reach: nothing computes them."""

import json
import time
from email.message import EmailMessage

import pytest

from engine.language.expressions.expressions import Expressions
from engine.language.templates.renderer import TemplateRenderer
from engine.language.text.identifiers import variable
from engine.testing.scenario import Scenario
from tests.corpus.payloads import COMPUTED, INJECTIONS
from tests.unit.language.expressing import VALUES, compiled, read, value

BOOK = """\
name: Echo
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
gates: { answer: { title: "To ${{ event.name }}" } }
steps:
  - { id: who, uses: identity/resolve, with: { email: "${{ event.from }}" } }
  - { id: intent, needs: [], uses: intent/resolve, with: { text: "${{ event.text }}" } }
  - { id: notes, needs: [], uses: memory/recall, with: { query: "${{ event.text }}" } }
  - id: reply
    uses: email/reply
    with: { body: "Name ${{ event.name }}\\nSubject ${{ event.subject }}\\nWords ${{ event.text }}\\nFiles ${{ event.attachments.map(a, a.name).join(', ') }}\\n" }
    gate: answer
  - { id: ask, needs: [], uses: human/ask, with: { title: "About ${{ event.subject }}", choices: [yes, no] } }
"""
TEMPLATE = (
    "---\nsubject: For ${{ name }}\nvalues: { name: text, words: text }\n---\n${{ name }}\n\n${{ words }}\n"
)
SLOWEST_SECONDS = 0.05


def flat(text: str) -> str:
    """What a letter's headers and lines do not change."""
    return "".join(text.split())


def letter(number: int, payload: str) -> bytes:
    made = EmailMessage()
    name = payload.replace('"', "'")
    made["From"] = f'"{name.encode("ascii", "replace").decode()}" <pat{number}@example.org>'.replace(
        "\\", "/"
    )
    made["To"], made["Subject"] = "robin@example.com", f"Number {number}: {payload}"
    made["Date"], made["Message-ID"] = "Mon, 02 Mar 2026 08:30:00 +0000", f"<inject-{number}@example.org>"
    made.set_content(f"Words: {payload}\n", cte="base64")
    made.add_attachment(payload.encode(), maintype="text", subtype="plain", filename=f"{name[:80]}.txt")
    return made.as_bytes()


@pytest.mark.slow
def test_no_payload_in_a_letter_is_computed(tmp_path):
    """Fifty letters with the payload as name, subject, words, name of a file and its content."""
    company = Scenario.make(tmp_path, files={"playbooks/echo.yaml": BOOK}, bare=True)
    for number, payload in enumerate(INJECTIONS):
        company.drop(f"{number:03}", letter(number, payload))
    company.run()

    runs = company.runs("echo")
    assert len(runs) == len(INJECTIONS)
    everything = [company.value(run.event) for run in runs]
    for run in runs:
        everything += [company.value(step.outputs) for step in run.steps.values() if step.outputs]
    cards = company.cards()
    everything += [card.content for card in cards]
    assert COMPUTED not in json.dumps(everything, default=str)
    shown = {card.text for card in cards if card.text}
    assert len(shown) == len(INJECTIONS)
    for payload in INJECTIONS:
        assert any(flat(f"Words: {payload}") in flat(text) for text in shown), payload
    assert not company.outbox()


def paths(data: object, at: str = "") -> list[str]:
    """Every place in the values of one of everything."""
    found = [at] if at and not isinstance(data, dict) else []
    if isinstance(data, dict):
        for name, one in data.items():
            found += paths(one, f"{at}.{name}" if at else str(name))
    return found


TEXTS = [
    path for path in paths(VALUES) if isinstance(read(path), str) and path.startswith(("event.", "steps.who"))
]


@pytest.mark.parametrize(
    "path", [path for path in TEXTS if not path.endswith(".status") and path != "event.at"]
)
def test_no_payload_in_a_field_is_computed_by_an_expression(path):
    expression = compiled(f"text({path})")
    assert expression.expr is not None
    for payload in INJECTIONS:
        began = time.process_time()
        found = value(f"text({path})", **{variable(path).replace(".", "__"): payload})
        assert time.process_time() - began < SLOWEST_SECONDS
        assert found == payload


def test_no_payload_in_a_value_is_computed_by_a_template():
    renderer = TemplateRenderer(Expressions())
    for payload in INJECTIONS:
        found = renderer.render(
            TEMPLATE, {"name": "a", "words": payload}, path="vault/templates/echo.md", zone="UTC"
        )
        assert payload in found["body"]
        assert COMPUTED not in found["body"] + found["subject"]


def test_the_marker_is_what_computing_would_give():
    """Our own expressions do compute it when a playbook says so."""
    assert value("text(inputs.count * 7331)", inputs__count=1337) == COMPUTED


HOOK = """\
name: Hook
stage: approval
on: { webhook: { path: orders, secret: "${{ secrets.SHOP_HOOK }}" } }
steps:
  - { id: save, uses: files/write, with: { path: order.txt, text: "Order <${{ event.order }}>" }, reach: customer }
"""


@pytest.mark.slow
def test_no_payload_in_a_webhook_is_computed(tmp_path, monkeypatch):
    """As the value of a field and as its name."""
    monkeypatch.setenv("SHOP_HOOK", "shop-secret")
    company = Scenario.make(tmp_path, files={"playbooks/hook.yaml": HOOK}, bare=True)
    for number, payload in enumerate(INJECTIONS):
        body = {"order": payload, payload[:64]: payload, "rows": [{"a": payload}]}
        company.call("orders", body, id=f"m{number}", secret="shop-secret")
    company.run()

    cards = company.cards()
    shown = json.dumps([card.content for card in cards], default=str)
    assert len(cards) == len(INJECTIONS)
    assert COMPUTED not in shown
    for payload in INJECTIONS:
        # Longer ones are cut on the card, and it says so.
        assert len(payload) > 200 or json.dumps(f"Order <{payload}>")[1:-1] in shown, payload
