"""Bytes as text, by evidence: the charset that was declared, the one the HTML names, the one a detector finds, in that order.

Senders mislabel, gateways append footers in another charset, and vendors filled the gaps of the standards. So a label means the
vendor's superset of what it names, bytes that are UTF-8 beyond chance are UTF-8, and one bad byte costs one replacement mark,
never the letter.
"""

import codecs
import re
from collections.abc import Callable, Iterator

_TEXT_CODECS = (
    "utf", "ascii", "latin", "iso8859", "cp", "koi8", "mac", "big5", "gb", "euc", "shift", "iso2022", "johab", "hz", "tis",
    "ptcp", "kz",
)  # fmt: skip
# Labels that codecs don't know, as letters write them: letters and digits alone.
_ALIASES = {
    "iso88598i": "iso8859-8", "iso88598e": "iso8859-8", "iso88596i": "iso8859-6", "iso88596e": "iso8859-6", "xsjis": "cp932",
    "windows31j": "cp932", "shiftjisms": "cp932", "iso2022jpms": "iso2022_jp", "cp50220": "iso2022_jp", "cp50221": "iso2022_jp",
    "xgbk": "gb18030", "gb231280": "gb18030", "euccn": "gb18030", "xeucjp": "euc_jp", "eucjpms": "euc_jp", "cp51932": "euc_jp", "xeuckr": "cp949",
    "koi8": "koi8-r", "xkoi8r": "koi8-r", "utf8mb4": "utf-8", "unicode11utf8": "utf-8", "xxbig5": "big5", "xbig5": "big5",
    "xmacroman": "mac-roman", "xmaccyrillic": "mac-cyrillic",
}  # fmt: skip
_NUMBERED = re.compile(r"x?(?:windows|win|mscp|cp|ibm|dos)(\d{3,4})")
_ISO = re.compile(r"(?:x?iso|isoir)?8859(\d{1,2})")

# What senders mean, not what they say (as browsers read it).
_MEANT = {
    "iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949", "shift_jis": "cp932", "iso8859-11": "cp874",
    "tis-620": "cp874", "iso2022_jp_1": "iso2022_jp", "iso2022_jp_2": "iso2022_jp", "iso2022_jp_ext": "iso2022_jp",
    "iso2022_jp_3": "iso2022_jp",
}  # fmt: skip
# ISO's charsets reserve 80 to 9F for control characters, which letters don't use: such bytes mean the Windows charset of the same script.
_WINDOWS = {
    "iso8859-2": "cp1250", "iso8859-4": "cp1257", "iso8859-5": "cp1251", "iso8859-6": "cp1256", "iso8859-7": "cp1253",
    "iso8859-8": "cp1255", "iso8859-9": "cp1254", "iso8859-13": "cp1257", "iso8859-15": "cp1252", "iso8859-16": "cp1250",
}  # fmt: skip
_DETECTABLE = (
    "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874", "koi8-r", "koi8-u",
    "iso8859-2", "iso8859-5", "iso8859-7", "cp866", "cp932", "euc-jis-2004", "gb18030", "big5hkscs", "cp949",
)  # fmt: skip
_MAX_SAMPLE = 8_000
# Character by character; more than a letter's text holds anyway.
_MAX_BY_HAND = 800_000

_CONTROL = re.compile(rb"[\x80-\x9f]")
_WIDE = re.compile(rb"[\x80-\xff]+")
_ESCAPES = re.compile(rb"\x1b(?:\$[@B]|\$\([D@B]|\([BJIH])")
_JAPANESE = re.compile(rb"\x1b\$[@B](?:[\x21-\x7e]{2})+")
_EUC = re.compile(rb"[\xa1-\xfe]{2}|\x8e[\xa1-\xdf]|\x8f[\xa1-\xfe]{2}|[\x00-\x7f]+|.", re.DOTALL)
_META = re.compile(rb"<meta[^>]{0,400}?charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([\w.:-]{1,40})", re.IGNORECASE)
_XML = re.compile(rb"^\s{0,9}<\?xml[^>]{0,200}encoding\s{0,9}=\s{0,9}[\"']([\w.:-]{1,40})", re.IGNORECASE)


