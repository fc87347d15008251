import pytest

from engine.language.documents.sop import is_sop, mistaken
from engine.model.definitions.plan import Ask, Fixed
from engine.model.definitions.types import MONEY, TEXT, Type
from tests.unit.language.mending import codes
from tests.unit.language.trees import compiled

FRONT = "---\ntype: sop\ntitle: Case\n---\n"


def sop(body, front=FRONT):
    return compiled({"vault/sops/case.md": (front + body).encode()})


def plan(body, front=FRONT):
    found = sop(body, front)
    assert found.diagnostics == ()
    return found.plans["case"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"---\ntype: sop\n---\n", True),
        (b"\xef\xbb\xbf---\r\ntype: sop\r\n---\r\n", True),
        (b"---\ntitle: A\ntype: 'sop' # yes\n---\n", True),
        (b"---\ntype: note\n---\ntype: sop\n", False),
        (b"type: sop\n", False),
        (b"", False),
    ],
)
def test_the_front_matter_makes_a_note_compile(data, expected):
    assert is_sop(data) is expected


def test_an_item_asks_a_person():
    (node,) = plan(
        "- [ ] @partner, was it **ours** or **theirs**: `amount: money`, `why?: text`? ^fault\n"
    ).nodes

    assert (node.id, node.kind, node.uses) == ("fault", "human", "human/ask")
    assert node.ask == Ask(
        title=Fixed(value="@partner, was it ours or theirs: amount, why?"),
        who="partner",
        choices=("ours", "theirs"),
        fields=(("amount", MONEY), ("why", Type(kind="text", nullable=True))),
    )
    assert node.span.line == 5


def test_items_run_top_to_bottom_whatever_their_lists():
    body = "- [x] One ^one\n  1. [ ] Inside ^inside\n\n## Then\n\n* [ ] Two ^two\n\n> - [ ] Quoted ^quoted\n"

    found = plan(body)

    assert [(node.id, node.needs) for node in found.nodes] == [
        ("one", ()), ("inside", ("one",)), ("two", ("inside",)), ("quoted", ("two",)),
    ]  # fmt: skip


def test_plain_list_items_are_prose():
    assert [
        node.id for node in plan("- Not this\n- [link](https://example.com)\n- [ ] This ^this\n").nodes
    ] == ["this"]


def test_prose_is_cited():
    body = "# All\nIntro.\n## One\n- [ ] First ^first\n## Two\nBecause of **this**.\n- [ ] Second ^second\n\n  Own words.\n- [ ] Third ^third\n"

    assert [node.cite for node in plan(body).nodes] == ["One", "Own words.", "Because of this."]


def test_a_note_is_context_and_pinned():
    found = plan("- [ ] Read [[Tone-of-Voice|how we sound]] ^read\n")

    (node,) = found.nodes
    assert node.ask is not None
    assert node.ask.context == ("vault/knowledge/tone-of-voice.md",)
    assert node.ask.title == Fixed(value="Read how we sound")
    assert "vault/knowledge/tone-of-voice.md" in dict(found.files)


def test_a_fence_automates_its_item():
    body = "- [ ] Choose **a** or **b** ^pick\n- [ ] Tell them ^tell\n  ```yaml step\n  uses: notify/me\n  with: { text: 'You chose ${{ steps.pick.outputs.choice }}' }\n  ```\n"

    node = plan(body).node("tell")

    assert (node.kind, node.uses, node.name, node.reads) == ("effect", "notify/me", "Tell them", ("pick",))


def test_a_fence_without_an_action_adds_keys_to_the_question():
    body = "- [ ] First ^first\n- [ ] Second ^second\n  ```yaml step\n  needs: []\n  timeout: 1d\n  if: ${{ steps.first.status == 'succeeded' }}\n  ```\n"

    node = plan(body).node("second")

    assert (node.kind, node.needs, node.timeout.days) == ("human", (), 1)
    assert node.condition is not None


