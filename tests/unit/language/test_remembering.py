"""What is remembered of each file says what compiling it afresh would say, whatever was edited in between."""

import random

import pytest

from engine.language.build import compile as compiling
from engine.language.build import session
from engine.language.build.cache_file import Shelf
from engine.language.build.cached_result import CacheEntry
from engine.language.passes import plan_codec
from engine.model.definitions.settings import Config, Person
from tests.unit.language.actions import ACTIONS
from tests.unit.language.services import SENT, UNPERFORMED
from tests.unit.language.trees import CONFIG, STARTER, MemoryTree

HEAD = "name: {n}\nstage: approval\non: {{ email: {{ mailbox: leads }}, call: {{}} }}\nsubject: ${{{{ event.from }}}}\n"
STEPS = (
    "  - { id: reply, uses: email/reply, with: { template: got-it } }\n",
    "  - { id: paper, uses: documents/render, with: { template: services-agreement, values: { client: ${{ event.from }} } } }\n",
    "  - { id: intent, uses: intent/resolve, with: { text: '${{ event.text }}' } }\n",
    "  - { id: ask, uses: human/ask, with: { title: Good?, who: partner } }\n",
    "  - { id: other, uses: playbook/b }\n",
    "  - { id: next, uses: playbook/c, with: { number: 3 } }\n",
    "  - { id: earlier, uses: run/find, with: { playbook: b } }\n",
    "  - { id: agent, uses: agent/draft-reply }\n",
    "  - { id: tell, uses: notify/me, with: { text: Hello } }\n",
    "  - { id: wrong, uzes: notify/me }\n",
)
HEADS = ("inputs: { number: number }\n", "outputs: { done: true }\n", "outputs: { done: text }\n", "")
VAULT = {
    "vault/templates/got-it.md": (b"---\nsubject: Thanks\n---\nThank you.\n", b"---\nvalues: { a: text }\n---\n${{ a }}\n"),
    "vault/templates/services-agreement.md": (
        b"---\nvalues: { client: person, note?: text }\n---\nFor ${{ client.name }}.\n",
        b"---\nvalues: { client: text }\n---\nFor ${{ client }}.\n",
        b"---\nvalues: { client: txt }\n---\nFor ${{ client }}.\n",
    ),
    "vault/intents/work.yaml": (b"quote: { means: A price, rules: [quote] }\n", b"bill: { means: A bill, rules: [bill] }\n"),
    "vault/policy.yaml": (b"always-ask: [payment, legal]\n", b"always-ask: [legal]\n"),
    "vault/agents/draft-reply.md": (
        b"---\ndescription: Drafts.\n---\nDraft.\n",
        b"---\ndescription: Drafts.\noutputs: { body: text }\n---\nDraft.\n",
        b"---\ndescription: Drafts.\noutputs: { body: number }\n---\nDraft.\n",
    ),
    "vault/knowledge/tone.md": (b"# Tone\nShort.\n", b"---\ntype: sop\n---\n- [ ] Read it ^read\n"),
    "vault/sops/d.md": (
        b"---\ntype: sop\n---\n- [ ] Look at [[tone]] ^look\n- [ ] Then [b](../../playbooks/b.yaml) ^then\n",
        b"---\ntype: sop\n---\n- [ ] Is it **good** or **bad** ^look\n",
        b"Nothing but words.\n",
    ),
}  # fmt: skip


def edited(rnd: random.Random, files: dict[str, bytes], config: Config) -> tuple[dict[str, bytes], Config]:
    """One edit: a playbook's words, a file of the vault, a name, a deletion, or the settings."""
    files = dict(files)
    names = [f"playbooks/{name}.yaml" for name in "abc"]
    match rnd.randrange(6):
        case 0 | 1:
            steps = rnd.sample(STEPS, rnd.randrange(1, 4))
            text = HEAD.format(n=rnd.randrange(5)) + rnd.choice(HEADS) + "steps:\n" + "".join(steps)
            files[rnd.choice(names)] = text.encode()
        case 2 | 3:
            path = rnd.choice(list(VAULT))
            files[path] = rnd.choice(VAULT[path])
        case 4:
            path = rnd.choice(sorted(files))
            data = files.pop(path)
            if rnd.random() < 0.5:
                files[path.replace(".", "-2.", 1)] = data
        case _:
            people = rnd.choice([CONFIG.people, (), (Person(id="sister", name="S", email="s@example.com"),)])
            config = Config(
                operator=CONFIG.operator, time_zone=rnd.choice(["UTC", "Europe/Warsaw"]), people=people
            )
    return files, config


def told(files, config, *, kept=None):
    """Everything a tree compiles to, as data."""
    found = compiling.compile_tree(
        MemoryTree(files), actions=ACTIONS, events=SENT, unperformed=UNPERFORMED, config=config, cache_file=kept, code="x"
    )  # fmt: skip
    return (
        found.diagnostics,
        found.broken,
        {name: plan_codec.to_bytes(plan) for name, plan in found.plans.items()},
    )


def afresh(files, config):
    """The same, remembering nothing."""
    before = dict(session._KNOWN)
    session._KNOWN.clear()
    try:
        return told(files, config)
    finally:
        session._KNOWN.clear()
        session._KNOWN.update(before)


