"""Say how big torch will be on this machine before anything is loaded.

Runs under the new environment's Python, because that is whose pip will choose. Reads on stdin what pip is
configured with and writes one JSON line: the wheel pip will take, its size, and what it brings besides the
packages already locked (on Linux: CUDA, several GB). A size nobody tells stays `null`.
"""

from __future__ import annotations

import base64
import html.parser
import json
import os
import re
import ssl
import sys
import urllib.parse
import urllib.request
import urllib.response
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import Any

from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.specifiers import SpecifierSet
from pip._vendor.packaging.tags import sys_tags
from pip._vendor.packaging.utils import canonicalize_name, parse_wheel_filename

JSON_PAGE = "application/vnd.pypi.simple.v1+json"
TIMEOUT = 15


@dataclass(frozen=True)
class Wheel:
    """One file an index or a folder offers."""

    filename: str
    url: str
    size: int | None


class _Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.hrefs += [value for name, value in attrs if name == "href" and value]


class Web:
    """Fetches the way pip is configured to: its certificate, its proxy, names and passwords in the address."""

    def __init__(self, settings: dict[str, list[str]]) -> None:
        cert = next(iter(settings.get("cert", [])), None)
        handlers: list[urllib.request.BaseHandler] = [
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=cert))
        ]
        if proxy := next(iter(settings.get("proxy", [])), None):
            handlers.append(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
        self._opener = urllib.request.build_opener(*handlers)

    def open(self, url: str, *, accept: str = "*/*", method: str = "GET") -> urllib.response.addinfourl:
        parts = urllib.parse.urlsplit(url)
        request = urllib.request.Request(  # noqa: S310 - the address comes from pip's own settings
            urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])),
            headers={"Accept": accept},
            method=method,
        )
        if parts.username:
            pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            request.add_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
        answer: urllib.response.addinfourl = self._opener.open(request, timeout=TIMEOUT)
        return answer

    def size(self, wheel: Wheel) -> int | None:
        if wheel.size is not None:
            return wheel.size
        try:
            with self.open(wheel.url.partition("#")[0], method="HEAD") as answer:
                return int(answer.headers["Content-Length"])
        except (OSError, TypeError, ValueError):
            return None


def local_path(place: str) -> str | None:
    """Give the folder behind a path or a file: address, nothing for a web address."""
    if place.startswith("file:"):
        return urllib.request.url2pathname(urllib.parse.urlsplit(place).path)
    return None if "://" in place else os.path.expanduser(place)


def in_folder(folder: str) -> list[Wheel]:
    """List the wheels a plain folder offers."""
    if not os.path.isdir(folder):
        return []
    names = [name for name in os.listdir(folder) if name.endswith(".whl")]
    paths = [os.path.join(folder, name) for name in names]
    return [Wheel(n, p, os.path.getsize(p)) for n, p in zip(names, paths, strict=True)]


def from_page(body: bytes, base: str, *, is_json: bool) -> list[Wheel]:
    """Read a project's page of an index, in either of its two forms."""
    if is_json:
        return [
            Wheel(entry["filename"], urllib.parse.urljoin(base, entry["url"]), entry.get("size"))
            for entry in json.loads(body)["files"]
            if entry["filename"].endswith(".whl") and not entry.get("yanked")
        ]
    links = _Links()
    links.feed(body.decode("utf-8", "replace"))
    urls = [urllib.parse.urljoin(base, href) for href in links.hrefs]
    named = [(urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2], url) for url in urls]
    return [Wheel(name, url, None) for name, url in named if name.endswith(".whl")]


def offered(name: str, places: list[str], web: Web) -> list[Wheel]:
    """Everything the places offer under a name; a place that doesn't answer offers nothing."""
    wheels: list[Wheel] = []
    for place in places:
        path = local_path(place)
        try:
            if path is not None:
                page = os.path.join(path, name, "index.html")
                with open(page, "rb") as file:
                    found = from_page(file.read(), "file:" + urllib.request.pathname2url(page), is_json=False)
                paths = [(w, local_path(w.url.partition("#")[0]) or "") for w in found]
                wheels += [Wheel(w.filename, p, os.path.getsize(p)) for w, p in paths if os.path.isfile(p)]
            else:
                base = f"{place.rstrip('/')}/{name}/"
                with web.open(base, accept=f"{JSON_PAGE}, text/html;q=0.1") as answer:
                    kind = answer.headers.get("Content-Type", "")
                    wheels += from_page(answer.read(), base, is_json="json" in kind)
        except OSError:
            continue
    return wheels


def best(wheels: list[Wheel], wanted: SpecifierSet) -> Wheel | None:
    """Choose as pip does: the highest version this Python can use, then the most specific build."""
    rank = {tag: place for place, tag in enumerate(sys_tags())}
    usable = []
    for wheel in wheels:
        try:
            _, version, _, tags = parse_wheel_filename(wheel.filename)
        except ValueError:
            continue
        places = [rank[tag] for tag in tags if tag in rank]
        if places and wanted.contains(version):
            usable.append(((version, -min(places)), wheel))
    return max(usable, key=lambda pair: pair[0])[1] if usable else None


