"""Real commands in real processes: on a terminal, without one, two at once, and beside a run that is under way."""

import base64
import email
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from engine.connectors.email.message.mime_writer import undated
from engine.model.events import events as e
from engine.testing.scenario import PASSPHRASE, Scenario, letter
from tests import warm
from tests.simulate.terminal import Typed, environment, plainly, typed

pytestmark = pytest.mark.slow

HELLO = letter("Hello", "I met you at the fair and wanted to say hello.", id="hello@example.org")
QUOTE = letter("Website check", "Could you give us a quote for a website check?", id="quote@example.org")
PAYMENT = letter("Going ahead", "We take the website check. How can I pay?", id="payment@example.org")
MORE = letter("Re: Hello", "And one more thing.", id="more@example.org", answers="hello@example.org")


class Company:
    """A workspace as its operator's shell sees it, on the machine's own clock."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.root, self.env = scenario.root, environment(scenario.env)

    def plainly(self, *words):
        return plainly(words, cwd=self.root, env=self.env)

    def typed(self, *words, answers=()):
        return typed(words, answers, cwd=self.root, env=self.env)

    def begin(self, *words):
        return Typed(words, cwd=self.root, env=self.env)

    def read(self, **letters):
        for name, data in letters.items():
            self.scenario.drop(name, data)
        assert self.plainly("run").code == 4

    def cards(self):
        return [shown.card.id for shown in self.scenario.cards()]

    def letters(self):
        """What left, as it was frozen: without the moment it left."""
        return [undated(data) for data in self.scenario.outbox().values()]

    def frozen(self):
        runs = {run.id: run for run in self.scenario.runs()}
        shown = self.scenario.cards()
        proposals = [
            self.scenario.value(runs[s.card.run].step(step).proposal) for s in shown for step in s.card.steps
        ]
        return [base64.b64decode(one["preview"]["body"]) for one in proposals]


def opened(folder):
    """Without the pause before an acknowledgement, which a real clock would wait out."""
    made = Scenario.make(folder)
    playbook = (made.root / "playbooks/lead-capture.yaml").read_text()
    made.commit({"playbooks/lead-capture.yaml": playbook.replace("    undo-within: 20s\n", "")})
    return Company(made)


@pytest.fixture
def shop(tmp_path):
    return opened(tmp_path / "c")


@pytest.fixture(scope="module")
def asking(tmp_path_factory):
    """A company with one card open, for what must leave it as it is."""
    company = opened(tmp_path_factory.mktemp("asking") / "c")
    company.read(hello=HELLO)
    return company


@pytest.mark.parametrize("verb", ["edit", "reject", "snooze", "undo"])
def test_without_a_terminal_nothing_is_decided(asking, verb):
    (card,) = asking.cards()
    words = {"snooze": ["1d"], "edit": ["--file", "steward.yaml"]}.get(verb, [])
    said = asking.plainly(verb, card, *words)
    assert said.code == 5, said.text
    assert "terminal" in said.text
    assert (asking.cards(), asking.letters()) == ([card], [])


def test_approve_asks_on_a_terminal_before_what_cannot_be_called_back(shop):
    shop.read(hello=HELLO)
    (body,), (card,) = shop.frozen(), shop.cards()
    for no in ("n", "", "nope", "yess"):
        said = shop.typed("approve", card, answers=[("Approve exactly these bytes? [y/N]", no)])
        assert (said.code, shop.cards(), shop.letters()) == (4, [card], []), said.text
        assert f"steward approve {card[:4]}" in said.text
    ended = shop.begin("approve", card)
    ended.until("[y/N]")
    ended.type("\x04")  # Ctrl-D
    said = ended.end()
    assert (said.code, shop.letters()) == (4, []), said.text
    said = shop.typed("approve", card, answers=[("[y/N]", "Y")])
    assert (said.code, shop.letters()) == (0, [body]), said.text


def test_off_a_terminal_yes_answers_for_a_word_and_never_for_a_passphrase(shop):
    shop.read(hello=HELLO, payment=PAYMENT)
    by_strength = {shown.card.strength: shown.card.id for shown in shop.scenario.cards()}
    before = len(shop.letters())
    bare = shop.plainly("approve", by_strength[1])
    assert bare.code == 2, bare.text
    assert f"steward approve {by_strength[1][:4]} --yes" in bare.text
    money = shop.plainly("approve", by_strength[2], "--yes")
    assert money.code == 5, money.text
    assert len(shop.letters()) == before
    sent = shop.plainly("approve", by_strength[1], "--yes")
    assert (sent.code, len(shop.letters())) == (0, before + 1), sent.text


@pytest.mark.parametrize("verb", ["approve", "edit", "reject", "snooze", "undo", "answer", "show"])
def test_three_characters_are_no_id(asking, verb):
    (card,) = asking.cards()
    for size in (0, 1, 3):
        words = ["--yes"] if verb == "approve" else []
        said = asking.typed(verb, card[:size], *words)
        assert said.code == 2, said.text
        assert "too little of an id" in said.text
    assert (asking.cards(), asking.letters()) == ([card], [])


def test_an_edit_finds_an_editor_or_says_what_to_type(shop, tmp_path):
    shop.read(hello=HELLO)
    (card,) = shop.cards()
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git",):
        (programs / name).symlink_to(shutil.which(name))
    bare = {name: value for name, value in shop.env.items() if name not in {"EDITOR", "VISUAL"}} | {
        "PATH": str(programs)
    }
    cases = {"": "there is no editor here", "no-such-program -w": "no such program", "'": "no such program",
             str(shutil.which("false")): "ended with 1"}  # fmt: skip
    for editor, words in cases.items():
        said = typed(["edit", card[:6]], cwd=shop.root, env={**bare, "EDITOR": editor})
        assert said.code == 2, said.text
        assert words in said.text
        assert f"steward edit {card[:6]} --file" in said.text
    gone = shop.typed("edit", card, "--file", str(tmp_path / "gone.txt"))
    assert (gone.code, "gone.txt can't be read" in gone.text) == (2, True), gone.text
    (programs / "nano").write_text(f"#!{shutil.which('sh')}\necho 'Dear Ada, in May.' > \"$1\"\n")
    (programs / "nano").chmod(0o755)
    said = typed(["edit", card], [("[y/N]", "y")], cwd=shop.root, env=bare)
    assert (said.code, b"in May" in shop.letters()[0]) == (0, True), said.text


def test_an_editor_is_not_shown_what_is_called_a_secret(shop, tmp_path):
    shop.read(hello=HELLO)
    (card,) = shop.cards()
    settings = (shop.root / "steward.yaml").read_text()
    mailbox = 'connectors:\n  email: { host: mail.example.org, user: robin, password: "${{ secrets.MAIL_PASSWORD }}" }\n'
    shop.scenario.commit({"steward.yaml": settings + mailbox})
    editor, seen = tmp_path / "editor", tmp_path / "seen"
    editor.write_text(f'#!{shutil.which("sh")}\nprintenv > "{seen}"\n')
    editor.chmod(0o755)
    env = {**shop.env, "EDITOR": str(editor), "MAIL_PASSWORD": "quartz-moss", "COLOUR": "blue-moss"}

    said = typed(["edit", card], cwd=shop.root, env=env)

    assert (said.code, "nothing changed" in said.text) == (0, True), said.text
    assert "COLOUR=blue-moss" in seen.read_text()
    assert "quartz-moss" not in seen.read_text()


def test_one_word_on_a_terminal_sends_exactly_the_shown_bytes(shop):
    shop.read(hello=HELLO)
    (body,), (card,) = shop.frozen(), shop.cards()
    said = shop.typed("approve", card[:8], "--yes")
    assert (said.code, shop.letters()) == (0, [body]), said.text
    again = shop.typed("approve", card[:8], "--yes")
    assert (again.code, shop.letters()) == (0, [body]), again.text


def test_pressed_twice_at_once_it_leaves_once(shop):
    shop.read(hello=HELLO)
    (body,), (card,) = shop.frozen(), shop.cards()
    pressed = [shop.begin("approve", card, "--yes") for _ in range(3)]
    said = [one.end() for one in pressed]
    assert [one.code for one in said] == [0, 0, 0], said
    assert shop.letters() == [body]
    approvals = [event for event in shop.scenario.events() if isinstance(event.body, e.CardApproved)]
    assert len(approvals) == 1
    assert shop.plainly("verify").code == 0


def test_approve_and_reject_at_once_have_one_winner(shop):
    shop.read(hello=HELLO)
    (card,) = shop.cards()
    yes, no = shop.begin("approve", card, "--yes"), shop.begin("reject", card)
    codes = (yes.end().code, no.end().code)
    left = len(shop.letters())
    assert (codes, left) in [((0, 5), 1), ((5, 0), 0)]


def test_a_second_process_decides_while_a_run_is_under_way(shop):
    """The owner is waiting out the pause before an acknowledgement; the answer doesn't wait for it."""
    playbook = shop.root / "playbooks/lead-capture.yaml"
    held = playbook.read_text().replace(
        "    with: { template: got-it }\n", "    with: { template: got-it }\n    undo-within: 10s\n"
    )
    shop.scenario.commit({"playbooks/lead-capture.yaml": held})
    shop.scenario.drop("quote", QUOTE)
    with beginning(["run"], shop.root, shop.env) as run:
        for line in run.stderr:
            if "asks you" in line:
                break
        (body,), (card,) = shop.frozen(), shop.cards()
        said = shop.typed("approve", card, "--yes")
        assert said.code == 0, said.text
        # The owner carries it out; it is the pause that must not be waited for.
        while not shop.letters() and run.poll() is None:
            time.sleep(0.05)
        assert run.poll() is None
        assert shop.letters() == [body]
        run.communicate()
        assert run.returncode == 0
    letters = shop.letters()
    assert len(letters) == 2
    assert len({email.message_from_bytes(one)["Message-ID"] for one in letters}) == 2
    assert shop.plainly("verify").code == 0


