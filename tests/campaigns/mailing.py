"""A mailbox served by real processes while they are killed: `steward up`, an IMAP server and an SMTP server.

    python -m tests.campaigns.mailing [--letters N] [--batch N] [--seed N] [--server pymap|dovecot]

Letters come in batches; after each one the engine is killed, the IMAP server is killed, every letter gets another number, the SMTP server
takes letters and hangs up without saying so, or nothing happens. In the end each letter must have started one run and been answered at
most once; the row goes to docs/evidence.
"""

import argparse
import asyncio
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from engine.app.adapters.memory_process import OFF
from engine.model.events import events as e
from engine.model.values.ids import ValueId
from engine.testing.scenario import Scenario
from tests.campaigns import evidence
from tests.campaigns.invariants import judge
from tests.contract.certificates import self_made
from tests.contract.mailservers import PASSWORD, USER, MailServer, free_port, running
from tests.simulate.terminal import environment, plainly

DISTURBANCES = ("kill the engine", "kill the server", "new numbers", "hang up unheard", "nothing")
UNHEARD = 3
VOUCHED = 1_000_000
"""The number of the letter whose acknowledgement the operator said yes to, before anything is counted."""
_CODE = ("engine/connectors/email", "engine/app", "engine/kernel", "tests/campaigns/mailing.py")
_PLAYBOOK = """\
name: Thanks
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
steps:
  - id: thanks
    uses: email/acknowledge
    with: { template: got-it }
"""
_SETTINGS = """\
connectors:
  email:
    host: localhost
    port: %d
    tls: starttls
    imap-port: %d
    imap-tls: starttls
    user: %s
    password: ${{ secrets.MAIL }}
    sent: server
    sent-folder: Sent
    mailboxes: { leads: INBOX/leads }
"""


def sender(n: int) -> str:
    """Who wrote letter `n`."""
    return f"ada-{n}@winterlight.example.com"


def letter(n: int) -> bytes:
    """A letter of its own sender."""
    return (
        f"From: Ada Winter <{sender(n)}>\r\nTo: {USER}\r\nSubject: Website check {n}\r\n"
        f"Date: Mon, 2 Mar 2026 09:14:03 +0100\r\nMessage-ID: <mailing-{n}@winterlight.example.com>\r\n\r\n"
        f"Hello,\r\n\r\ncould you look at site {n}?\r\n"
    ).encode()


class Postmaster:
    """An SMTP server that files what it takes among the sent letters, as large providers do, unless it is told that it does not `file`. After
    so many as are `unheard` it hangs up without a word.
    """

    def __init__(self, mail: MailServer) -> None:
        self.mail, self.unheard, self.files = mail, 0, True
        self.taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    async def handle_DATA(self, server, _session, envelope):
        content = envelope.original_content
        await asyncio.get_running_loop().run_in_executor(None, self._file, content, envelope.rcpt_tos)
        if self.unheard:
            self.unheard -= 1
            server.transport.abort()
        return "250 OK"

    def _file(self, content: bytes, recipients: list[str]) -> None:
        # Here, for a handler is dropped with its connection: what was taken is taken.
        self.taken.update(recipients)
        if not self.files:
            return
        end = time.monotonic() + 60
        while True:
            try:
                with self._lock:
                    self.mail.deliver(content, folder="Sent")
            except Exception:
                # It was killed: it comes back.
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                return


