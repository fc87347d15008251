"""A provider in a process of its own. It writes down every call and every effect, each synced before it answers.

As a program (``provider.py FILE``) it serves JSON lines on a loopback socket and prints its port. What it did is read from FILE
alone, never from its memory, and FILE is all it needs to go on after a restart.

*calls* are what it was asked; *effects* what it did. In the mode ``idempotent`` a second call with a known key is a call without an
effect; ``queryable`` and ``opaque`` do it again every time, as real providers without keys do. ``quote`` and ``alive`` are questions
without a key, ``find`` is one about a key; they count as calls.
"""

import hashlib
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

Mode = Literal["idempotent", "queryable", "opaque", "quote", "alive", "find"]
Manner = Literal[
    "drop-before", "drop-after", "500-before", "500-after", "429", "400", "503", "delay", "kill-before", "kill-after",
    "200-error-before", "200-error-after", "drift",
]  # fmt: skip
"""What it can be told to do: close the line without an answer, complain, dawdle, or end the caller, before or after it acted.

Or lie: say 200 with an error inside, before or after it acted, or act and answer in another shape than was agreed on.
"""
_REFUSALS = frozenset({"429", "400", "503", "500-before"})
_FIND = "find"

_LONGEST = 1 << 20


class Books:
    """The file and what it adds up to. Every record is on the disk before anybody hears of it."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o600)
        self.lock = threading.Lock()
        self.results: dict[str, dict[str, Any]] = {}
        self.pruned: set[str] = set()
        self.orders: list[dict[str, Any]] = []
        for record in records(path):
            self._count(record)

    def write(self, record: dict[str, Any]) -> None:
        """Add one record, durably."""
        os.write(self._fd, json.dumps(record, separators=(",", ":")).encode() + b"\n")
        os.fsync(self._fd)
        self._count(record)

    def _count(self, record: dict[str, Any]) -> None:
        match record.get("what"):
            case "effect":
                self.results[record["key"]] = record
            case "prune":
                self.pruned |= set(self.results)
            case _:
                pass

    def known(self, key: str) -> dict[str, Any] | None:
        """What was done under a key that is still remembered."""
        return None if key in self.pruned else self.results.get(key)

    def order(self, mode: str) -> dict[str, Any] | None:
        """How the next call of this mode is to be treated, if it was told anything."""
        for order in self.orders:
            if order["mode"] == mode or (order["mode"] == "" and mode != _FIND):
                order["times"] -= 1
                if order["times"] <= 0:
                    self.orders.remove(order)
                return order
        return None


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, books: Books) -> None:
        self.books = books
        super().__init__(("127.0.0.1", 0), ProviderConnection)


class ProviderConnection(socketserver.StreamRequestHandler):
    """One connection, one question."""

    server: _Server

    def handle(self) -> None:
        """Read a line, act, answer."""
        line = self.rfile.readline(_LONGEST)
        if not line.endswith(b"\n"):
            return
        answer = self._answer(json.loads(line))
        if answer is not None:
            try:
                self.wfile.write(json.dumps(answer).encode() + b"\n")
            except OSError:
                # The caller died while we worked: what we did is in the file.
                return

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        books = self.server.books
        match asked["do"]:
            case "perform":
                return self._perform(books, asked)
            case "find":
                return self._find(books, asked)
            case "quote" | "alive" as question:
                with books.lock:
                    order = books.order(question)
                    books.write({"what": "call", "do": question, "key": ""})
                return _refusal(order) if order else {"status": 200}
            case "undo":
                with books.lock:
                    books.write({"what": "call", "do": "undo", "key": asked["key"]})
                    if not any(result.startswith(f"undo {asked['key']}") for result in books.results):
                        books.write({"what": "effect", "key": f"undo {asked['key']}", "body": "", "id": ""})
                return {"status": 200}
            case "behave":
                with books.lock:
                    order = {name: asked[name] for name in ("mode", "how", "times")}
                    books.orders.append({**order, "after": asked.get("after", 0.0)})
                return {"status": 200}
            case "clock":
                with books.lock:
                    books.write({"what": "clock", "at": asked["at"]})
                return {"status": 200}
            case "calm":
                with books.lock:
                    books.orders.clear()
                return {"status": 200}
            case "prune":
                with books.lock:
                    books.write({"what": "prune"})
                return {"status": 200}
            case _:
                return {"status": 404}

    def _perform(self, books: Books, asked: dict[str, Any]) -> dict[str, Any] | None:
        with books.lock:
            order = books.order(asked["mode"])
        how = order["how"] if order else ""
        if how == "delay":
            time.sleep(0.3)
        if how == "kill-before":
            os.kill(asked["pid"], signal.SIGKILL)
        if how in {"drop-before", "kill-before"}:
            return None
        if order and (how in _REFUSALS or how == "200-error-before"):
            with books.lock:
                refused = {"refused": how, "after": order["after"]}
                books.write({"what": "call", "do": "perform", "key": asked["key"], **refused})
            return _refusal(order)
        answer = _apply(books, asked)
        if how == "kill-after":
            os.kill(asked["pid"], signal.SIGKILL)
        if how in {"drop-after", "kill-after"}:
            return None
        if how == "drift":
            return {"status": 200, "reference": {"number": 17}, "id": 17}
        return _refusal(order) if order and how in {"500-after", "200-error-after"} else answer

    def _find(self, books: Books, asked: dict[str, Any]) -> dict[str, Any]:
        with books.lock:
            books.write({"what": "call", "do": "find", "key": asked["key"]})
            known = books.results.get(asked["key"])
            order = books.order(_FIND)
        if order:
            return _refusal(order)
        return {"status": 200, "id": known["id"]} if known else {"status": 404}


def _refusal(order: dict[str, Any]) -> dict[str, Any]:
    """No, in the words it was told to use. A 200 that is none says so inside only."""
    status = int(order["how"][:3])
    if status == 200:
        return {"status": status, "error": "something went wrong"}
    return {"status": status, "after": order["after"]} if order["after"] else {"status": status}


def _apply(books: Books, asked: dict[str, Any]) -> dict[str, Any]:
    body = hashlib.sha256(asked["body"].encode()).hexdigest()
    with books.lock:
        books.write({"what": "call", "do": "perform", "key": asked["key"], "body": body})
        known = books.known(asked["key"]) if asked["mode"] == "idempotent" else None
        if known is None:
            known = {
                "what": "effect",
                "key": asked["key"],
                "body": body,
                "id": f"{asked['mode']}-{len(books.results) + 1}",
            }
            books.write(known)
            return {"status": 200, "id": known["id"], "repeated": False}
        if known["body"] != body:
            return {"status": 409}
        return {"status": 200, "id": known["id"], "repeated": True}


def records(path: str | Path) -> list[dict[str, Any]]:
    """Everything in a provider's file. A torn last line was never answered and doesn't count."""
    whole, _, _ = Path(path).read_bytes().rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines()]


class Provider:
    """A running provider, seen from outside."""

    def __init__(self, file: Path, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.file, self.address, self._process = file, f"127.0.0.1:{port}", process

    @classmethod
    def start(cls, file: Path) -> Self:
        """Begin a process that keeps its books in `file`."""
        # Isolated and without site-packages: it starts quickly and shares nothing with what it is to judge.
        argv = [sys.executable, "-I", "-S", __file__, os.fspath(file)]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if process.stdout is None:
            raise OSError("no pipe to the provider")
        line = process.stdout.readline()
        if not line:
            process.wait()
            raise OSError("the provider did not start")
        return cls(file, process, int(line))

    def behave(
        self, how: Manner, *, mode: Mode | Literal[""] = "", times: int = 1, wait_seconds: float = 0.0
    ) -> None:
        """Treat the next `times` calls (of one mode, or of any but ``find``) this way. `after`: how many seconds a 429 asks to wait."""
        ask(self.address, {"do": "behave", "how": how, "mode": mode, "times": times, "after": wait_seconds})

    def keep_time(self, now: datetime) -> None:
        """It is this late from now on, as far as its file is concerned."""
        ask(self.address, {"do": "clock", "at": now.timestamp()})

    def calm(self) -> None:
        """Treat every call as usual from now on."""
        ask(self.address, {"do": "calm"})

    def prune(self) -> None:
        """Forget every key: the window is over."""
        ask(self.address, {"do": "prune"})

    def early(self) -> list[float]:
        """By how many seconds each call came before the end of the time it had asked to wait, by its own clock and file (`keep_time`).

        Calls of the very moment of that answer were under way before anybody could hear it.
        """
        now, heard, until, too_early = 0.0, 0.0, 0.0, list[float]()
        for record in records(self.file):
            if record["what"] == "clock":
                now = record["at"]
            elif record["what"] == "call" and record["do"] == "perform":
                if heard < now < until:
                    too_early.append(until - now)
                if record.get("refused") == "429" and now + record["after"] > until:
                    heard, until = now, now + record["after"]
        return too_early

    def effects(self) -> Counter[str]:
        """How often something was really done, by key."""
        return Counter(record["key"] for record in records(self.file) if record["what"] == "effect")

    def calls(self) -> Counter[str]:
        """How often it was asked to do something, by key."""
        return Counter(
            record["key"]
            for record in records(self.file)
            if record["what"] == "call" and record["do"] == "perform"
        )

    def asked(self) -> Counter[str]:
        """How many calls there were, by what they asked for: perform, find, quote, alive, undo."""
        return Counter(record["do"] for record in records(self.file) if record["what"] == "call")

    def repeated(self) -> dict[str, int]:
        """Bytes (by digest) that were done more than once, whatever their keys, and how often."""
        done = Counter(
            record["body"] for record in records(self.file) if record["what"] == "effect" and record["body"]
        )
        return {body: times for body, times in done.items() if times > 1}

    def bodies(self) -> dict[str, str]:
        """Digest of the bytes that were done, by key."""
        return {record["key"]: record["body"] for record in records(self.file) if record["what"] == "effect"}

    def close(self) -> None:
        """End it and wait until it is gone."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ask(address: str, question: dict[str, Any], *, seconds: float = 10.0) -> dict[str, Any]:
    """One question, one answer. ConnectionRefusedError: it was never asked; ConnectionAbortedError: asked, and no answer came."""
    host, _, port = address.rpartition(":")
    try:
        line = socket.create_connection((host, int(port)), timeout=seconds)
    except OSError as error:
        raise ConnectionRefusedError(f"nobody answers at {address}") from error
    try:
        with line, line.makefile("rb") as file:
            line.sendall(json.dumps(question).encode() + b"\n")
            answer = file.readline(_LONGEST)
    except OSError as error:
        raise ConnectionAbortedError("the line broke") from error
    if not answer.endswith(b"\n"):
        raise ConnectionAbortedError("the line was closed without an answer")
    reply: dict[str, Any] = json.loads(answer)
    return reply


def _leave_with_parent() -> None:
    # The pipe ends with the process that started this one, however that ended.
    sys.stdin.buffer.read()
    os._exit(0)


def main(path: str) -> None:
    """Serve until the process that started this one is gone."""
    with _Server(Books(path)) as server:
        threading.Thread(target=_leave_with_parent, daemon=True).start()
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