@pytest.mark.parametrize("indent", ["  ", "    ", "\t"])
def test_a_mistake_in_a_fence_has_its_place_in_the_note(indent):
    fence = f"{indent}```yaml step\n{indent}uses: notify/me\n{indent}with: {{ text: '${{{{ steps.nowhere.outputs }}}}' }}\n{indent}```\n"
    text = f"- [ ] Tell them ^tell\n{fence}"

    (found,) = sop(text).diagnostics

    assert found.code == "SW102"
    assert found.source[found.span.column - 1 : found.span.end_column - 1] == "nowhere"
    assert found.span.line == 8


def test_a_fence_that_is_no_yaml_is_said_where_it_is():
    (found,) = sop("- [ ] Tell them ^tell\n  ```yaml step\n  uses: [\n  ```\n").diagnostics

    assert (found.code, found.span.line) == ("SW007", 7)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("- [ ] A ^a\n- [ ] B ^a\n", ["SW201"]),
        ("- [ ] A ^A_b\n", ["SW025"]),
        ("- [ ] See [other](other.yaml) ^a\n", ["SW131"]),
        ("- [ ] See [[case]] ^a\n", ["SW132", "SW208"]),
        ("- [ ] A ^a\n  ```yaml step\n  with: { fields: { amount: { max: 3 } } }\n  ```\n", ["SW103"]),
        ("- [ ] A ^a\n  ```yaml step\n  id: b\n  uses: notify/me\n  with: { text: a }\n  ```\n", ["SW020"]),
        ("- [ ] A ^a\n  ```yaml step\n  uses: notify/me\n  with: { text: ${{ event.at }} }\n  ```\n", ["SW014"]),
        ("- [ ] A in ${{ event.aat }} ^a\n", ["SW103"]),
    ],
)  # fmt: skip
def test_refuses(body, expected):
    assert codes(sop(body).diagnostics) == expected


def test_note_programs_may_write_their_keys():
    assert plan("- [ ] A ^a\n", "---\ntype: sop\ntitle: Case\ntags: [a]\naliases: [b]\n---\n").name == "Case"


def test_words_of_an_item_may_read_answers():
    found = plan("- [ ] Who: `name: text` ^who\n- [ ] Call ${{ steps.who.outputs.name }} ^call\n")

    assert found.node("call").name == "Call …"
    assert found.node("call").reads == ("who",)
    assert TEXT in [type_ for ask in [found.node("who").ask] if ask for _, type_ in ask.fields]


@pytest.mark.parametrize(
    ("note", "line", "why"),
    [
        (b"--- \ntype: sop\n--- \n- [ ] Close access ^close\n", 1, "its first line is not exactly `---`"),
        (b"---\nType: SOP\n---\n", 2, "`Type: SOP` is not `type: sop`"),
        (b"\n---\ntype: sop\n---\n", 2, "its first line is not exactly `---`"),
        (b"---\ntype : sop\n---\n", 2, "`type : sop` is not `type: sop`"),
        (b"---\ntype: [sop]\n---\n", 2, "`type: [sop]` is not `type: sop`"),
        (b"---\n  type: sop\n---\n", 2, "`  type: sop` is not `type: sop`"),
        (b"+++\ntype = 'sop'\n+++\n", 1, "its first line is not exactly `---`"),
        (b"type: sop\n\n# Offboarding\n", 1, "its first line is not `---`"),
        ("---\ntype: sop\n---\n".encode("utf-16"), 1, "it is not UTF-8"),
        (b"---\nwhy: " + b"x" * 5000 + b"\ntype: sop\n---\n", 3, "`type: sop` stands too far down"),
        (b"# Offboarding\n- [ ] Close access ^close\n", 1, "no front matter says `type: sop`"),
    ],
)
def test_a_note_that_looks_like_a_sop_and_is_none_is_named(note, line, why):
    assert not is_sop(note)
    (found,) = mistaken("vault/sops/offboarding.md", note)
    assert (found.code, found.span.line) == ("SW038", line)
    assert found.message.endswith(why)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"# What a SOP is\n\nWrite type: sop above it.\n",
        b"---\ntype: sop-notes\n---\n",
        b"---\ntitle: Groceries\n---\n- [ ] Milk\n",
        b"```\n---\ntype: sop\n---\n```\n",
    ],
)
def test_an_ordinary_note_is_no_mistaken_sop(note):
    assert mistaken("vault/knowledge/note.md", note) == ()
