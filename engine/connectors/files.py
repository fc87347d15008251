"""Text files of the workspace: written whole, and put back on undo.

What Steward itself reads or writes (playbooks, SOPs, templates, policy, mailboxes, the outbox, anything hidden) is no
place for a step to write: such a file would steer later runs or forge what happened.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.connectors import action_specs, safe_paths
from engine.connectors.arguments import one_line, size_text, spec_of, token_of
from engine.model.definitions.actions import ActionSpec
from engine.model.effects import Call, Effect, Outcome, Preview
from engine.model.errors import PermanentError, UnknownOutcome
from engine.model.ports import Blobs
from engine.model.values.canonical_json import Json, decode, encode, sha256

MAX_TEXT = 5_000_000
MAX_BEFORE = 50_000_000
_BEFORE = ("outbox", "before")
_RESERVED_TOPS = {
    "steward.yaml", "playbooks", "schemas", "notebooks", "outbox", "state", "pyproject.toml", "agents.md", "claude.md",
}  # fmt: skip
_RESERVED_VAULT = {"sops", "agents", "intents", "templates", "policy.yaml", "inbox", "outbox"}
# Names that are devices on Windows, with any ending.
_DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{name}{number}" for name in ("com", "lpt") for number in range(1, 10)),
}


def allowed(path: str) -> tuple[str, ...]:
    """The names along a path a step may write. Raises PermanentError(code='bad-path') for any other."""
    parts = safe_paths.parts_of(path)
    # Compared as file systems that ignore case, dots and spaces at the end would.
    plain = [part.casefold().rstrip(". ") for part in parts]
    for part, name in zip(parts, plain, strict=True):
        hidden = part.startswith(".") or "~" in part or part != part.strip() or part.endswith(".")
        if hidden or name.partition(".")[0] in _DEVICES or not part.isprintable():
            raise PermanentError(f"not a name for a file of the workspace: {part!r}", code="bad-path")
    if plain[0] in _RESERVED_TOPS or (
        plain[0] == "vault" and (len(plain) == 1 or plain[1] in _RESERVED_VAULT)
    ):
        raise PermanentError(
            f"{path} belongs to Steward itself",
            code="bad-path",
            way_out="write below vault/knowledge or another folder",
        )
    return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Port Connector and Undo for `files/*` below the folder `root`. What was there before is noted in `home`/outbox."""

    root: str
    home: str
    blobs: Blobs

    def declare(self) -> tuple[ActionSpec, ...]:
        """Write, and put back."""
        return action_specs.files()

    def preview(self, call: Call) -> Preview:
        """Path and content as JSON. Raises PermanentError on a path no step may write."""
        spec_of(self.declare(), call)
        path = str(call.args["path"])
        parts = allowed(path)
        now = self._now(parts)
        if call.action == "files/restore":
            return self._restore(call, path, now)
        text = str(call.args["text"])
        content = _bytes(text)
        previous = (
            "a new file"
            if now is None
            else f"replaces {size_text(len(now))}"
            if now != content
            else "already so"
        )
        return Preview(
            body=encode({"path": path, "text": text}),
            media="application/json",
            facts=(
                ("File", path),
                ("Size", size_text(len(content))),
                ("Before", previous),
                ("Begins", one_line(text)),
            ),
        )

    def _restore(self, call: Call, path: str, now: bytes | None) -> Preview:
        previous = call.args.get("before")
        body = {"path": path, "sha256": call.args["sha256"], "before": previous}
        fact = "removed" if previous is None else f"put back to {size_text(int(previous.get('size') or 0))}"
        changed = now is not None and sha256(now) != call.args["sha256"]
        return Preview(
            body=encode(body),
            media="application/json",
            facts=(("File", path), ("Becomes", fact)),
            warnings=("the file was changed since: it will be left alone",) if changed else (),
        )

    def perform(self, effect: Effect) -> Outcome:
        """Write or put back. Repeating is harmless: what the file held before the first time is kept."""
        body = decode(effect.preview.body)
        parts = allowed(body["path"])
        if effect.action == "files/restore":
            return self._put_back(effect, parts, body["path"], body["sha256"], body["before"])
        content = _bytes(body["text"])
        with safe_paths.disk_errors(body["path"]):
            note = self._note(effect)
            repeated = note is not None and self._now(parts) == content
            if note is None:
                note = self._remember(effect, parts, body["path"])
            if not repeated:
                with safe_paths.folder(self.root, parts[:-1], create=True) as here:
                    safe_paths.write(here, parts[-1], content, token=token_of(effect.key))
        return _written(body["path"], content, note["before"], repeated=repeated)

    def find(self, effect: Effect) -> Outcome | None:
        """By the note written before the file. Raises UnknownOutcome when the file was changed by another program since."""
        body = decode(effect.preview.body)
        now = self._now(allowed(body["path"]))
        if effect.action == "files/restore":
            previous = body["before"]
            done = (
                now is None if previous is None else now is not None and sha256(now) == previous.get("sha256")
            )
            return Outcome(outputs={"path": body["path"]}, repeated=True) if done else None
        note, content = self._note(effect), _bytes(body["text"])
        if note is None:
            return None
        if now == content:
            return _written(body["path"], content, note["before"], repeated=True)
        previous = note["before"]
        if (now is None and previous is None) or (
            now is not None and previous and sha256(now) == previous["sha256"]
        ):
            return None
        raise UnknownOutcome(f"{body['path']} was changed by somebody else", code="changed-since")

    def undo(self, effect: Effect, outputs: Mapping[str, Json]) -> Outcome:
        """Put back what `files/write` replaced. Raises PermanentError when the file was changed since."""
        path = str(outputs["path"])
        return self._put_back(effect, allowed(path), path, str(outputs["sha256"]), outputs.get("before"))

    def _put_back(
        self, effect: Effect, parts: tuple[str, ...], path: str, written: str, previous: Json
    ) -> Outcome:
        now = self._now(parts)
        old_content = None if previous is None else self.blobs.get(str(previous["handle"]))
        done = Outcome(outputs={"path": path}, repeated=now == old_content)
        if now == old_content:
            return done
        if now is None or sha256(now) != written:
            raise PermanentError(f"{path} was changed since; it is left alone", code="changed-since")
        with safe_paths.disk_errors(path), safe_paths.folder(self.root, parts[:-1]) as here:
            if old_content is None:
                safe_paths.remove(here, parts[-1])
            else:
                safe_paths.write(here, parts[-1], old_content, token=token_of(effect.key))
        return done

    def _now(self, parts: tuple[str, ...]) -> bytes | None:
        try:
            with safe_paths.folder(self.root, parts[:-1]) as here:
                content = safe_paths.read_if_there(here, parts[-1], MAX_BEFORE + 1)
        except FileNotFoundError:
            return None
        if content is not None and len(content) > MAX_BEFORE:
            raise PermanentError("the file is too big to keep a way back", code="too-big")
        return content

    def _note(self, effect: Effect) -> dict[str, Json] | None:
        try:
            with safe_paths.folder(self.home, _BEFORE) as here:
                encoded = safe_paths.read_if_there(here, f"{token_of(effect.key)}.json", MAX_TEXT)
        except FileNotFoundError:
            return None
        note: dict[str, Json] | None = None if encoded is None else decode(encoded)
        return note

    def _remember(self, effect: Effect, parts: tuple[str, ...], path: str) -> dict[str, Json]:
        """Keep what the file holds, sealed, and note where: durable before anything is overwritten."""
        now = self._now(parts)
        previous = None
        if now is not None:
            handle = self.blobs.put(now, effect.subject)
            media = "application/octet-stream"
            previous = {
                "name": parts[-1],
                "media": media,
                "size": len(now),
                "sha256": sha256(now),
                "handle": handle,
            }
        note = {"path": path, "before": previous}
        with safe_paths.folder(self.home, _BEFORE, create=True) as here:
            name = token_of(effect.key)
            safe_paths.write(here, f"{name}.json", encode(note), token=name)
        return note


def _bytes(text: str) -> bytes:
    encoded = text.encode("utf-8", "replace")
    if len(encoded) > MAX_TEXT:
        raise PermanentError(f"more than {size_text(MAX_TEXT)} of text", code="too-big")
    return encoded


def _written(path: str, content: bytes, previous: Json, *, repeated: bool) -> Outcome:
    outputs = {"path": path, "size": len(content), "sha256": sha256(content), "before": previous}
    return Outcome(outputs=outputs, repeated=repeated)
