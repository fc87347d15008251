"""Bad input gets a clear message with a way out; the others go on, nothing is lost, and no traceback is shown."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests import warm
from tests.counterparts import need

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
GOOD = ROOT / "engine" / "app" / "setup" / "letters" / "04-support.eml"

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment with its own home."""
    return {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new workspace whose acknowledgement is not held, so that a pass ends at once; to be copied."""
    folder = tmp_path_factory.mktemp("made")
    env = {**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
    run(["init", "w", "--email", "robin@example.com"], folder, env)
    root = folder / "w"
    playbook = root / "playbooks" / "lead-capture.yaml"
    playbook.write_text(playbook.read_text().replace("    undo-within: 20s\n", ""))
    commit(root, env)
    (root / "vault" / "inbox" / "leads").mkdir()
    return root


@pytest.fixture
def workspace(tmp_path: Path, made: Path) -> Path:
    """A copy, where nothing has run yet."""
    return shutil.copytree(made, tmp_path / "w")


def run(
    args: Sequence[str],
    cwd: Path,
    env: dict[str, str],
    *,
    under: Sequence[str] = (),
    program: str = warm.STEWARD,
) -> Done:
    """The command's end; a traceback fails at once."""
    if under:
        done = subprocess.run(
            [*under, *warm.COLD, *args],
            cwd=cwd,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    else:
        done = warm.run(args, cwd=cwd, env=env, program=program)
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    assert "fault in steward" not in done.stderr, done.stderr
    return done


def commit(root: Path, env: dict[str, str]) -> None:
    """Commit everything."""
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", *who, "commit", "-qam", "change"], cwd=root, env=env, check=True)


LETTERS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "binary": lambda: bytes(range(256)) * 40,
    "fifty-megabytes": lambda: b"From: a@example.com\n\n" + b"x" * 50_000_000,
    "no-headers": lambda: b"just words without any header at all",
    "nul": lambda: b"From: a@example.com\nSubject: \0\0\n\n\0\0\0",
}


@pytest.mark.parametrize("kind", LETTERS)
def test_a_letter_that_is_none_is_put_aside_and_the_next_one_runs(
    kind: str, workspace: Path, env: dict[str, str]
) -> None:
    """With a reason in the log, and it stays where it lay."""
    inbox = workspace / "vault" / "inbox" / "leads"
    (inbox / "0-bad.eml").write_bytes(LETTERS[kind]())
    shutil.copy(GOOD, inbox / "1-good.eml")
    done = run(["run"], workspace, env)
    assert done.returncode == 4, done.stderr
    assert "Offer" in run(["queue"], workspace, env).stdout
    assert (inbox / "0-bad.eml").exists()
    assert run(["verify"], workspace, env).returncode == 0


BROKEN = {
    "unknown key": ("stage: approval", "stagee: approval", "stagee"),
    "unknown step": ("steps.who.outputs", "steps.whom.outputs", "whom"),
    "cycle": ("    needs: [not-for-us]\n", "    needs: [draft]\n", "draft"),
    "bomb": ("description: Acknowledge", "a: &a [x,x,x]\nb: [*a,*a]\ndescription: Acknowledge", "&a"),
    "not yaml": ("steps:", "steps: [", "SW007"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_playbook_is_refused_with_its_place_and_the_last_good_commit_goes_on(
    kind: str, workspace: Path, env: dict[str, str]
) -> None:
    """`check` exits 3; what is deployed stays."""
    before, after, word = BROKEN[kind]
    shutil.copy(GOOD, workspace / "vault" / "inbox" / "leads" / "1.eml")
    assert run(["run"], workspace, env).returncode == 4
    playbook = workspace / "playbooks" / "lead-capture.yaml"
    text = playbook.read_text()
    assert before in text
    playbook.write_text(text.replace(before, after))
    done = run(["check"], workspace, env)
    assert done.returncode == 3
    assert "playbooks/lead-capture.yaml:" in done.stdout
    assert word in done.stdout
    commit(workspace, env)
    shutil.copy(GOOD.with_name("08-german.eml"), workspace / "vault" / "inbox" / "leads" / "2.eml")
    passed = run(["run"], workspace, env)
    assert passed.returncode == 4
    assert "does not compile" in passed.stderr
    assert "stays deployed" in passed.stderr
    assert len(run(["queue"], workspace, env).stdout.strip().splitlines()) == 2


def test_without_git_the_message_says_what_to_install(
    workspace: Path, env: dict[str, str], tmp_path: Path
) -> None:
    """And nothing was changed."""
    (tmp_path / "empty").mkdir()
    for args in (["status"], ["run"], ["init", str(tmp_path / "other"), "--email", "robin@example.com"]):
        done = run(args, workspace, {**env, "PATH": str(tmp_path / "empty")})
        assert done.returncode in {1, 2}
        assert "git" in done.stderr


def test_outside_a_workspace_the_message_says_how_to_make_one(tmp_path: Path, env: dict[str, str]) -> None:
    """Exit 2."""
    (tmp_path / "elsewhere").mkdir()
    done = run(["queue"], tmp_path / "elsewhere", env)
    assert done.returncode == 2
    assert "steward init" in done.stderr


def test_a_letter_waits_for_a_first_playbook_that_compiles(workspace: Path, env: dict[str, str]) -> None:
    """It is left lying, not put aside for ever."""
    playbook = workspace / "playbooks" / "lead-capture.yaml"
    text = playbook.read_text()
    playbook.write_text(text.replace("stage: approval", "stagee: approval"))
    commit(workspace, env)
    shutil.copy(GOOD, workspace / "vault" / "inbox" / "leads" / "1.eml")
    done = run(["run"], workspace, env)
    assert "1 left lying" in done.stderr
    playbook.write_text(text)
    commit(workspace, env)
    assert run(["run"], workspace, env).returncode == 4


def test_a_disk_that_is_read_only_is_said_plainly(workspace: Path, env: dict[str, str]) -> None:
    """Nothing runs; the same command works once it can be written."""
    shutil.copy(GOOD, workspace / "vault" / "inbox" / "leads" / "1.eml")
    state = Path(env["XDG_STATE_HOME"])
    state.mkdir(exist_ok=True)
    prefix = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o ro tmpfs "$0" && exec "$@"', str(state)]
    possible = (
        shutil.which("unshare")
        and not subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode
    )
    need(possible, "unshare and user namespaces")
    done = run(["run"], workspace, env, under=prefix)
    assert done.returncode == 1
    assert "can't be made" in done.stderr or "read-only" in done.stderr
    assert not (workspace / "outbox").exists()
    assert run(["run"], workspace, env).returncode == 4


@pytest.mark.parametrize("blocks", [150, 250, 400, 800])
def test_a_disk_that_takes_no_more_loses_nothing_and_repeats_nothing(
    blocks: int, workspace: Path, env: dict[str, str]
) -> None:
    """A file size limit of so many blocks of 512 bytes stands for a full disk; afterwards the same command goes on."""
    for name in ("04-support.eml", "08-german.eml", "02-contract.eml"):
        shutil.copy(GOOD.with_name(name), workspace / "vault" / "inbox" / "leads" / name)
    done = run([str(blocks * 512), "run"], workspace, env, program="tests.unit.cli.limited:main")
    if done.returncode != 4:
        assert done.returncode == 1
        assert "disk" in done.stderr, done.stderr
    assert run(["run"], workspace, env).returncode == 4
    assert run(["verify"], workspace, env).returncode == 0
    assert len(run(["queue"], workspace, env).stdout.strip().splitlines()) == 3
    assert len(list((workspace / "outbox").glob("*.eml"))) == 3
