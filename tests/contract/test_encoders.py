"""What every encoder keeps, the one for tests and the real one in its process."""

import json
import math
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.app.adapters.memory_process import OFF
from engine.memory.client import MemoryClient, MemoryLocation
from engine.memory.encoder import SentenceEncoder
from engine.memory.model import PACKAGED, WEIGHTS, find, verify
from engine.model.definitions.settings import MemoryConfig
from engine.model.errors import PermanentError
from engine.testing.encoder import HashEncoder
from tests.counterparts import need, needs

SECRET = "sk-live-4d1f7c"
TEXTS = ["When is the tax due?", "the deadline of the tax return", "A photo of the garden", "", "日本語 Größe \x00 \ud800".encode("utf-8", "replace").decode(), "word " * 3000]  # fmt: skip


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """The real one, in a process of its own, and what surrounded it."""
    try:
        find(MemoryConfig())
    except PermanentError as problem:
        need(None, problem.message)
    folder = tmp_path_factory.mktemp("memory")
    root = folder / "company"
    (root / "vault/sops").mkdir(parents=True)
    (root / "vault/sops/tax.md").write_text(
        "# Taxes\n\n## Returns\n\nThe return is due on the last day of July.\n"
    )
    (root / "vault/sops/garden.md").write_text("# Garden\n\nWater the roses in the evening.\n")
    (root / "vault/sops/photo.md").write_bytes(b"\0\1\2")
    for words in (
        ["init", "-qb", "main"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "a"],
    ):
        subprocess.run(["git", *words], cwd=root, check=True)
    place = MemoryLocation(
        root=root,
        state=folder / "state",
        config=MemoryConfig(),
        entry="engine.app.adapters.memory_process",
        idle=30,
    )
    before = dict(os.environ)
    os.environ.update(STEWARD_SECRET_KEY=SECRET, OPENAI_API_KEY=SECRET, HTTPS_PROXY="http://127.0.0.1:9")
    client = MemoryClient(place, now=time.time, patience=90)
    client.wake()
    os.environ.clear()
    os.environ.update(before)
    yield client
    client.quit()


@pytest.fixture(params=["hash", pytest.param("process", marks=pytest.mark.slow)])
def encoder(request):
    return HashEncoder() if request.param == "hash" else request.getfixturevalue("process")


def floats(vector):
    return struct.unpack(f"<{len(vector) // 4}f", vector)


def near(one, other):
    return sum(a * b for a, b in zip(floats(one), floats(other), strict=True))


def test_every_text_has_a_unit_vector_of_one_size(encoder):
    found = encoder.encode(TEXTS)
    assert len(found) == len(TEXTS)
    assert len({len(one) for one in found}) == 1
    for one in found:
        assert math.isclose(near(one, one), 1, abs_tol=1e-5)


def test_a_vector_is_of_its_text_alone(encoder):
    together, alone = encoder.encode(TEXTS), [encoder.encode([one])[0] for one in reversed(TEXTS)]
    assert together == tuple(reversed(alone))
    assert encoder.encode([]) == ()


def test_another_text_has_another_vector_and_a_like_one_a_nearer_one(encoder):
    tax, deadline, garden = encoder.encode(TEXTS[:3])
    assert len({tax, deadline, garden}) == 3
    assert near(tax, deadline) > near(tax, garden)


def test_the_version_names_what_made_it(encoder):
    assert encoder.version == encoder.version
    assert ":" in encoder.version


@pytest.mark.slow
def test_the_process_recalls_by_meaning_and_says_what_it_could_not_read(process):
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=process.place.root, check=True, capture_output=True, text=True
    ).stdout.strip()
    process.sync(commit, seconds=60)
    (first, *_) = process.recall("by when do I have to file?", kind="", limit=5, commit=commit)
    assert (first["path"], first["heading"], first["commit"]) == ("vault/sops/tax.md", "Taxes", commit)
    assert process.status()["lost"] == {"vault/sops/photo.md": "binary"}
    found = process.check(commit, seconds=60)
    assert [found[name] for name in ("missing", "stale", "different", "ranks", "vectors")] == [0] * 5


@pytest.mark.slow
@needs(Path("/proc/self/environ").exists(), "a system that shows a process's environment")
def test_the_process_has_no_secret_and_no_network(process):
    process.encode(["a"])
    pid = process.status()["pid"]
    assert SECRET.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
    assert b"PROXY" not in Path(f"/proc/{pid}/environ").read_bytes()
    open_files = [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir() if one.is_symlink()]
    inodes = {one[8:-1] for one in open_files if one.startswith("socket:[")}
    for table in ("tcp", "tcp6", "udp", "udp6"):
        rows = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        assert not inodes & {row.split()[9] for row in rows}
    assert "Max address space" in Path(f"/proc/{pid}/limits").read_text()
    assert str(process.place.memory) in Path(f"/proc/{pid}/limits").read_text()


