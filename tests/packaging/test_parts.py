"""Which parts are missing, how they go in again after an interruption, and what uv is told of pip's settings."""

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
    for name in ("python", "steward"):
        (tmp_path / name).touch()
    parts = bootstrap.wanted(light=False, dev=True)
    bootstrap.write_state(
        {"made_for": bootstrap.identity(), "done": {p.name: p.digest for p in parts}, "begun": {}}
    )
    return tmp_path


def missing() -> list[str]:
    return [part.name for part in bootstrap.missing(bootstrap.wanted(light=False, dev=True))]


EVERYTHING = ["install", "core", "steward", "heavy", "torch", "dev"]


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


def test_light_leaves_heavy_and_torch_out():
    assert [p.name for p in bootstrap.wanted(light=True, dev=True)] == ["install", "core", "steward", "dev"]


@pytest.mark.parametrize("name", ["core", "heavy", "dev"])
def test_locked_parts_go_in_by_hash_and_without_what_the_lock_lacks(venv, monkeypatch, name):
    monkeypatch.setattr(bootstrap, "BIN", str(venv))
    (venv / "uv").touch()
    ways = [argv for argv, _ in bootstrap.commands(bootstrap.Part(name, ""), again=False, settings={})]
    assert ["uv" in way[0] for way in ways] == [True, False]
    assert all({"--require-hashes", "--no-deps"} <= set(way) for way in ways)


def test_what_was_interrupted_goes_in_anew(venv, monkeypatch):
    monkeypatch.setattr(bootstrap, "BIN", str(venv))
    (venv / "uv").touch()
    uv, pip = (argv for argv, _ in bootstrap.commands(bootstrap.Part("core", ""), again=True, settings={}))
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
    message = bootstrap.explain(bootstrap.Part("heavy", ""), said, {"done": {"install": "", "core": ""}})
    assert expected in message
    assert "Complete: install, core." in message
    assert "--light" in message
