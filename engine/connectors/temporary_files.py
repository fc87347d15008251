"""Files that other programs put beside a person's own: locks, autosaves, half downloads, what a file system remembers. Nobody meant them."""

import re

_NAMES = frozenset(
    ("desktop.ini", "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "picasa.ini", "icon\r")
)  # fmt: skip
_FOLDERS = frozenset(
    ("__macosx", "$recycle.bin", "system volume information", "@eadir", "#recycle", "#snapshot", "lost+found")
)  # fmt: skip
# Hidden ones (.DS_Store, ._resource forks, .~lock.x#, rsync's and vim's), Office's locks.
_BEGINNINGS = (".", "~$")
# How programs name what is not finished yet, what was there before, and who is at it.
_ENDINGS = (
    "~", ".tmp", ".temp", ".part", ".partial", ".filepart", ".download", ".crdownload", ".opdownload", ".dtapart", ".fdmdownload",
    ".unconfirmed", ".aria2", ".!ut", ".!qb", ".!bt", ".!sync", ".bc!", ".jc!", ".swp", ".swo", ".swn", ".swx", ".laccdb", ".ldb",
    ".idlk", ".dwl", ".dwl2", ".crswap", ".ocpart", ".nextcloudpart", ".kate-swp", ".icloud", ".gdownload", ".xltd", ".uploading", ".asd", ".wbk",
    ".ffs_tmp", ".ffs_lock", ".ffs_db", ".onetoc2", ".sqlite-wal", ".sqlite-shm", ".sqlite-journal", ".db-wal", ".db-shm", ".db-journal",
)  # fmt: skip
# Emacs' autosave (#x#), GLib's new text, LibreOffice's lock where it may not be hidden, and what macOS saves beside a document.
_SHAPES = re.compile(r"#.*#|.*\.goutputstream-\w{6}|.*\.~lock\..*#|.*\.sb-[0-9a-f]{8}-\w{6}", re.DOTALL)
# A second stream of an NTFS file, as it looks where there are none: WSL writes the colon, or a character of the private use area.
_STREAM = re.compile(
    r".*[:\uf03a](?:zone\.identifier|smartscreen|mshield|encryptable|afp_\w+|\$data|com\.[\w.]+|favicon|summaryinformation)"
    r"(?:[:\uf03a]\$data)?",
    re.DOTALL,
)


def is_companion(name: str) -> bool:
    """Whether a file or folder of this name, without its path, belongs to another program rather than to a person."""
    low = name.lower()
    if low.startswith(_BEGINNINGS) or low.endswith(_ENDINGS) or low in _NAMES or low in _FOLDERS:
        return True
    return _SHAPES.fullmatch(low) is not None or _STREAM.fullmatch(low) is not None
