"""A workspace whose author wants something to run on the machine of whoever looks at it.

Every canary is a script or a Python file of its own that leaves a file with its name in `marks`: what ran can be told by name. Plain git
and plain Python, used the way people use them, do run them (`naive`); that they are found then shows that the canaries work.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.app.setup import starter_files

HOOKS = (
    "applypatch-msg pre-applypatch post-applypatch pre-commit prepare-commit-msg commit-msg post-commit pre-rebase post-checkout"
    " post-merge pre-push pre-auto-gc post-rewrite reference-transaction post-index-change fsmonitor-watchman"
).split()

CONFIG = {
    "core.fsmonitor": "{script}",
    "filter.trap.clean": "{script}",
    "filter.trap.smudge": "{script}",
    "filter.procs.process": "{script}",
    "diff.trap.textconv": "{script}",
    "diff.other.command": "{script}",
    "merge.trap.driver": "{script} %O %A %B",
    "core.sshCommand": "{script}",
    "core.gitProxy": "{script}",
    "core.askPass": "{script}",
    "core.pager": "{script}",
    "core.editor": "{script}",
    "core.alternateRefsCommand": "{script}",
    "sequence.editor": "{script}",
    "pager.log": "{script}",
    "gpg.program": "{script}",
    "gpg.ssh.program": "{script}",
    "credential.helper": "!{script}",
    "alias.hi": "!{script}",
    "alias.status": "!{script}",
    "uploadpack.packObjectsHook": "{script}",
    "interactive.diffFilter": "{script}",
    "submodule.nested.update": "!{script}",
    "remote.origin.vcs": "trap",
    "trailer.trap.command": "{script}",
}
"""Keys of the repository's own configuration that name something to run. Each gets a script of its own."""

SETTINGS = {
    "core.repositoryFormatVersion": "1",
    "commit.gpgSign": "true",
    "tag.gpgSign": "true",
    "log.showSignature": "true",
    "filter.trap.required": "true",
    "protocol.allow": "always",
    "protocol.ext.allow": "always",
    "submodule.recurse": "true",
    "remote.origin.promisor": "true",
    "extensions.partialClone": "origin",
    "gc.auto": "1",
}
"""What makes plain git more willing to run them."""

ATTRIBUTES = (
    "*.yaml filter=trap diff=trap merge=trap ident\n"
    "*.md filter=procs diff=other\n*.bin filter=lfs\n* export-subst\n"
)

PYTHON = (
    "sitecustomize.py", "usercustomize.py", "conftest.py", "setup.py", "noxfile.py", "tasks.py", "yaml.py", "json5.py", "networkx.py",
    "markdown_it.py", "cryptography.py", "playbooks/conftest.py", "playbooks/tests/conftest.py", "playbooks/step.py",
    "playbooks/__init__.py", "notebooks/cash.py", "notebooks/__init__.py", "vault/agents/draft-reply.py", "vault/conftest.py",
)  # fmt: skip
"""Files somebody's Python would import or run when started here."""

SHELL = (".envrc", ".husky/pre-commit", ".git-hooks/pre-commit", "Makefile.sh", ".githooks/post-checkout")
ROOT = Path(__file__).parents[2]
SECRET = "canary-of-the-outside-93120"


@dataclass(frozen=True, slots=True)
class Canaries:
    """Where scripts lie and where what ran leaves its mark."""

    folder: Path

    @property
    def marks(self) -> Path:
        """One file for each that ran."""
        return self.folder / "marks"

    def script(self, name: str) -> Path:
        """An executable that leaves the mark `name`."""
        file = self.folder / "scripts" / f"{name}.sh"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n: > '{self.marks / name}'\ncat 2>/dev/null\nexit 0\n")
        file.chmod(0o755)
        return file

    def python(self, name: str) -> str:
        """Python that leaves the mark when it is imported."""
        mark = self.marks / name.replace("/", "_")
        return f"open({os.fspath(mark)!r}, 'w').close()\n"

    def ran(self) -> set[str]:
        """Which ones ran since the last look."""
        found = {one.name for one in self.marks.iterdir()}
        for one in self.marks.iterdir():
            one.unlink()
        return found


def environment(folder: Path) -> dict[str, str]:
    """A person's shell without a git configuration of its own."""
    return {
        "PATH": os.environ["PATH"], "HOME": os.fspath(folder), "GIT_CONFIG_NOSYSTEM": "1", "NO_COLOR": "1",
        "XDG_STATE_HOME": os.fspath(folder / "state"), "XDG_DATA_HOME": os.fspath(folder / "data"), "LC_ALL": "C.UTF-8",
        "PYTHONPATH": os.fspath(ROOT), "GIT_TERMINAL_PROMPT": "0", "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.com",
    }  # fmt: skip


