"""A file that YAML can't read is told the slip itself, in its place, and the printed fix lets it be read on."""

import pytest

from engine.language.yaml import reader
from tests.unit.language.mending import mended

HEAD = "name: A\nstage: approval\non: { manual: {} }\nsteps:\n  - id: a\n    uses: notify/me\n"
TELL = "    with: { text: hi }\n"

SLIPS = {
    # a key indented deeper than the one above
    "a key too deep": (HEAD + "    gate: g\n      with: { text: hi }\n", 8, "SW007", "`with` is indented deeper than `gate`"),
    "a key far too deep": (HEAD + "    if: ${{ 1 > 0 }}\n            needs: []\n" + TELL, 8, "SW007", "deeper than `if`"),
    "a key one space too deep": (HEAD + "     with: { text: hi }\n", 7, "SW007", "`with` is indented deeper than `uses`"),
    "the first key of a step's second line": (
        "name: A\nsteps:\n  - id: a\n      uses: notify/me\n", 4, "SW007", "`uses` is indented deeper than `id`",
    ),
    "a top key too deep": ("name: A\n  stage: approval\non: { manual: {} }\n", 2, "SW007", "`stage` is indented deeper than `name`"),
    # a space that is none
    "no-break space before a key": (HEAD + "\u00a0   with: { text: hi }\n", 7, "SW005", "U+00A0 (no-break space)"),
    "narrow no-break space": (HEAD + "\u202f   with: { text: hi }\n", 7, "SW005", "U+202F (narrow no-break space)"),
    "ideographic space": (HEAD + "\u3000   with: { text: hi }\n", 7, "SW005", "U+3000 (ideographic space)"),
    "em space": (HEAD + "\u2003   with: { text: hi }\n", 7, "SW005", "U+2003 (em space)"),
    "no-break space in the middle of an indent": (HEAD + "  \u00a0 with: { text: hi }\n", 7, "SW005", "U+00A0"),
    # a quote inside quotes
    "a word in quotes inside quotes": (HEAD + '    with: { text: "say "hi" now" }\n', 7, "SW007", 'this `"` ends the text'),
    "inside quotes, without braces": (HEAD + '    name: "the "first" one"\n' + TELL, 7, "SW007", 'this `"` ends the text'),
    "at the beginning": (HEAD + '    with: { text: ""Hi" he said" }\n', 7, "SW007", 'this `"` ends the text'),
    "two words": (HEAD + '    with: { text: "a "b" c "d" e" }\n', 7, "SW007", 'this `"` ends the text'),
    "in a list": (HEAD + '    with: { choices: ["a "b" c", d] }\n', 7, "SW007", 'this `"` ends the text'),
    # a comment inside braces
    "a number sign": (HEAD + "    with: { text: late #1 }\n" + "  - id: b\n    uses: notify/me\n" + TELL, 7, "SW014", "` #` begins a comment"),
    "a colour": (HEAD + "    with: { text: is #ff0000 }\n", 7, "SW014", "` #` begins a comment"),
    "in a list too": (HEAD + "    with: { choices: [no #1, no 2] }\n", 7, "SW014", "` #` begins a comment"),
    "behind another key": (HEAD + "    with: { as: x, text: order #7, more: y }\n", 7, "SW014", "` #` begins a comment"),
    "steps below it": (
        HEAD + "    with: { text: a #1 }\n" + "".join(f"  - id: b{n}\n    uses: notify/me\n{TELL}" for n in range(9)),
        7, "SW014", "` #` begins a comment",
    ),
    # a quote that is never closed
    "a double quote": (HEAD + '    with: { text: "hi }\n', 7, "SW007", 'this `"` is not closed'),
    "a single quote": (HEAD + "    with: { text: 'hi }\n", 7, "SW007", "this `'` is not closed"),
    "of a plain value": (HEAD + '    name: "Tell them\n' + TELL, 7, "SW007", 'this `"` is not closed'),
    "with quotes in later steps": (
        HEAD + '    with: { text: "hi }\n  - id: b\n    uses: notify/me\n    with: { text: "y" }\n', 7, "SW007", 'this `"` is not closed',
    ),
    "the second of two": (HEAD + '    with: { title: "a", text: "hi }\n', 7, "SW007", 'this `"` is not closed'),
    # a bracket
    "a brace": (HEAD + "    with: { text: hi\n", 7, "SW007", "this `{` is not closed"),
    "two braces": (HEAD + "    with: { fields: { a: text }\n  - id: b\n    uses: notify/me\n" + TELL, 7, "SW007", "this `{` is not closed"),
    "a square one": (HEAD + "    needs: [a, b\n" + TELL, 7, "SW007", "this `[` is not closed"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "code", "words"), SLIPS.values(), ids=SLIPS)
def test_a_slip_is_named_where_it_stands(text, line, code, words):
    _, (found,) = reader.read("playbooks/a.yaml", text.encode())

    assert (found.span.line, found.code) == (line, code)
    assert words in found.message


@pytest.mark.parametrize("text", [text for text, *_ in SLIPS.values()], ids=SLIPS)
def test_its_fix_lets_the_file_be_read(text):
    _, (found,) = reader.read("playbooks/a.yaml", text.encode())

    assert found.fix is not None
    tree, left = reader.read("playbooks/a.yaml", mended(text.encode(), found))
    assert left == ()
    assert tree is not None


@pytest.mark.parametrize(
    "line",
    [
        '    with: { text: "Bonjour\u00a0: ça va" }',
        "    with: { text: 10\u00a0000 EUR }",
        "    with: { text: \"a 'b' c\" }",
        "    name: it's fine # a comment",
        '    with: { text: "late #1" }',
        "    with: { text: a#b }",
    ],
)
def test_what_only_looks_like_a_slip_is_read(line):
    tree, found = reader.read("playbooks/a.yaml", (HEAD + line + "\n").encode())

    assert found == ()
    assert tree is not None
