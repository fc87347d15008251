"""The notes as tables: front matter, tags, links, headings, tasks, contacts, prices, asked by exact SQL under fixed names.

It answers nothing by likeness. What another reader found (who an address is, what a thing costs) is looked up here a second time,
by other code, before it is believed.

The tables are a cache in memory, made from the tree by blob ids and forgotten with the process. Without DuckDB there
is no second look, and the caller is told so. It can reach no file, no network and no extension, and no SQL comes from outside.
"""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from functools import cache
from importlib import util
from pathlib import Path
from typing import Any, TypeAlias

from engine.memory import markdown_sections
from engine.model.errors import INSTALL_AGAIN, PermanentError
from engine.model.ports import Tree
from engine.model.values.canonical_json import Json
from engine.model.values.money import Money

FrontMatter: TypeAlias = Callable[[str, bytes], dict[str, Json] | None]
Rows: TypeAlias = dict[str, list[dict[str, Json]]]
"""Table → rows."""

_CONTACTS = "vault/knowledge/contacts/"
_SKIPPED = ("vault/inbox/", "vault/outbox/")
_MAX_BYTES, _MAX_ROWS = 1_000_000, 2_000
_MAX_TEXT = 500
_LINK = re.compile(
    r"\[\[([^\[\]|#\n]{1,200})[^\[\]\n]{0,200}\]\]|\]\(([^()\s]{1,200}\.md)(?:#[^()\s]{0,200})?\)"
)
_TASK = re.compile(r"[ \t]*[-*+] \[([ xX])\] (.{1,500})")
_COLUMNS = {
    "notes": {"path": "VARCHAR", "blob": "VARCHAR", "type": "VARCHAR", "title": "VARCHAR", "matter": "JSON"},
    "tags": {"path": "VARCHAR", "tag": "VARCHAR"},
    "links": {"path": "VARCHAR", "target": "VARCHAR"},
    "headings": {"path": "VARCHAR", "place": "INTEGER", "level": "INTEGER", "words": "VARCHAR"},
    "tasks": {"path": "VARCHAR", "place": "INTEGER", "done": "BOOLEAN", "words": "VARCHAR"},
    "contacts": {
        "path": "VARCHAR", "address": "VARCHAR", "main": "BOOLEAN", "name": "VARCHAR", "company": "VARCHAR", "project": "VARCHAR",
    },
    "prices": {"path": "VARCHAR", "what": "VARCHAR", "shown": "VARCHAR", "minor": "BIGINT", "currency": "VARCHAR"},
    "purchases": {"path": "VARCHAR", "place": "INTEGER", "what": "VARCHAR", "day": "VARCHAR"},
}  # fmt: skip


def available() -> bool:
    """Whether DuckDB is installed here."""
    return util.find_spec("duckdb") is not None


class Symbolic:
    """The tables of the tree that runs now. Safe to use from several threads.

    `tree` gives the workspace; `front_matter` reads a note's (path, bytes) into a map, None without one.
    """

    def __init__(self, tree: Callable[[], Tree], front_matter: FrontMatter) -> None:
        self._tree, self._front_matter = tree, front_matter
        self._lock = threading.Lock()
        self._read: dict[tuple[str, str], Rows] = {}
        self._cached: tuple[tuple[tuple[str, str], ...], Any] | None = None

    def ask(self, name: str, *values: Json) -> list[tuple[Any, ...]]:
        """The rows of a named query. Raises PermanentError (``no-tables``) without DuckDB, KeyError for a name there is none of."""
        statement = _statements()[name]
        with self._lock:
            return list(self._database().execute(statement, list(values)).fetchall())

    def digest(self) -> str:
        """Names everything in the tables: the same for the same notes, however they came to be read."""
        table_digest = hashlib.sha256()
        with self._lock:
            base = self._database()
            for table in _COLUMNS:
                rows = base.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall()
                table_digest.update(json.dumps([table, rows], ensure_ascii=True, default=str).encode())
        return table_digest.hexdigest()

    def forget(self) -> None:
        """Throw the tables away; the next question makes them again."""
        with self._lock:
            self._cached, self._read = None, {}

    def _database(self) -> Any:
        tree = self._tree()
        notes = tuple((path, blob) for path, blob in tree.paths() if _is_note(path))
        if self._cached is None or self._cached[0] != notes:
            known = self._read
            self._read = {note: known.get(note) or self._rows(tree, *note) for note in notes}
            self._cached = (notes, _filled(self._read.values()))
        return self._cached[1]

    def _rows(self, tree: Tree, path: str, blob: str) -> Rows:
        raw = tree.read(path)
        if len(raw) > _MAX_BYTES:
            return {}
        matter = self._front_matter(path, raw) or {}
        body = markdown_sections.body(raw.decode("utf-8", "replace"))
        tables: Rows = {table: [] for table in _COLUMNS}
        sections = [heading for heading, _ in markdown_sections.sections(body) if heading is not None]
        title = matter.get("title") if isinstance(matter.get("title"), str) else ""
        tables["notes"].append({
            "path": path, "blob": blob, "type": _text(matter.get("type")),
            "title": title or (sections[0][1] if sections else ""), "matter": matter,
        })  # fmt: skip
        tables["tags"] += [{"path": path, "tag": tag} for tag in dict.fromkeys(_texts(matter.get("tags")))]
        tables["links"] += [{"path": path, "target": target} for target in dict.fromkeys(_targets(body))]
        tables["headings"] += [
            {"path": path, "place": place, "level": level, "words": words[:_MAX_TEXT]}
            for place, (level, words) in enumerate(sections)
        ]
        tables["tasks"] += [
            {"path": path, "place": place, "done": task[1] != " ", "words": task[2].strip()}
            for place, task in enumerate(filter(None, map(_TASK.match, body.split("\n"))))
        ]
        tables["contacts"] += _contacts(path, matter)
        tables["prices"] += _prices(path, matter)
        tables["purchases"] += _purchases(path, matter)
        return {table: rows[:_MAX_ROWS] for table, rows in tables.items()}


