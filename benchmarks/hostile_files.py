"""Files somebody might write to make the front end slow or large: name → (path, bytes). Each costs more than its size suggests."""

from collections.abc import Callable

from engine.language.yaml.reader import MAX_BYTES, MAX_NOTE

_HEAD = "name: A\nstage: approval\non: { manual: {} }\nsteps:\n"
_LETTER = "name: A\nstage: approval\nsubject: ${{ event.from }}\non: { email: { mailbox: leads } }\nsteps:\n"


def _filled(line: Callable[[int], str], size: int, head: str = _HEAD) -> bytes:
    """As many lines as fit into `size` bytes."""
    made = [head]
    room, number = size - len(head), 0
    while (one := line(number)) and room > len(one):
        made.append(one)
        room -= len(one)
        number += 1
    return "".join(made).encode()


def _step(number: int, more: str = "", text: str = "Hello") -> str:
    return f"  - {{ id: s{number}, uses: notify/me, with: {{ text: {text} }}{more} }}\n"


def _long(operand: str) -> str:
    """An expression of nearly 500 characters."""
    return " && ".join([operand] * (480 // (len(operand) + 4)))


def _expressions(size: int, one: str) -> bytes:
    quoted = one.replace('"', '\\"')
    return _filled(lambda n: _step(n, f', if: "${{{{ {quoted} }}}}"'), size)


def _nested(depth: int) -> bytes:
    """A type within types whose innermost is none."""
    return b"{ a: " * depth + b"moeny" + b" }" * depth


def _typed(shape: str) -> bytes:
    return f"name: A\non: {{ manual: {{}} }}\ninputs: {{ a: {shape} }}\nsteps:\n{_step(0)}".encode()


def _all(size: int) -> dict[str, tuple[str, bytes]]:
    def book(data: bytes) -> tuple[str, bytes]:
        return "playbooks/hostile.yaml", data

    deep = "size(" * 30 + "'a'" + ")" * 30
    items = ", ".join("a" for _ in range(size // 3))
    answers = "".join(f"        q{n}: text\n" for n in range(size // 20))
    return {
        "brackets": book(b"a: " + b"[" * (size - 10)),
        "brackets, closed": book(b"# " + b"[]" * (size // 2 - 5) + b"\nname: A\n"),
        "one long line": book(b"name: " + b"a " * (size // 2 - 10)),
        "many values": book(_HEAD.encode() + f"  - {{ id: a, uses: notify/me, with: {{ text: [{items}] }} }}\n".encode()),
        "many keys": book(_filled(lambda n: f"key-{n}: a\n", size, "name: A\n")),
        "aliases": book(b"a: &a [x]\n" + b"b: [*a]\n" * (size // 8)),
        "merge keys": book(b"a: { <<: { b: c } }\n" * (size // 24)),
        "many documents": book(b"---\na: b\n" * (size // 9)),
        "many mistakes": book(_filled(lambda n: f"  - {{ id: s{n}, uzes: notify/me, wiht: {{ text: Hello }} }}\n", size)),
        "many wrong expressions": book(_expressions(size, "steps.x.outputs.y == 'a'")),
        "many steps": book(_filled(_step, size)),
        "steps that read": book(
            _filled(lambda n: _step(n, f', if: "${{{{ steps.s{max(n - 1, 0)}.status == \'succeeded\' }}}}"' if n else ""), size)
        ),
        "long expressions": book(_expressions(size, _long("true"))),
        "long comparisons": book(_expressions(size, _long("1 < 2"))),
        "nested calls": book(_expressions(size, f"{deep} > 1")),
        "comprehensions": book(_expressions(size, _long("[1, 2].exists(a, [3].exists(b, a == b))"))),
        "texts with many expressions": book(
            _filled(lambda n: _step(n, text='"' + "${{ today() }} " * 60 + '"'), size)
        ),
        "one text with many expressions": book(
            (_HEAD + _step(0, text='"' + "${{ today() }} " * ((size - 200) // 15) + '"')).encode()
        ),
        "quotes in braces": book((_HEAD + _step(0, text="|\n      " + "${{ ' " * (size // 6))).encode()),
        "effects behind effects": book(
            _filled(lambda n: f"  - {{ id: s{n}, uses: email/reply, with: {{ body: Hello }} }}\n", size, _LETTER)
        ),
        "needs of all": book(
            _filled(lambda n: _step(n, f", needs: [{', '.join(f's{m}' for m in range(n))}]"), size)
        ),
        "many gates": book(
            _filled(lambda n: f"  g{n}: {{ title: A }}\n", size, "name: A\non: { manual: {} }\ngates:\n")
        ),
        "many inputs": book(
            _filled(lambda n: f"  i{n}: {{ type: [{{ a: text }}], description: A }}\n", size, "name: A\non: { manual: {} }\ninputs:\n")
        ),
        "many fields": book(
            (_HEAD + f"  - id: a\n    uses: human/ask\n    with:\n      title: A\n      fields:\n{answers}").encode()
        ),
        "deep types": book((f"name: A\non: {{ manual: {{}} }}\ninputs:\n  a: \"{'[' * 300}text{']' * 300}\"\n" * 1).encode()),
        "types within types": book(_typed(_nested(30).decode())),
        "lists within lists": book(_typed("[" * 30 + "moeny" + "]" * 30)),
        "lists of types": book(_typed("[{ a: " * 15 + "moeny" + " }]" * 15)),
        "types within a type": book(_typed("{ type: " * 30 + "moeny" + " }" * 30)),
        "types within a type, as a list": book(_typed("{ type: [" * 15 + "moeny" + "] }" * 15)),
        "types within types of a note": ("vault/sops/hostile.md", b"---\ntype: sop\ninputs: { a: " + _nested(30) + b" }\n---\n- [ ] Do it\n"),
        "types within types of a template": ("vault/templates/hostile.md", b"---\nvalues: { a: " + _nested(30) + b" }\n---\nA\n"),
        "types within types of an agent": ("vault/agents/hostile.md", b"---\ninputs: { a: " + _nested(30) + b" }\noutputs: { a: " + _nested(30) + b" }\n---\nA\n"),
        "long names": book(_filled(lambda n: f"  - {{ id: {'a' * 200}{n}, uses: {'b' * 200}/c }}\n", size)),
        "many waits": book(
            (_HEAD + "  - id: a\n    uses: wait/for\n    with:\n      any:\n").encode()
            + b"".join(f"        w{n}: {{ email: {{ thread: a }} }}\n".encode() for n in range(size // 45))
        ),
        "a checklist": (
            "vault/sops/hostile.md",
            _filled(lambda n: f"- [ ] Is **this** or **that** `f{n}: text` ^s{n}\n", size, "---\ntype: sop\n---\n"),
        ),
        "a checklist without ids": (
            "vault/sops/hostile.md", _filled(lambda n: f"- [ ] Do it {n}\n", size, "---\ntype: sop\n---\n"),
        ),
        "nested lists in a note": (
            "vault/sops/hostile.md",
            b"---\ntype: sop\n---\n" + b"".join(b"  " * n + b"- [ ] a\n" for n in range(int(size**0.5)))[: size - 30],
        ),
        "emphasis in a note": ("vault/sops/hostile.md", b"---\ntype: sop\n---\n- [ ] " + b"**a " * (size // 4 - 10)),
        "links in a note": ("vault/sops/hostile.md", b"---\ntype: sop\n---\n- [ ] " + b"[[a" * (size // 3 - 10)),
        "a template": (
            "vault/templates/hostile.md",
            b"---\nvalues: { a: text }\n---\n" + b"${{ a }} " * (size // 9 - 10),
        ),
        "blocks in a template": (
            "vault/templates/hostile.md",
            b"---\nvalues: { a: [text] }\n---\n" + b"${{ for one in a }}\n${{ one }}\n${{ end }}\n" * (size // 42 - 2),
        ),
        "rules of an intent": (
            "vault/intents/hostile.yaml",
            b"a: { rules: [" + b", ".join(f"word {n}".encode() for n in range(size // 13)) + b"] }\n",
        ),
        "a policy": (
            "vault/policy.yaml", b"deny: [" + b", ".join(b"payments/*" for _ in range(size // 13)) + b"]\n",
        ),
        "tests": (
            "playbooks/tests/hostile.test.yaml",
            _filled(lambda n: f"  - {{ name: c{n}, expect: {{ status: succeeded }} }}\n", size, "playbook: a\ncases:\n"),
        ),
    }  # fmt: skip


def files() -> dict[str, tuple[str, bytes]]:
    """What it tries → (path, bytes): as large as such a file may be, and the same again three times as large."""
    found = {}
    for times in (1, 3):
        notes, others = _all(times * (MAX_NOTE - 1_000)), _all(times * (MAX_BYTES - 1_000))
        for name, (path, _) in others.items():
            chosen = notes if path.endswith(".md") else others
            found[name if times == 1 else f"{name}, three times as large"] = chosen[name]
    return found