@contextmanager
def sending(mail: MailServer, certificate: str) -> Iterator[tuple[Postmaster, int]]:
    """The SMTP server on a port of its own; only the user may use it, and only in cipher."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    master = Postmaster(mail)

    def allowed(_server, _session, _envelope, _mechanism, data):
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)

    with warnings.catch_warnings():
        # The library warns about its own `loop` argument.
        warnings.simplefilter("ignore")
        controller = Controller(
            master, hostname="localhost", port=free_port(), tls_context=context, require_starttls=True,
            authenticator=allowed, auth_required=True,
        )  # fmt: skip
        controller.start()
        try:
            yield master, controller.port
        finally:
            controller.stop()


@dataclass
class Office:
    """The company, its servers, and the engine that is up."""

    company: Scenario
    mail: MailServer
    master: Postmaster
    certificate: str
    code: Path
    process: subprocess.Popen | None = None
    done: Counter[str] = field(default_factory=Counter)
    before: frozenset[str] = frozenset()

    def env(self) -> dict[str, str]:
        """What a command of the operator's needs to know."""
        return environment(self.company.env, MAIL=PASSWORD, SSL_CERT_FILE=self.certificate)

    def vouch(self) -> None:
        """Say yes to one acknowledgement, after which a new mailbox is watched no more. What that took is `before` and not counted."""
        self.mail.deliver(letter(VOUCHED))
        said = plainly(["run"], cwd=self.company.root, env=self.env())
        (card,) = self.company.cards()
        said = plainly(["approve", card.card.id, "--yes"], cwd=self.company.root, env=self.env())
        assert said.code == 0, said.text
        assert sum(self.master.taken.values()) == 1
        self.master.taken.clear()
        self.before = frozenset(run.id for run in self.company.runs())

    def up(self) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ}
        env = {
            **kept, **self.company.env, "PYTHONPATH": os.fspath(self.code), "NO_COLOR": "1", OFF: "off",
            "MAIL": PASSWORD, "SSL_CERT_FILE": self.certificate,
        }  # fmt: skip
        with (self.company.folder / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "engine.cli.main", "up"], cwd=self.company.root, env=env,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def down(self, how: int) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    def disturb(self, what: str) -> None:
        self.done[what] += 1
        if what == "kill the engine":
            self.down(signal.SIGKILL)
            self.up()
        elif what == "kill the server":
            self.mail.stop()
            self.mail.start()
        elif what == "new numbers":
            self.mail.renumber()
        # For as long as this disturbance lasts: a held-back connector sends nothing meanwhile.
        self.master.unheard = UNHEARD if what == "hang up unheard" else 0

    def log(self) -> str:
        return (self.company.folder / "up.log").read_text(encoding="utf-8", errors="replace")

    def until(self, true: Callable[[], bool], seconds: float = 120.0) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, self.log()[-3000:]
            assert self.process is None or self.process.poll() is None, self.log()[-3000:]
            time.sleep(0.5)

    def runs(self) -> tuple[int, int]:
        """(begun, ended or waiting for a person) so far."""
        with self.company.reading() as reading:
            runs = [run for run in reading.book.runs.values() if run.id not in self.before]
            asked = {run.id for run in runs for step in run.steps.values() if step.status == "unknown"}
            return len(runs), sum(bool(run.ended) or run.id in asked for run in runs)


@contextmanager
def office(folder: Path, server: str = "pymap") -> Iterator[Office]:
    """A company whose mailbox lies on real servers; nothing is up yet."""
    certificate = self_made(folder)
    with running(server, certificate=certificate) as mail, sending(mail, certificate) as (master, port):
        company = Scenario.make(folder / "company", files={"playbooks/thanks.yaml": _PLAYBOOK}, bare=True)
        # The starter's says how many letters may leave in a day.
        (company.root / "vault" / "policy.yaml").unlink()
        settings = company.root / "steward.yaml"
        company.commit({"steward.yaml": settings.read_text() + _SETTINGS % (port, mail.port, USER)})
        # Every process that is started imports the same code, whatever somebody writes into the checkout meanwhile.
        code = folder / "code"
        shutil.copytree(
            evidence.ROOT / "engine", code / "engine", ignore=shutil.ignore_patterns("__pycache__")
        )
        one = Office(company, mail, master, certificate, code)
        try:
            yield one
        finally:
            one.down(signal.SIGKILL)


