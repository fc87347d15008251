"""PDF files from templates."""

import importlib.util
import io

import pypdf
import pytest

from engine.connectors.documents import file_name, render
from engine.model.errors import PermanentError
from tests.contract.world import AT, PAPER, World, call, effect
from tests.counterparts import needs

FONT = importlib.util.find_spec("font_roboto") is not None
SOURCE = """# Agreement

Between **us** and *you*, see [the list](https://example.org/list).

## Lists

- one
  - inner
- two

3. three
4. four

> quoted

```
code
```

| what | amount |
|---|--:|
| Website check | 490.00 EUR |

---

The end – “really” for 5 €. ![picture](https://evil.example/x.png) <b>no html</b>
"""


def words_of(data):
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)


def test_everything_written_can_be_read():
    data, pages, missing = render(SOURCE, title="Agreement", language="en", at=AT)
    found = words_of(data)
    for words in (
        "Agreement", "Between us and you, see the list (https://example.org/list).", "• one", "• inner", "3. three", "4. four",
        "quoted", "code", "Website check", "490.00 EUR", "The end – “really” for 5 €.", "[picture] <b>no html</b>", "1 / 1",
    ):  # fmt: skip
        assert words in found
    assert (pages, missing) == (1, ())


def test_the_same_words_at_the_same_moment_are_the_same_bytes():
    first = render(SOURCE, title="Größe", language="de", at=AT)
    assert render(SOURCE, title="Größe", language="de", at=AT) == first
    assert render(SOURCE, title="Größe", language="de", at=AT.replace(minute=1)) != first


def test_the_paper_says_when_it_was_made():
    meta = pypdf.PdfReader(io.BytesIO(render("x", title="T ✓", language="", at=AT)[0])).metadata
    assert meta is not None
    assert (meta.title, meta.producer) == ("T ✓", "Steward")
    assert meta.creation_date == AT


def test_nothing_is_fetched(monkeypatch):
    monkeypatch.setattr("socket.socket", lambda *_a, **_k: pytest.fail("went out"))
    render("![x](https://evil.example/x.png) ![y](file:///etc/passwd)", title="", language="", at=AT)


def test_what_the_font_does_not_have_is_replaced_and_said():
    data, _, missing = render("Żółć 漢 and 漢", title="", language="", at=AT)
    assert "漢" in missing
    assert ("Ż" in missing) is not FONT
    assert "? and ?" in words_of(data)


@needs(FONT, "the font package")
def test_the_font_package_shows_greek_and_cyrillic():
    assert render("Żółć Привет Γειά", title="", language="", at=AT)[2] == ()


@pytest.mark.parametrize(
    "source",
    [
        "- " * 60 + "x",
        "> " * 60 + "x",
        "x" * 20_000,
        "| a |\n|---|\n" + "| b |\n" * 300,
        "#" * 7 + " x",
        "\x00",
        "|",
        "- \n- \n",
        "1. " * 9,
    ],
)
def test_odd_words_make_a_paper_or_are_refused(source):
    try:
        data, _, _ = render(source, title="", language="not a language", at=AT)
    except PermanentError:
        return
    assert data.startswith(b"%PDF")


def test_the_file_is_kept_sealed_and_named_after_the_template(tmp_path):
    world = World(tmp_path)
    documents = world.wired().connectors["documents"]
    asked = call("documents/render", {"template": PAPER})
    one = effect(asked, documents.preview(asked))
    file = documents.perform(one).outputs["file"]
    assert file["name"] == "services-agreement.pdf"
    assert world.blobs.get(file["handle"]) == one.preview.body
    assert (file["size"], file["media"]) == (len(one.preview.body), "application/pdf")
    assert dict(one.preview.facts)["Title"] == "Agreement"


def test_a_missing_letter_is_a_warning_on_the_card(tmp_path):
    documents = World(tmp_path).wired().connectors["documents"]
    found = documents.preview(call("documents/render", {"template": {**PAPER, "body": "漢字"}}))
    assert found.warnings == ("the font can't show 字 (U+5B57) 漢 (U+6F22): shown as ?",)


@pytest.mark.parametrize("body", ["", " \n"])
def test_a_template_without_words_is_refused(tmp_path, body):
    documents = World(tmp_path).wired().connectors["documents"]
    with pytest.raises(PermanentError):
        documents.preview(call("documents/render", {"template": {**PAPER, "body": body}}))


def test_names_of_files():
    assert file_name("services-agreement") == "services-agreement.pdf"
    assert file_name("vault/templates/a b.md") == "a-b.pdf"
    assert file_name("../..") == "document.pdf"
