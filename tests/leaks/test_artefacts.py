"""A secret and a person's words go through a whole day of real commands, and are then looked for in everything that was left behind."""

import email.policy
import os
import subprocess
import sys
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest

from engine.testing.scenario import PASSPHRASE, Scenario
from tests.leaks import detector
from tests.leaks.postbox import Postbox, serving
from tests.simulate.terminal import ROOT, environment, plainly, typed

pytestmark = pytest.mark.slow

NEEDLES = {
    "password": "Rübezahl+7/quartz=moss",
    "kept": "kept & sealed: Zwölf Boxkämpfer 8841",
    "passphrase": PASSPHRASE,
    "body": "my account number is PL61-1090-1014-0712",
    "name": "Żaneta Grzegrzółka-Quist",
    "subject": "the matter of Haus Abendröte 17",
    "header": "x-mailer of Grzegrzółka 99312",
    "attachment": "divorce papers Quist 2026",
    "content": "what stands inside the attached file 55120",
    "address": "zaneta.quist.4711@abendroete.example",
}
WITNESSED, ANEW = "tests.leaks.witnessed:main", "tests.leaks.witnessed:anew"
BEGUN_ANEW = {("secrets", "set"), ("run",), ("edit",)}
"""Through these a secret passes: typed, used for a call, proven. They start as they do for an operator, command line and all."""
LETTER_ONLY = {"header", "attachment", "content"}
SETTINGS = """\
connectors:
  email: {{ host: 127.0.0.1, port: {port}, tls: ssl, user: robin, password: "${{{{ secrets.MAIL_PASSWORD }}}}" }}
"""


def letter() -> bytes:
    made = EmailMessage()
    made["From"] = f"{NEEDLES['name']} <{NEEDLES['address']}>"
    made["To"], made["Subject"] = "robin@example.com", NEEDLES["subject"]
    made["Date"], made["Message-ID"] = "Mon, 02 Mar 2026 08:30:00 +0000", "<one@abendroete.example>"
    made["X-Mailer"] = NEEDLES["header"]
    made.set_content(f"Please send us the contract; {NEEDLES['body']}.\n")
    made.add_attachment(
        NEEDLES["content"].encode() * 400,
        maintype="application",
        subtype="pdf",
        filename=f"{NEEDLES['attachment']}.pdf",
    )
    return made.as_bytes()


