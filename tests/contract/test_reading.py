"""Letters as they really come: what a person wrote is read, whoever's program wrote it down."""

import pytest

from engine.connectors.charsets import codec_of, decode
from engine.connectors.email.message.html_text import from_html
from engine.connectors.email.message.parse import read

HEAD = b"From: Anna Berg <anna@example.org>\nSubject: s\nMessage-ID: <m@example.org>\nMIME-Version: 1.0\n"
WORDS = "Could you print two hundred cards?"


def letter(body: bytes, content: str = "text/plain", more: str = "") -> str:
    return read(HEAD + f"Content-Type: {content}\n{more}\n".encode() + body).text


# -- charsets ----------------------------------------------------------------------------------------------------------


def jis(text: str) -> bytes:
    """As programs write it that put NEC's and IBM's characters into ISO-2022-JP."""
    out = b"\x1b$B"
    for char in text:
        first, second = char.encode("cp932")
        row = (first - (0x81 if first < 0xA0 else 0xC1)) * 2 + 0x21 + (second >= 0x9F)
        out += bytes((row, second - (0x7E if second >= 0x9F else 0x1F + (second >= 0x80))))
    return out + b"\x1b(B"


@pytest.mark.parametrize(
    ("data", "label", "text"),
    [
        # The vendor's superset of what is declared.
        (jis("見積①㈱"), "ISO-2022-JP", "見積①㈱"),
        (b"\x1b$B" + jis("納期")[3:-3] + b"\n" + jis("№②"), "iso-2022-jp-ms", "納期\n№②"),
        (b"\x1b(I" + bytes(one & 0x7F for one in "ﾃｽﾄ".encode("cp932")) + b"\x1b(B", "iso-2022-jp", "ﾃｽﾄ"),
        ("㈱山田商店①".encode("cp932"), "Shift_JIS", "㈱山田商店①"),
        (bytes(one | 0x80 for one in jis("①様")[3:-3]), "EUC-JP", "①様"),
        ("똠방각하 펲시".encode("cp949"), "ks_c_5601-1987", "똠방각하 펲시"),
        ("喆先生，12 €".encode("gb18030"), "gb2312", "喆先生，12 €"),
        ("碁銹 恒".encode("cp950"), "big5", "碁銹 恒"),
        ("Cena – „sto” złotych".encode("cp1250"), "iso-8859-2", "Cena – „sto” złotych"),
        ("“ışık” – 5 €".encode("cp1254"), "ISO-8859-9", "“ışık” – 5 €"),
        ("“Καλημέρα” – 5".encode("cp1253"), "iso-8859-7", "“Καλημέρα” – 5"),
        ("“žąsis” …".encode("cp1257"), "iso-8859-13", "“žąsis” …"),
        ("“50 €” – où ?".encode("cp1252"), "iso-8859-1", "“50 €” – où ?"),
        ("schön, 50 ".encode("latin-1") + b"\xa4 \x96 ok", "iso-8859-15", "schön, 50 € – ok"),
        # Labels nobody else knows.
        ("שלום".encode("cp1255"), "iso-8859-8-i", "שלום"),
        ("Здравствуйте".encode("cp1251"), "win-1251", "Здравствуйте"),
        ("Здравствуйте".encode("cp1251"), "x-cp1251", "Здравствуйте"),
        ("Grüße".encode(), "utf8mb4", "Grüße"),
        ("見積".encode("cp932"), "x-sjis", "見積"),
        # One wrong byte, or a footer in another charset, costs a mark each.
        ("Grüße aus Köln, schöne Größe".encode() + b"\nf\xfcr", "utf-8", "Grüße aus Köln, schöne Größe\nf\ufffdr"),
        ("Größe 40 € — ".encode() + b"\xe2\x82", "utf-8", "Größe 40 € — \ufffd"),
        ("見積もりのお願いです".encode("cp932") + b"\x81 .", "shift_jis", "見積もりのお願いです\ufffd ."),
        ("您好，请问做一个小网站需要".encode("gb18030") + b"\xff.", "gb2312", "您好，请问做一个小网站需要\ufffd."),
        # Labels that are not so.
        ("für Müller".encode("latin-1"), "utf-8", "für Müller"),
        ("Grüße".encode(), "iso-8859-1", "Grüße"),
        ("Grüße".encode(), "us-ascii", "Grüße"),
        ("您好，请问做一个小网站需要多少钱".encode(), "gb2312", "您好，请问做一个小网站需要多少钱"),
        (b"plain words", "utf-16", "plain words"),
        (b"plain words", "utf-7", "plain words"),
        # Nothing declared: a detector.
        ("Добрый день! Сколько стоит сайт?".encode("koi8-r"), "", "Добрый день! Сколько стоит сайт?"),
        ("Добрый день! Сколько стоит сайт?".encode("cp1251"), "unknown-8bit", "Добрый день! Сколько стоит сайт?"),
        ("Καλημέρα, πόσο κοστίζει μια σελίδα;".encode("cp1253"), "", "Καλημέρα, πόσο κοστίζει μια σελίδα;"),
        ("見積もりのお願い。費用を教えてください。".encode("cp932"), "", "見積もりのお願い。費用を教えてください。"),
        ("안녕하세요, 견적을 부탁드립니다.".encode("cp949"), "x-none", "안녕하세요, 견적을 부탁드립니다."),
        ("Dzień dobry, proszę o wycenę – Żółć".encode("cp1250"), "", "Dzień dobry, proszę o wycenę – Żółć"),
        (b"caf\xe9", "", "café"),
        (jis("見積"), "", "見積"),
        # Marks of their own.
        (b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe", "iso-8859-1", "Grüße"),
        ("Grüße".encode("utf-16"), "", "Grüße"),
    ],
    ids=range(39),
)  # fmt: skip
def test_bytes_are_read_by_evidence(data, label, text):
    assert decode(data, label) == text


def test_what_html_names_counts_where_nothing_is_declared():
    page = '<html><head><meta charset="{}"></head><body>Сколько стоит?</body></html>'
    assert letter(page.format("windows-1251").encode("cp1251"), "text/html") == "Сколько стоит?"
    assert letter(page.format("koi8-r").encode("koi8-r"), "text/html; charset=us-ascii") == "Сколько стоит?"
    assert letter(page.format("utf-16").encode(), "text/html") == "Сколько стоит?"
    old = '<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=ISO-8859-5"><p>Сколько стоит?'
    assert letter(old.encode("iso8859-5"), "text/html") == "Сколько стоит?"
    assert letter(page.format("big5").encode("cp1251"), "text/html; charset=windows-1251") == "Сколько стоит?"


def test_raw_bytes_in_a_header_are_in_the_charset_of_the_letter():
    raw = "From: Анна <anna@example.org>\nSubject: Смета\nContent-Type: text/plain; charset={}\n\nДа\n"
    for charset in ("windows-1251", "koi8-r", "utf-8"):
        found = read(raw.format(charset).encode(charset))
        assert (found.name, found.subject, found.text) == ("Анна", "Смета", "Да")
    japanese = read(b"From: a@example.org\nSubject: " + jis("見積①") + b"\n\nx")
    assert japanese.subject == "見積①"


@pytest.mark.parametrize(
    "label", ["hex", "rot13", "unicode_escape", "idna", "zip", "us-ascii", "", "x" * 900]
)
def test_no_label_is_more_than_a_charset(label):
    assert codec_of(label) == ""


# -- where the words are -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "html",
    [
        # Sizes of nothing around columns that set their own.
        '<td style="font-size:0px"><div style="font-size:13px">{}</div></td>',
        '<!doctype html><div style="font-size:0"><table><tr><td><p style="font:400 14px/1.5 Arial">{}</p></td></tr></table></div>',
        '<style>.text {{ font-size: 14px }}</style><td style="font-size:0"><div class="text">{}</div></td>',
        '<div style="font-size:0"><table><tr><td>{}</td></tr></table></div>',
        '<div style="visibility:hidden"><span style="visibility:visible">{}</span></div>',
        # Words that only look like styles.
        '<div title="our hidden offer">{}</div>',
        '<div data-note="display: none" alt="font-size:0">{}</div>',
        '<p class="hidden-xs" aria-hidden="true">{}</p>',
        '<p style="font-size:0.9em; overflow:hidden">{}</p>',
        '<a href="https://example.org/?hidden=1&display:none">{}</a>',
        # Tags that are never closed, or close themselves.
        "<head><meta charset=utf-8><style>p{{}}</style><body><p>{}</p>",
        "<head><title>t</title><p>{}",
        "<head><title/></head><body><p>{}</p></body>",
        "<head><style/><script src='x'/></head><body><p>{}</p></body>",
        '<svg width="20" viewBox="0 0 20 20"/><p>{}</p>',
        "<svg><path d='M0'><p>{}</p>",
        "<svg><style/><script/></svg><p>{}</p>",
        "<object data=x><p>{}</p>",
        "<video><source src=x><p>{}</p>",
        "<noscript><p>{}</p>",
        "<select><option>x<option>x<p>{}</p>",
        "<!--><p>{}</p>",
        "<!-- a --!><p>{}</p>",
        "<textarea>{}</textarea>",
        '<p style="display:none">x<p>{}</p>',
        '<table><tr style="display:none"><td>x<tr><td>{}</table>',
        '<ul><li style="display:none">x<li>{}</ul>',
        '<table><tr><td style="display:none"><b>x</td><td>{}</td></tr></table>',
        '<div style="display:none"><span>x</div>{}',
    ],
)
def test_an_ordinary_page_hides_nothing(html):
    assert WORDS in letter(html.format(WORDS).encode(), "text/html; charset=utf-8")
    assert (
        "x"
        not in letter(html.format(WORDS).encode(), "text/html; charset=utf-8")
        .replace("example", "")
        .split("?")[0]
    )


