"""A detector that has never found anything proves nothing: each way of writing, in each place, is planted and found."""

import base64
import email.charset
import email.header
import gzip
import json
import os
import sqlite3
import subprocess
import sys
import zlib
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.counterparts import LINUX
from tests.leaks import detector

NEEDLE = "Zażółć gęślą jaźń & Co = 4711"
WITNESS = Path(detector.__file__).parent / "witness"

WRITTEN = {
    "raw": NEEDLE.encode(),
    "base64": base64.b64encode(b"x" + NEEDLE.encode() + b"yz"),
    "hex": (b"ab" + NEEDLE.encode() + b"cd").hex().encode(),
    "url": quote(f"?q={NEEDLE}&r").encode(),
    "quoted-printable": b"a=3Db " + "".join(f"={b:02X}" for b in NEEDLE.encode()).encode(),
    "utf-16": f"say {NEEDLE} now".encode("utf-16-le"),
    "escaped": json.dumps({"text": NEEDLE}).encode(),
}
NO_ZEROS = [
    name for name in WRITTEN if name != "utf-16"
]  # a command line and an environment can't hold a zero byte


def hows(artefacts) -> set[str]:
    return {find.how for find in detector.leaks(iter(artefacts), {"needle": NEEDLE})}


@pytest.mark.parametrize("how", WRITTEN)
def test_each_way_of_writing_is_found(how):
    assert how in detector.search(b"before\n" + WRITTEN[how] + b"\nafter", NEEDLE)


@pytest.mark.parametrize("ahead", range(6))
@pytest.mark.parametrize("behind", range(3))
def test_base64_is_found_wherever_it_begins(ahead, behind):
    text = base64.encodebytes(b"#" * ahead + NEEDLE.encode() + b"#" * behind)
    assert "base64" in detector.search(b"Content: " + text.replace(b"\n", b"\r\n"), NEEDLE)


def test_a_broken_line_hides_nothing():
    import quopri

    long = ("filler " * 9 + NEEDLE + " and more " * 9).encode()
    assert "quoted-printable" in detector.search(quopri.encodestring(long), NEEDLE)
    assert "raw" in detector.search(b"Subject: " + NEEDLE.replace(" ", "\r\n ", 1).encode(), NEEDLE)


@pytest.mark.parametrize("how", [email.charset.QP, email.charset.BASE64])
def test_words_of_a_header_are_read_as_a_reader_would(how):
    kind = email.charset.Charset("utf-8")
    kind.header_encoding = how
    text = email.header.Header(f"before and {NEEDLE} and behind", kind, maxlinelen=40).encode()
    assert "=?" in text
    assert "raw" in detector.search(f"Subject: {text}\r\n".encode(), NEEDLE)


def test_what_is_packed_is_unpacked():
    assert "zlib/raw" in detector.search(zlib.compress(NEEDLE.encode()), NEEDLE)
    assert "zlib/raw" in detector.search(gzip.compress(NEEDLE.encode()), NEEDLE)
    page = b"%PDF-1.4\n1 0 obj\nstream\n" + zlib.compress(NEEDLE.encode()) + b"\nendstream\n"
    assert "zlib/raw" in detector.search(page, NEEDLE)


def test_it_finds_nothing_where_nothing_is():
    assert detector.search(os.urandom(200_000), NEEDLE) == []
    assert (
        detector.search(
            b"Za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87 4711 & Co, other words, and a hex dump: 00ff", NEEDLE
        )
        == []
    )


@pytest.mark.parametrize("how", WRITTEN)
def test_pages_and_log_of_a_database_are_searched(tmp_path, how):
    db = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=wal")
    db.execute("CREATE TABLE kept (data BLOB)")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("INSERT INTO kept VALUES (?)", (WRITTEN[how],))
    found = detector.leaks(detector.below(tmp_path, "state"), {"needle": NEEDLE})
    assert {(f.place, f.how) for f in found} >= {("state/ledger.db-wal", how)}
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    found = detector.leaks(detector.below(tmp_path, "state"), {"needle": NEEDLE})
    assert {(f.place, f.how) for f in found} >= {("state/ledger.db", how)}


