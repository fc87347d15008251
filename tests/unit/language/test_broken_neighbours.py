"""A template or agent with mistakes of its own hides none in the playbooks that use it."""

import pytest

from tests.unit.language.trees import compiled

TEMPLATE = "vault/templates/hello.md"
GOOD = "---\nsubject: Hello\nvalues: { client: text, count?: integer, 'total?': money }\n---\nDear ${{ client }}\n"
BAD_TEMPLATES = {
    "an unknown name": GOOD.replace("${{ client }}", "${{ clinet }}"),
    "an open expression": GOOD.replace("${{ client }}", "${{ client"),
    "a block without an end": GOOD + "${{ if count > 1 }}\nmore\n",
    "a function that doesn't exist": GOOD.replace("${{ client }}", "${{ shout(client) }}"),
    "a wrong subject": GOOD.replace("subject: Hello", "subject: ${{ nobody }}"),
    "a wrong purpose": GOOD.replace("subject: Hello", "purpose: No Word"),
    "an unknown key": GOOD.replace("subject: Hello", "subjct: Hello"),
    "a type that doesn't exist": GOOD.replace("count?: integer", "count?: intger"),
}
PLAYBOOK = """\
name: Case
on: { email: { mailbox: leads } }
steps:
  - id: reply
    uses: email/reply
    with: { template: hello, values: { VALUES } }
  - id: tell
    uses: notify/me
    with: { text: "${{ steps.reply.outputs.OUTPUT }}" }
outputs: { sent: "${{ steps.reply.outputs.OUTPUT }}" }
"""


def of_the_playbook(files: dict[str, bytes], text: str) -> list[str]:
    """The codes of what is wrong in the playbook; the other file has its own, and there is no plan."""
    found = compiled({"playbooks/case.yaml": text.encode(), **files})
    own = [one for one in found.diagnostics if one.span.path != "playbooks/case.yaml"]
    assert own
    assert not found.plans
    return [one.code for one in found.diagnostics if one.span.path == "playbooks/case.yaml"]


def with_template(words: str, values: str, output: str = "message-id") -> list[str]:
    """The codes of the playbook beside a template."""
    text = PLAYBOOK.replace("VALUES", values).replace("OUTPUT", output)
    return of_the_playbook({TEMPLATE: words.encode()}, text)


@pytest.mark.parametrize("words", BAD_TEMPLATES.values(), ids=list(BAD_TEMPLATES))
def test_what_a_broken_template_declares_is_known_all_the_same(words):
    assert with_template(words, "client: Ada") == []
    assert with_template(words, "clint: Ada") == ["SW124"]
    assert with_template(words, "total: 1 EUR") == ["SW125"]
    assert with_template(words, "client: Ada, total: soon") == ["SW110"]
    assert with_template(words, 'client: "${{ event.sender }}"') == ["SW103"]
    assert with_template(words, "client: Ada", output="massage") == ["SW103", "SW103"]


@pytest.mark.parametrize(
    "words",
    [
        GOOD.replace("values:", "valeus:").replace("${{ client }}", "friend"),
        GOOD.replace("client: text", "client text: text"),
        GOOD.replace("values: {", "values: { {"),
        "---\nvalues: [client]\n---\nDear ${{ client }}\n",
    ],
)
def test_what_a_template_does_not_tell_is_demanded_of_nobody(words):
    assert with_template(words, "client: Ada") == []
    assert with_template(words, "whatever: Ada") == []
    assert with_template(words, 'client: "${{ event.sender }}"') == ["SW103"]
    assert with_template(words, "client: Ada", output="massage") == ["SW103", "SW103"]


AGENT = "vault/agents/reader.md"
READER = "---\ndescription: Reads.\ninputs: { words: text, 'hint?': text }\noutputs: { total: money, day: date }\n---\nRead.\n"
ASKING = """\
name: Case
on: { email: { mailbox: leads } }
steps:
  - { id: read, uses: agent/reader, with: { WORDS } }
  - { id: tell, uses: notify/me, with: { text: "${{ steps.read.outputs.OUTPUT }}" } }
"""
BAD_AGENTS = {
    "no instructions": READER.replace("Read.\n", "\n"),
    "a model that doesn't exist": READER.replace("inputs:", "model: gpt-nine\ninputs:"),
    "a tool that acts": READER.replace("inputs:", "tools: [email/send]\ninputs:"),
    "no description": READER.replace("description: Reads.\n", ""),
    "a type that doesn't exist": READER.replace("'hint?': text", "'hint?': txet"),
}


@pytest.mark.parametrize("words", BAD_AGENTS.values(), ids=list(BAD_AGENTS))
def test_what_a_broken_agent_takes_and_gives_is_known_all_the_same(words):
    def codes(arguments: str, output: str) -> list[str]:
        text = ASKING.replace("WORDS", arguments).replace("OUTPUT", output)
        return of_the_playbook({AGENT: words.encode()}, text)

    assert codes("words: hi", "day") == []
    assert codes("wrods: hi", "day") == ["SW121"]
    assert codes("hint: hi", "day") == ["SW122"]
    assert codes("words: hi", "dya") == ["SW103"]
    assert codes('words: "${{ event.sender }}"', "day") == ["SW103"]


@pytest.mark.parametrize(
    "words",
    [
        READER.replace("outputs:", "output:"),
        READER.replace("inputs:", "input:"),
        READER.replace("inputs: {", "inputs: { {"),
        READER.replace("day: date", "the day: date"),
    ],
)
def test_what_an_agent_does_not_tell_is_demanded_of_nobody(words):
    text = ASKING.replace("WORDS", "any: hi").replace("OUTPUT", "other")
    assert of_the_playbook({AGENT: words.encode()}, text) == []