@pytest.mark.parametrize(
    "html",
    [
        '<div style="display:none">{}</div>',
        '<div style="DISPLAY : NONE !important; display:block">{}</div>',
        "<div style='display:/* */none'>{}</div>",
        '<div style="display&#58;none">{}</div>',
        "<div hidden>{}</div>",
        '<div style="display:none"><p style="display:block;font-size:20px;visibility:visible">{}</p></div>',
        '<div style="visibility:hidden"><p>{}</p></div>',
        '<p style="font-size:0">{}</p>',
        '<p style="font-size:.0em"><b style="font-size:2em">{}</b></p>',
        '<p style="font:0/0 a">{}</p>',
        '<!doctype html><div style="font-size:0px"><table><tr><td>{}</td></tr></table></div>',
        "<title>{}</title>",
        "<template><p>{}</p></template>",
        "<iframe>{}</iframe>",
        "<!-- {} -->",
        "<svg><text>{}</text></svg>",
        "<style>{}</style>",
        "<select><option selected>{}</select>",
        "<table><tr><td style='display:none'></div></p>{}</td></tr></table>",
        "<script>{}</script >",
        "<script>'</scripts>{}'</script>",
    ],
)  # fmt: skip
def test_what_a_mail_program_hides_stays_hidden(html):
    assert from_html(f"{html.format(WORDS)}seen")[0].strip() == "seen"


