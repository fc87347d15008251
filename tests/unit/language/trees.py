"""Workspaces in memory."""

import hashlib

from engine.language.build.compile import Compiled, compile_tree
from engine.model.definitions.settings import Config, Person
from tests.unit.language.actions import ACTIONS
from tests.unit.language.services import SENT, UNPERFORMED

CONFIG = Config(
    operator=Person(id="operator", name="Robin Park", email="robin@example.com"),
    time_zone="Europe/Warsaw",
    people=(Person(id="partner", name="A Partner", email="partner@example.com"),),
)

STARTER: dict[str, bytes] = {
    "vault/templates/got-it.md": b"---\nsubject: We have your letter\n---\nThank you.\n",
    "vault/templates/just-checking.md": b"---\nsubject: Just checking\n---\nDid it arrive?\n",
    "vault/templates/services-agreement.md": (
        b"---\nsubject: Agreement\nvalues: { client: person, note?: text }\n---\nFor ${{ client.name }}.\n"
    ),
    "vault/templates/replies/quote.md": b"---\nsubject: Our quote\n---\nHello.\n",
    "vault/intents/work.yaml": (
        b"quote: { means: Wants a price, examples: [How much is it], rules: [quote] }\n"
        b"spam: { means: Not for us, rules: [seo] }\n"
        b"contract: { means: Wants an agreement, rules: [agreement] }\n"
        b"payment: { means: Wants to pay, rules: [pay] }\n"
    ),
    "vault/policy.yaml": b"always-ask: [payment, legal]\n",
    "vault/agents/draft-reply.md": (
        b'---\ndescription: Draft one reply\ninputs: { message: text, contact: person, "sources?": [note] }\n'
        b"outputs: { body: text, items: [{ what: text, amount: money }], confidence: number }\n---\nDraft.\n"
    ),
    "vault/knowledge/tone-of-voice.md": b"# Tone\nShort.\n",
}


class MemoryTree:
    """The port Tree over a dict."""

    commit = ""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def paths(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted((path, hashlib.sha1(data).hexdigest()) for path, data in self.files.items()))

    def read(self, path: str) -> bytes:
        return self.files[path]


def compiled(files: dict[str, bytes], *, config: Config = CONFIG, actions=ACTIONS) -> Compiled:
    """A workspace with the starter's vault and these files."""
    return compile_tree(
        MemoryTree({**STARTER, **files}), actions=actions, events=SENT, unperformed=UNPERFORMED, config=config
    )


def playbook(text: str, **more: bytes) -> Compiled:
    """One playbook called `case`."""
    return compiled({"playbooks/case.yaml": text.encode(), **more})