def test_whoever_waits_takes_over_when_the_owner_dies(shop):
    """The owner is frozen, then killed, while another process waits for its answer."""
    playbook = shop.root / "playbooks/lead-capture.yaml"
    held = playbook.read_text().replace(
        "    with: { template: got-it }\n", "    with: { template: got-it }\n    undo-within: 1s\n"
    )
    shop.scenario.commit({"playbooks/lead-capture.yaml": held})
    shop.scenario.drop("quote", QUOTE)
    with beginning(["run"], shop.root, shop.env) as run:
        for line in run.stderr:
            if "asks you" in line:
                break
        run.send_signal(signal.SIGSTOP)
        (body,), (card,) = shop.frozen(), shop.cards()
        pressed = shop.begin("approve", card, "--yes")
        # What it shows comes before it asks; only then is there anything to wait for.
        pressed.until("decided with")
        run.kill()
        run.communicate()
    said = pressed.end()
    assert said.code == 0, said.text
    letters = shop.letters()
    assert body in letters
    assert len(letters) == len({email.message_from_bytes(one)["Message-ID"] for one in letters}) == 2
    assert shop.plainly("verify").code == 0


def test_three_passes_at_once_start_each_letter_once(shop):
    shop.scenario.drop("hello", HELLO)
    shop.scenario.drop("quote", QUOTE)
    with open(os.devnull, "r+b") as nothing:
        streams = [nothing.fileno()] * 3
        passes = [warm.Command(["run"], streams, cwd=shop.root, env=shop.env) for _ in range(3)]
    # Whose pass was carried by another one's process may have looked before anything waited.
    assert {one.wait(60) for one in passes} <= {0, 4}
    made = [event for event in shop.scenario.events() if isinstance(event.body, e.RunCreated)]
    assert len(made) == 2
    assert len(shop.letters()) == 1
    assert shop.plainly("verify").code == 0


