import json
from pathlib import Path

import jsonschema
import pytest

from engine.app.reference import schema_table

ROOT = Path(schema_table.__file__).parents[3]


@pytest.mark.parametrize("thing", schema_table.file_kinds())
def test_each_kind_of_file_has_rows_that_say_what_their_keys_mean(thing):
    found = schema_table.rows(thing)

    assert found
    assert [one.name for one in found if not one.meaning and "<name>" not in one.name] == []
    assert [one.name for one in found if not one.kind] == []


@pytest.mark.parametrize("thing", schema_table.file_kinds())
def test_the_schema_printed_is_draft_07_and_the_one_in_schemas(thing):
    found = schema_table.schema(thing)

    jsonschema.Draft7Validator.check_schema(found)
    assert found["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert json.loads((ROOT / "schemas" / f"{thing}.schema.json").read_text(encoding="utf-8")) == found


def test_required_keys_are_starred_and_inner_keys_stand_below():
    names = [one.name for one in schema_table.rows("playbook")]

    assert {"name*", "on*", "steps*", "  id*", "  uses*", "stage"} <= set(names)
    assert names.index("steps*") < names.index("  uses*")


def test_closed_words_are_spelled_out():
    stage = next(one for one in schema_table.rows("playbook") if one.name == "stage")

    assert stage.kind == "one of shadow, approval, auto"


def test_the_kinds_a_workspace_holds_are_all_there():
    assert {"playbook", "steward", "intents", "policy", "sop", "template", "agent"} <= set(
        schema_table.file_kinds()
    )