class Day:
    """One day of an operator, with a witness beside every process."""

    def __init__(self, folder: Path, port: int, certificate: Path) -> None:
        self.folder = folder
        self.scenario = Scenario.make(folder / "c")
        settings = (self.scenario.root / "steward.yaml").read_text(encoding="utf-8")
        playbook = (self.scenario.root / "playbooks/lead-capture.yaml").read_text(encoding="utf-8")
        self.scenario.commit(
            {
                "steward.yaml": settings.replace("secrets: [env]", "secrets: [env, keyring]")
                + SETTINGS.format(port=port),
                "playbooks/lead-capture.yaml": playbook.replace("    undo-within: 20s\n", ""),
            }
        )
        self.temporary, self.witness = folder / "tmp", folder / "witness"
        self.temporary.mkdir()
        editor = folder / "editor.py"
        editor.write_text(
            "import sys; file = open(sys.argv[1], 'a'); file.write('One more line.\\n'); file.close()\n"
        )
        self.env = environment(
            self.scenario.env,
            MAIL_PASSWORD=NEEDLES["password"],
            SSL_CERT_FILE=str(certificate),
            EDITOR=f"{sys.executable} {editor}",
            TMPDIR=str(self.temporary),
            STEWARD_WITNESS=str(self.witness),
            STEWARD_WITNESS_WATCH=str(self.temporary),
            PYTHONPATH=os.pathsep.join([str(Path(detector.__file__).parent / "witness"), str(ROOT)]),
        )
        self.said: list[tuple[str, bytes]] = []

    def plainly(self, *words: str) -> int:
        said = plainly(words, cwd=self.scenario.root, env=self.env, program=_program(words))
        self.said.append((f"said by {words[0]}", said.text.encode()))
        assert said.code in {0, 3, 4}, said.text
        return said.code

    def typed(self, *words: str, answers=()) -> None:
        said = typed(words, answers, cwd=self.scenario.root, env=self.env, program=_program(words))
        assert said.code == 0, said.text

    def live(self) -> None:
        secret = [("MAIL_SPARE: ", NEEDLES["kept"])]
        enrol = [("new passphrase", PASSPHRASE), ("once more", PASSPHRASE)]
        self.typed("secrets", "set", "MAIL_SPARE", answers=secret)
        self.typed("secrets", "enrol", "passphrase", answers=enrol)
        self.scenario.drop("one", letter())
        self.plainly("check")
        self.plainly("run")
        self.plainly("plan")
        (card,) = [shown.card.id for shown in self.scenario.cards()]
        edit = [("passphrase or code: ", PASSPHRASE)]
        self.typed("show", card)
        self.typed("edit", card, answers=edit)
        for verb in ("log", "status", "verify", "check"):
            self.plainly(verb)
        self.crash()

    def crash(self) -> None:
        """A fault in the program itself, with a letter's words in its hands."""
        code = f"""if True:
            from engine.cli.errors import report
            words = {NEEDLES["body"]!r}
            try:
                {{}}[words]
            except KeyError as problem:
                raise SystemExit(report(problem))
        """
        done = subprocess.run(
            [sys.executable, "-X", "utf8", "-"],
            input=code.encode(),
            env=self.env,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 1
        self.said.append(("said by a crash", done.stdout + done.stderr))

    def artefacts(self):
        """Everything that lies anywhere after the day."""
        root = self.scenario.root
        yield from detector.git_objects(root)
        yield from detector.below(self.temporary, "tmp")
        yield from detector.witnessed(self.witness)
        yield from self.said
        for place, data in (
            *detector.below(root, "work"),
            *detector.below(self.scenario.folder / "state", "state"),
        ):
            if place.startswith("work/.git/"):
                continue
            if "/outbox/" in place and place.endswith(".eml"):
                head, _, body = data.replace(b"\r\n", b"\n").partition(b"\n\n")
                yield f"outbox headers {place}", head
                yield f"outbox letter {place}", body
            else:
                yield place, data


def _program(words: tuple[str, ...]) -> str:
    return ANEW if any(words[: len(begun)] == begun for begun in BEGUN_ANEW) else WITNESSED


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    folder = tmp_path_factory.mktemp("leaks")
    box = Postbox("robin", NEEDLES["password"])
    with serving(box, folder) as (port, certificate):
        one = Day(folder, port, certificate)
        one.live()
    assert box.logins == len(box.given) == 2, (
        "the letters must have left with the password, or nothing was tried"
    )
    return one


@pytest.fixture(scope="module")
def searched(day):
    """Everything that lies anywhere, and all that was found in it: searched through once."""
    artefacts = list(day.artefacts())
    return artefacts, detector.leaks(iter(artefacts), NEEDLES)


def belongs(find: detector.Find) -> bool:
    """Where a planted text may lie: the letter itself; what answers it, in the letter that left."""
    place, needle = find.place, find.needle
    if place == "work/vault/inbox/leads/one.eml":
        return needle not in {"password", "kept", "passphrase"}
    if place.startswith("outbox letter"):
        return needle in {"body", "name", "subject", "address"}
    if place.startswith("outbox headers"):
        return needle in {"name", "subject", "address"}
    if place == "removed words.txt":
        # The words under the operator's own hand, in a folder that went with the editor.
        return needle == "name"
    # The operator's own screen, and only the names by which they tell letters apart.
    return place in {"said by run", "said by log"} and needle in {"name", "subject", "address"}


def test_no_planted_text_lies_where_it_does_not_belong(searched):
    _, finds = searched
    assert sorted(find for find in finds if not belongs(find)) == []


def test_the_search_saw_what_it_was_to_see(searched):
    """Every needle is found where it was put, and every kind of place was there to be searched."""
    artefacts, finds = searched
    letters = {find.needle for find in finds if find.place == "work/vault/inbox/leads/one.eml"}
    assert letters == set(NEEDLES) - {"password", "kept", "passphrase"}
    kinds = {place.split("/")[0].split(" ")[0] for place, _ in artefacts}
    assert kinds >= {"state", "git", "cmdline", "argv", "environ", "removed", "outbox", "said", "work"}
    names = {place.rpartition("/")[2] for place, _ in artefacts}
    assert names >= {"ledger.db", "keys.db", "head", "crash-report.txt", "diagnostics.json"}
    assert any("/blobs/" in place for place, _ in artefacts)
    lines = [data.rstrip(b"\0").split(b"\0") for place, data in artefacts if place.startswith("cmdline ")]
    commands = [tuple(map(os.fsdecode, line[3:])) for line in lines if line[2:3] == [b"engine.cli.main"]]
    anew = {begun for begun in BEGUN_ANEW for words in commands if words[: len(begun)] == begun}
    assert anew == BEGUN_ANEW


def test_the_letters_that_left_are_whole(day):
    for name, data in day.scenario.outbox().items():
        message = BytesParser(policy=email.policy.default).parsebytes(data)
        assert NEEDLES["name"] in str(message["To"]), name


@pytest.mark.parametrize("needle", sorted(NEEDLES))
def test_planted_into_the_state_it_would_be_found(day, needle):
    """The same search over the same places, with one more file of each kind."""
    folder = day.scenario.folder / "state" / "planted"
    folder.mkdir(exist_ok=True)
    for how, encode in detector.ENCODINGS.items():
        (folder / how).write_bytes(b"\0\1" + encode(NEEDLES[needle])[0] + b"\2\3")
    try:
        # The letters themselves lie there, too: they are searched as what they are.
        below = detector.below(day.scenario.folder / "state", "state")
        kept = ((place, data) for place, data in below if "/outbox/" not in place)
        finds = detector.leaks(kept, {needle: NEEDLES[needle]})
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    assert {find.place for find in finds if not belongs(find)} == {
        f"state/planted/{how}" for how in detector.ENCODINGS
    }
