"""What runs around a change: hooks before a commit, the workflow on another machine, forms, and the coverage that only rises."""

import re
import subprocess
import sys

import pytest
import yaml

from tests.counterparts import need, need_module
from tests.meta.sources import ROOT, files, text_of

WORKFLOWS = [path for path in files() if path.startswith(".github/workflows/")]
FORMS = [
    path for path in files() if path.startswith(".github/ISSUE_TEMPLATE/") and not path.endswith("config.yml")
]
FLOOR = ".ci/coverage-floor"
_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")


def foreign_hooks(text: str) -> list[str]:
    """Repositories of hooks that would be downloaded, and hooks that are no tool of .venv."""
    repos = yaml.safe_load(text)["repos"]
    hooks = [hook for repo in repos for hook in repo["hooks"]]
    wrong = [repo["repo"] for repo in repos if repo["repo"] != "local"]
    return wrong + [
        hook["id"]
        for hook in hooks
        if hook["language"] != "system" or not hook["entry"].startswith(".venv/bin/")
    ]


def loose_steps(text: str) -> list[str]:
    """Actions of a workflow that a tag, and not a commit, names."""
    jobs = yaml.safe_load(text)["jobs"].values()
    used = [step["uses"] for job in jobs for step in job["steps"] if "uses" in step]
    return [name for name in used if not _PINNED.fullmatch(name)]


def unlike(schema: str, *paths: str) -> str:
    """What the schema that check-jsonschema carries has against these files; empty when nothing."""
    argv = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *paths]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_hooks_download_nothing():
    assert foreign_hooks(text_of(".pre-commit-config.yaml")) == []


def test_the_workflow_does_what_can_be_run_here():
    assert WORKFLOWS
    assert all(re.search(r"(?m)run: \.ci/run$", text_of(path)) for path in WORKFLOWS)
    assert [loose_steps(text_of(path)) for path in WORKFLOWS] == [[]] * len(WORKFLOWS)
    assert all(yaml.safe_load(text_of(path))["permissions"] == {"contents": "read"} for path in WORKFLOWS)


@pytest.mark.slow
def test_workflow_and_forms_are_what_their_reader_takes():
    need_module("check_jsonschema")
    assert unlike("github-workflows", *WORKFLOWS) == ""
    assert unlike("github-issue-forms", *FORMS) == ""


@pytest.mark.parametrize("path", [path for path in files() if path.startswith(".ci/")])
def test_a_script_is_one(path):
    """Executable, and read by bash without a complaint; but for what is only a number."""
    if path == FLOOR:
        return
    assert (ROOT / path).stat().st_mode & 0o111
    done = subprocess.run(["bash", "-n", path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_floor_of_coverage_was_never_higher():
    argv = ["git", "log", "-p", "--format=", "--", FLOOR]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    need(done.returncode == 0, "the history of this repository")
    earlier = [float(figure) for figure in re.findall(r"(?m)^\+(\d+\.\d+)$", done.stdout)]
    assert 50 <= float(text_of(FLOOR)) <= 100
    assert max([*earlier, float(text_of(FLOOR))]) == float(text_of(FLOOR))


def test_an_editor_is_told_how_lines_end():
    text = text_of(".editorconfig")
    assert text.startswith("root = true")
    assert "end_of_line = lf" in text


# ---------------------------------------------------------------- each detector finds its planted positive


def test_a_hook_from_elsewhere_is_found():
    text = "repos: [{repo: https://example.org/x, hooks: [{id: a, language: python, entry: a}]}]"
    assert foreign_hooks(text) == ["https://example.org/x", "a"]


def test_an_action_that_can_change_is_found():
    text = "jobs: {a: {steps: [{uses: actions/checkout@v4}, {run: x}, {uses: 'a/b@" + "0" * 40 + "'}]}}"
    assert loose_steps(text) == ["actions/checkout@v4"]


@pytest.mark.slow
def test_a_workflow_with_a_wrong_key_is_found(tmp_path):
    need_module("check_jsonschema")
    wrong = tmp_path / "ci.yml"
    wrong.write_text("on: push\njobs: {a: {runs-on: ubuntu-latest, stepz: []}}\n")
    assert "stepz" in unlike("github-workflows", str(wrong))
    wrong.write_text("name: x\ndescription: y\nbody: [{type: textbox}]\n")
    assert unlike("github-issue-forms", str(wrong))
