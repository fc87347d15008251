"""Diagnostics as SARIF 2.1.0, which code hosts and editors read: a rule for each code, a place and, where there is one, a fix for each result."""

from collections.abc import Sequence
from urllib.parse import quote

import engine
from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span
from engine.model.values.canonical_json import Json, name_of

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
PAGE = "urn:x-steward:docs:reference:diagnostics"
"""What readers ask for as the tool's page: a name and no address, for its pages travel with it (`steward explain`)."""
ROOT = "%SRCROOT%"
"""What paths are relative to: the workspace's folder, which a reader knows and this file doesn't name."""


def log(diagnostics: Sequence[Diagnostic]) -> dict[str, Json]:
    """One run of `steward check`."""
    codes = sorted({diagnostic.code for diagnostic in diagnostics})
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "steward",
                        "informationUri": PAGE,
                        "semanticVersion": engine.__version__,
                        "rules": [_rule(code) for code in codes],
                    }
                },
                # Columns count characters, as they do everywhere else here.
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {ROOT: {"description": {"text": "The workspace's folder."}}},
                "results": [_result(diagnostic, codes.index(diagnostic.code)) for diagnostic in diagnostics],
            }
        ],
    }


def _rule(code: str) -> dict[str, Json]:
    from engine.language.build import explain

    page = explain.page(code) or code
    title, _, explanation = page.partition("\n\n")
    return {
        "id": code,
        "shortDescription": {"text": title.strip() or code},
        "fullDescription": {"text": " ".join(page.split())},
        "help": {"text": f"{explanation.strip() or title}\n\nsteward explain {code}"},
    }


def _result(diagnostic: Diagnostic, index: int) -> dict[str, Json]:
    fixed = {} if diagnostic.fix is None else {"fixes": [_fix(diagnostic, diagnostic.fix)]}
    return {
        "ruleId": diagnostic.code,
        "ruleIndex": index,
        "level": "error" if diagnostic.severity is Severity.ERROR else "warning",
        "message": {"text": "\n".join(part for part in (diagnostic.message, diagnostic.hint) if part)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _file(diagnostic.span),
                    "region": _region(diagnostic.span) | _snippet(diagnostic),
                }
            }
        ],
        # The same finding on another line is the same finding.
        "partialFingerprints": {
            "steward/v1": name_of(
                [diagnostic.code, diagnostic.span.path, diagnostic.message, diagnostic.source.strip()]
            )
        },
        **fixed,
    }


def _fix(diagnostic: Diagnostic, fix: Fix) -> dict[str, Json]:
    return {
        "description": {"text": diagnostic.hint or "as printed by steward check"},
        "artifactChanges": [
            {
                "artifactLocation": _file(fix.span),
                "replacements": [
                    {"deletedRegion": _region(fix.span), "insertedContent": {"text": fix.text}},
                ],
            }
        ],
    }


def _file(span: Span) -> dict[str, Json]:
    return {"uri": quote(span.path), "uriBaseId": ROOT}


def _region(span: Span) -> dict[str, Json]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _snippet(diagnostic: Diagnostic) -> dict[str, Json]:
    return {"snippet": {"text": diagnostic.source}} if diagnostic.source else {}
