"""A tree of notes in memory, and front matter simple enough for tests."""

import hashlib
import json


class Notes:
    """Port Tree over a dict of path → text."""

    commit = ""

    def __init__(self, notes):
        self.notes = {path: text.encode() if isinstance(text, str) else text for path, text in notes.items()}
        self.reads: list[str] = []

    def paths(self):
        return tuple((path, hashlib.sha1(data).hexdigest()) for path, data in sorted(self.notes.items()))

    def read(self, path):
        self.reads.append(path)
        return self.notes[path]


def front_matter(path, data):
    """`key: value` lines; a value in brackets or quotes is a list of words or JSON."""
    text = data.decode("utf-8", "replace")
    if not text.startswith("---\n"):
        return None
    found = {}
    for line in text[4:].split("\n---", 1)[0].split("\n"):
        key, _, value = line.partition(":")
        value = value.strip()
        if value.startswith("[") and '"' not in value:
            found[key] = [one.strip() for one in value[1:-1].split(",")]
        else:
            found[key] = json.loads(value) if value[:1] in '[{"' else value
    return found