def test_pictures_speak_where_nothing_else_does():
    assert from_html('<img alt="Our offer"><img src=x alt="Call us">')[0] == "Our offer\nCall us"
    assert from_html('<img alt="logo"><p>Hello</p>')[0] == "Hello"
    assert from_html('<div style="display:none"><img alt="secret"></div>')[0] == ""


def test_a_picture_written_into_the_page_costs_no_words():
    page = (
        b'<p><img src="data:image/png;base64,'
        + b"iVBORw0KGgo" * 700_000
        + b'"></p><p>'
        + WORDS.encode()
        + b"</p>"
    )
    assert letter(page, "text/html") == WORDS


BLANKS = {"space": b" ", "no-break space": b"\xc2\xa0 ", "zero width": b"\xe2\x80\x8b\xe2\x80\x8c", "mark": b"\xef\xbb\xbf",
          "soft hyphens": b"\xc2\xad\xc2\xad", "nothing": b""}  # fmt: skip
STUBS = (
    b".\n",
    b"---\n",
    b"This message is in HTML. Please view it in a browser.",
    "Bitte im Browser öffnen.".encode(),
)


@pytest.mark.parametrize("plain", [*BLANKS.values(), *STUBS])
def test_a_plain_form_that_says_nothing_is_not_the_letter(plain):
    body = (
        b"--b\nContent-Type: text/plain; charset=utf-8\n\n" + plain + b"\n--b\nContent-Type: text/html\n\n<p>"
    )
    page = WORDS.encode() * 4
    assert letter(body + page + b"</p>\n--b--\n", "multipart/alternative; boundary=b") == WORDS * 4


@pytest.mark.parametrize(
    "media",
    [
        "plain/text",
        "text/org",
        "html/text",
        "text/markdown",
        "text/x-markdown",
        "text/enriched",
        "text/richtext",
        "application/xhtml+xml",
    ],
)
def test_words_of_other_kinds_are_words(media):
    assert letter(WORDS.encode(), f"{media}; charset=utf-8") == WORDS


def test_enriched_text_loses_its_commands():
    assert letter(b"<bold>Two</bold> <color><param>red</param>hundred</color>\ncards <<\n\nplease", "text/enriched") == (
        "Two hundred cards <\nplease"
    )  # fmt: skip