def decode(raw: bytes, declared: str = "", named: str = "") -> str:
    """The text of some bytes. `declared` is the label they came with, `named` one they name themselves. Never raises."""
    for mark, codec in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(codec, "replace")
    wide = len(_WIDE.findall(raw))
    if not wide:
        return _seven_bit(raw, declared, named)
    chosen = [codec for label in (declared, named) if (codec := codec_of(label)) and _may_be(codec, raw)]
    # Four sequences of UTF-8 are not a coincidence in any charset; where Latin letters or nothing was declared, a single one is not.
    text, bad, sequences = _utf8(raw)
    if bad == 0 and (sequences > 3 or not chosen or chosen[0] in {"utf-8", "cp1252", "iso8859-15"}):
        return text
    for codec in chosen:
        text, bad = _read(raw, codec)
        if bad == 0 or _little(codec, text, bad):
            return text
    text, bad, sequences = _utf8(raw)
    if sequences > bad:
        return text
    return _read(raw, _detected(raw) or "cp1252")[0]


def named_in(page: bytes) -> str:
    """The charset an HTML page names in its head; empty when it names none."""
    match = _META.search(page, 0, 8_000) or _XML.search(page, 0, 400)
    label = match[1].decode("ascii") if match else ""
    # A page that was read as bytes of ASCII to find this can't be UTF-16.
    return "utf-8" if label.lower().startswith("utf-16") else label


def codec_of(label: str) -> str:
    """The codec of a label; empty for an unknown label, and for ASCII, which says nothing about other bytes."""
    plain = label.partition("*")[0].strip().strip("\"'").strip().lower().removeprefix("_").partition("$")[0]
    short = re.sub(r"[^a-z0-9]", "", plain[:80])
    numbered, iso = _NUMBERED.fullmatch(short), _ISO.match(short)
    known = _ALIASES.get(short) or (f"cp{numbered[1]}" if numbered else "")
    for name in (known, plain, f"iso8859-{iso[1]}" if iso else ""):
        try:
            codec = codecs.lookup(name).name if name else ""
        except (LookupError, ValueError, UnicodeError):
            continue
        if codec == "ascii":
            return ""
        if codec.startswith(_TEXT_CODECS):
            return _MEANT.get(codec, codec)
    return ""


def _may_be(codec: str, raw: bytes) -> bool:
    """No text of two or four bytes a character is without a zero byte, and seven bits hold no eighth."""
    if codec.startswith(("utf-16", "utf-32")):
        return b"\0" in raw
    return codec not in {"utf-7", "hz"}


def _seven_bit(raw: bytes, declared: str, named: str) -> str:
    """Bytes below 128: ASCII, unless they say themselves that they are not."""
    codec = codec_of(declared) or codec_of(named)
    if codec == "iso2022_jp" or _JAPANESE.search(raw):
        return _iso2022(raw)
    if codec in {"utf-7", "hz", "iso2022_kr"} or (codec.startswith(("utf-16", "utf-32")) and b"\0" in raw):
        return raw.decode(codec, "replace")
    return raw.decode("ascii")


def _utf8(raw: bytes) -> tuple[str, int, int]:
    """(text, bytes that are none, sequences that are) of bytes read as UTF-8."""
    text = raw.decode("utf-8", "replace")
    bad = text.count("\ufffd") - raw.count(b"\xef\xbf\xbd")
    return text, bad, _beyond_ascii(text)


def _beyond_ascii(text: str) -> int:
    """How many characters are neither ASCII nor the mark of what could not be read."""
    return len(text) - len(text.encode("ascii", "ignore")) - text.count("\ufffd")


def _read(raw: bytes, codec: str) -> tuple[str, int]:
    """(text, how much of it could not be read) in one codec or the vendor's superset of it."""
    if codec in _WINDOWS and _CONTROL.search(raw):
        windows = raw.decode(_WINDOWS[codec], "replace")
        # The euro sign is why anybody chose this one.
        text = windows.replace("¤", "€") if codec == "iso8859-15" else windows
        return text, text.count("\ufffd")
    for variant in _VARIANTS.get(codec, (codec,)):
        try:
            return raw.decode(variant), 0
        except (UnicodeError, LookupError, ValueError):
            continue
    decoder = _BY_HAND.get(codec)
    text = decoder(raw) if decoder else raw.decode(codec, "replace")
    return text, text.count("\ufffd")