def needs_of(wheel: Wheel, extras: set[str], web: Web) -> list[Requirement]:
    """What a wheel asks for on this machine, read from the metadata beside it on the index."""
    try:
        with web.open(wheel.url.partition("#")[0] + ".metadata") as answer:
            text = answer.read().decode("utf-8", "replace")
    except OSError:
        return []
    asked = [Requirement(line) for line in HeaderParser().parsestr(text).get_all("Requires-Dist") or []]
    return [
        need
        for need in asked
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras | {""})
    ]


def closure(first: Wheel, locked: set[str], places: list[str], web: Web) -> list[tuple[str, int | None]]:
    """Name and size of everything the wheel brings that no lock has."""
    sizes: list[tuple[str, int | None]] = []
    seen = set(locked)
    waiting = needs_of(first, set(), web)
    with ThreadPoolExecutor(8) as pool:
        while waiting:
            fresh: dict[str, Requirement] = {}
            for need in waiting:
                name = str(canonicalize_name(need.name))
                if name not in seen:
                    fresh.setdefault(name, need)
            seen |= set(fresh)

            def look(item: tuple[str, Requirement]) -> tuple[str, int | None, list[Requirement]]:
                name, need = item
                wheel = best(offered(name, places, web), need.specifier)
                if wheel is None:
                    return name, None, []
                return name, web.size(wheel), needs_of(wheel, set(need.extras), web)

            waiting = []
            for name, size, more in pool.map(look, fresh.items()):
                sizes.append((name, size))
                waiting += more
    return sizes


def default_index() -> list[str]:
    """The index pip asks when nothing is configured; only pip itself names it."""
    try:
        from pip._internal.models.index import PyPI
    except ImportError:  # pip moved it: the size stays unknown
        return []
    return [str(PyPI.simple_url)]


def weigh(requirement: str, locked: set[str], settings: dict[str, list[str]]) -> dict[str, Any]:
    """Find the wheel pip will take: local folders first, then the indexes."""
    need = Requirement(requirement)
    web = Web(settings)
    folders = [path for place in settings.get("find_links", []) if (path := local_path(place))]
    indexes = [] if settings.get("no_index") else settings.get("index_url", []) or default_index()
    indexes = indexes + ([] if settings.get("no_index") else settings.get("extra_index_url", []))
    local = [wheel for folder in folders for wheel in in_folder(folder)]
    local += offered(need.name, [place for place in indexes if local_path(place)], web)
    if wheel := best(local, need.specifier):
        return {"file": wheel.filename, "size": wheel.size, "local": os.path.dirname(wheel.url), "brings": []}
    wheel = best(offered(need.name, indexes, web), need.specifier)
    if wheel is None:
        return {"file": None, "size": None, "local": None, "brings": []}
    brings = closure(wheel, locked, indexes, web)
    return {"file": wheel.filename, "size": web.size(wheel), "local": None, "brings": brings}


def readable(size: float) -> str:
    """A size a person can compare."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size / 1e6, 1):.0f} MB"


def torch_line(found: dict[str, Any]) -> tuple[str, float]:
    """Torch as a line to print, and about how much disk it will take."""
    if found["size"] is None:
        return "torch  size unknown: neither a local folder nor an index answered", 0
    if found["local"]:
        line = f"torch  {readable(found['size'])}: {found['file']} from the local folder {found['local']}"
        return line, found["size"] * 4
    brought = sum(size or 0 for _, size in found["brings"])
    line = f"torch  {readable(found['size'] + brought)} to load: {found['file']}"
    if brought > 1e8:
        cuda = any(name.startswith("nvidia") for name, _ in found["brings"])
        line += f", {readable(brought)} of it {'CUDA libraries' if cuda else 'what it brings'}"
        line += " (--light avoids it; so does a folder with a CPU wheel, named in pip's find-links)"
        return line, (found["size"] + brought) * 2
    return line, (found["size"] + brought) * 4


def main() -> None:
    """Read `{"parts", "torch", "settings"}` from stdin, write `{"lines", "disk"}` to stdout."""
    question = json.load(sys.stdin)
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "sizes.json"), encoding="utf-8") as file:
        sizes = json.load(file)
    lines = []
    disk = 0.0
    for part in question["parts"]:
        if part in sizes:
            of = sizes[part]
            disk += of["disk"]
            load, kept = readable(of["load"]), readable(of["disk"])
            lines.append(f"{part:6} {load} to load, {kept} on disk: {of['packages']} packages, {of['about']}")
        elif part == "torch":
            with open(os.path.join(here, "heavy.txt"), encoding="utf-8") as file:
                locked = set(re.findall(r"^([a-z0-9-]+)==", file.read(), flags=re.MULTILINE))
            line, more = torch_line(weigh(question["torch"], locked, question["settings"]))
            lines.append(line)
            disk += more
    json.dump({"lines": lines, "disk": disk}, sys.stdout)


if __name__ == "__main__":
    main()