def test_a_named_inline_part_speaks_where_nothing_else_does_and_stays_a_file():
    named = "Content-Disposition: inline; filename=letter.txt\n"
    found = read(HEAD + f"Content-Type: text/plain\n{named}\n{WORDS}".encode())
    assert (found.text, [one.name for one in found.attachments]) == (WORDS, ["letter.txt"])
    both = f"--b\n\nSee the note.\n--b\nContent-Type: text/plain\n{named}\nnote\n--b--\n"
    found = read(HEAD + f"Content-Type: multipart/mixed; boundary=b\n\n{both}".encode())
    assert (found.text, [one.name for one in found.attachments]) == ("See the note.", ["letter.txt"])


@pytest.mark.parametrize(
    ("content", "body", "named"),
    [
        ("text/html", b"<p hidden>x</p>", "part-1.html (text/html, 15 bytes)"),
        ("application/pdf; name=scan.pdf", b"%PDF", "scan.pdf (application/pdf, 4 bytes)"),
        (
            "application/pkcs7-mime; name=smime.p7m",
            b"\x30\x80",
            "smime.p7m (application/pkcs7-mime, 2 bytes)",
        ),
        ("text/calendar", b"BEGIN:VCALENDAR", "part-1 (text/calendar, 15 bytes)"),
        ("message/rfc822", b"Subject: x\n\nbody", "part-1.eml (message/rfc822, 16 bytes)"),
    ],
)
def test_bytes_without_words_are_named_and_offered(content, body, named):
    found = read(HEAD + f"Content-Type: {content}\n\n".encode() + body)
    assert found.text == f"[bytes, but no text I can read: {named}]"
    assert [one.content for one in found.attachments] == [body]


def test_a_letter_of_nothing_but_a_subject_is_not_bytes_without_words():
    assert read(HEAD + b"\n").text == read(HEAD + b"\n\n \n").text == ""


@pytest.mark.parametrize(
    "written",
    [
        "quoted-printable;",
        "Quoted-Printable (by us)",
        '"quoted-printable"',
        "quotedprintable",
        " quoted-printable ,",
    ],
)
def test_a_transfer_encoding_is_known_by_its_word(written):
    assert (
        letter(b"Gr=C3=BC=C3=9Fe", "text/plain; charset=utf-8", f"Content-Transfer-Encoding: {written}\n")
        == "Grüße"
    )


# -- before the head, and in it ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        b"\xef\xbb\xbf",
        b"\n",
        b"\r\n\r\n",
        b" \n",
        b"\xef\xbb\xbf\r\n",
        b"From a@example.org Mon Nov 30\n",
        b"\0",
    ],
)
def test_what_stands_before_the_head_hides_no_letter(before):
    found = read(before + HEAD + b"\nhello")
    assert (found.readable, found.author, found.text) == (True, "anna@example.org", "hello")


def test_a_letter_saved_in_two_bytes_a_character_is_read():
    found = read((HEAD + b"\n").decode().encode("utf-16") + "Grüße".encode("utf-16-le"))
    assert (found.author, found.text) == ("anna@example.org", "Grüße")


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        ("<a@example.org>", ("<a@example.org>",)),
        ("a@example.org", ("<a@example.org>",)),
        ("a@example.org, b@example.org", ("<a@example.org>", "<b@example.org>")),
        ("Your letter of Monday <a@example.org>", ("<a@example.org>",)),
        ("a+b=c/d@mail.example.org (comment)", ("<a+b=c/d@mail.example.org>",)),
        ('"a@example.org"', ("<a@example.org>",)),
        ("no id at all", ()),
    ],
)
def test_ids_without_brackets_are_ids(written, ids):
    found = read(f"From: a@example.org\nReferences: {written}\nMessage-ID: {written}\n\nx".encode())
    assert (found.references, found.message_id) == (ids, next(iter(ids), ""))


@pytest.mark.parametrize(
    ("written", "author", "name"),
    [
        ("Anna <Anna@example.org>, <anna@example.org>", "Anna@example.org", "Anna"),
        ("anna@example.org, anna@EXAMPLE.org", "anna@example.org", ""),
        ("Anna <anna@example.org>\nFrom: Anna Berg <anna@example.org>", "anna@example.org", "Anna"),
        ("Berg, Anna <anna@example.org>", "anna@example.org", "Berg, Anna"),
        ('"Anna Berg <anna@example.org>', "anna@example.org", "Anna Berg"),
        ("Team: anna@example.org;", "anna@example.org", ""),
        ("a@example.org, b@example.org", "", ""),
    ],
)
def test_one_person_is_one_author(written, author, name):
    found = read(f"From: {written}\n\nx".encode())
    assert (found.author, found.name) == (author, name)