def beginning(words, cwd, env):
    return subprocess.Popen(
        [*warm.COLD, *words],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_run_that_is_interrupted_withdraws_what_it_held(shop):
    playbook = shop.root / "playbooks/lead-capture.yaml"
    held = playbook.read_text().replace(
        "    with: { template: got-it }\n", "    with: { template: got-it }\n    undo-within: 10s\n"
    )
    shop.scenario.commit({"playbooks/lead-capture.yaml": held})
    shop.scenario.drop("quote", QUOTE)
    run = shop.begin("run")
    run.until("asks you")
    os.kill(run.pid, signal.SIGINT)
    assert run.end().code == 130
    assert shop.letters() == []
    (state,) = shop.scenario.runs()
    assert state.step("acknowledge").status == "cancelled"


def test_money_asks_for_the_passphrase(shop):
    enrol = [("new passphrase", PASSPHRASE), ("once more", PASSPHRASE)]
    shop.read(payment=PAYMENT)
    (card,) = shop.cards()
    none = shop.typed("approve", card)
    assert none.code == 5, none.text
    assert shop.typed("secrets", "enrol", "passphrase", answers=enrol).code == 0
    before = len(shop.letters())
    wrong = shop.typed("approve", card, answers=[("passphrase or code: ", "not the passphrase")])
    assert (wrong.code, len(shop.letters())) == (5, before), wrong.text
    right = shop.typed("approve", card, answers=[("passphrase or code: ", PASSPHRASE)])
    assert (right.code, len(shop.letters())) == (0, before + 1), right.text
    assert PASSPHRASE not in right.text


def test_an_edit_shows_the_difference_and_asks_once(shop, tmp_path):
    shop.read(hello=HELLO)
    (card,) = shop.cards()
    words = tmp_path / "words.txt"
    words.write_text("Dear Ada,\n\nit was good to meet you, too.\n\nRobin\n")
    kept = shop.typed("edit", card, "--file", str(words), answers=[("Approve exactly these bytes?", "n")])
    assert (kept.code, shop.letters()) == (4, []), kept.text
    assert re.search(r"(?m)^\+.*good to meet you, too", kept.text)
    assert re.search(r"(?m)^-\S", kept.text)
    (second,) = shop.cards()
    assert second != card
    words.write_text("Dear Ada,\n\nsee you in May.\n\nRobin\n")
    sent = shop.typed("edit", second, "--file", str(words), answers=[("Approve exactly these bytes?", "y")])
    assert sent.code == 0, sent.text
    (body,) = shop.letters()
    assert b"see you in May" in body
    assert shop.typed("approve", card, "--yes").code == 5
    assert len(shop.letters()) == 1


def test_a_changed_thread_is_a_no_with_a_way_on(shop):
    shop.read(hello=HELLO)
    (card,) = shop.cards()
    shop.scenario.drop("more", MORE)
    said = shop.typed("approve", card, "--yes")
    assert (said.code, shop.letters()) == (5, []), said.text
    newer = [shown.card.id for shown in shop.scenario.cards() if shown.card.replaces == card]
    assert len(newer) == 1
    assert shop.typed("approve", newer[0], "--yes").code == 0
    assert len(shop.letters()) == 1


def test_an_expired_card_is_a_no(shop):
    """Asked on the scenario's own day, which is long over on the machine's clock."""
    shop.scenario.drop("hello", HELLO)
    shop.scenario.run()
    (card,) = shop.cards()
    said = shop.typed("approve", card, "--yes")
    assert (said.code, shop.letters()) == (5, []), said.text
    assert "expired" in said.text
    assert [shown.card.status for shown in shop.scenario.cards(status="expired")] == ["expired"]


def test_stop_needs_no_terminal_and_resume_needs_the_passphrase(shop):
    enrol = [("new passphrase", PASSPHRASE), ("once more", PASSPHRASE)]
    assert shop.typed("secrets", "enrol", "passphrase", answers=enrol).code == 0
    shop.read(hello=HELLO)
    (card,) = shop.cards()
    assert shop.plainly("stop").code == 0
    assert shop.typed("approve", card, "--yes").code == 5
    assert shop.plainly("resume").code == 5
    assert shop.typed("resume", answers=[("passphrase or code: ", "wrong, and long enough")]).code == 5
    assert shop.letters() == []
    assert shop.typed("resume", answers=[("passphrase or code: ", PASSPHRASE)]).code == 0
    assert shop.typed("approve", card, "--yes").code == 0
    assert len(shop.letters()) == 1


def test_undo_within_the_pause_withdraws(shop):
    playbook = shop.root / "playbooks/lead-capture.yaml"
    shop.scenario.commit(
        {
            "playbooks/lead-capture.yaml": playbook.read_text().replace(
                "    gate: offer\n", "    gate: offer\n    undo-within: 10s\n", 1
            )
        }
    )
    shop.read(hello=HELLO)
    (card,) = shop.cards()
    approving = shop.begin("approve", card, "--yes")
    approving.until("held until")
    withdrawn = shop.typed("undo", card)
    assert withdrawn.code == 0, withdrawn.text
    approving.end()
    assert shop.letters() == []


def test_the_queue_says_with_its_exit_code_that_something_waits(shop):
    assert shop.plainly("queue").code == 0
    shop.read(hello=HELLO)
    assert shop.plainly("queue").code == 4
    assert shop.plainly("run").code == 4


def test_approve_while_the_demo_runs(tmp_path):
    """The demo owns its ledger and is waiting out the pauses of its acknowledgements."""
    env = environment({"HOME": str(tmp_path / "home"), "XDG_STATE_HOME": str(tmp_path / "state")})
    root = tmp_path / "demo"
    with beginning(["demo", str(root)], tmp_path, env) as demo:
        cards = 0
        for line in demo.stderr:
            cards += "asks you" in line
            if cards == 10:
                break
        queue = plainly(["queue"], cwd=root, env=env)
        rows = [row for row in queue.text.splitlines() if "Offer" in row and "passphrase" not in row]
        said = typed(["approve", rows[0].split()[0], "--yes"], cwd=root, env=env)
        assert said.code == 0, said.text
        # The demo carries it out; its pauses must not be waited for.
        while not answers_in(root) and demo.poll() is None:
            time.sleep(0.05)
        assert demo.poll() is None
        replies = answers_in(root)
        assert len(replies) == 1
        demo.communicate()
        assert demo.returncode == 0
    assert answers_in(root) == replies
    assert plainly(["verify"], cwd=root, env=env).code == 0


def answers_in(root):
    """Letters of the outbox that a person said yes to."""
    return [one.name for one in (root / "outbox").glob("*.eml") if b"Auto-Submitted" not in one.read_bytes()]
