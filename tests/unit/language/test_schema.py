import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from engine.language.documents import intents, playbook, policy, settings, sop, test_file
from engine.language.schemas import schemas, vault_schemas
from engine.language.templates import parser

ROOT = Path(__file__).parents[3]
SCHEMAS = schemas.all_schemas()


def of(name: str) -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(SCHEMAS[f"{name}.schema.json"])


def front_matter(path: Path):
    return yaml.safe_load(path.read_text(encoding="utf-8").split("---\n")[1]) or {}


def maps(shape):
    """Every map of a schema that names its keys."""
    if isinstance(shape, dict):
        if isinstance(shape.get("properties"), dict):
            yield shape["properties"]
        for value in shape.values():
            yield from maps(value)
    elif isinstance(shape, list):
        for value in shape:
            yield from maps(value)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_committed_file_is_what_the_table_makes(name):
    assert (ROOT / "schemas" / name).read_bytes() == schemas.encode(SCHEMAS[name]), (
        "run: python -m engine.language.schemas.schemas schemas"
    )


def test_no_other_schema_lies_there():
    assert {path.name for path in (ROOT / "schemas").iterdir()} == set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_is_draft_07_and_says_so(name):
    jsonschema.Draft7Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_has_a_description(name):
    without = [
        key
        for properties in maps(SCHEMAS[name])
        for key, shape in properties.items()
        if not shape.get("description")
    ]

    assert without == []


def test_nothing_stands_beside_a_reference():
    assert '"$ref"' in json.dumps(SCHEMAS)
    beside = [
        shape
        for one in SCHEMAS.values()
        for properties in maps(one)
        for shape in properties.values()
        if "$ref" in shape and len(shape) > 1
    ]

    assert beside == []


def test_the_table_has_the_keys_that_are_read():
    assert set(schemas.PLAYBOOK) == set(playbook.KEYS)
    assert set(schemas.STEP) == set(playbook.STEP_KEYS)
    assert set(schemas.SOP) == {*sop.KEYS, *sop.OBSIDIAN}
    assert set(vault_schemas.TEMPLATE) == set(parser.KEYS)
    assert set(vault_schemas.STEWARD) == set(settings.KEYS)
    assert set(vault_schemas.INTENT) == set(intents.KEYS)
    assert set(vault_schemas.POLICY) == set(policy.KEYS)
    assert set(vault_schemas.POLICY["caps"][0]["items"]["properties"]) == set(policy.CAP_KEYS)
    assert set(schemas.TEST) == set(test_file.KEYS)
    assert set(schemas.CASE) == set(test_file.CASE_KEYS)
    assert set(schemas.MOVES) == set(test_file.MOVES)
    assert set(schemas.EXPECT) == set(test_file.EXPECT_KEYS)
    assert {one["const"] for one in vault_schemas.STEWARD["secrets"][0]["items"]["oneOf"]} == set(
        settings.RESOLVERS
    )


FILES = [
    ("steward", "steward.yaml"),
    ("playbook", "playbooks/*.yaml"),
    ("intents", "vault/intents/*.yaml"),
    ("policy", "vault/policy.yaml"),
    ("test", "playbooks/tests/*.test.yaml"),
]
NOTES = [
    ("template", "vault/templates/**/*.md"),
    ("agent", "vault/agents/*.md"),
]


def found(table):
    return [(name, path) for name, pattern in table for path in sorted(ROOT.glob(pattern))]


@pytest.mark.parametrize(("name", "path"), found(FILES), ids=lambda one: getattr(one, "stem", one))
def test_the_starter_validates(name, path):
    errors = of(name).iter_errors(
        yaml.safe_load(path.read_text(encoding="utf-8").replace("\non:", '\n"on":'))
    )

    assert [error.message for error in errors] == []


@pytest.mark.parametrize(("name", "path"), found(NOTES), ids=lambda one: getattr(one, "stem", one))
def test_front_matter_of_the_starter_validates(name, path):
    assert [error.message for error in of(name).iter_errors(front_matter(path))] == []


def test_front_matter_of_the_procedure_validates():
    text = (ROOT / "vault/sops/answer-a-lead.md").read_text(encoding="utf-8")
    data = yaml.safe_load(text.split("---\n")[1].replace("\non:", '\n"on":'))

    assert [error.message for error in of("sop").iter_errors(data)] == []


@pytest.mark.parametrize("path", [path for _, path in found(FILES)], ids=lambda path: path.stem)
def test_the_starter_names_its_schema_on_the_first_line(path):
    line = path.read_text(encoding="utf-8").splitlines()[0]

    assert line.startswith("# yaml-language-server: $schema=")
    assert (path.parent / line.partition("=")[2]).resolve().is_file()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (
            "playbook",
            {"name": "a", "on": {"manual": {}}, "steps": [{"id": "a", "uses": "notify/me", "wiht": {}}]},
        ),
        ("playbook", {"name": "a", "on": {"manual": {}}, "steps": []}),
        ("playbook", {"name": "a", "on": {}, "steps": [{"id": "a", "uses": "notify/me"}]}),
        ("playbook", {"name": "a", "on": {"manual": {}}, "steps": [{"id": "A b", "uses": "notify/me"}]}),
        (
            "playbook",
            {"name": "a", "stage": "live", "on": {"manual": {}}, "steps": [{"id": "a", "uses": "a/b"}]},
        ),
        ("steward", {"operator": {"name": "a"}}),
        ("steward", {"operator": {"name": "a", "email": "a@example.com"}, "time_zone": "UTC"}),
        ("intents", {"refund": {"rules": "refund"}}),
        ("policy", {"quiet-hours": {}}),
        ("policy", {"caps": [{"action": "email/reply"}]}),
        ("template", {"values": {"a": "txt"}}),
        ("sop", {"type": "note"}),
    ],
)
def test_what_is_refused(name, data):
    assert list(of(name).iter_errors(data))


@pytest.mark.parametrize(
    "shape",
    [
        "text",
        "one of a, b",
        ["text"],
        {"a": "text", "b": ["money"]},
        {"type": "money", "max": "5 EUR"},
        [{"a": "text"}],
    ],
)
def test_every_form_of_a_type_is_known(shape):
    assert list(of("template").iter_errors({"values": {"a": shape, "b?": "text"}})) == []
