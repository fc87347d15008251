"""The settings a new workspace brings for editors: every file gets its own schema, and no file two."""

import json
import re
from xml.etree import ElementTree as ET

import pytest

from engine.app.setup import starter_files

FILES = starter_files.files()
YAML = sorted(name for name in FILES if name.endswith(".yaml"))
WANTED = {
    "playbooks/": "schemas/playbook.schema.json",
    "playbooks/tests/": "schemas/test.schema.json",
    "vault/intents/": "schemas/intents.schema.json",
    "vault/": "schemas/policy.schema.json",
    "": "schemas/steward.schema.json",
}


def matches(pattern: str, path: str) -> bool:
    """As editors read a glob: below any folder, and a star never crosses a slash."""
    words = "".join("[^/]*" if one == "*" else re.escape(one) for one in pattern)
    return re.fullmatch(f"(?:.*/)?{words}", path) is not None


def mapped() -> dict[str, dict[str, list[str]]]:
    """Editor → schema → patterns."""
    vscode = json.loads(FILES[".vscode/settings.json"])["yaml.schemas"]
    zed = json.loads(FILES[".zed/settings.json"])["lsp"]["yaml-language-server"]["settings"]["yaml"][
        "schemas"
    ]
    tree = ET.fromstring(FILES[".idea/jsonSchemas.xml"])
    jetbrains = {
        info.findall("option[@name='relativePathToSchema']")[0].get("value", ""): [
            str(item.get("value")) for item in info.findall(".//Item/option[@name='path']")
        ]
        for info in tree.iter("SchemaInfo")
    }
    return {"VS Code": vscode, "Zed": zed, "JetBrains": jetbrains}


@pytest.mark.parametrize("editor", ["VS Code", "Zed", "JetBrains"])
@pytest.mark.parametrize("path", [*YAML, "playbooks/mine.yaml", "playbooks/tests/mine.test.yaml"])
def test_a_file_gets_exactly_its_own_schema(editor, path):
    found = [
        schema.removeprefix("./")
        for schema, patterns in mapped()[editor].items()
        if any(matches(pattern, path) for pattern in patterns)
    ]

    assert found == [WANTED[path.rpartition("/")[0] + "/" if "/" in path else ""]]
    assert found[0] in FILES


@pytest.mark.parametrize("path", YAML)
def test_the_first_line_names_the_same_schema(path):
    first = FILES[path].decode().splitlines()[0]
    schema = first.partition("$schema=")[2]
    folder = path.rpartition("/")[0]

    assert first.startswith("# yaml-language-server: $schema=")
    assert schema == "../" * (folder.count("/") + bool(folder)) + WANTED[f"{folder}/" if folder else ""]


def test_other_extensions_do_not_take_playbooks_away():
    """Some claim every file below playbooks/ for another language."""
    associations = json.loads(FILES[".vscode/settings.json"])["files.associations"]

    assert associations == {"**/playbooks/**/*.yaml": "yaml"}
