"""The files a new workspace begins with: the same ones this project's own repository has at its top level.

A checkout reads them beside `engine/`; an installed wheel carries a copy in `engine/starter/`.
"""

import json
import os
import re
from collections.abc import Container
from pathlib import Path
from types import MappingProxyType

import engine
from engine.model.errors import INSTALL_AGAIN, PermanentError

AGENTS = Path(__file__).parent / "for-agents.md"
"""How a coding agent writes well in a workspace; becomes its AGENTS.md."""

_TOPS = ("steward.yaml", "playbooks", "schemas", "vault", "notebooks")
_KINDS = frozenset({".json", ".md", ".py", ".yaml"})
_PRIVATE = ("vault/inbox/", "vault/outbox/")

_GITIGNORE = """\
# Letters and other files that are dropped in, and what went out: not history.
vault/inbox/**
!vault/inbox/**/
!vault/inbox/**/.gitkeep
/outbox

# Caches, and files that editors and systems leave behind.
.steward/
.idea/*
!.idea/jsonSchemas.xml
__marimo__/
__pycache__/
.DS_Store
"""

_SCHEMAS = MappingProxyType(
    {
        "playbook": "playbooks/*.yaml",
        "test": "playbooks/tests/*.test.yaml",
        "steward": "steward.yaml",
        "intents": "vault/intents/*.yaml",
        "policy": "vault/policy.yaml",
    }
)
"""Schema → the files it is for, where editors can be told so. Other extensions claim ``playbooks/*.yaml``."""

_MAPPING = """\
        <entry key="{title}">
          <value>
            <SchemaInfo>
              <option name="name" value="{title}" />
              <option name="relativePathToSchema" value="{schema}" />
              <option name="patterns">
                <list>
                  <Item>
                    <option name="pattern" value="true" />
                    <option name="path" value="{files}" />
                    <option name="mappingKind" value="Pattern" />
                  </Item>
                </list>
              </option>
            </SchemaInfo>
          </value>
        </entry>
"""
_MAPPINGS = """\
<?xml version="1.0" encoding="UTF-8"?>
<project version="4">
  <component name="JsonSchemaMappingsProjectConfiguration">
    <state>
      <map>
{entries}      </map>
    </state>
  </component>
</project>
"""


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _generated(starters: Container[str]) -> dict[str, bytes]:
    """What only a new workspace needs: what git leaves out, a page for coding agents, and which schema is whose for three editors."""
    schemas = {
        f"schemas/{name}.schema.json": files
        for name, files in _SCHEMAS.items()
        if f"schemas/{name}.schema.json" in starters
    }
    yaml = {f"./{schema}": [files] for schema, files in schemas.items()}
    vscode = {"files.associations": {"**/playbooks/**/*.yaml": "yaml"}, "yaml.schemas": yaml}
    zed = {"lsp": {"yaml-language-server": {"settings": {"yaml": {"schemas": yaml}}}}}
    entries = "".join(
        _MAPPING.format(title=f"Steward: {files}", schema=schema, files=files)
        for schema, files in schemas.items()
    )
    return {
        ".gitignore": _GITIGNORE.encode(),
        ".idea/jsonSchemas.xml": _MAPPINGS.format(entries=entries).encode(),
        ".vscode/settings.json": _json(vscode),
        ".zed/settings.json": _json(zed),
        "AGENTS.md": AGENTS.read_bytes(),
        "vault/inbox/.gitkeep": b"",
        # The folder of a mailbox that a starter's playbook listens to: without it there is no such mailbox.
        "vault/inbox/support/.gitkeep": b"",
    }


def source() -> Path:
    """The folder the starter files are read from. Raises PermanentError when this installation has none."""
    package = Path(engine.__file__).resolve().parent
    for folder in (package / "starter", package.parent):
        if (folder / "steward.yaml").is_file() and (folder / "playbooks").is_dir():
            return folder
    raise PermanentError(
        "this installation has no starter files",
        code="no-starter",
        now_true="Nothing was written.",
        way_out=INSTALL_AGAIN,
    )


