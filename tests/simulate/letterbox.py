"""What the tests of letters share: a playbook that answers and waits, and looks at what came of it."""

from engine.testing.scenario import Scenario, letter

WAITS = """\
name: Mail
stage: auto
on:
  email: { mailbox: leads }
subject: ${{ event.from }}
concurrency: ${{ event.thread }}
steps:
  - id: hello
    uses: email/reply
    with: { template: just-checking }
  - id: answer
    uses: wait/for
    with: { any: { reply: { email: { thread: "${{ event.thread }}" } } }, time: 3d }
  - id: follow-up
    if: ${{ steps.answer.outputs.got == 'nothing' }}
    uses: notify/me
    with: { text: Remind them. }
"""
ANNA = "Anna <anna@example.org>"
WORDS = "Please send me a quote for a small shop.\n\nIt has twelve articles (https://shop.example/list?id=7), and we start in May.\n"


def first(company: Scenario, **headers: str) -> bytes:
    raw = letter("Quote for a shop", WORDS, sender=ANNA, id="q1@example.org", **headers)
    company.drop("first", raw)
    company.run()
    return raw


def ours(company: Scenario) -> str:
    """The Message-ID of our own letter, without brackets."""
    raw = next(iter(company.outbox().values()))
    return raw.decode().split("Message-ID: <")[1].split(">")[0]


def waits(company: Scenario) -> bool:
    (run,) = company.runs()
    return run.step("answer").status == "waiting"


def rows(company: Scenario) -> list[tuple[str, str]]:
    return [(row.kind, row.about) for row in company.queue()]