def _little(codec: str, text: str, bad: int) -> bool:
    """Whether what could not be read is little enough to believe the label."""
    good = _beyond_ascii(text)
    if codec.startswith(("utf", "iso2022")):
        return good > bad
    return good >= 10 * bad or (bad == 1 and good > 1)


def _detected(raw: bytes) -> str:
    """What the detector takes the bytes for; empty for too few to tell."""
    runs = _WIDE.findall(raw[:200_000])
    if sum(map(len, runs)) < 4 and max(map(len, runs), default=0) < 3:
        return ""
    from chardet import detect

    start = raw.find(runs[0]) if runs else 0
    sample = raw[max(0, start - 200) :][:_MAX_SAMPLE]
    detection = detect(sample, include_encodings=_DETECTABLE, prefer_superset=True, compat_names=False)
    return _MEANT.get(name, name) if (name := detection["encoding"]) else ""


def _iso2022(raw: bytes) -> str:
    """Japanese in seven bits. The codecs know the standard; phones and Outlook write NEC's and IBM's characters too."""
    try:
        return raw.decode("iso2022_jp_2")
    except (UnicodeError, ValueError):
        tail = raw[_MAX_BY_HAND:].decode("iso2022_jp_2", "replace")
        return "".join(_switched(raw[:_MAX_BY_HAND])) + tail


def _switched(raw: bytes) -> Iterator[str]:
    at, into = 0, b"\x1b(B"
    while at < len(raw):
        following = _ESCAPES.search(raw, at)
        end = following.start() if following else len(raw)
        yield from _run(raw[at:end], into)
        at, into = (following.end(), following[0]) if following else (end, into)


def _run(run: bytes, into: bytes) -> Iterator[str]:
    if into == b"\x1b(I":
        yield bytes(byte | 0x80 if 0x20 < byte < 0x60 else byte for byte in run).decode("cp932", "replace")
    elif into in {b"\x1b(B", b"\x1b(J", b"\x1b(H"}:
        yield run.decode("cp932", "replace")
    elif into == b"\x1b$(D":
        yield from (_pair(hi, lo, third=True) for hi, lo in zip(run[::2], run[1::2], strict=False))
    else:
        # Who forgot to switch back at the end of a line is read as if he had not.
        for number, line in enumerate(run.split(b"\n")):
            yield "\n" if number else ""
            yield from (_pair(hi, lo) for hi, lo in zip(line[::2], line[1::2], strict=False))


def _pair(hi: int, lo: int, *, third: bool = False) -> str:
    """One character of JIS X 0208 with the vendors' rows, or of JIS X 0212."""
    hi, lo = hi & 0x7F, lo & 0x7F
    if not (0x21 <= hi <= 0x7E and 0x21 <= lo <= 0x7E):
        return "\ufffd"
    if third:
        return bytes((0x8F, hi | 0x80, lo | 0x80)).decode("euc_jp", "replace")
    first = ((hi - 0x21) >> 1) + (0x81 if hi < 0x5F else 0xC1)
    second = lo + 0x7E if hi % 2 == 0 else lo + 0x1F + (lo >= 0x60)
    return bytes((first, second)).decode("cp932", "replace")[:1]


def _euc(raw: bytes) -> str:
    """EUC-JP with the vendors' rows."""
    tail = raw[_MAX_BY_HAND:].decode("euc_jp", "replace")
    return "".join(map(_of_euc, _EUC.findall(raw[:_MAX_BY_HAND]))) + tail


def _of_euc(run: bytes) -> str:
    if run[0] < 0x80:
        return run.decode("ascii")
    if len(run) == 3:
        return _pair(run[1], run[2], third=True)
    if len(run) == 2:
        return run[1:].decode("cp932", "replace") if run[0] == 0x8E else _pair(run[0], run[1])
    return "\ufffd"


_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# Read in this order; the first that knows every character counts.
_VARIANTS = {
    "big5": ("cp950", "big5hkscs"),
    "big5hkscs": ("big5hkscs", "cp950"),
    "cp949": ("cp949", "johab"),
    "euc_jp": ("euc_jp",),
}
_BY_HAND: dict[str, Callable[[bytes], str]] = {"iso2022_jp": _iso2022, "euc_jp": _euc}
