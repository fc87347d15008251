"""Named SQL from the `.sql` files beside this module."""

from functools import cache
from pathlib import Path


@cache
def statements(name: str) -> dict[str, str]:
    """The blocks of ``<name>.sql`` by the name in their ``-- name:`` line."""
    text = Path(__file__).with_name(f"{name}.sql").read_text(encoding="utf-8")
    blocks = (block.partition("\n") for block in text.split("-- name: ")[1:])
    return {title.strip(): body.strip() for title, _, body in blocks}
