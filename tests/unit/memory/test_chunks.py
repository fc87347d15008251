"""What a note is cut into, and what is left out of it."""

import hashlib
import time

import pytest

from engine.memory.chunking import CHARACTERS, CHUNKER, MAX_CHUNKS, WORDS, cut, section_of

TWO = "# Quoting\n\nShort.\n\n## Discounts\n\nNever more than ten percent.\n\n# Travel\n\nBy train.\n"


def texts(source, title=""):
    return [one.text for one in cut(source.encode() if isinstance(source, str) else source, title).chunks]


def words(count, of="word"):
    return " ".join(f"{of}{number}" for number in range(count))


def test_small_neighbours_stand_together_but_never_across_a_top_heading():
    assert texts(TWO) == [
        "Quoting\n\nShort.\n\nDiscounts\n\nNever more than ten percent.",
        "Quoting › Travel\n\nBy train.",
    ]


def test_a_passage_says_the_title_and_the_way_to_its_heading():
    source = f"# Handbook\n\n## Money\n\n### Refunds\n\n{words(120)}\n\n### Taxes\n\n{words(120)}\n"
    assert [one.partition("\n\n")[0] for one in texts(source, "Our rules")] == [
        "Our rules › Handbook",
        "Our rules › Handbook › Money › Taxes",
    ]


def test_a_long_section_is_cut_between_paragraphs_then_lines_then_words_then_letters():
    assert len(texts("# A\n\n" + "\n\n".join(words(60) for _ in range(6)))) == 3
    assert len(texts("# A\n\n" + "\n".join(words(60) for _ in range(6)))) == 3
    assert len(texts("# A\n\n" + words(400))) > 2
    assert len(texts("# A\n\n" + "x" * (CHARACTERS * 3))) >= 3


def test_no_passage_is_much_longer_than_the_limit():
    source = "# A\n\n" + "\n\n".join(f"## {number}\n\n{words(number)}" for number in range(1, 200))
    assert max(len(one.split()) for one in texts(source)) < WORDS + 20


def test_nothing_of_a_note_is_lost():
    source = "# A\n\n" + "\n\n".join(f"## H{number}\n\n{words(37, f'w{number}x')}" for number in range(30))
    found = " ".join(texts(source)).split()
    assert {one for number in range(30) for one in words(37, f"w{number}x").split()} <= set(found)
    assert {f"H{number}" for number in range(30)} <= set(found)


def test_the_digest_knows_the_text_and_its_title_and_nothing_else():
    one, two = cut(TWO.encode()).chunks, cut(TWO.encode()).chunks
    assert [chunk.hash for chunk in one] == [chunk.hash for chunk in two]
    assert cut(TWO.encode(), "Another title").chunks[0].hash != one[0].hash
    assert cut(b"words").title == ""


def test_a_changed_chunker_has_another_version():
    # When this fails, what notes are cut into has changed: raise CHUNKER, then write the new digest here.
    source = (
        f"---\ntitle: x\n---\n{TWO}\n## Long\n\n{words(500)}\n\n```\n# no heading\n```\n- [ ] a task ^id\n"
    )
    made = hashlib.sha256("\n".join(one.hash for one in cut(source.encode()).chunks).encode()).hexdigest()
    assert (CHUNKER, made[:16]) == ("head-merge 1", "f14130aee311df07")


@pytest.mark.parametrize(
    ("data", "lost"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary"),
        (b"x" * 1_000_001, "larger than 1 MB"),
        (bytes(range(128, 256)) * 20, "not UTF-8 text"),
    ],
)
def test_what_is_no_text_is_left_out_and_says_why(data, lost):
    assert cut(data).chunks == ()
    assert cut(data).lost == lost


def test_a_few_broken_letters_cost_those_letters_only():
    found = cut("# Größe\n\nAlles über Angebote und viel mehr noch als das".encode("latin-1"))
    assert "Angebote" in found.chunks[0].text
    assert "not UTF-8" in found.lost


def test_other_encodings_that_say_so_are_read():
    assert texts("# Größe\n\nAlles".encode("utf-16")) == ["Größe\n\nAlles"]
    assert texts("\ufeff# Größe\n\nAlles") == ["Größe\n\nAlles"]


@pytest.mark.parametrize(
    "data",
    [b"a\n" * 100_000, b"# a\n" * 100_000, b"```\n" * 100_000, b"#" * 900_000, b"a " * 400_000, b"\n" * 900_000, b"- [[a]]\n" * 100_000],
)  # fmt: skip
def test_a_note_of_a_hundred_thousand_lines_is_bounded_in_passages_and_time(data):
    began = time.process_time()
    found = cut(data)
    assert time.process_time() - began < 5
    assert len(found.chunks) <= MAX_CHUNKS
    assert (
        len(found.chunks) < MAX_CHUNKS or found.lost == f"only its first {MAX_CHUNKS} passages are remembered"
    )


def test_links_in_a_circle_are_words():
    assert texts("# A\n\n[[b]] [[a]]") == ["A\n\n[[b]] [[a]]"]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"---\ntitle: x\n---\n", b"\xff\xfe"])
def test_an_empty_note_has_no_passages(data):
    assert cut(data).chunks == ()


def test_the_heading_cited_is_the_one_whose_words_were_asked_for():
    sections = cut(TWO.encode()).chunks[0].sections
    assert section_of(sections, "how many percent?") == "Discounts"
    assert section_of(sections, "nothing of this") == "Quoting"
    assert section_of((), "a") == ""