def test_the_network_is_refused_by_the_process_itself():
    code = """
import socket
from engine.memory.server import confine
confine(6_000_000_000)
for what in (lambda: socket.create_connection(("127.0.0.1", 9), 1), lambda: socket.getaddrinfo("example.com", 80),
             lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))):
    try:
        what()
    except PermissionError:
        continue
    raise SystemExit("reached")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_who_asks_imports_nothing_of_it():
    code = (
        "import sys, engine.memory.client, engine.memory.recall, engine.app.adapters.memory_process, engine.cli.commands.recall;"
        "print([one for one in ('txtai', 'numpy', 'tokenizers') if one in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], env=os.environ | {OFF: "off"}, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_a_model_that_is_not_the_pinned_one_is_refused(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / WEIGHTS).write_bytes(b"other weights")
    (folder / "config.json").write_text("{}")
    model = find(MemoryConfig(model=str(folder), sha256="0" * 64))
    with pytest.raises(PermanentError, match="not the file that is pinned") as refused:
        verify(model)
    assert refused.value.code == "no-memory"
    (folder / "config.json").write_text('{"other": 1}')
    assert find(MemoryConfig(model=str(folder), sha256="0" * 64)).version != model.version


@pytest.fixture(scope="module")
def packaged():
    """The packaged model, in this process."""
    try:
        model = find(MemoryConfig())
    except PermanentError as problem:
        need(None, problem.message)
    encoder = SentenceEncoder(model)
    encoder.load()
    return encoder


# The first six numbers of what the model's authors' own framework computes.
REFERENCE = {
    "tell me how i know when to pay my chase bill": (0.035072, -0.019342, -0.031678, 0.014219, 0.011882, -0.054997),
    "do i need to get any shots before visiting family in seattle": (
        0.066474, 0.054781, 0.007407, -0.031108, 0.017878, 0.052574,
    ),
    "": (-0.118838, 0.048299, -0.002548, -0.011011, 0.051951, 0.010292),
    "日本語 Größe": (-0.023831, 0.065292, 0.053002, -0.074516, -0.095766, 0.073841),
    "word " * 3000: (-0.008124, -0.095586, -0.038673, 0.049662, -0.043794, 0.023720),
    "emoji 😀 👩\u200d👩\u200d👧": (-0.016844, 0.028156, 0.077556, 0.001095, 0.027182, -0.086141),
}  # fmt: skip


def test_the_vectors_are_those_of_the_published_model(packaged):
    found = packaged.encode(list(REFERENCE))
    for text, vector in zip(REFERENCE, found, strict=True):
        assert len(vector) == 384 * 4
        assert floats(vector)[:6] == pytest.approx(REFERENCE[text], abs=2e-6), text[:40]
        assert math.isclose(near(vector, vector), 1, abs_tol=1e-5)


def test_side_by_side_or_alone_every_bit_is_the_same(packaged):
    texts = [f"{'a note about invoices ' * count} number {count}" for count in (0, 1, 5, 20)]
    together = packaged.encode([*texts, texts[0]])
    again = SentenceEncoder(packaged._model)
    again.load()
    assert [again.encode([text])[0] for text in reversed(texts)] == list(reversed(together[:-1]))
    assert together[-1] == together[0]


def test_no_machine_learning_framework_is_imported():
    code = (
        "import sys\n"
        "from engine.memory.encoder import SentenceEncoder, txtai\n"
        "from engine.memory.model import find\n"
        "from engine.model.definitions.settings import MemoryConfig\n"
        "encoder = SentenceEncoder(find(MemoryConfig()))\nencoder.load()\nencoder.encode(['a', 'b'])\ntxtai()\n"
        "known = sys.stdlib_module_names\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} - known))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name for name in done.stdout.split() if not name.startswith("_")}
    # What an editable installation puts into every process is not the model's.
    allowed = {
        "engine",
        "msgpack",
        "numpy",
        "regex",
        "threadpoolctl",
        "tokenizers",
        "txtai",
        "cython_runtime",
        "sitecustomize",
    }
    assert loaded - allowed == set(), loaded - allowed


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"model_type": "xlm-roberta"}, "it is no BERT"),
        ({"hidden_act": "relu"}, "it is no BERT"),
        ({"position_embedding_type": "relative_key"}, "its positions are not absolute"),
        ({"num_hidden_layers": 7}, "its weights lack"),
        ({"num_attention_heads": "many"}, "invalid literal"),
    ],
)
def test_a_model_of_another_make_is_refused_by_name(tmp_path, packaged, change, why):
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("tokenizer.json", WEIGHTS):
        (folder / name).symlink_to(packaged._model.folder / name)
    config = json.loads((packaged._model.folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    pinned = dict(packaged._model.pins)[WEIGHTS]
    with pytest.raises(PermanentError, match=why) as refused:
        SentenceEncoder(find(MemoryConfig(model=str(folder), sha256=pinned))).load()
    assert refused.value.code == "no-memory"
    assert "memory: { model" in refused.value.way_out


@pytest.mark.parametrize("config", [MemoryConfig(model="none"), MemoryConfig(model="nowhere/of/this/name")])
def test_a_model_that_is_not_there_is_said(config):
    with pytest.raises(PermanentError) as refused:
        find(config)
    assert refused.value.code == "no-memory"


def test_an_altered_packaged_model_is_refused(monkeypatch):
    try:
        model = find(MemoryConfig())
    except PermanentError as problem:
        need(None, problem.message)
    assert model.version.startswith(PACKAGED)
    monkeypatch.setattr("engine.memory.model.digest", lambda path: "0" * 64)
    with pytest.raises(PermanentError, match="not the file that is pinned"):
        verify(model)
