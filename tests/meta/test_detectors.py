"""Each detector finds its planted positive, and lets the ordinary pass."""

import textwrap

import pytest

from tests.meta import detectors as d


def found(iterator) -> list[str]:
    return list(iterator)


def test_size_gate_finds_a_long_file_class_and_function():
    body = "    x = 1\n"
    assert found(d.oversize("x = 1\n" * 501)) == ["1: 501 lines, more than 500"]
    assert found(d.oversize("class A:\n" + body * 200)) == ["1: A has 201 lines, more than 200"]
    assert found(d.oversize("def f():\n" + body * 60)) == ["1: f has 61 lines, more than 60"]
    nested = "class A:\n    async def f(self):\n" + "        x = 1\n" * 60
    assert found(d.oversize(nested)) == ["2: f has 61 lines, more than 60"]


def test_size_gate_lets_the_limit_itself_and_a_reason_pass():
    assert found(d.oversize("x = 1\n" * 500)) == []
    assert found(d.oversize("def f():\n" + "    x = 1\n" * 59)) == []
    assert found(d.oversize("# size: a table of currencies\n" + "x = 1\n" * 501)) == []
    assert found(d.oversize("# size:\n" + "x = 1\n" * 501)) != []


@pytest.mark.parametrize(
    "path", ["engine/utils.py", "engine/helpers/a.py", "tests/unit/common.py", "engine/misc.py"]
)
def test_empty_names_are_found(path):
    assert len(found(d.empty_name(path))) == 1


def test_names_that_say_something_pass():
    assert found(d.empty_name("engine/vault/reader.py")) == []


@pytest.mark.parametrize(
    "text",
    [
        "eval('1')",
        "exec(x)",
        "import os\nos.system('ls')",
        "import pickle",
        "from pickle import loads",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "subprocess.Popen('ls', shell=maybe)",
        "yaml.load(x)",
        "yaml.safe_load(x)",
    ],
)
def test_banned_calls_are_found(text):
    assert len(found(d.banned(text))) == 1


def test_their_harmless_likes_pass():
    text = (
        "re.compile(x)\nsubprocess.run(['ls'], shell=False)\nyaml.compose(x)\nself.evaluate(x)\nretrieval(x)"
    )
    assert found(d.banned(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "datetime.now(UTC)",
        "now = clock or datetime.now",
        "datetime.datetime.now()",
        "time.time()",
        "uuid4()",
        "import random",
        "from random import choice",
        "os.urandom(16)",
        "secrets.token_hex(8)",
    ],
)
def test_clock_and_chance_are_found(text):
    assert len(found(d.clock_and_chance(text))) == 1


def test_a_given_time_passes():
    assert found(d.clock_and_chance("clock.now()\ntime.monotonic()\nsecrets.compare_digest(a, b)")) == []


@pytest.mark.parametrize(
    "text",
    [
        "pytest.skip('no server')",
        "x = pytest.importorskip('duckdb')",
        "@pytest.mark.skipif(True, reason='later')\ndef test_x(): ...",
        "pytestmark = pytest.mark.skip",
        "from pytest import skip",
        "from pytest import mark",
        "import unittest",
    ],
)
def test_a_bare_skip_is_found(text):
    assert len(found(d.skipped(text))) == 1


def test_the_one_way_to_skip_passes():
    assert found(d.skipped("need(server, 'a server')\n@needs(1, 'x')\ndef test_x(): pytest.fail('y')")) == []


@pytest.mark.parametrize("text", ["import yaml", "def f():\n    from yaml import compose"])
def test_yaml_past_the_reader_is_found(text):
    assert len(found(d.yaml_imported(text))) == 1


def test_heavy_libraries_are_found_away_from_home_and_at_module_level():
    inside = "def f():\n    import txtai"
    assert found(d.heavy(inside, "engine/cli/main.py")) == ["2: txtai lives in engine/memory/"]
    assert len(found(d.heavy("from txtai import Embeddings", "engine/memory/index.py"))) == 1
    assert found(d.heavy(inside, "engine/memory/index.py")) == []
    typed = "if TYPE_CHECKING:\n    import networkx"
    assert found(d.heavy(typed, "engine/language/plan.py")) == []


def test_foreign_imports_of_the_pure_kernel_are_found():
    text = "from engine.model import plan\nimport os\nfrom engine.ledger import store\nfrom engine.kernel.scheduler.loop import x"
    assert found(d.foreign(text, ("engine.model",))) == [
        "2: import os",
        "3: import engine.ledger.store",
        "4: import engine.kernel.scheduler.loop.x",
    ]


@pytest.mark.parametrize(
    "text",
    [
        *[f"see https://{host}/x" for host in d.REGISTRIES],
        "pip install --extra-index" + "-url x",
        "https://mirror.example.com/" + "simple/requests/",
    ],
)
def test_registry_hosts_are_found(text):
    assert found(d.matches(d.REGISTRY, text)) != []


def test_an_ordinary_address_is_no_registry():
    assert found(d.matches(d.REGISTRY, "https://example.com/packages and UV_INDEX_STRATEGY, index_url")) == []


@pytest.mark.parametrize("place", ["root/x", "work/main/a.py", "opt/wheels", "home/ann/a", "Users/ann/a"])
def test_machine_paths_are_found(place):
    assert len(found(d.matches(d.MACHINE, f"see '/{place}' there"))) == 1
    assert len(found(d.matches(d.MACHINE, f"/{place}"))) == 1


@pytest.mark.parametrize(
    "text", ["$HOME/work/x", "refs/work/x", "~/work/x", "a/root/b", "./opt/x", "/workflows"]
)
def test_other_paths_pass(text):
    assert found(d.matches(d.MACHINE, text)) == []


def test_a_fixed_temporary_folder_is_found():
    assert len(list(d.matches(d.TEMPORARY, "open('/t" + "mp/x')"))) == 1


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"])
def test_open_ends_are_found(word):
    assert found(d.matches(d.OPEN_END, f"x = 1\n# {word}: later")) == [f"2: {word}"]


def test_a_silent_module_is_found():
    assert found(d.undocumented("x = 1")) == ["1: no docstring"]
    assert found(d.undocumented(textwrap.dedent('"""What it is."""\nx = 1'))) == []