@pytest.mark.parametrize("how", WRITTEN)
@pytest.mark.parametrize(
    "place", ["keys.db", "blobs/ab/cd", "head", "crash-report.txt", "check/diagnostics.json", "outbox/x.eml"]
)
def test_every_file_below_a_folder_is_searched(tmp_path, place, how):
    target = tmp_path / place
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"Message-ID: <a@b>\r\n" + WRITTEN[how] + b"\r\n")
    found = detector.leaks(detector.below(tmp_path, "state"), {"needle": NEEDLE})
    assert (f"state/{place}", how) in {(f.place, f.how) for f in found}


def test_a_name_gives_away_as_much_as_a_content(tmp_path):
    (tmp_path / f"{NEEDLE}.pdf").write_bytes(b"")
    assert "raw" in hows(detector.below(tmp_path, "state"))


@pytest.mark.parametrize("how", WRITTEN)
@pytest.mark.parametrize("packed", [False, True])
def test_objects_of_git_are_unpacked(tmp_path, how, packed):
    def git(*words):
        subprocess.run(["git", "-C", tmp_path, *words], check=True, capture_output=True)

    git("init", "-q")
    (tmp_path / "note").write_bytes(WRITTEN[how])
    git("add", "note")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x")
    if packed:
        git("gc", "-q")
    assert how in hows(detector.git_objects(tmp_path))


def test_messages_and_names_of_refs_are_searched(tmp_path):
    def git(*words):
        subprocess.run(["git", "-C", tmp_path, *words], check=True, capture_output=True)

    git("init", "-q")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", NEEDLE)
    found = detector.leaks(detector.git_objects(tmp_path), {"needle": NEEDLE})
    assert any(f.place.startswith("git object commit") for f in found)
    assert any("logs" in f.place for f in found)


def watched(tmp_path: Path, code: str, *words: str, **env: str) -> Path:
    folder, temporary = tmp_path / "witness", tmp_path / "tmp"
    temporary.mkdir()
    subprocess.run(
        [sys.executable, "-c", code, *words],
        env={
            **os.environ, "PYTHONPATH": str(WITNESS), "STEWARD_WITNESS": str(folder),
            "STEWARD_WITNESS_WATCH": str(temporary), "TMPDIR": str(temporary), **env,
        },
        check=True,
    )  # fmt: skip
    return folder


def places(folder: Path, how: str) -> set[str]:
    found = detector.leaks(detector.witnessed(folder), {"needle": NEEDLE})
    return {f.place.split()[0] for f in found if f.how == how}


@LINUX
@pytest.mark.parametrize("how", NO_ZEROS)
def test_the_command_line_is_seen(tmp_path, how):
    assert "cmdline" in places(watched(tmp_path, "pass", os.fsdecode(WRITTEN[how])), how)


@pytest.mark.parametrize("how", NO_ZEROS)
def test_arguments_and_environment_of_children_are_seen(tmp_path, how):
    code = """if True:
        import os, subprocess, sys
        planted = os.environ.pop("PLANTED")
        subprocess.run([sys.executable, "-c", "pass", planted], check=True)
        subprocess.run([sys.executable, "-c", "pass"], env={"PATH": "", "SECRET": planted}, check=True)
    """
    assert places(watched(tmp_path, code, PLANTED=os.fsdecode(WRITTEN[how])), how) == {"argv", "environ"}


@pytest.mark.parametrize("how", WRITTEN)
@pytest.mark.parametrize(
    "act",
    [
        "file = tempfile.NamedTemporaryFile(); file.write(data); file.flush(); file.close()",
        "name = tempfile.mktemp(); open(name, 'wb').write(data); os.replace(name, 'elsewhere')",
        "folder = tempfile.mkdtemp(); open(folder + '/x', 'wb').write(data); shutil.rmtree(folder)",
    ],
)
def test_a_temporary_file_is_seen_although_it_is_gone(tmp_path, monkeypatch, how, act):
    monkeypatch.chdir(tmp_path)
    planted = tmp_path / "planted"
    planted.write_bytes(WRITTEN[how])
    code = f"import os, shutil, sys, tempfile; data = open(sys.argv[1], 'rb').read(); {act}"
    folder = watched(tmp_path, code, str(planted))
    assert list((tmp_path / "tmp").iterdir()) == []
    assert "removed" in places(folder, how)
