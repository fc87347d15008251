"""The glossary: what the words of the product mean. `steward explain WORD` and docs/explanation/glossary.md both read it."""

from types import MappingProxyType

MAX_WORDS = 60
"""A newcomer reads the whole page; a longer list would not be read."""

GLOSSARY = MappingProxyType(
    {
        "action": "What a step can do, named after `uses:`, such as email/reply. A connector performs it.",
        "agent": "A model with a prompt in vault/agents/. It reads and proposes; it cannot act.",
        "alarm": "The event written when something due did not happen: a schedule, a letter, a notice.",
        "anchor": "The ledger's latest hash, kept outside the ledger, so that a cut-off end is noticed.",
        "approval": "The default stage. What reaches a customer, moves money or binds you waits for your yes.",
        "breaker": "The switch that stops calls to a failing connector. Now and then it lets a probe through.",
        "brief": "The morning summary: what waits, what failed, what is missing.",
        "card": "What you decide on: the exact bytes that would leave, why, and until when. Your yes covers these bytes only.",
        "case": "A test of a playbook: an event, your decisions, and what should happen. Nothing is sent.",
        "connector": "The adapter to one service, such as email or payments. It declares actions and performs them.",
        "contact": "A person in vault/knowledge/contacts/. Letters from the address belong to that person.",
        "deployed commit": "The tip of the branch that `deploy:` names. Only what is committed there runs.",
        "diagnostic": "A message of `steward check`: a code, a place in a file, and a fix.",
        "digest": "The fingerprint of some bytes. A card's digest covers the bytes, the plan and the expiry.",
        "DMARC": "What your mail server found out about a sender's domain. Without a pass, the address may be false.",
        "effect": "One change outside Steward: a letter, a file, a payment link.",
        "event": "One line of the ledger: something that happened. In a playbook, `event` is what started the run.",
        "expiry": "When a card closes by itself. An expired card sends nothing.",
        "gate": "One decision that covers several steps. All of them wait on the same card.",
        "held": "Allowed to leave, but only after the pause of `undo-within`. `steward undo` withdraws it until then.",
        "idempotent": "Safe to repeat under the same key: the service performs it once.",
        "input": "A value a playbook is started with, declared under `inputs:` with its type.",
        "intent": "What a letter wants, such as quote or refund. Rules decide, then examples, then you.",
        "key": "In a file, a word before a colon. In a `foreach`, what tells one entry from another for ever.",
        "ledger": "The append-only record of everything that happened, on your machine. Each event names the hash of the one before.",
        "letter": "An email, in or out. One that comes in may start a run.",
        "mailbox": "Where letters are read: a folder of the workspace or one on a mail server.",
        "memory": "The search over your notes. It finds passages by meaning, or by their words until the model is loaded.",
        "note": "A Markdown file in vault/knowledge/. Replies quote it with path, heading and commit.",
        "operator": "The person whose company it is; you.",
        "outbox": "The folder of letters that left, or would leave where no mail server is configured.",
        "output": "A value a step gives to later steps: `steps.ID.outputs.NAME`.",
        "owner": "The one process that may write to the ledger. Other commands pass their request to it.",
        "plan": "A compiled playbook or SOP: its steps, their order, and what each may do.",
        "playbook": "A YAML file: what starts it, and the steps to take.",
        "policy": "Your limits in vault/policy.yaml: what always asks, what never runs, how much a day.",
        "preview": "The exact bytes an effect would send. Making one changes nothing outside.",
        "project": "A note about one piece of work for one customer. Runs, costs and letters can be listed by project.",
        "proof": "A passphrase or a one-time code. Payments and contracts ask for it besides your yes.",
        "queue": "All that waits for you. `steward queue` lists it.",
        "reach": "How far an effect goes: internal, low, customer, payment or legal. Reach and stage decide whether it asks.",
        "request": "A command that was written down before it was carried out. A crash in between loses nothing.",
        "room": "The sandbox an agent runs in: no network, no files, no secrets.",
        "run": "One execution of one plan, with an id of its own.",
        "secret": "A password or token. Files name it as ${{ secrets.NAME }}; its value is in the keyring or the environment.",
        "shadow": "The stage that only shows. Effects are previewed and never leave.",
        "SOP": "A standard operating procedure: a Markdown checklist that runs like a playbook.",
        "stage": "How much a playbook may do without asking: shadow, approval or auto.",
        "state folder": "Where ledger, keys and caches are kept, outside the workspace. `steward status` prints it.",
        "step": "One entry under `steps:`. It reads, asks, waits or acts.",
        "subject": "The person a run is about. Their values are encrypted with a key of their own, which can be destroyed.",
        "template": "Words you send, in vault/templates/, with blanks that steps fill in.",
        "thread": "A conversation: letters that answer one another.",
        "trigger": "What starts a run: a letter, a file, a schedule, a webhook, another playbook, or you.",
        "undo": "An effect that takes another one back. A step names it, or says that there is none.",
        "unknown": "The state of an effect that may or may not have happened. You are asked; it is not repeated.",
        "untrusted value": "Text that came from outside or from a model. It never chooses a recipient, an amount or a path.",
        "vault": "The folder of letters, notes, SOPs, templates, agents and policy in a workspace.",
        "verdict": "What the rules answer before an effect: allow, ask, hold or deny, with the rule's name.",
        "workspace": "A git repository with steward.yaml, playbooks/ and vault/.",
    }
)
"""Word → its meaning, in alphabetical order."""


def meaning(word: str) -> tuple[str, str] | None:
    """The word as the glossary spells it, and its meaning; None where it has no such word.

    Case, hyphens and a plural's `s` do not matter.
    """
    normalized = word.casefold().replace("-", " ").strip()
    for spelled, text in GLOSSARY.items():
        if normalized in {spelled.casefold(), f"{spelled.casefold()}s"}:
            return spelled, text
    return None
