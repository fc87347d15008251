"""Writes compound files (MS-CFB), as Outlook keeps a letter in: `olefile` only reads them."""

import struct

SECTOR = 512
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_NONE = 0xFFFFFFFF

Tree = dict[str, "bytes | Tree"]


def compound(tree: Tree) -> bytes:
    """The file with these streams and storages. Every stream is filled up with zeros to the size from which it has sectors of its own."""
    entries: list[list] = [["Root Entry", 5, _NONE, _END, 0]]
    streams: list[tuple[int, bytes]] = []
    links: dict[int, int] = {}

    def put(parent: int, branch: Tree) -> None:
        before = _NONE
        for name, value in branch.items():
            here = len(entries)
            storage = isinstance(value, dict)
            entries.append([name, 1 if storage else 2, _NONE, _END, 0])
            if before == _NONE:
                entries[parent][2] = here
            else:
                links[before] = here
            before = here
            if isinstance(value, dict):
                put(here, value)
            else:
                streams.append((here, value.ljust(4096, b"\0")))

    put(0, tree)
    body = b""
    fat: list[int] = []

    def place(data: bytes) -> int:
        nonlocal body
        start, count = len(fat), -(-len(data) // SECTOR)
        fat.extend([*range(start + 1, start + count), _END])
        body += data.ljust(count * SECTOR, b"\0")
        return start

    for here, data in streams:
        entries[here][3], entries[here][4] = place(data), len(data)
    directory = place(b"".join(entry(number, one, links) for number, one in enumerate(entries)))
    tables = next(n for n in range(1, 109) if n * 128 >= len(fat) + n)
    first = len(fat)
    fat += [_FAT] * tables
    fat += [_FREE] * (tables * 128 - len(fat))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<IIIIIIIII", 0, tables, directory, 0, 4096, _END, 0, _END, 0)
    head += struct.pack("<109I", *range(first, first + tables), *[_FREE] * (109 - tables))
    return head + body + struct.pack(f"<{len(fat)}I", *fat)


def entry(number: int, values: list, links: dict[int, int]) -> bytes:
    """One line of the directory."""
    name, kind, child, start, size = values
    wide = (name + "\0").encode("utf-16-le")
    return wide.ljust(64, b"\0") + struct.pack(
        "<HBBIII16xI8x8xIQ", len(wide), kind, 1, _NONE, links.get(number, _NONE), child, 0, start, size
    )


def outlook(
    *, files: dict[str, bytes] | None = None, fixed: dict[int, int] | None = None, **texts: "str | bytes"
) -> bytes:
    """A letter of Outlook's. `texts`: p0037="subject", bytes for properties of bytes; `fixed`: those in the table."""
    table = bytes(32) + b"".join(struct.pack("<IIQ", tag, 6, value) for tag, value in (fixed or {}).items())
    tree: Tree = {"__properties_version1.0": table}
    for tag, value in texts.items():
        wide = isinstance(value, str)
        tree[f"__substg1.0_{tag[1:]}{'001F' if wide else '0102'}"] = (
            value.encode("utf-16-le") if isinstance(value, str) else value
        )
    for number, (name, data) in enumerate((files or {}).items()):
        tree[f"__attach_version1.0_#{number:08X}"] = {
            "__substg1.0_3707001F": name.encode("utf-16-le"),
            "__substg1.0_37010102": data,
        }
    return compound(tree)
