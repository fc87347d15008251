"""`steward up`: a real process that stays, on real files and commits, stopped and killed."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial

import pytest

from engine.app.commands import daemon
from engine.app.commands.file_watch import (
    CALM_SECONDS,
    LARGE,
    RESCAN_SECONDS,
    SETTLED_SECONDS,
    STALLED_SECONDS,
    ChangeTracker,
    DeployBranch,
    SettledSource,
    SettlingSource,
    being_written,
)
from engine.app.setup.new_workspace import LETTERS
from engine.app.workspace.workspace import open_workspace
from engine.connectors.file_source import WatchedFiles
from engine.ledger import Owner
from engine.model.events import events as e
from engine.testing.scenario import Scenario
from tests.campaigns import bursting
from tests.campaigns.invariants import judge
from tests.campaigns.standing import Standing
from tests.counterparts import needs
from tests.simulate.terminal import environment, plainly

LETTER = (LETTERS / "04-support.eml").read_bytes()


def letter(n: int) -> bytes:
    lines = [one for one in LETTER.splitlines() if not one.lower().startswith(b"message-id:")]
    return b"\r\n".join([b"Message-ID: <up-%d@example.com>" % n, *lines])


@contextmanager
def up(company: Scenario):
    env = environment(company.env, PYTHONUNBUFFERED="1")
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.cli.main", "up"], cwd=company.root, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    try:
        until(lambda: "up:" in said(process), process)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def said(process: subprocess.Popen, kept: dict[int, str] = {}) -> str:  # noqa: B006 - what was read is gone from the pipe
    assert process.stdout is not None
    while chunk := process.stdout.read():
        kept[process.pid] = kept.get(process.pid, "") + chunk.decode("utf-8", "replace")
    return kept.get(process.pid, "")


def until(true: Callable[[], bool], process: subprocess.Popen, seconds: float = 30.0) -> None:
    """Wait for what the process does by itself; a minute's half is only an end to waiting."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, said(process)
        assert process.poll() is None, said(process)
        time.sleep(0.02)


def runs_of(company: Scenario) -> int:
    return sum(isinstance(event.body, e.RunCreated) for event in company.events())


