import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.language.text.nodes import Mapping, Scalar, Sequence
from engine.language.text.source import SourceText, part
from engine.language.yaml.reader import MAX_BYTES, MAX_NODES, front_matter, read
from tests.unit.language.mending import codes, mended

ROOT = Path(__file__).parents[3]


def tree(text) -> Any:
    node, diagnostics = read("a.yaml", text if isinstance(text, bytes) else text.encode())
    assert diagnostics == ()
    return node


def wrong(text):
    node, diagnostics = read("a.yaml", text if isinstance(text, bytes) else text.encode())
    assert node is None
    return diagnostics


def place(span):
    return span.line, span.column, span.end_line, span.end_column


@pytest.mark.parametrize(
    "written", ["no", "010", "1.10", "12:30", "on", "0x1f", "~", "2026-05-01", "1_000", ".inf"]
)
def test_scalars_keep_their_characters(written):
    value = tree(f"key: {written}\n").get("key")

    assert value == Scalar(text=written, plain=True, span=value.span)


def test_on_is_a_key():
    assert [entry.key for entry in tree("on: { manual: {} }\nyes: 1\n").entries] == ["on", "yes"]


def test_places_in_flow_maps_block_scalars_and_beyond_the_basic_plane():
    node = tree('a: { b: [x, "y"], 😀: z }\nc: |\n  one\n  two\nd: last\n')

    a, c, d = node.entries
    b, smile = a.value.entries
    assert place(a.value.span) == (1, 4, 1, 25)
    assert [place(one.span) for one in b.value.items] == [(1, 10, 1, 11), (1, 13, 1, 16)]
    assert place(smile.key_span) == (1, 19, 1, 20)
    assert place(smile.value.span) == (1, 22, 1, 23)
    assert c.value.span.line == 2
    assert c.value.text == "one\ntwo\n"
    assert place(d.value.span) == (5, 4, 5, 8)


def test_bom_and_crlf_change_nothing():
    assert tree(b"\xef\xbb\xbfa: b\r\nc: d\r\n") == tree("a: b\nc: d\n")


def test_an_empty_file_is_an_empty_map():
    assert tree("") == tree("# nothing\n") == Mapping(entries=(), span=tree("").span)


def test_lists_and_nothing():
    node = tree("- a\n-\n- []\n")

    assert isinstance(node, Sequence)
    assert [getattr(one, "text", ()) for one in node.items] == ["a", "", ()]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"a: \xff\n", "SW001"),
        (b"a: " + b"b" * MAX_BYTES, "SW002"),
        (b"a: " + b"[" * 41 + b"]" * 41, "SW003"),
        (b"- " * 41 + b"a", "SW003"),
        (b"[" * 30_000, "SW003"),
        (b"- a\n" * (MAX_NODES + 1), "SW004"),
        ("a: b\x00c\n", "SW005"),
        ("a: b\u0085c\n", "SW005"),
        ("a:\n\tb: c\n", "SW006"),
        ("a: [b\n", "SW007"),
        ("a: 'b\n", "SW007"),
        ("a: *b\n", "SW008"),
        ("a: &b c\n", "SW008"),
        ("<<: { a: b }\n", "SW009"),
        ("a: !!int 3\n", "SW010"),
        ("a: ! 3\n", "SW010"),
        ("a: b\na: c\n", "SW011"),
        ("a: b\n---\nc: d\n", "SW012"),
        ("%YAML 1.1\n---\na: b\n", "SW012"),
        ("? [a]\n: b\n", "SW013"),
        ("'': b\n", "SW013"),
    ],
)  # fmt: skip
def test_refuses(text, code):
    assert codes(wrong(text)) == [code]


def test_the_largest_file_and_the_deepest_nesting_are_read():
    assert tree(b"a: " + b"b" * (MAX_BYTES - 3)) is not None
    assert tree("a: " + "[" * 39 + "]" * 39) is not None


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("a: { b: ${{ x }} }\n", 'a: { b: "${{ x }}" }\n'),
        ("a: { b: ${{ x }}, c: ${{ y }} }\n", 'a: { b: "${{ x }}", c: "${{ y }}" }\n'),
        ("a: [${{ x }}, z]\n", 'a: ["${{ x }}", z]\n'),
        ("a: { b: Hello ${{ x }} there }\n", 'a: { b: "Hello ${{ x }} there" }\n'),
        ("a: ${{ x ? 'y: z' : 'w' }}\n", "a: \"${{ x ? 'y: z' : 'w' }}\"\n"),
        ("a: ${{ x == 'y #1' }} # why\n", "a: \"${{ x == 'y #1' }}\" # why\n"),
        ("a: ${{ {'b': 1}['b'] }}\n", "a: \"${{ {'b': 1}['b'] }}\"\n"),
        ('a: ${{ {"b": 1}["b"] }}\n', 'a: \'${{ {"b": 1}["b"] }}\'\n'),
    ],
)
def test_an_expression_that_needs_quotes_gets_them_in_its_fix(text, repaired):
    (diagnostic,) = wrong(text)

    assert diagnostic.code == "SW014"
    assert mended(text.encode(), diagnostic).decode() == repaired
    assert tree(repaired) is not None


