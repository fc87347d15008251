"""The structure SARIF 2.1.0 asks for, without its schema at hand: what is required, what is closed, what must fit together."""

import json
import re
from urllib.parse import unquote

import pytest

from engine.app.plans.sarif import ROOT, log
from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span
from tests.unit.language.mending import mended
from tests.unit.language.trees import compiled

TEXT = """\
name: Case
on: { manual: {} }
steps:
  - { id: who, uses: identity/resolve, with: { email: a@example.com } }
  - { id: tell, uses: notify/me, with: { text: "${{ steps.whom.outputs.name }}" } }
  - { id: end, uses: notify/me, with: { txt: x, text: y } }
"""


@pytest.fixture
def found() -> tuple[Diagnostic, ...]:
    return compiled({"playbooks/case.yaml": TEXT.encode()}).diagnostics


def run(found) -> dict:
    made = json.loads(json.dumps(log(found)))
    assert made["version"] == "2.1.0"
    assert made["$schema"].endswith("sarif-schema-2.1.0.json")
    (one,) = made["runs"]
    return one


def test_the_log_has_one_run_of_a_named_tool_and_its_columns_count_characters(found):
    one = run(found)

    assert one["tool"]["driver"]["name"] == "steward"
    assert re.fullmatch(r"[a-z][a-z0-9+.-]*:\S+", one["tool"]["driver"]["informationUri"])
    assert one["columnKind"] == "unicodeCodePoints"
    assert ROOT in one["originalUriBaseIds"]
    assert one.keys() == {"tool", "columnKind", "originalUriBaseIds", "results"}


def test_every_result_points_to_its_rule_and_every_rule_has_help(found):
    one = run(found)
    rules = one["tool"]["driver"]["rules"]

    assert [rules[result["ruleIndex"]]["id"] for result in one["results"]] == [d.code for d in found]
    assert all(result["ruleId"] == rules[result["ruleIndex"]]["id"] for result in one["results"])
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.keys() == {"id", "shortDescription", "fullDescription", "help"}
        assert "Right" in rule["help"]["text"]
        assert all(rule[key]["text"] for key in ("shortDescription", "fullDescription"))


def test_results_have_a_level_a_message_and_a_region_inside_the_file(found):
    assert found
    lines = TEXT.split("\n")
    for result in run(found)["results"]:
        assert result["level"] in {"error", "warning", "note", "none"}
        assert result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"] == {"uri": "playbooks/case.yaml", "uriBaseId": ROOT}
        region = place["region"]
        assert 1 <= region["startLine"] <= region["endLine"] <= len(lines)
        assert region["startColumn"] >= 1
        assert (region["startLine"], region["startColumn"]) <= (region["endLine"], region["endColumn"])
        assert region["snippet"]["text"] == lines[region["startLine"] - 1]


def test_a_fix_applied_as_sarif_says_is_the_printed_fix(found):
    fixed = [(d, r) for d, r in zip(found, run(found)["results"], strict=True) if d.fix]
    assert fixed
    for diagnostic, result in fixed:
        (fix,) = result["fixes"]
        (change,) = fix["artifactChanges"]
        (replacement,) = change["replacements"]
        region, new = replacement["deletedRegion"], replacement["insertedContent"]["text"]
        lines = TEXT.split("\n")
        start = sum(len(line) + 1 for line in lines[: region["startLine"] - 1]) + region["startColumn"] - 1
        end = sum(len(line) + 1 for line in lines[: region["endLine"] - 1]) + region["endColumn"] - 1
        assert (TEXT[:start] + new + TEXT[end:]).encode() == mended(TEXT.encode(), diagnostic)


def test_a_path_with_odd_letters_is_a_uri():
    span = Span(path="vault/sops/über uns #1.md")
    (result,) = run([Diagnostic(code="SW102", span=span, message="x", severity=Severity.WARNING)])["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]

    assert uri.isascii()
    assert not set(uri) & set(" #?")
    assert unquote(uri) == span.path
    assert result["level"] == "warning"
    assert "fixes" not in result


def test_the_same_finding_on_another_line_has_the_same_fingerprint():
    one, two = (
        Diagnostic(code="SW102", span=Span(path="a.yaml", line=n), message="x", source=" y", fix=Fix(span=Span(path="a.yaml"), text="z"))
        for n in (3, 9)
    )  # fmt: skip
    first, second = run([one, two])["results"]

    assert first["partialFingerprints"] == second["partialFingerprints"]


def test_nothing_wrong_is_a_log_without_results():
    one = run([])

    assert (one["results"], one["tool"]["driver"]["rules"]) == ([], [])