@pytest.mark.slow
def test_it_reads_what_is_dropped_deploys_what_is_committed_and_ends_when_told(company):
    with up(company) as process:
        company.drop("one", letter(1))
        until(lambda: runs_of(company) == 1, process)
        draft = company.root / "vault/inbox/two.part"
        draft.write_bytes(letter(2))
        draft.rename(draft.with_name("two.eml"))
        until(lambda: runs_of(company) == 2, process)
        name = "playbooks/lead-capture.yaml"
        text = (company.root / name).read_text().replace("stage: approval", "stage: shadow", 1)
        company.commit({name: text})
        until(lambda: "is deployed" in said(process), process)
        company.drop("three", letter(3))
        until(lambda: runs_of(company) == 3, process)
        stages = [event.body.stage for event in company.events() if isinstance(event.body, e.RunCreated)]
        assert stages == ["approval", "approval", "shadow"]
        company.commit({name: "name: [broken"})
        until(lambda: "can't" in said(process) or "does not compile" in said(process), process)
        company.drop("four", letter(4))
        until(lambda: runs_of(company) == 4, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    company.run()  # what was under way goes on with the next command
    assert judge(company.folder).violations == ()


@pytest.mark.slow
def test_a_second_one_is_told_and_other_commands_are_carried(company):
    with up(company) as process:
        other = plainly(["up"], cwd=company.root, env=environment(company.env))
        assert other.code == 2
        assert f"process {process.pid}" in other.text
        company.drop("one", letter(1))
        until(lambda: len(company.cards()) == 1, process)
        passed = plainly(["run"], cwd=company.root, env=environment(company.env))
        assert passed.code in {0, 4}, passed.text
        assert runs_of(company) == 1


@pytest.mark.slow
def test_it_waits_for_a_command_tells_how_things_stand_and_keeps_the_last_commit_that_works(company):
    one = Standing(company)
    owner = Owner.take(company.workspace().state.make())
    assert owner is not None
    try:
        one.begin()
        one.until(lambda: "a command is under way" in one.log())
        owner.release()
        one.until(lambda: one.stands)
        company.drop("one", letter(1))
        one.until(lambda: "1 waits for you: steward queue" in one.log())
        assert one.process is not None
        assert (
            f"up: process {one.process.pid}"
            in plainly(["status"], cwd=company.root, env=environment(company.env)).text
        )
        company.commit({"vault/policy.yaml": "caps: [broken"})
        one.until(lambda: "the new commit can't be used" in one.log())
        company.drop("two", letter(2))
        one.until(lambda: len(company.cards()) == 2)
        assert one.down(signal.SIGINT) == 0
    finally:
        owner.release()
        one.down(signal.SIGKILL)
    last = one.log()[one.log().index("down:") :]
    assert re.match(
        r"down: nothing is under way; 2 wait for you: steward queue; .*next: [a-z-]+ at ", last
    ), last


@pytest.mark.slow
def test_killed_at_any_moment_and_begun_again_it_loses_and_repeats_nothing(company):
    for n in range(6):
        with up(company) as process:
            company.drop(f"letter-{n}", letter(n))
            time.sleep(0.03 * n * n)  # another moment of the letter's way each time
            process.kill()
            process.wait()
    with up(company) as process:
        until(lambda: runs_of(company) == 6, process)
        until(lambda: len(company.cards()) == 6, process)
    assert judge(company.folder).violations == ()


@pytest.mark.slow
def test_a_checkout_and_the_saves_of_editors_start_exactly_the_runs_they_should(tmp_path):
    """The campaign of a thousand files in small."""
    with bursting.office(tmp_path) as (desk, one):
        result = bursting.burst(desk, one, files=20, each=1, noise=0)
    assert result["violations"] == []
    assert [result[step] for step in ("checkout", "back", "again", "another")] == [20, 20, 20, 27]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_of_hints_is_one_look_and_without_hints_there_is_one_each_half_minute(tmp_path):
    clock = Clock()
    eyes = ChangeTracker(tmp_path, lambda: None, clock)
    assert eyes.look()
    assert not eyes.look()
    for _ in range(1000):
        eyes.hint(str(tmp_path / "a"), moved=False)
    assert not eyes.look()
    clock.now += 0.02
    assert eyes.look()
    assert not eyes.look()
    clock.now += RESCAN_SECONDS + 1
    assert eyes.look()


def test_a_file_is_whole_when_it_has_been_quiet_for_three_seconds_by_its_own_time(tmp_path):
    assert SETTLED_SECONDS == 3
    clock = Clock()
    eyes = ChangeTracker(tmp_path, lambda: None, clock)
    file = tmp_path / "letter.eml"
    file.write_bytes(b"half")
    assert 0 < eyes.unsettled("letter.eml") <= SETTLED_SECONDS
    just = time.time() - SETTLED_SECONDS + 1
    os.utime(file, (just, just))
    assert 0 < eyes.unsettled("letter.eml") <= 1
    old = time.time() - 2 * SETTLED_SECONDS
    other = tmp_path / "other.eml"
    other.write_bytes(b"all")
    os.utime(other, (old, old))
    assert eyes.settled("other.eml")


def test_a_file_from_the_future_is_whole_when_our_eyes_saw_no_change_for_three_seconds(tmp_path):
    """As on a share whose server's clock is ahead: its time says nothing."""
    clock = Clock()
    eyes = ChangeTracker(tmp_path, lambda: None, clock)
    file = tmp_path / "letter.eml"
    for size, ahead in ((1, 100), (2, 200)):
        file.write_bytes(b"x" * size)
        os.utime(file, (time.time() + ahead, time.time() + ahead))
        assert eyes.unsettled("letter.eml") == SETTLED_SECONDS
        clock.now += SETTLED_SECONDS - 1
        assert eyes.unsettled("letter.eml") == 1
    clock.now += 1
    assert eyes.settled("letter.eml")


def test_what_is_not_whole_yet_is_looked_at_again_when_it_may_be(tmp_path):
    clock = Clock()
    eyes = ChangeTracker(tmp_path, lambda: None, clock)
    assert eyes.look()
    (tmp_path / "letter.eml").write_bytes(b"half")
    assert not eyes.settled("letter.eml")
    clock.now += SETTLED_SECONDS - 1
    assert not eyes.look()
    clock.now += 1
    assert eyes.look()
    assert eyes.places == frozenset({"letter.eml"})


def test_a_look_is_about_the_places_that_stirred_and_after_much_about_everything(tmp_path):
    clock = Clock()
    eyes = ChangeTracker(tmp_path, lambda: None, clock)

    def looked():
        return eyes.look(), eyes.places

    assert looked() == (True, None)
    eyes.hint(str(tmp_path / "a/b.csv"), moved=True)
    eyes.hint(str(tmp_path / ".git/index"), moved=True)
    assert looked() == (True, frozenset({"a/b.csv"}))
    assert not eyes.look()
    for n in range(LARGE):
        eyes.hint(str(tmp_path / f"{n}"), moved=True)
    assert len(looked()[1] or ()) == LARGE
    clock.now += 2 * CALM_SECONDS
    assert looked() == (True, None)
    eyes.everything(calm=True)
    assert not eyes.look()
    clock.now += 2 * CALM_SECONDS
    assert looked() == (True, None)


@needs(sys.platform == "linux", "Linux, which alone tells who writes")
def test_a_quiet_file_that_somebody_has_open_for_writing_is_waited_for(tmp_path):
    eyes, file = ChangeTracker(tmp_path, lambda: None), tmp_path / "a.csv"
    before = signal.signal(signal.SIGIO, lambda *_: None)
    past, long_past = time.time() - 2 * SETTLED_SECONDS, time.time() - 2 * STALLED_SECONDS
    try:
        with file.open("wb", buffering=0) as handle:
            handle.write(b"half")
            os.utime(file, (past, past))
            assert being_written(file)
            assert not eyes.settled("a.csv")
            os.utime(file, (long_past, long_past))
            assert eyes.settled("a.csv")
        os.utime(file, (past, past))
        assert eyes.settled("a.csv")
    finally:
        signal.signal(signal.SIGIO, before)


def source_of(folder):
    return WatchedFiles(root=str(folder), index_key=b"k" * 32, patterns=lambda: ("forms/*.csv",))


def test_one_pass_waits_once_for_what_just_changed(tmp_path):
    clock, forms = Clock(), tmp_path / "forms"
    forms.mkdir()
    old = time.time() - 2 * SETTLED_SECONDS
    for name in ("b.csv", "c.csv"):
        (forms / name).write_bytes(b"half")
    (forms / "a.csv").write_bytes(b"whole")
    os.utime(forms / "a.csv", (old, old))
    waited: list[float] = []
    marks: set[str] = set()

    def wait(seconds):
        waited.append(seconds)
        clock.now += seconds
        (forms / "b.csv").write_bytes(b"all of it")
        os.utime(forms / "b.csv", (old, old))

    patient = SettlingSource(source_of(tmp_path), ChangeTracker(tmp_path, lambda: None, clock), wait)
    arrivals = []
    for arrival in patient.poll(marks.__contains__):
        arrivals.append((arrival.place, arrival.files[0][2], arrival.ignored))
        if not arrival.ignored:
            marks.add(arrival.mark)
    # What still grows is left for the next pass, which is said.
    assert arrivals == [
        ("forms/a.csv", b"whole", ""),
        ("forms/b.csv", b"all of it", ""),
        ("forms/c.csv", b"half", "unsettled"),
    ]
    assert len(waited) == 1
    assert waited[0] <= SETTLED_SECONDS + 1


def test_one_pass_over_quiet_files_waits_for_nothing(tmp_path):
    (tmp_path / "forms").mkdir()
    (tmp_path / "forms/a.csv").write_bytes(b"whole")
    old = time.time() - 2 * SETTLED_SECONDS
    os.utime(tmp_path / "forms/a.csv", (old, old))
    patient = SettlingSource(
        source_of(tmp_path), ChangeTracker(tmp_path, lambda: None), lambda _: pytest.fail("it waited")
    )
    assert len(list(patient.poll(lambda _mark: False))) == 1


@pytest.mark.slow
def test_run_waits_for_a_letter_that_was_just_written_and_leaves_one_that_grows(company):
    box = company.root / "vault/inbox/leads"
    box.mkdir(parents=True, exist_ok=True)
    (box / "one.eml").write_bytes(letter(1))
    env = environment(company.env)
    said = plainly(["run"], cwd=company.root, env=env)
    assert "read: 1 started" in said.text
    ahead = time.time() + 1000
    (box / "two.eml").write_bytes(letter(2))
    stop = threading.Event()

    def grow():
        while not stop.wait(0.2):
            with (box / "two.eml").open("ab") as file:
                file.write(b"more\n")
            os.utime(box / "two.eml", (ahead, ahead))

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        said = plainly(["run"], cwd=company.root, env=env)
    finally:
        stop.set()
        writer.join()
    assert "1 still being written: the next pass takes what is quiet" in said.text
    assert runs_of(company) == 1
    os.utime(box / "two.eml", (1, 1))
    plainly(["run"], cwd=company.root, env=env)
    assert runs_of(company) == 2


def test_what_changed_behind_the_reading_is_read_again(tmp_path):
    file = tmp_path / "forms" / "a.csv"
    file.parent.mkdir()
    file.write_bytes(b"one")
    eyes = ChangeTracker(tmp_path, lambda: None)
    source = source_of(tmp_path)
    steady = SettledSource(source, eyes)
    arrivals = []
    for arrival in source.poll(lambda _mark: False):
        file.write_bytes(b"two, longer")
        arrivals.append((source.same(arrival), arrival.files[0][2]))
    assert arrivals == [(False, b"one")]
    old = time.time() - 2 * SETTLED_SECONDS
    os.utime(file, (old, old))
    assert [one.files[0][2] for one in steady.poll(lambda _mark: False)] == [b"two, longer"]


@needs(sys.platform == "linux", "Linux, where a name may be any bytes")
def test_a_file_whose_name_is_no_text_is_put_aside_and_stops_nothing(tmp_path):
    folder = tmp_path / "forms"
    folder.mkdir()
    (folder / "b.csv").write_text("b")
    with open(os.fsencode(folder) + b"/\xff.csv", "wb") as file:
        file.write(b"odd")
    source = WatchedFiles(root=str(tmp_path), index_key=b"k" * 32, patterns=lambda: ("forms/*.csv",))
    found = [(one.event["path"], one.ignored) for one in source.poll(lambda _mark: False)]
    assert found == [("forms/b.csv", ""), ("forms/\\xff.csv", "unreadable")]
    places = [one.place for one in source.poll(lambda _mark: False)]
    assert len(list(source.among(places, lambda _mark: False))) == 2


def test_looking_at_places_finds_what_looking_at_everything_finds_there(tmp_path):
    names = [
        "forms/a.csv", "forms/deep/b.csv", "forms/deep/er/c.csv", "forms/.hidden/d.csv", "forms/.e.csv", "forms/f.csv.part", "forms/g.csv~",
        "forms/h.txt", "i.csv", "other/j.csv", "forms/k.csv/l.csv",
    ]  # fmt: skip
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "forms/soft.csv").symlink_to(tmp_path / "i.csv")
    (tmp_path / "forms/folder").symlink_to(tmp_path / "other")
    everywhere = [*names, "forms/soft.csv", "forms/folder/j.csv", "forms/deep", "gone.csv"]
    for patterns, found in (
        (
            ("forms/**/*.csv",),
            {"forms/a.csv", "forms/deep/b.csv", "forms/deep/er/c.csv", "forms/k.csv/l.csv"},
        ),
        (("forms/*.csv", "*.csv"), {"forms/a.csv", "i.csv"}),
        (("*/deep/*",), {"forms/deep/b.csv"}),
        (("other/**",), {"other/j.csv"}),
        (("../*.csv", "/etc/*", "forms/.hidden/*.csv"), set()),
    ):
        source = WatchedFiles(root=str(tmp_path), index_key=b"k" * 32, patterns=partial(tuple, patterns))
        assert {one.place for one in source.poll(lambda _mark: False)} == found
        assert {one.place for one in source.among(everywhere, lambda _mark: False)} == found