def git(root: Path, *words: str, feed: bytes = b"") -> str:
    """Plain git, without what is asked of it succeeding being a condition."""
    done = subprocess.run(
        ["git", *words], cwd=root, env=environment(root.parent), input=feed, capture_output=True, check=False, timeout=60
    )  # fmt: skip
    return done.stdout.decode("utf-8", "replace").strip()


def build(root: Path, canaries: Canaries) -> None:
    """Two commits on main that hold every trap, the working folder beside them, and a repository configured to spring them."""
    canaries.marks.mkdir(parents=True)
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "letter.md").write_text(f"---\nsubject: {SECRET}\n---\n{SECRET}\n")
    (outside / "playbook.yaml").write_text(f"name: {SECRET}\n{SECRET}: 1\n")
    starter_files.write(root, id="0123456789ab")
    git(root, "init", "--quiet", "--initial-branch=main")
    _files(root, canaries)
    _links(root, outside)
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "-m", "first")
    _odd_names(root)
    head = git(root, "rev-parse", "HEAD")
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{head},vault/nested")
    git(root, "commit", "--quiet", "-m", "second")
    (root / "playbooks" / "hygiene.yaml").write_text(
        (root / "playbooks" / "hygiene.yaml").read_text() + "# later\n"
    )
    _configure(root, canaries)


def _files(root: Path, canaries: Canaries) -> None:
    found = {name: canaries.python(name) for name in PYTHON}
    found |= {name: f". {canaries.script(name.replace('/', '_'))}\n" for name in SHELL}
    found["engine/__init__.py"] = canaries.python("engine")
    found["Makefile"] = f"all:\n\t{canaries.script('make')}\n"
    found["pyproject.toml"] = (
        '[build-system]\nrequires = []\nbuild-backend = "setup"\nbackend-path = ["."]\n'
        '[tool.pytest.ini_options]\naddopts = "-p conftest"\n[project.entry-points.steward]\nx = "conftest:x"\n'
    )
    found["pytest.ini"] = "[pytest]\naddopts = -p conftest\n"
    found["canary.pth"] = "import sitecustomize\n"
    found["package.json"] = json.dumps({"scripts": {"postinstall": os.fspath(canaries.script("npm"))}})
    found[".vscode/tasks.json"] = json.dumps({"tasks": [{"command": os.fspath(canaries.script("vscode"))}]})
    found[".pre-commit-config.yaml"] = (
        f"repos: [{{ repo: local, hooks: [{{ id: x, entry: {canaries.script('precommit')} }}] }}]\n"
    )
    found["vault/templates/inject.md"] = (
        "---\nsubject: ${{ 7*7 }} {{7*7}}\nvalues: { x?: text }\n---\n{{ ''.__class__ }} $(id) `id`\n"
    )
    found["vault/knowledge/page.md"] = (
        f"# P\n<script>x</script> ![a](file:///etc/passwd) `!{canaries.script('note')}`\n"
    )
    found["vault/agents/tool.md"] = f"---\ncommand: {canaries.script('agent')}\ntools: [shell]\n---\nx\n"
    found["vault/knowledge/big.bin"] = (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 123456\n"
    )
    found["playbooks/run.yaml"] = (
        f"name: R\non: {{ manual: {{}} }}\nsteps:\n  - {{ id: a, run: {canaries.script('step')} }}\n"
    )
    found["playbooks/object.yaml"] = (
        f"name: !!python/object/apply:os.system ['{canaries.script('yamltag')}']\n"
        "on: { manual: {} }\nsteps:\n  - { id: a, uses: notify/me, with: { text: x } }\n"
    )
    found["vault/sops/shell.md"] = (
        f"---\ntype: sop\n---\n- [ ] Do it ^do\n\n  ```yaml step\n  uses: shell/run\n  with: {{ command: {canaries.script('sop')} }}\n  ```\n"
    )
    found["playbooks/tests/odd.test.yaml"] = (
        "playbook: ../../outside/playbook\ncases: [{ name: x, inputs: {}, expect: { sent: [] } }]\n"
    )
    found[".gitmodules"] = (
        f'[submodule "nested"]\n\tpath = vault/nested\n\turl = ext::{canaries.script("submodule")}\n'
        f'[submodule "../../evil"]\n\tpath = vault/other\n\turl = -u{canaries.script("upload")}\n'
    )
    found["--help"] = "x\n"
    found["-rf"] = "x\n"
    found["vault/knowledge/-rf.md"] = "# minus\n"
    found["vault/knowledge/--upload-pack=x.md"] = "# minus\n"
    found["vault/knowledge/$(id).md"] = "# dollar\n"
    found["vault/knowledge/`id`;id|id&.md"] = "# ticks\n"
    found["vault/knowledge/\u202efdp.md"] = "# bidi\n"
    found["vault/knowledge/e\u0301\u00e9\u200b.md"] = "# two ways to write it\n"
    found["vault/knowledge/Ａ．．／.md"] = "# full width\n"
    for name, text in found.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        if name in SHELL:
            place.chmod(0o755)


