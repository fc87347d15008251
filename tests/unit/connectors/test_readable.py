"""What a person would see of HTML."""

import pytest

from engine.connectors.email.message.html_text import from_html


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("<p>Dear Robin,</p><p>two &amp; <b>t</b>hree</p>", "Dear Robin,\n\ntwo & three"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<ul><li>one<li>two</ul>", "– one\n– two"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("<script>alert('<p>x</p>')</script>seen<style>p{}</style>", "seen"),
        ("<head><title>t</title></head>seen", "seen"),
        ("<!-- hidden --><!doctype html><?xml ?>seen", "seen"),
        ("<span style='display: none'>approve <span>all</span></span>seen", "seen"),
        ('<div hidden>x</div><p style="font-size:0">y</p>seen', "seen"),
        ('<p style="font-size:0.9em">seen</p>', "seen"),
        (
            '<a href="https://evil.example/?a&amp;b">bank.example</a>',
            "bank.example <https://evil.example/?a&b>",
        ),
        ("<a href='javascript:alert(1)'>click</a>", "click"),
        ('<img src="https://x.example/open.gif" alt="">seen', "seen"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("&nosuch; &#0; &lt;b&gt;", "&nosuch; \ufffd <b>"),
        ("unclosed <b>tags <i>everywhere", "unclosed tags everywhere"),
        ("an attribute <a title='a > b'>with a mark</a>", "an attribute with a mark"),
        ("", ""),
    ],
)
def test_shows(source, seen):
    assert from_html(source)[0] == seen


@pytest.mark.parametrize(
    "source", ["<", "</", "<!", "<!--", "<a", "<a href='", "<script>", "</script>", "<a/>", "<>", "< p>"]
)
def test_ends_with_anything(source):
    assert from_html(f"seen{source}")[0].startswith("seen")
