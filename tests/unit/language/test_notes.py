"""What makes a note a SOP: front matter, which begins with a line of exactly three hyphens."""

import pytest

from engine.language.documents.sop import is_sop
from tests.unit.language.trees import compiled

BODY = "type: sop\n---\n- [ ] Look at it ^look\n"


@pytest.mark.parametrize("first", ["----\n", "---**\n", "--- -\n", "---sop\n"])
def test_a_note_that_only_looks_like_one_is_named_and_nothing_of_it_is_broken(first):
    data = (first + BODY).encode()

    assert is_sop(data) is False
    found = compiled({"vault/sops/case.md": data})
    assert [(one.code, one.severity.value) for one in found.diagnostics] == [("SW038", "warning")]
    assert (found.broken, dict(found.plans)) == (frozenset(), {})


@pytest.mark.parametrize("first", ["---\n", "---\r\n", "\ufeff---\n"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(first):
    data = (first + BODY).replace("\n", "\r\n" if "\r" in first else "\n").replace("\r\r", "\r").encode()

    assert is_sop(data) is True
    assert set(compiled({"vault/sops/case.md": data}).plans) == {"case"}
