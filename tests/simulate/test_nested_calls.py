"""Webhooks whose JSON is nested: what is read of it, and whose run it ends."""

import pytest

from engine.testing.scenario import Scenario

pytestmark = pytest.mark.slow

SECRET = "shop-secret"
NESTED = """\
name: Nested
stage: approval
on:
  webhook:
    path: orders
    secret: "${{ secrets.SHOP_HOOK }}"
    fields: { email: email, data: { object: { id: text, amount: number, "note?": text, lines: [{ sku: text }] } } }
subject: ${{ event.email }}
stop-on:
  - webhook: { path: orders, fields: { off: { id: text } }, match: { off: { id: "${{ event.data.object.id }}" } } }
steps:
  - id: tell
    if: ${{ event.data.object.amount > 9.5 }}
    uses: files/write
    with: { path: "vault/paid.txt", text: "${{ event.data.object.lines.map(l, l.sku).join('+') }} ${{ default(event.data.object.note, 'no note') }}" }
  - { id: wait, uses: wait/for, needs: [], with: { time: 3d } }
"""


def test_what_lies_deep_in_a_call_is_read_and_matched(tmp_path, monkeypatch):
    """The run about the order that is called off ends, and no other; a call without what was declared fails where it is read."""
    monkeypatch.setenv("SHOP_HOOK", SECRET)
    company = Scenario.make(tmp_path / "company", files={"playbooks/nested.yaml": NESTED}, bare=True)
    lines = [{"sku": "a", "more": 1}, {"sku": "b"}]
    for id_, order in (
        ("A", {"amount": 12, "lines": lines}),
        ("B", {"amount": 3.5, "lines": lines}),
        ("C", {"lines": lines}),
    ):
        fields = {"email": "ada@example.org", "data": {"object": {"id": id_, **order}, "more": [1]}}
        company.call("orders", fields, id=f"m{id_}", secret=SECRET)
    company.run()
    first, second, third = company.runs("nested")
    assert company.value(first.step("tell").proposal)["args"]["text"] == "a+b no note"
    assert (second.step("tell").status, third.step("tell").status) == ("skipped", "failed")
    company.call("orders", {"email": "", "off": {"id": "B"}}, id="m9", secret=SECRET)
    company.call("orders", {"email": "", "off": "A"}, id="m10", secret=SECRET)
    company.run()
    first, second = company.runs("nested")[:2]
    assert (first.terminal, second.reason) == (False, "stopped by webhook")
