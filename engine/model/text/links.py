"""Where the links of a text lead, whatever a gateway on the way made of them: for comparing two letters, never for showing or following.

Gateways that check links when they are followed write their own address in their place. Most keep the target readable in it; some keep a
domain only.
"""

import base64
import binascii
import re
from collections.abc import Callable
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

BEGIN, END = "\x01", "\x02"
"""The marks around each link of a text whose links are `plain`."""
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"'\x01\x02]{1,8000}", re.IGNORECASE)
_TARGET = re.compile(r"(?:https?://|www\.)[^\x01\x02]+", re.IGNORECASE)
_AFTER = ".,;:!?)]}*_"
# A link that is shown, and the address it leads to beside it, as in programs that write HTML as text.
_TWICE = re.compile(r"(\x01[^\x01\x02]*\x02)\s*(?:<\s*\1\s*>|\(\s*\1\s*\)|\[\s*\1\s*\])")
_OPAQUE = re.compile(r"\x01\?([^?\x02]*)\?[^\x02]*\x02")
_DEPTH = 5
_PARTS = r"(?:[a-z0-9-]+\.)*"
_DOMAIN = re.compile(r"(?:[a-z0-9_-]+\.)+[a-z0-9-]{2,}")
_HEX = re.compile(r"%[0-9a-fA-F]{2}")


def plain(text: str) -> str:
    """The text with each link between BEGIN and END, without its scheme and as it was before gateways rewrote it.

    Where only the domain is left of it, that stands there before it, each after a ``?``.
    """
    return _TWICE.sub(r"\1", _LINK.sub(_marked, _bare(text)))


def fits(text: str, known: str) -> bool:
    """Whether two texts of `plain` are the same where a link of the first, of which only the domain is left, stands for any to that domain."""
    if _bare(text) == _bare(known):
        return True
    parts = _OPAQUE.split(text)
    if len(parts) == 1:
        return False
    pattern = "".join(
        f"{BEGIN}(?:www\\.)?{re.escape(part)}(?:[/?#:][^{END}]*)?{END}" if number % 2 else re.escape(part)
        for number, part in enumerate(parts)
    )
    return re.fullmatch(pattern, known) is not None


def _bare(text: str) -> str:
    return text.replace(BEGIN, "").replace(END, "")


def _marked(match: re.Match[str]) -> str:
    link = match[0]
    tail = link[len(link.rstrip(_AFTER)) :]
    link = link.removesuffix(tail)
    for _ in range(_DEPTH):
        target = _target(link)
        if target.startswith("?"):
            return f"{BEGIN}{target}?{_even(link)}{END}{tail}"
        if not target:
            break
        link = target
    return f"{BEGIN}{_even(link)}{END}{tail}"


def _target(link: str) -> str:
    """The target of a gateway's link, or ``?`` and the target's domain; empty for any other link."""
    try:
        parts = urlsplit(link)
        host = (parts.hostname or "").lower()
    except ValueError:
        return ""
    for pattern, read in _GATEWAYS:
        if pattern.fullmatch(host):
            target = read(parts)
            if target.startswith("?"):
                return target if _DOMAIN.fullmatch(target[1:]) else ""
            return target if _TARGET.fullmatch(target) else ""
    return ""


def _even(link: str) -> str:
    """Without what says nothing about where it leads."""
    scheme, _, address = link.partition("://") if "://" in link[:9] else ("", "", link)
    cut = re.search(r"[/?#]", address)
    host, path = (address[: cut.start()], address[cut.start() :]) if cut else (address, "")
    port = {"https": ":443", "http": ":80"}.get(scheme.lower(), ":443")
    host = host.lower().removesuffix(port)
    return host + _HEX.sub(lambda match: match[0].upper(), "" if path == "/" else path)


def _asked(*names: str) -> Callable[[SplitResult], str]:
    """A reader of one field of the query. Where it occurs twice, it is unknown which one counts."""

    def read(parts: SplitResult) -> str:
        fields = {name.lower(): values for name, values in parse_qs(parts.query).items()}
        values = [value for name in names for value in fields.get(name, [])]
        return values[0] if len(values) == 1 else ""

    return read