def _starters(folder: Path) -> dict[str, bytes]:
    starters: dict[str, bytes] = {}
    for top in _TOPS:
        base = folder / top
        for file in [base] if base.is_file() else sorted(base.rglob("*")):
            name = file.relative_to(folder).as_posix()
            hidden = any(part.startswith((".", "_")) for part in name.split("/"))
            # A checkout may hold dropped letters; they never travel into another workspace.
            if hidden or name.startswith(_PRIVATE) or file.is_symlink() or file.suffix not in _KINDS:
                continue
            if file.is_file():
                starters[name] = file.read_bytes()
    return starters


def files() -> dict[str, bytes]:
    """Path with ``/`` → content of every file of a new workspace, sorted by path. `steward.yaml` carries no `id`."""
    starters = _starters(source())
    return dict(sorted({**starters, **_generated(starters)}.items()))


def _quoted(text: str) -> str:
    return json.dumps("".join(c for c in text if c.isprintable()), ensure_ascii=False)


def personal(
    settings: bytes,
    *,
    id: str | None,
    operator: str | None,
    email: str | None,
    branch: str | None = None,
    zone: str | None = None,
) -> bytes:
    """The starter's steward.yaml with an operator, an `id`, a branch and a time zone put in; what is None stays as it is."""
    text = settings.decode()
    match = re.search(r"^operator: \{ name: (.+), email: (.+) \}$", text, re.MULTILINE)
    if match is None:
        raise PermanentError("the starter's steward.yaml has no operator line", code="no-starter")
    name = match[1] if operator is None else _quoted(operator)
    address = match[2] if email is None else _quoted(email)
    line = f"operator: {{ name: {name}, email: {address} }}"
    if id is not None:
        # Quoted: twelve hexadecimal digits may look like a number to another reader of YAML.
        line += f"\nid: {_quoted(id)}".ljust(46) + "  # written by `init`, never changed"
    text = text[: match.start()] + line + text[match.end() :]
    if branch is not None:
        named = branch if _WORD.fullmatch(branch) else _quoted(branch)
        text = re.sub(r"(?m)^deploy: \S+ *(?=#)", lambda _: f"deploy: {named}".ljust(46) + " ", text, count=1)
    if zone is not None:
        text = re.sub(r"(?m)^time-zone: \S+", lambda _: f"time-zone: {zone}", text, count=1)
    return text.encode()


_WORD = re.compile(r"(?!null|true|false|yes|off)[a-z]{3,}")
"""A branch that no reader of YAML takes for anything but a word."""


def connected(settings: bytes, block: str) -> bytes:
    """The starter's steward.yaml with a mailbox: `block` in place of the one that is commented out, and secrets kept here, too."""
    text, there = re.subn(r"(?m)^# A mailbox you have.*\n(?:#.*\n?)*", lambda _: block, settings.decode())
    text, looked = re.subn(r"(?m)^secrets: \[env\]         ", "secrets: [keyring, env]", text)
    if not (there and looked):
        raise PermanentError("the starter's steward.yaml has no place for a mailbox", code="no-starter")
    return text.encode()


def write(
    root: Path,
    *,
    id: str | None,
    operator: str | None = None,
    email: str | None = None,
    mailbox: str = "",
    branch: str | None = None,
    zone: str | None = None,
) -> tuple[str, ...]:
    """Write the starter files below `root` and return the paths written. A file that is already there is kept as it is.

    `mailbox` is the block of steward.yaml for one on a server, `branch` the one that is deployed, `zone` the operator's.
    """
    written: list[str] = []
    for name, content in files().items():
        file_bytes = content
        if name == "steward.yaml":
            file_bytes = personal(content, id=id, operator=operator, email=email, branch=branch, zone=zone)
            file_bytes = connected(file_bytes, mailbox) if mailbox else file_bytes
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            # O_EXCL also refuses a symlink, so nothing outside the folder is ever written through one.
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            continue
        with os.fdopen(handle, "wb") as file:
            file.write(file_bytes)
        written.append(name)
    return tuple(written)
