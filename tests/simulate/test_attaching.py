"""`steward init` with a mailbox that lies on real servers: asked for on a terminal only, tried at once, its password nowhere in the files."""

import subprocess

import pytest

from tests.campaigns.mailing import letter, sending
from tests.contract.certificates import self_made
from tests.contract.mailservers import PASSWORD, USER, running
from tests.simulate.terminal import environment, plainly, typed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    folder = tmp_path_factory.mktemp("office")
    certificate = self_made(folder)
    with running("pymap", certificate=certificate) as mail, sending(mail, certificate) as (_, port):
        mail.deliver(letter(1))
        yield mail.port, port, certificate


def env_of(tmp_path, certificate, **more):
    return environment(
        {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}, SSL_CERT_FILE=certificate, **more
    )


def holding(folder, secret):
    """The files below a folder, git's objects unpacked, that hold a secret."""
    found = [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    if (folder / ".git").exists():
        said = subprocess.run(
            ["git", "-C", folder, "log", "-p", "--all"], capture_output=True, check=True
        ).stdout
        found += [folder] if secret.encode() in said else []
    return found


def test_on_a_terminal_it_asks_tries_and_keeps_the_password_sealed(office, tmp_path):
    imap, smtp, certificate = office
    env = env_of(tmp_path, certificate)
    answers = [
        ("your name", "Robin Park"), ("your address", USER), ("mailbox to read", USER),
        ("IMAP server (Enter: imap.example.com)", f"imap://localhost:{imap}"),
        ("SMTP server (Enter: smtp.example.com)", f"smtp://localhost:{smtp}"),
        ("folder there (Enter: INBOX)", "INBOX/leads"),
        ("password of robin@example.com", "wr0ng-s3cret"), ("password of robin@example.com", PASSWORD),
    ]  # fmt: skip
    said = typed(["init", "work"], answers, cwd=tmp_path, env=env)
    assert said.code == 0, said.text
    refused, _, taken = said.text.partition("✗ sending")
    assert "✗ leads      localhost refused robin@example.com or its password" in refused
    assert "steward secrets set MAIL" in refused
    assert "✓ leads      INBOX/leads on localhost: logged in over TLS; 1 letter since" in taken
    assert "✓ sending    through localhost: logged in over TLS" in taken
    assert "nothing was read or sent yet" in taken
    assert PASSWORD not in said.text
    assert holding(tmp_path, PASSWORD) == holding(tmp_path, "wr0ng-s3cret") == []

    doctor = plainly(["doctor"], cwd=tmp_path / "work", env=env)
    assert "✓ mailbox    leads: INBOX/leads on localhost: logged in over TLS; 1 letter" in doctor.text
    assert "✓ mailbox    sending: through localhost: logged in over TLS" in doctor.text


def test_a_script_says_it_with_flags_and_the_environment(office, tmp_path):
    imap, smtp, certificate = office
    where = [f"imap://{USER}@localhost:{imap}/INBOX/laeds", "--smtp", f"smtp://localhost:{smtp}"]
    env = env_of(tmp_path, certificate, MAIL=PASSWORD)
    said = plainly(["init", "one", "--mailbox", *where], cwd=tmp_path, env=env)
    assert said.code == 1
    assert "localhost has no folder INBOX/laeds" in said.text
    assert "→ the folders there: " in said.text
    assert "stands in steward.yaml; nothing was read or sent" in said.text
    where[0] = where[0].replace("laeds", "leads")
    said = plainly(["init", "two", "--mailbox", *where], cwd=tmp_path, env=env)
    assert said.code == 0, said.text
    assert "✓ leads      INBOX/leads on localhost" in said.text
    assert holding(tmp_path, PASSWORD) == []


def test_nothing_is_asked_without_a_terminal_and_nothing_tried_without_a_password(tmp_path):
    env = env_of(tmp_path, "")
    said = plainly(["init", "one", "--email", USER], cwd=tmp_path, env=env)
    assert said.code == 0
    assert "mailbox" not in said.text.replace("# A mailbox", "")
    said = plainly(["init", "two", "--mailbox", "robin@gmail.com"], cwd=tmp_path, env=env)
    assert said.code == 0
    assert "its password is not known" in said.text
    assert "→ steward secrets set MAIL" in said.text
    said = plainly(
        ["init", "three", "--mailbox", "imaps://robin:hunter2@imap.example.com"], cwd=tmp_path, env=env
    )
    assert said.code == 2
    assert "hunter2" not in said.text
    assert not (tmp_path / "three").exists()


def test_on_a_terminal_enter_passes_it_over(tmp_path):
    answers = [("your name", ""), ("your address", USER), ("mailbox to read", "")]
    said = typed(["init", "work"], answers, cwd=tmp_path, env=env_of(tmp_path, ""))
    assert said.code == 0, said.text
    assert "# connectors:" in (tmp_path / "work" / "steward.yaml").read_text()