@pytest.mark.parametrize(
    "text", ["a: ${{ x }}\n", "a: Hello ${{ x }}, ${{ y }}\n", "a: '${{ {} }}'\n", "a: |\n  ${{ {} #\n"]
)
def test_an_expression_that_needs_no_quotes_is_left_alone(text):
    assert tree(text) is not None


def test_a_tab_is_repaired():
    (diagnostic,) = wrong("a:\n\tb: c\n")

    assert mended(b"a:\n\tb: c\n", diagnostic) == b"a:\n  b: c\n"


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("key: Hello ${{ event.from }}!", "event.from"),
        ('key: "Hello ${{ event.from }}!"', "event.from"),
        ("key: 'It''s ${{ event.from }}'", "event.from"),
        ("key: |\n  first\n  Hello ${{ event.from }}", "event.from"),
        ("key: >\n  first\n  Hello ${{ event.from }}", "event.from"),
        ('key: "two\n  lines ${{ event.from }}"', "event.from"),
    ],
)
def test_a_piece_of_a_scalar_has_its_own_place(text, piece):
    scalar = tree(text).get("key")
    source = SourceText.from_bytes("a.yaml", text.encode())
    start = scalar.text.index(piece)

    span = part(source, scalar, start, start + len(piece))

    assert source.line(span.line)[span.column - 1 : span.end_column - 1] == piece


def test_front_matter_keeps_places_in_the_file():
    front, body, before, diagnostics = front_matter("a.md", b"---\ntitle: A\nbad: b\n---\n# Body\n")

    assert (body, before, diagnostics) == ("# Body\n", 4, ())
    assert isinstance(front, Mapping)
    assert [place(entry.value.span) for entry in front.entries] == [(2, 8, 2, 9), (3, 6, 3, 7)]


def test_a_note_without_front_matter():
    assert front_matter("a.md", b"# Body\n") == (None, "# Body\n", 0, ())


def test_front_matter_that_is_not_closed():
    front, _, _, diagnostics = front_matter("a.md", b"---\ntitle: A\n")

    assert front is None
    assert codes(diagnostics) == ["SW007"]


HOSTILE = """
import json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
from engine.language.yaml.reader import read
import yaml
read("warm.yaml", b"a: b")
bomb = b"a: &a [x]\\n" + b"".join(b"b%d: &b%d [*a,*a,*a]\\n" % (n, n) for n in range(50))
merge = b"a: &a {x: 1}\\n" + b"".join(b"c%d: {<<: [*a, *a]}\\n" % n for n in range(50))
corpus = {
    "bomb": bomb, "merge": merge, "brackets": b"[" * 200_000, "braces": b"{a: " * 60_000, "dashes": b"- " * 120_000,
    "questions": b"? " * 120_000, "flat": b"- a\\n" * 60_000, "wide": b"".join(b"k%d: v\\n" % n for n in range(25_000)),
    "nul": b"a: " + b"\\x00" * 200_000, "scalar": b"a: " + b"x" * 250_000, "key": b"x" * 250_000 + b": a",
    "tags": b"a: " + b"!!python/object/apply:os.system " * 8_000, "anchors": b"&a " * 80_000, "lines": b"\\n" * 250_000,
    "comments": b"#\\n" * 120_000, "colons": b"a:" * 120_000, "commas": b"[" + b"," * 250_000, "quotes": b"'" * 250_000,
    "escapes": b'"' + b"\\\\n" * 120_000 + b'"', "folded": b"a: >\\n" + b"  x\\n" * 60_000, "traps": b"a: ${{ x #\\n" * 20_000,
    "trap line": b"a: [" + b"${{ x }}, " * 25_000 + b"]", "documents": b"---\\n" * 60_000, "surrogates": b"a: \\xed\\xa0\\x80" * 1000,
    "many traps": b"".join(b"k%d: ${{ {} }}\\n" % n for n in range(9_000)), "bom": b"\\xef\\xbb\\xbf" * 80_000,
    "open quotes": b'a: "' + b"${{" * 80_000, "expressions": b"a: " + b"${{ x }} " * 28_000,
}
worst = {}
for name, data in corpus.items():
    began = time.process_time()
    node, diagnostics = read("a.yaml", data[:400_000])
    worst[name] = time.process_time() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": worst, "peak": peak}))
"""


@pytest.fixture(scope="module")
def hostile():
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE], cwd=ROOT, capture_output=True, timeout=60, check=True
    )
    return json.loads(done.stdout)


def test_no_file_holds_the_reader_up(hostile):
    assert {name: spent for name, spent in hostile["seconds"].items() if spent > 0.1} == {}


def test_no_file_fills_the_memory(hostile):
    idle = subprocess.run(
        [sys.executable, "-c", "import resource,yaml,engine.language.yaml.reader;print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"],
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    assert hostile["peak"] - int(idle.stdout) < 50_000


def test_a_tag_on_nothing_at_the_very_end_is_refused_like_any_other():
    """The parser places an empty tagged value behind the last line."""
    for source in (b"a: {!!x }\n", b"a: !!x\n", b"- !!x", b"{!!x  b, c }\n"):
        node, found = read("a.yaml", source)
        assert node is None
        assert [one.code for one in found] == ["SW010"], source