def serve(one: Office, *, letters: int, batch: int, seed: int) -> dict[str, object]:
    """Serve that many letters under disturbances; what came of it. Violations are in words."""
    one.vouch()
    chance, began = random.Random(seed), time.monotonic()
    one.up()
    for start in range(0, letters, batch):
        one.mail.deliver(*(letter(n) for n in range(start, min(start + batch, letters))))
        time.sleep(chance.random() * 2)  # another moment of the letters' way each time
        one.disturb(DISTURBANCES[(start // batch) % len(DISTURBANCES)])
    one.until(lambda: one.runs() == (letters, letters), 60 + letters)
    seconds = time.monotonic() - began
    one.down(signal.SIGTERM)
    return {
        **_found(one, letters),
        "seconds": round(seconds, 1),
        **{k.replace(" ", "-"): v for k, v in one.done.items()},
    }


def accounts(expected: Iterable[str], taken: Mapping[str, int], asked: Collection[str]) -> list[str]:
    """Violations of "each letter is answered at most once, and else a person is asked", person by person.

    `taken`: how many answers the mail server took for each recipient; `asked`: the senders about whose letter the operator is asked.
    """
    expected = set(expected)
    violations = [f"{who} was written to {times} times" for who, times in sorted(taken.items()) if times > 1]
    violations += [f"{who} was written to and never wrote" for who in sorted(set(taken) - expected)]
    violations += [
        f"{who} is neither answered nor asked about"
        for who in sorted(expected - set(asked))
        if not taken.get(who)
    ]
    violations += [f"{who} is asked about and never wrote" for who in sorted(set(asked) - expected)]
    return violations


def _found(one: Office, letters: int) -> dict[str, object]:
    violations = list(judge(one.company.folder).violations)
    events = [event for event in one.company.events() if event.run not in one.before]
    sources = Counter(event.body.source for event in events if isinstance(event.body, e.RunCreated))
    repeated = sum(
        isinstance(event.body, e.TriggerReceived) and event.body.reason == "duplicate" for event in events
    )
    found = sum(isinstance(event.body, e.EffectSucceeded) and event.body.repeated for event in events)
    with one.company.reading() as reading:
        runs = [run for run in reading.book.runs.values() if run.id not in one.before]
        asked = [
            str(reading.ledger.unseal(ValueId(run.event or ""))["from"])
            for run in runs
            if any(step.status == "unknown" for step in run.steps.values())
        ]
    failed = Counter(step.code for run in runs for step in run.steps.values() if run.status == "failed")
    violations += [f"{n} runs of one letter" for n in sources.values() if n != 1]
    violations += [f"{len(sources)} letters of {letters} began a run"] if len(sources) != letters else []
    violations += accounts((sender(n) for n in range(letters)), one.master.taken, asked)
    violations += [f"{n} runs failed: {code}" for code, n in failed.items()]
    flags = {flag for found in one.mail.look().values() for flag in found}
    violations += [f"flags were set: {sorted(flags)}"] if flags else []
    violations += ["the password was said"] if _said(one) else []
    return {
        "letters": letters, "answered": len(one.master.taken), "asked": len(asked), "found-sent": found, "read-again": repeated,
        "reconnects": len(re.findall("answers again", one.log())), "violations": violations,
    }  # fmt: skip


def _said(one: Office) -> bool:
    files = [path for path in one.company.folder.rglob("*") if path.is_file()]
    return any(PASSWORD.encode() in path.read_bytes() for path in files)


def main(argv: list[str]) -> int:
    """Serve many letters and keep the row."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.mailing", description=__doc__)
    parser.add_argument("--letters", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--server", choices=["pymap", "dovecot"], default="pymap")
    args = parser.parse_args(argv)
    commit, digest = evidence.commit(), evidence.digest(*_CODE)
    with (
        tempfile.TemporaryDirectory(prefix="steward-mailing-") as folder,
        office(Path(folder), args.server) as one,
    ):
        found = serve(one, letters=args.letters, batch=args.batch, seed=args.seed)
    print(found)
    violations = found.pop("violations")
    assert isinstance(violations, list)
    used = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    evidence.add(
        {
            "campaign": "mailing",
            "commit": commit,
            "digest": digest,
            "range": [0, args.letters],
            "result": {"server": args.server, **found, "violations": len(violations)},
            "cpu_seconds": round(used),
        }
    )
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