def _below(path: str, *names: str) -> Callable[[SplitResult], str]:
    """As `_asked`, below one path of a host that has others."""
    ask = _asked(*names)
    return lambda parts: ask(parts) if parts.path.lower().startswith(path) else ""


def _encoded(parts: SplitResult) -> str:
    """Sophos: the target in base 64."""
    return _decoded(_asked("u")(parts))


def _domain(parts: SplitResult) -> str:
    """Mimecast and others: a token that only they can read, and the target's domain."""
    domain = _asked("domain")(parts).lower()
    return f"?{domain.removeprefix('www.')}" if domain else ""


def _last(parts: SplitResult) -> str:
    """Cisco: the target is what the path ends with."""
    return unquote(parts.path.rpartition("/")[2])


def _between(parts: SplitResult) -> str:
    """Check Point: the target between ``___`` and ``___.``."""
    target = re.fullmatch(r"/v2/(?:r\d+/)?___(.+)___\..*", parts._replace(scheme="", netloc="").geturl())
    # Programs that take it for a path make one of two slashes.
    return re.sub(r"^(https?:)/+", r"\1//", target[1], flags=re.IGNORECASE) if target else ""


def _defended(parts: SplitResult) -> str:
    """Proofpoint's three ways."""
    version = parts.path.lower()[:4]
    if version == "/v1/":
        return _asked("u")(parts)
    if version == "/v2/":
        return unquote(_asked("u")(parts).translate(str.maketrans("-_", "%/")))
    match_ = re.match(r"/v3/__(.+?)__;([^!]*)!", parts._replace(scheme="", netloc="").geturl())
    return _filled(match_[1], _decoded(match_[2])) if match_ else ""


def _filled(link: str, replaced: str) -> str:
    """Version 3: each ``*`` stands for the next character that was kept, ``**`` and a letter for as many as the letter says."""
    left, runs = iter(replaced), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    def fill(match: re.Match[str]) -> str:
        count = runs.index(match[1]) + 2 if match[1] else 1
        return "".join(next(left, "") for _ in range(count))

    whole = re.sub(r"\*(?:\*([A-Za-z0-9_-]))?", fill, link)
    return re.sub(r"^(https?:)/+", r"\1//", whole, flags=re.IGNORECASE)


def _decoded(text: str) -> str:
    try:
        padded = text.translate(str.maketrans("-_ ", "+/+")) + "=" * (-len(text) % 4)
        return base64.b64decode(padded, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""


def _host(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


_GATEWAYS: tuple[tuple[re.Pattern[str], Callable[[SplitResult], str]], ...] = (
    (
        _host(rf"{_PARTS}safelinks\.protection\.(?:outlook\.com|office365\.us|partner\.outlook\.cn)"),
        _asked("url"),
    ),
    (_host(r"urldefense(?:\.proofpoint)?\.(?:com|us)"), _defended),
    (_host(rf"{_PARTS}linkprotect\.cudasvc\.com"), _asked("a")),
    (_host(rf"{_PARTS}protection\.sophos\.com"), _encoded),
    (_host(r"(?:www\.)?google(?:\.[a-z]{2,3}){1,2}"), _below("/url", "q", "url")),
    (_host(r"secure-web\.cisco\.com"), _last),
    (_host(r"clicktime\.(?:symantec\.com|cloud\.postoffice\.net)"), _asked("u")),
    (_host(r"protect\d?\.fireeye\.com"), _asked("u")),
    (_host(rf"{_PARTS}trendmicro\.com(?:\.[a-z]{{2}})?"), _below("/wis/clicktime/", "url")),
    (_host(r"url\.avanan\.click|protect\.checkpoint\.com"), _between),
    (_host(rf"{_PARTS}url-protection\.com"), _asked("o")),
    (_host(rf"{_PARTS}hornetsecurity\.com"), _asked("u")),
    (_host(r"link\.edgepilot\.com"), _asked("u")),
    (_host(rf"{_PARTS}mimecast(?:protect)?\.com"), _domain),
    (_host(rf"{_PARTS}inky\.com"), _domain),
)