def differing(kept, *, seed: int, edits: int, in_process: bool) -> list[int]:
    """The edits after which what is remembered says something else than compiling afresh."""
    rnd = random.Random(seed)
    files, config = dict(STARTER), CONFIG
    session._KNOWN.clear()
    found = []
    for number in range(edits):
        files, config = edited(rnd, files, config)
        if not in_process:
            session._KNOWN.clear()
        if told(files, config, kept=kept) != afresh(files, config):
            found.append(number)
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("in_process", [True, False], ids=["in the process", "on disk"])
def test_after_any_edit_it_says_what_compiling_afresh_says(tmp_path, seed, in_process):
    assert differing(tmp_path / "kept", seed=seed, edits=40, in_process=in_process) == []


def test_a_result_that_forgot_what_it_asked_would_be_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(session.Compilation, "_is_current", lambda *_: True)

    assert differing(tmp_path / "kept", seed=1, edits=40, in_process=False) != []


def test_after_one_edit_one_file_is_compiled(tmp_path, monkeypatch):
    files = {f"playbooks/p{n}.yaml": f"name: {n}\non: {{ manual: {{}} }}\nsteps:\n{STEPS[8]}".encode() for n in range(20)}  # fmt: skip
    told(files, CONFIG, kept=tmp_path / "kept")
    files["playbooks/p7.yaml"] = files["playbooks/p7.yaml"].replace(b"Hello", b"Goodbye")
    session._KNOWN.clear()
    compiled = []
    plain = session.Compilation._compiled

    def noted(self, id_, path):
        compiled.append(id_)
        return plain(self, id_, path)

    monkeypatch.setattr(session.Compilation, "_compiled", noted)

    told(files, CONFIG, kept=tmp_path / "kept")

    assert compiled == ["p7"]


def test_words_of_the_policy_change_the_files_of_plans_and_compile_nothing(tmp_path, monkeypatch):
    files = {**STARTER, "playbooks/a.yaml": f"name: A\non: {{ manual: {{}} }}\nsteps:\n{STEPS[8]}".encode()}
    before = told(files, CONFIG, kept=tmp_path / "kept")[2]
    session._KNOWN.clear()
    monkeypatch.setattr(session.Compilation, "_compiled", lambda *_: pytest.fail("it was compiled"))

    after = told({**files, "vault/policy.yaml": b"always-ask: [legal]\n"}, CONFIG, kept=tmp_path / "kept")[2]

    assert before["a"] != after["a"]


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff" * 100, b"[" * 100_000, None], ids=["empty", "cut", "noise", "deep", "one byte"])  # fmt: skip
def test_a_damaged_shelf_is_filled_again(tmp_path, damage):
    kept = tmp_path / "kept"
    files = {**STARTER, "playbooks/a.yaml": f"name: A\non: {{ manual: {{}} }}\nsteps:\n{STEPS[8]}".encode()}
    right = told(files, CONFIG, kept=kept)
    whole = bytearray(kept.read_bytes())
    whole[-5] ^= 1
    kept.write_bytes(bytes(whole) if damage is None else damage)
    session._KNOWN.clear()

    assert told(files, CONFIG, kept=kept) == right


def test_an_entry_of_another_hand_under_the_right_name_is_computed_again(tmp_path):
    kept = tmp_path / "kept"
    files = {**STARTER, "playbooks/a.yaml": f"name: A\non: {{ manual: {{}} }}\nsteps:\n{STEPS[8]}".encode()}
    right = told(files, CONFIG, kept=kept)
    shelf = Shelf(kept)
    for name in list(shelf._index):
        shelf.put(name, (shelf.get(name) or b"").split(b"\n")[0] + b'\n{"actions": 3}')
    shelf.save()
    session._KNOWN.clear()

    assert told(files, CONFIG, kept=kept) == right


def test_the_shelf_keeps_what_was_asked_for_last_within_its_bound(tmp_path):
    shelf = Shelf(tmp_path / "kept", max_bytes=4_000)
    for number in range(10):
        shelf.put(f"n{number}", b"x" * 500)
    shelf.save()
    again = Shelf(tmp_path / "kept", max_bytes=4_000)
    again.get("n4")
    again.put("new", b"y" * 500)
    again.save()

    last = Shelf(tmp_path / "kept", max_bytes=4_000)
    assert last.get("new") == b"y" * 500
    assert last.get("n4") == b"x" * 500
    assert (tmp_path / "kept").stat().st_size <= 4_000


def test_two_writers_leave_a_whole_file(tmp_path):
    one, two = Shelf(tmp_path / "kept"), Shelf(tmp_path / "kept")
    one.put("a", b"1")
    two.put("b", b"2")

    assert one.save()
    assert two.save()
    assert Shelf(tmp_path / "kept").get("b") == b"2"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_result_comes_back_as_it_was(tmp_path):
    files = {**STARTER, "playbooks/a.yaml": (HEAD.format(n=1) + "steps:\n" + STEPS[0] + STEPS[1]).encode()}
    session._KNOWN.clear()
    told(files, CONFIG)
    (found,) = session._KNOWN.values()

    again = CacheEntry.read(found.to_bytes())

    assert (again.known, again.cached_plan) == (found.known, found.cached_plan)