def _links(root: Path, outside: Path) -> None:
    for name, target in {
        "vault/knowledge/link.md": outside / "letter.md",
        "vault/templates/link.md": outside / "letter.md",
        "vault/sops/link.md": outside / "letter.md",
        "playbooks/link.yaml": outside / "playbook.yaml",
        "vault/knowledge/folder": outside,
        "vault/knowledge/up": Path("../../.."),
        "vault/knowledge/round": Path(),
        "vault/intents/passwd.yaml": Path("/etc/passwd"),
        "vault/knowledge/zero.md": Path("/dev/zero"),
    }.items():
        (root / name).symlink_to(target)
    os.mkfifo(root / "vault" / "knowledge" / "pipe.md")


def _odd_names(root: Path) -> None:
    """Paths no file system would take, put into the index by hand: ``..``, a .git of its own, a control character."""
    blob = git(root, "hash-object", "-w", "--stdin", feed=f"# {SECRET}\n".encode())
    tree = git(root, "rev-parse", "HEAD^{tree}")
    rows = subprocess.run(
        ["git", "ls-tree", "-z", tree], cwd=root, env=environment(root.parent), capture_output=True, check=True
    ).stdout  # fmt: skip
    raw = b""
    for row in rows.split(b"\0")[:-1]:
        meta, _, name = row.partition(b"\t")
        mode, _, id_ = meta.split()
        raw += mode.lstrip(b"0") + b" " + name + b"\0" + bytes.fromhex(id_.decode())
    for name in (b"..", b".git ", b"a\\..\\b", b"bell\a"):
        raw += b"100644 " + name + b"\0" + bytes.fromhex(blob)
    odd = git(root, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", feed=raw)
    commit = git(root, "commit-tree", odd, "-p", "HEAD", "-m", "odd names")
    git(root, "update-ref", "refs/heads/odd", commit)


def _configure(root: Path, canaries: Canaries) -> None:
    for name in HOOKS:
        place = root / ".git" / "hooks" / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(canaries.script(f"hook-{name}").read_text())
        place.chmod(0o755)
    (root / ".git" / "info").mkdir(exist_ok=True)
    (root / ".git" / "info" / "attributes").write_text(ATTRIBUTES)
    for key, value in CONFIG.items():
        git(root, "config", key, value.format(script=canaries.script(key)))
    included = canaries.folder / "included"
    included.write_text(
        f"[core]\n\tpager = {canaries.script('included')}\n[alias]\n\tlo = !{canaries.script('included')}\n"
    )
    for key, value in SETTINGS.items():
        git(root, "config", key, value)
    git(root, "config", "include.path", os.fspath(included))
    git(root, "config", "remote.origin.url", f"ext::{canaries.script('remote')}")


def naive(root: Path) -> Iterable[list[str]]:
    """What people type; each runs some of the canaries."""
    (root / "new.yaml").write_text("a: 1\n")
    (root / "new.md").write_text("a\n")
    for words in (
        ["status"],
        ["hi"],
        ["lo"],
        ["diff", "--", "playbooks"],
        ["add", "new.yaml"],
        ["add", "new.md"],
        ["-c", "commit.gpgSign=false", "commit", "--allow-empty"],
        ["commit", "--quiet", "--allow-empty", "-m", "signed"],
        ["checkout", "--quiet", "HEAD", "--", "playbooks/hygiene.yaml"],
    ):
        yield ["git", *words]
    for name in PYTHON:
        yield [sys.executable, os.fspath(root / name)]
    yield [sys.executable, "-c", "import yaml, engine"]
    yield ["sh", os.fspath(root / ".envrc")]