def folded(address: str) -> str:
    """An address in the form of the tables."""
    local, at, domain = address.strip().rpartition("@")
    try:
        return (
            f"{local}@{domain.rstrip('.').encode('idna').decode('ascii')}".casefold() if at and local else ""
        )
    except UnicodeError:
        return ""


def plain(words: str) -> str:
    """The form in which things that have prices are compared."""
    return " ".join(words.split()).casefold()


def _filled(notes: Any) -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise PermanentError(
            "DuckDB is not installed here",
            code="no-tables",
            now_true="What was found could not be looked up a second time.",
            way_out=INSTALL_AGAIN,
        ) from error
    base = duckdb.connect(":memory:")
    base.execute(
        "SET autoinstall_known_extensions = false; SET autoload_known_extensions = false; SET threads = 1; "
        "SET memory_limit = '512MB'; SET enable_external_access = false; SET lock_configuration = true"
    )
    base.execute(_statements()["schema"])
    tables: Rows = {table: [] for table in _COLUMNS}
    for rows in notes:
        for table, some in rows.items():
            tables[table] += some
    for table, columns in _COLUMNS.items():
        if tables[table]:
            form = json.dumps([columns])
            base.execute(
                f"INSERT INTO {table} SELECT {', '.join(f'row.{column}' for column in columns)} "
                "FROM (SELECT unnest(from_json(?::JSON, ?)) AS row)",
                [json.dumps(tables[table]), form],
            )
    return base


@cache
def _statements() -> dict[str, str]:
    statements: dict[str, str] = {}
    text = Path(__file__).with_name("symbolic.sql").read_text(encoding="utf-8")
    for part in text.split("-- name: ")[1:]:
        name, _, statement = part.partition("\n")
        statements[name.strip()] = statement.strip()
    return statements


def _is_note(path: str) -> bool:
    return path.startswith("vault/") and path.endswith(".md") and not path.startswith(_SKIPPED)


def _text(value: Json) -> str:
    return " ".join(value.split())[:_MAX_TEXT] if isinstance(value, str) else ""


def _texts(value: Json) -> list[str]:
    candidates = value if isinstance(value, list) else [value]
    return [text for candidate in candidates if (text := _text(candidate))]


def _targets(body: str) -> Iterator[str]:
    """What a note links to: by name, or by path without the folders above."""
    for match in _LINK.finditer(body):
        yield (match[1] or match[2]).strip().removeprefix("./")


def _contacts(path: str, matter: dict[str, Json]) -> list[dict[str, Json]]:
    if not path.startswith(_CONTACTS):
        return []
    addresses = dict.fromkeys(address for address in map(folded, _texts(matter.get("email"))) if address)
    about: dict[str, Json] = {name: _text(matter.get(name)) for name in ("name", "company", "project")}
    return [
        {"path": path, "address": address, "main": not at, **about} for at, address in enumerate(addresses)
    ]


def _prices(path: str, matter: dict[str, Json]) -> list[dict[str, Json]]:
    listed = matter.get("prices") if matter.get("type") == "price-list" else None
    prices: list[dict[str, Json]] = []
    for price in listed if isinstance(listed, list) else []:
        if not isinstance(price, dict):
            continue
        try:
            amount = Money.of(price.get("amount"))
        except ValueError:
            continue
        prices.append({
            "path": path, "what": plain(_text(price.get("what"))), "shown": amount.text(), "minor": amount.minor,
            "currency": amount.currency,
        })  # fmt: skip
    return prices


def _purchases(path: str, matter: dict[str, Json]) -> list[dict[str, Json]]:
    """`bought` of a contact note: texts, or maps with `what` and `on`."""
    bought = matter.get("bought") if path.startswith(_CONTACTS) else None
    purchases: list[dict[str, Json]] = []
    for place, purchase in enumerate(bought if isinstance(bought, list) else [bought]):
        product = _text(purchase.get("what")) if isinstance(purchase, dict) else _text(purchase)
        day = _text(purchase.get("on")) if isinstance(purchase, dict) else ""
        if product:
            purchases.append({"path": path, "place": place, "what": product, "day": day})
    return purchases
