"""The pages of docs: each is of one kind, every link leads somewhere, and no block escapes the test of its language."""

import re

import pytest

from tests.docs.blocks import LANGUAGES, blocks_of, commands_of, pages
from tests.meta.sources import ROOT, files, text_of

KINDS = ("tutorial", "how-to", "reference", "explanation", "decisions", "evidence", "screens")
TABLE = "docs/how-to/where-things-are.md"
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"(?s)`[^`\n]+`(?!\])")
_NAMED = re.compile(r"\bdocs/[\w./-]*\w\.(?:md|png|tsv|txt|jsonl)\b")
_DECISION = re.compile(r"docs/decisions/(\d{4})\b")


def dead_links(page: str, text: str) -> list[str]:
    """Links of a page that lead to no file of this repository, or to no heading of it."""
    known = files()
    wrong = []
    for target in _LINK.findall(_CODE.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, heading = target.partition("#")
        place = (ROOT / page).parent / path if path else ROOT / page
        name = place.resolve().relative_to(ROOT).as_posix()
        is_folder = any(file.startswith(f"{name}/") for file in known)
        if (name not in known and not is_folder) or (heading and heading not in headings(text_of(name))):
            wrong.append(target)
    return wrong


def headings(text: str) -> set[str]:
    """The anchors of a page, as code hosts make them."""
    titles = re.findall(r"(?m)^#+ (.+)$", text)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def named_but_missing(text: str) -> list[str]:
    """Pages of docs that a text names and that do not exist."""
    known = files()
    wrong = [name for name in _NAMED.findall(text) if name not in known]
    wrong += [
        number
        for number in _DECISION.findall(text)
        if not any(path.startswith(f"docs/decisions/{number}") for path in known)
    ]
    return wrong


def test_every_page_is_of_one_kind():
    folders = {path.split("/")[1] for path in files() if path.startswith("docs/") and path.count("/") > 1}
    assert folders == set(KINDS)
    assert [path for path in files() if path.startswith("docs/") and path.count("/") == 1] == [
        "docs/README.md",
        "docs/architecture.md",
    ]


def test_every_page_can_be_reached_from_the_index():
    index = text_of("docs/README.md")
    listed = [
        path
        for path in pages()
        if path.startswith(("docs/tutorial/", "docs/how-to/", "docs/reference/", "docs/explanation/"))
    ]
    assert [path for path in listed if f"({path.removeprefix('docs/')})" not in index] == []


@pytest.mark.parametrize(
    "page", [path for path in files() if path.endswith(".md") and not path.startswith(("tests/", "vault/"))]
)
def test_links_lead_somewhere(page):
    assert dead_links(page, text_of(page)) == []


def test_no_file_names_a_page_that_is_gone():
    wrong = {path: named for path in files() if (named := named_but_missing(text_of(path)))}
    wrong.pop("tests/docs/test_pages.py")
    assert wrong == {}


def test_every_block_names_its_language():
    strange = [
        block.place for page in pages() for block in blocks_of(page) if block.language not in LANGUAGES
    ]
    assert strange == []


def test_no_command_hides_in_a_block_that_is_only_shown():
    hidden = [
        block.place
        for page in pages()
        for block in blocks_of(page)
        if block.language == "text" and re.search(r"(?m)^(steward|git|python3?|pytest|sudo|cp) ", block.text)
    ]
    assert hidden == []


def test_each_of_thirty_changes_names_a_file_that_exists():
    rows = re.findall(r"(?m)^\| ([a-z][^|]+) \| `(engine/[^`]+)` \|$", text_of(TABLE))
    assert len(rows) >= 30
    assert len({change for change, _ in rows}) == len(rows)
    assert [path for _, path in rows if path not in files()] == []


def test_every_file_of_the_engine_that_docs_name_exists():
    wrong = {
        page: named
        for page in pages()
        if not page.startswith(("docs/decisions/", "CHANGELOG"))
        and (
            named := [
                path
                for path in re.findall(r"`((?:engine|tests)/[\w/.-]+\.(?:py|md|txt))`", text_of(page))
                if path not in files()
            ]
        )
    }
    assert wrong == {}


# ---------------------------------------------------------------- each detector finds its planted positive


def test_a_dead_link_is_found():
    text = "[a](nothing.md) [b](../architecture.md) [c](../architecture.md#floors) [d](../architecture.md#nothing) [e](https://example.org)"
    assert dead_links("docs/explanation/x.md", text) == ["nothing.md", "../architecture.md#nothing"]


def test_a_page_that_is_gone_is_found():
    assert named_but_missing("see docs/gone.md, docs/decisions/9999 and docs/decisions/0001") == [
        "docs/gone.md",
        "9999",
    ]


def test_commands_are_read_as_a_person_types_them():
    text = "```sh\nsteward check   # ends with 3\na \\\n  b\n\n# only a word\n```\n1. x\n   ```yaml p.yaml broken\n   a: 1\n   ```\n"
    shell, yaml = blocks_of("x.md", text)
    assert [(command.text, command.exits) for command in commands_of(shell)] == [
        ("steward check", (3,)),
        ("a   b", (0, 4)),
    ]
    assert (yaml.language, yaml.path, yaml.flags, yaml.text) == ("yaml", "p.yaml", ("broken",), "a: 1\n")