def test_the_branch_is_asked_for_at_first_and_then_only_after_it_moved(company):
    clock = Clock()
    branch = DeployBranch(company.root, "main", clock=clock)
    assert not branch.moved()
    clock.now += 5
    assert branch.moved()
    clock.now += 5
    assert not branch.moved()
    company.commit({"vault/knowledge/new.md": "# New"})
    assert not branch.moved()
    clock.now += 5
    assert branch.moved()
    clock.now += 5
    assert not branch.moved()


@pytest.mark.slow
def test_a_commit_that_lands_behind_the_reading_of_another_one_is_deployed_too(company):
    """At both moments at which nobody looks: when the workspace was just opened, and when the next one was."""
    said: list[str] = []
    tips: list[str] = []

    def say(text):
        said.append(text)
        if len(tips) < 2 and (text.startswith("up:") or "is deployed" in text):
            tips.append(company.commit({"vault/knowledge/new.md": f"# New {len(tips)}"}))
        elif "is deployed" in text:
            signal.raise_signal(signal.SIGTERM)

    end = threading.Timer(60, os.kill, [os.getpid(), signal.SIGTERM])
    end.start()
    try:
        workspace = open_workspace(company.root, company.env)
        daemon.serve(workspace, daemon.DaemonOptions(env=company.env, listen=lambda _: None, say=say))
    finally:
        end.cancel()
    assert [one for one in said if "is deployed" in one] == [f"commit {tip[:8]} is deployed" for tip in tips]
