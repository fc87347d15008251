"""What stands in deploy/ fits the project as it is: the container file, Litestream's configuration and its unit."""

import json
import re
import shlex
from pathlib import Path

import yaml

from engine.cli.main import parsed
from tests.meta.sources import ROOT
from tests.unit.cli.test_service import settings, verified

DEPLOY = ROOT / "deploy"


def instructions() -> list[tuple[str, str]]:
    """The container file's instructions and their words, comments and line ends aside."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    whole = re.sub(r"\\\n\s*", " ", "\n".join(one for one in text.splitlines() if not one.startswith("#")))
    return [(one.partition(" ")[0], one.partition(" ")[2]) for one in whole.splitlines() if one.strip()]


def of(kind: str) -> list[str]:
    return [words for name, words in instructions() if name == kind]


def test_what_the_container_copies_is_there_and_is_let_through():
    sources = [word for words in of("COPY") for word in words.split()[:-1]]
    through = (DEPLOY / "Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert [one for one in sources if not (ROOT / one).exists()] == []
    assert [one for one in sources if f"!{one}" not in through] == []
    # What the build backend reads, and what a workspace starts with.
    assert {"pyproject.toml", "README.md", "LICENSE", "bootstrap.py", "requirements", "engine"} <= set(
        sources
    )
    assert {"steward.yaml", "playbooks", "schemas", "vault", "notebooks"} <= set(sources)


def test_the_container_names_no_host_and_runs_as_nobody_in_particular():
    assert of("ARG")[0] == "BASE=python:3.11-slim"
    assert of("FROM") == ["${BASE}"]
    assert of("USER") == ["10001:10001"]
    names = [name for name, _ in instructions()]
    assert "RUN" not in names[names.index("USER") :]


def test_all_state_of_the_container_lies_on_its_one_volume():
    (volume,) = of("VOLUME")
    env = dict(pair.split("=", 1) for words in of("ENV") for pair in shlex.split(words))
    assert Path(env["HOME"]).is_relative_to(volume)
    assert Path(env["XDG_STATE_HOME"]).is_relative_to(volume)
    assert Path(of("WORKDIR")[-1]).is_relative_to(volume)


def test_the_commands_of_the_container_are_commands_of_steward():
    (entry,), (begin,) = of("ENTRYPOINT"), of("CMD")
    (health,) = of("HEALTHCHECK")
    assert json.loads(entry) == ["steward"]
    checked = json.loads(health.partition("CMD ")[2])
    for words in (json.loads(begin), checked[1:]):
        assert parsed(words).verb == words[0]
    assert checked[0] == "steward"


def test_litestream_copies_the_ledger_and_never_the_keys():
    config = yaml.safe_load((DEPLOY / "litestream.yml").read_text(encoding="utf-8"))
    assert [one.get("path") for one in config["dbs"]] == ["${STEWARD_STATE}/ledger.db"]
    assert not {"addr", "mcp-addr", "heartbeat-url", "socket"} & set(config)


def test_litestreams_unit_is_one_systemd_takes(tmp_path):
    text = (DEPLOY / "litestream.service").read_text(encoding="utf-8")
    program = shlex.split(settings(text)["ExecStart"][0])[0]
    unit = tmp_path / "steward-litestream.service"
    unit.write_text(text.replace(program, "/bin/true").replace("User=steward", "User=nobody"))
    assert verified(unit) == ""
