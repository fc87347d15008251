"""Which parts are missing, how they go in again after an interruption, and what uv is told of pip's settings."""

import contextlib
import subprocess
import sys

import pytest

import bootstrap


@pytest.fixture
def venv(tmp_path, monkeypatch):
    """A finished environment in a folder of its own; gives the function that says what is missing."""
    for name, value in (
        ("VENV", "."),
        ("STATE", "steward.json"),
        ("PYTHON", "python"),
        ("STEWARD", "steward"),
    ):
        monkeypatch.setattr(bootstrap, name, str(tmp_path / value))
    monkeypatch.setattr(bootstrap, "found_uv", lambda: "")
    for name in ("python", "steward"):
        (tmp_path / name).touch()
    parts = bootstrap.wanted(dev=True)
    bootstrap.write_state(
        {"made_for": bootstrap.identity(), "done": {p.name: p.digest for p in parts}, "begun": {}}
    )
    return tmp_path


def missing() -> list[str]:
    return [part.name for part in bootstrap.missing(bootstrap.wanted(dev=True))]


EVERYTHING = ["install", "runtime", "weights", "steward", "dev"]


def test_nothing_is_missing_when_everything_is_in(venv):
    assert missing() == []


@pytest.mark.parametrize("part", EVERYTHING)
def test_a_part_whose_lock_changed_is_missing_alone(venv, part):
    state = bootstrap.read_state()
    state["done"][part] = "another"
    bootstrap.write_state(state)
    assert missing() == [part]


def test_a_lost_command_is_put_back_alone(venv):
    (venv / "steward").unlink()
    assert missing() == ["steward"]


def test_a_lost_python_loses_everything(venv):
    (venv / "python").unlink()
    assert missing() == EVERYTHING


def test_our_uv_goes_again_unless_the_checks_are_there(venv, monkeypatch):
    installed, removed = [], []

    def install(part, state, settings):
        installed.append(part.name)
        state["done"][part.name] = part.digest

    monkeypatch.setattr(bootstrap, "OWN_UV", str(venv / "uv"))
    monkeypatch.setattr(bootstrap, "only_one", contextlib.nullcontext)
    monkeypatch.setattr(bootstrap, "pip_settings", dict)
    monkeypatch.setattr(bootstrap, "install", install)
    monkeypatch.setattr(bootstrap, "logged", lambda argv, what: removed.append(what))
    state = bootstrap.read_state()
    state["done"] = {}
    bootstrap.write_state(state)
    bootstrap.ensure(bootstrap.wanted(dev=False))
    assert (installed, removed) == (["uv", *EVERYTHING[:-1]], ["uv"])
    assert "uv" not in bootstrap.read_state()["done"]
    bootstrap.write_state(state | {"done": {}})
    bootstrap.ensure(bootstrap.wanted(dev=True))
    assert removed == ["uv"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"done": {}}', '{"made_for": 1, "done": 2, "begun": 3}'])
def test_an_unreadable_record_means_nothing_is_in(venv, text):
    (venv / "steward.json").write_text(text)
    assert missing() == EVERYTHING


@pytest.mark.parametrize("change", [{"python": "3.10"}, {"root": "elsewhere"}])
def test_another_python_or_a_moved_folder_loses_everything(venv, change):
    state = bootstrap.read_state()
    state["made_for"] |= change
    bootstrap.write_state(state)
    assert missing() == EVERYTHING


def test_tools_of_the_checks_come_with_the_checks_alone(venv):
    assert [part.name for part in bootstrap.wanted(dev=False)] == EVERYTHING[:-1]


def test_a_uv_that_is_there_is_used_and_no_other_is_loaded(venv, monkeypatch):
    monkeypatch.setattr(bootstrap, "found_uv", lambda: "their/uv")
    monkeypatch.setattr(bootstrap, "OWN_UV", str(venv / "uv"))
    for name in EVERYTHING:
        (first, _), *_ = bootstrap.commands(bootstrap.Part(name, ""), again=False, settings={})
        assert first[0] == "their/uv"


def test_what_an_older_version_needed_makes_the_environment_anew(venv, monkeypatch):
    state = bootstrap.read_state()
    state["done"]["heavy"] = "a digest"
    bootstrap.write_state(state)
    made: list[list[str]] = []

    def run(argv, **_):
        made.append(argv)
        return subprocess.CompletedProcess(argv, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    bootstrap.make_environment(bootstrap.read_state())
    assert "--clear" in made[0]
    assert missing() == EVERYTHING
    made.clear()
    bootstrap.make_environment(bootstrap.read_state())
    assert made == []


@pytest.mark.parametrize("name", ["runtime", "weights", "dev"])
def test_locked_parts_go_in_by_hash_and_without_what_the_lock_lacks(venv, monkeypatch, name):
    monkeypatch.setattr(bootstrap, "OWN_UV", str(venv / "uv"))
    (venv / "uv").touch()
    ways = [argv for argv, _ in bootstrap.commands(bootstrap.Part(name, ""), again=False, settings={})]
    assert ["uv" in way[0] for way in ways] == [True, False]
    assert all({"--require-hashes", "--no-deps"} <= set(way) for way in ways)


def test_what_was_interrupted_goes_in_anew(venv, monkeypatch):
    monkeypatch.setattr(bootstrap, "OWN_UV", str(venv / "uv"))
    (venv / "uv").touch()
    uv, pip = (argv for argv, _ in bootstrap.commands(bootstrap.Part("runtime", ""), again=True, settings={}))
    assert "--reinstall" in uv
    assert "--force-reinstall" in pip


def test_pip_settings_are_read_as_pip_weighs_them(tmp_path, monkeypatch):
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\ntimeout = 5\nfind-links =\n    one\n    two\nno-index = false\n[install]\ntimeout = 7\n"
    )
    for name in ("PIP_FIND_LINKS", "PIP_DEFAULT_TIMEOUT", "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("PIP_CERT", "mine.pem")
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = bootstrap.pip_settings(sys.executable)
    assert (settings["timeout"], settings["cert"]) == (["7"], ["mine.pem"])
    assert settings["find_links"] == ["one", "two"]
    assert "no_index" not in settings


def test_uv_is_told_what_pip_knows_and_keeps_what_it_was_told(monkeypatch):
    for name in ("UV_FIND_LINKS", "UV_INDEX", "UV_HTTP_TIMEOUT", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", "set-already")
    said = bootstrap.uv_environment(
        {
            "find_links": ["one", "two"],
            "extra_index_url": ["file:///a", "file:///b"],
            "cert": ["mine.pem"],
            "default_timeout": ["180"],
            "proxy": ["http://proxy:1"],
        }
    )
    assert said["UV_FIND_LINKS"] == "one,two"
    assert said["UV_INDEX"] == "file:///a file:///b"
    assert said["UV_HTTP_TIMEOUT"] == "180"
    assert said["ALL_PROXY"] == "http://proxy:1"
    assert "SSL_CERT_FILE" not in said


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("error: dns error: failed to lookup", "the package index can't be reached"),
        ("ERROR: Could not find a version (from versions: none)", "the package index can't be reached"),
        ("error: hash mismatch", "the installer failed and said:\n    error: hash mismatch"),
    ],
)
def test_a_failure_says_its_cause_and_what_is_complete(said, expected):
    message = bootstrap.explain(bootstrap.Part("weights", ""), said, {"done": {"install": "", "runtime": ""}})
    assert expected in message
    assert "Complete: install, runtime." in message
    assert "Type the same command again" in message or "type the same command again" in message
