"""Names of folders on a mail server, in the protocol's own UTF-7 (RFC 3501, 5.1.3), and quoted strings."""

import base64
import re


def quoted(text: str) -> str:
    """Text as one quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def written(name: str) -> str:
    """A folder's name as the protocol has it, quoted."""
    parts = re.findall(r"[\x20-\x7e]+|[^\x20-\x7e]+", name)
    return quoted("".join(part.replace("&", "&-") if part.isascii() else _coded(part) for part in parts))


def read(name: bytes) -> str:
    """A folder's name as people read it."""

    def plain(match: re.Match[str]) -> str:
        coded = match[1].replace(",", "/")
        if not coded:
            return "&"
        return base64.b64decode(coded + "=" * (-len(coded) % 4)).decode("utf-16-be", "replace")

    try:
        return re.sub(r"&([^-]*)-", plain, name.decode("ascii"))
    except ValueError:
        return name.decode("utf-8", "replace")


def _coded(text: str) -> str:
    coded = base64.b64encode(text.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
    return f"&{coded}-"
