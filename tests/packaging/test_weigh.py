"""Torch's true size: from a local folder, from an index in both its forms, with what it brings."""

import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from requirements import weigh

WHEEL = "torch-2.13.0-py3-none-any.whl"
METADATA = """Name: torch
Version: 2.13.0
Requires-Dist: numpy
Requires-Dist: nvidia-cublas==13.1; python_version >= "3"
Requires-Dist: never; python_version < "3"
Requires-Dist: cuda-toolkit[cudart]==13.2
"""
TOOLKIT = 'Name: cuda-toolkit\nVersion: 13.2\nRequires-Dist: nvidia-runtime==13.2; extra == "cudart"\n'


class Index(BaseHTTPRequestHandler):
    """A package index with three projects; `json_pages` chooses the form of its pages."""

    json_pages: ClassVar[bool] = True
    asked: ClassVar[list[str]] = []
    wheels: ClassVar[dict[str, tuple[str, int, str]]] = {
        "torch": (WHEEL, 500_000_000, METADATA),
        "nvidia-cublas": ("nvidia_cublas-13.1-py3-none-any.whl", 400_000_000, "Name: nvidia-cublas\n"),
        "nvidia-runtime": ("nvidia_runtime-13.2-py3-none-any.whl", 2_000_000, "Name: nvidia-runtime\n"),
        "cuda-toolkit": ("cuda_toolkit-13.2-py3-none-any.whl", 2_000, TOOLKIT),
    }

    def do_GET(self) -> None:
        self.asked.append(self.path)
        name = self.path.strip("/").split("/")[1]
        if self.path.endswith(".metadata"):
            found = [text for file, _, text in self.wheels.values() if file in self.path]
            return self.answer(found[0].encode(), "text/plain")
        if name not in self.wheels:
            return self.send_error(404)
        file, size, _ = self.wheels[name]
        if self.json_pages:
            page = {"files": [{"filename": file, "url": f"../../files/{file}", "size": size}]}
            return self.answer(json.dumps(page).encode(), weigh.JSON_PAGE)
        return self.answer(f'<a href="../../files/{file}#sha256=00">{file}</a>'.encode(), "text/html")

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(next(s for f, s, _ in self.wheels.values() if f in self.path)))
        self.end_headers()

    def answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture(params=[True, False], ids=["json", "html"])
def index(request, monkeypatch):
    monkeypatch.setattr(Index, "json_pages", request.param)
    monkeypatch.setattr(Index, "asked", [])
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/index"
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "torch-2.13.0+cpu-py3-none-any.whl", "w") as wheel:
        wheel.writestr("torch/x", "x" * 5000)
    (tmp_path / "torch-2.14.0-py3-none-any.whl").write_bytes(b"another version")
    (tmp_path / "torch-2.13.0-cp27-cp27m-win32.whl").write_bytes(b"another machine")
    (tmp_path / "not a wheel.whl").write_bytes(b"")
    return tmp_path


def test_a_local_folder_comes_first_and_nobody_is_asked(folder, index):
    found = weigh.weigh("torch==2.13.0", set(), {"find_links": [str(folder)], "index_url": [index]})
    assert found["file"] == "torch-2.13.0+cpu-py3-none-any.whl"
    assert found["size"] == (folder / found["file"]).stat().st_size
    assert found["local"] == str(folder)
    assert Index.asked == []


def test_a_folder_given_as_an_address_is_a_folder(folder):
    found = weigh.weigh("torch==2.13.0", set(), {"find_links": [folder.as_uri()], "no_index": ["1"]})
    assert found["local"] == str(folder)


def test_an_index_on_the_disk_counts_as_local(folder):
    (folder / "simple" / "torch").mkdir(parents=True)
    page = folder / "simple" / "torch" / "index.html"
    page.write_text('<a href="../../torch-2.13.0%2Bcpu-py3-none-any.whl#sha256=0">torch</a>')
    found = weigh.weigh(
        "torch==2.13.0", set(), {"extra_index_url": [(folder / "simple").as_uri()], "index_url": ["x:"]}
    )
    assert found["file"] == "torch-2.13.0+cpu-py3-none-any.whl"
    assert found["local"]


def test_an_index_is_asked_for_everything_the_wheel_brings_but_what_is_locked(index):
    found = weigh.weigh("torch==2.13.0", {"numpy"}, {"index_url": [index]})
    assert (found["file"], found["size"], found["local"]) == (WHEEL, 500_000_000, None)
    assert sorted(found["brings"]) == [
        ("cuda-toolkit", 2_000),
        ("nvidia-cublas", 400_000_000),
        ("nvidia-runtime", 2_000_000),
    ]
    assert not [path for path in Index.asked if path.endswith(".whl")], "no wheel is loaded"
    line, disk = weigh.torch_line(found)
    assert "902 MB to load" in line
    assert "402 MB of it CUDA libraries" in line
    assert disk > 900_000_000


def test_nobody_answering_is_said():
    found = weigh.weigh("torch==2.13.0", set(), {"index_url": ["http://127.0.0.1:9/x"]})
    assert weigh.torch_line(found)[0].startswith("torch  size unknown")
