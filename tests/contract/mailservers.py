"""Real IMAP servers in processes of their own, to be read from, killed and started again: pymap, and Dovecot where it is installed."""

import contextlib
import imaplib
import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.counterparts import need

USER, PASSWORD = "robin@example.com", "correct-horse-7"
FOLDERS = ("INBOX/leads", "INBOX/support", "Sent")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class MailServer:
    """One server with one user, in a process that can be killed. What it holds lies below `home`."""

    name = ""

    def __init__(self, home: Path, certificate: str = "") -> None:
        self.home, self.port, self.certificate = home, free_port(), certificate
        self.process: subprocess.Popen | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        log = (self.home / "server.log").open("ab")
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        end = time.monotonic() + 30
        while True:
            try:
                with self.user():
                    return
            except (OSError, imaplib.IMAP4.abort):
                assert time.monotonic() < end, (self.home / "server.log").read_text()
                time.sleep(0.02)

    def stop(self, how: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    @contextmanager
    def user(self) -> Iterator[imaplib.IMAP4]:
        """The user's own mail program."""
        line = imaplib.IMAP4("127.0.0.1", self.port, timeout=20)
        try:
            if self.certificate:
                context = ssl.create_default_context(cafile=self.certificate)
                context.check_hostname = False
                line.starttls(context)
            line.login(USER, PASSWORD)
            yield line
        finally:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                line.logout()

    def deliver(self, *letters: bytes, folder: str = "INBOX/leads") -> None:
        left, said = list(letters), [b""]
        for _ in range(20):
            with self.user() as line:
                while left:
                    typ, said = line.append(f'"{folder}"', "", None, left[0])
                    if typ != "OK":
                        # Just after its files were taken away, Dovecot refuses conversations that began before it had made others.
                        # pymap waits for the lock of a conversation that was cut off, and says TIMEOUT until that has run out.
                        time.sleep(2 if b"TIMEOUT" in said[0] else 0.1)
                        break
                    left.pop(0)
            if not left:
                return
        raise AssertionError(said)

    def create(self) -> None:
        with self.user() as line:
            for folder in FOLDERS:
                line.create(f'"{folder}"')

    def look(self, folder: str = "INBOX/leads") -> dict[int, tuple[str, ...]]:
        """Number → flags of every letter, as the user's mail program sees them."""
        with self.user() as line:
            typ, said = line.select(f'"{folder}"', readonly=True)
            assert typ == "OK", said
            found = line.uid("FETCH", "1:*", "(FLAGS)")[1] if said[0] != b"0" else []
        letters = {}
        for one in found:
            text = one.decode() if isinstance(one, bytes) else ""
            if (uid := re.search(r"UID (\d+)", text)) and (flags := re.search(r"FLAGS \(([^)]*)\)", text)):
                letters[int(uid[1])] = tuple(sorted(set(flags[1].split()) - {"\\Recent"}))
        return letters

    def validity(self, folder: str = "INBOX/leads") -> int:
        with self.user() as line:
            line.select(f'"{folder}"', readonly=True)
            return int(line.response("UIDVALIDITY")[1][0])

    def renumber(self, folder: str = "INBOX/leads") -> None:
        """Give every letter of every folder another number, under another validity, as a server restored from a backup does.

        `folder` is one of them.
        """
        before = self.validity(folder)
        self.stop(signal.SIGTERM)
        for path in self.home.rglob("dovecot*"):
            if path.is_file() and path.name != "dovecot.conf":
                path.unlink()
        self.wait_for_another(before)
        self.start()
        assert self.validity(folder) != before

    def wait_for_another(self, validity: int) -> None:
        """Wait until a folder that is made now is sure to get another validity."""


class Pymap(MailServer):
    name = "pymap"

    def command(self) -> list[str]:
        from pysasl.hashing import BuiltinHash

        (self.home / "pymap-etc-passwd").write_text(f"{USER}:x::::robin:\r\n")
        # Few rounds: nobody guesses this one, and every conversation would cost half a second.
        secret = BuiltinHash(rounds=1000).hash(PASSWORD).replace(":", "\\:")
        (self.home / "pymap-etc-shadow").write_text(f"{USER}:{secret}:::::::\r\n")
        (self.home / "pymap-etc-group").touch()
        program = [sys.executable, "-c", "import sys; from pymap.main import main; sys.exit(main())"]
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--no-service", "admin"]
        tls = ["--cert", self.certificate, "--key", self.certificate] if self.certificate else ["--no-tls"]
        return [*program, *where, *tls, "maildir", str(self.home)]


class Dovecot(MailServer):
    name = "dovecot"

    def command(self) -> list[str]:
        owner = pwd.getpwnam("mail") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        mail = self.home / "mail"
        mail.mkdir(exist_ok=True)
        os.chown(mail, owner.pw_uid, owner.pw_gid)
        users = self.home / "users"
        users.write_text(f"{USER}:{{PLAIN}}{PASSWORD}:{owner.pw_uid}:{owner.pw_gid}::{mail}::\n")
        users.chmod(0o644)
        tls = (
            f"ssl = yes\nssl_cert = <{self.certificate}\nssl_key = <{self.certificate}"
            if self.certificate
            else "ssl = no"
        )
        settings = self.home / "dovecot.conf"
        settings.write_text(f"""
protocols = imap
listen = 127.0.0.1
base_dir = {self.home}/run
log_path = {self.home}/server.log
{tls}
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = maildir:~/Maildir
passdb {{
  driver = passwd-file
  args = {users}
}}
userdb {{
  driver = passwd-file
  args = {users}
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    special_use = \\Sent
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {self.port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
""")
        return [shutil.which("dovecot") or "/usr/sbin/dovecot", "-F", "-c", str(settings)]

    def wait_for_another(self, validity: int) -> None:
        # It takes the time in seconds, or one more than the last: that of folders made at once runs ahead of the clock.
        assert validity < time.time() + 60
        while time.time() < validity + 1:
            time.sleep(0.05)

    def stop(self, how: int = signal.SIGTERM) -> None:
        # Killed, it would leave its helpers behind.
        super().stop(signal.SIGTERM)


@contextmanager
def running(name: str, *, certificate: str = "") -> Iterator[MailServer]:
    """A server with its folders made; skipped, or failed where everything must be there, when it is not installed."""
    if name == "dovecot":
        need(shutil.which("dovecot") or os.path.exists("/usr/sbin/dovecot"), "dovecot")
        need(os.geteuid() == 0, "dovecot started by root")
    with tempfile.TemporaryDirectory(prefix="steward-mail-", ignore_cleanup_errors=True) as home:
        os.chmod(home, 0o755)
        if name == "dovecot":
            entered = all(parent.stat().st_mode & 0o001 for parent in Path(home).resolve().parents)
            need(entered, "a temporary folder that dovecot's own users can enter")
        server: MailServer = {"pymap": Pymap, "dovecot": Dovecot}[name](Path(home), certificate)
        try:
            server.start()
            server.create()
            yield server
        finally:
            server.stop()
