"""Letters, tables, documents and files."""

from engine.connectors.action_specs import optional
from engine.connectors.later.parts import (
    GONE,
    OPERATOR,
    ROW,
    UNTRUSTED,
    WINDOW,
    gives,
    needed,
    reads,
)
from engine.model.definitions.actions import ActionSpec, EffectClass, Param, Reach, Sink, UndoSpec
from engine.model.definitions.types import (
    ANY,
    BOOL,
    EMAIL,
    FILE,
    INTEGER,
    TEMPLATE,
    TEXT,
    TIME,
    Field,
    listing,
)


def email() -> tuple[ActionSpec, ...]:
    """Letters that begin a conversation."""
    return (
        ActionSpec(
            name="email/send",
            summary="Write to somebody first, instead of answering a letter",
            kind=EffectClass.OPAQUE,
            params=(
                Param(name="to", type=EMAIL, required=True, sink=Sink.RECIPIENT, description="the address"),
                Param(
                    name="template",
                    type=TEMPLATE,
                    required=True,
                    description="a note of vault/templates: fixed words",
                ),
                Param(
                    name="values",
                    type=optional(ANY),
                    description="what the template's blanks are filled with",
                ),
                Param(
                    name="attach",
                    type=optional(listing(optional(FILE))),
                    raises=Reach.PAYMENT,
                    description="files to attach; nulls are left out",
                ),
                Param(
                    name="label",
                    type=optional(TEXT),
                    description="a word for playbooks that listen to email/sent; it is not in the letter",
                ),
            ),
            outputs=(
                Field(name="message-id", type=TEXT, description="Message-ID of the letter that left"),
                Field(name="thread", type=TEXT, description="the conversation it began"),
                Field(name="at", type=TIME, description="the letter's own date"),
            ),
            reach=Reach.CUSTOMER,
            undo=GONE,
        ),
    )


def tables() -> tuple[ActionSpec, ...]:
    """Rows of the operator's own tables."""
    table = Param(name="table", type=TEXT, required=True, description="its name: projects, hours, income")
    return (
        ActionSpec(
            name="tables/read",
            summary="Read the rows of a table that match",
            kind=EffectClass.READ,
            params=(
                table,
                Param(name="match", type=optional(ROW), description="column → what it must hold"),
            ),
            outputs=(Field(name="rows", type=listing(ROW), description="each row a map of its columns"),),
            labels=OPERATOR,
            passes_labels=False,
        ),
        ActionSpec(
            name="tables/append",
            summary="Add one row to a table",
            kind=EffectClass.QUERYABLE,
            params=(table, Param(name="row", type=ROW, required=True, description="column → value")),
            outputs=(Field(name="row", type=INTEGER, description="its number in the table"),),
            undo=UndoSpec(action="tables/remove"),
        ),
        ActionSpec(
            name="tables/remove",
            summary="Take a row away again that `tables/append` added",
            kind=EffectClass.QUERYABLE,
            params=(table, Param(name="row", type=INTEGER, required=True, description="its number")),
            undo=UndoSpec(none="it is itself the undo of tables/append"),
        ),
    )


def documents() -> tuple[ActionSpec, ...]:
    """What is to be signed."""
    return (
        ActionSpec(
            name="documents/send-to-sign",
            summary="Ask somebody to sign a document; documents/signed or documents/declined says how it ended",
            kind=EffectClass.IDEMPOTENT,
            params=(
                needed("file", FILE, "the document"),
                needed("to", EMAIL, "who is to sign", sink=Sink.RECIPIENT),
            ),
            outputs=(gives("envelope", TEXT, "the provider's id of this request"),),
            reach=Reach.LEGAL,
            undo=UndoSpec(action="documents/void-envelope"),
            window=WINDOW,
        ),
        ActionSpec(
            name="documents/void-envelope",
            summary="Take a request to sign back that nobody signed",
            kind=EffectClass.IDEMPOTENT,
            params=(needed("envelope", TEXT, "the provider's id", sink=Sink.ACCOUNT),),
            outputs=(gives("envelope", TEXT, "the provider's id"),),
            reach=Reach.LEGAL,
            undo=UndoSpec(none="what was taken back has to be asked for anew"),
            window=WINDOW,
        ),
    )


def files() -> tuple[ActionSpec, ...]:
    """Files: reading them, moving them, keeping copies."""
    return (*_papers(), *_copies(), *_removals())


def _papers() -> tuple[ActionSpec, ...]:
    return (
        ActionSpec(
            name="files/pdf-text",
            summary="Read the words of a PDF",
            kind=EffectClass.READ,
            params=(needed("file", FILE, "the PDF"),),
            outputs=(gives("text", TEXT, "its words; empty for a scan"),),
            labels=UNTRUSTED,
        ),
        ActionSpec(
            name="files/move",
            summary="Move a file within the workspace",
            kind=EffectClass.QUERYABLE,
            params=(
                needed("file", FILE, "the file, as a trigger gives it"),
                needed("to", TEXT, "a path, or with / at its end a folder", sink=Sink.PATH),
            ),
            outputs=(gives("path", TEXT, "where it lies now"), gives("from", TEXT, "where it lay")),
            undo=UndoSpec(action="files/move-back"),
        ),
        ActionSpec(
            name="files/move-back",
            summary="Put a file back that `files/move` moved",
            kind=EffectClass.QUERYABLE,
            params=(
                needed("path", TEXT, "where it lies", sink=Sink.PATH),
                needed("from", TEXT, "where it lay", sink=Sink.PATH),
            ),
            outputs=(gives("path", TEXT, "where it lies now"),),
            undo=UndoSpec(none="it is itself the undo of files/move"),
        ),
    )


def _copies() -> tuple[ActionSpec, ...]:
    digest = gives("sha256", TEXT, "digest of its content")
    return (
        ActionSpec(
            name="files/archive",
            summary="Pack folders of the workspace into one file",
            kind=EffectClass.IDEMPOTENT,
            params=(
                needed("from", listing(TEXT), "the folders", sink=Sink.PATH),
                needed("to", TEXT, "the file that is made", sink=Sink.PATH),
            ),
            outputs=(
                gives("file", FILE, "the archive"),
                gives("path", TEXT, "where it lies"),
                digest,
                gives("files", INTEGER, "how many files are in it"),
            ),
            undo=UndoSpec(action="files/remove"),
        ),
        ActionSpec(
            name="files/put",
            summary="Copy a file to a place outside of the workspace",
            kind=EffectClass.IDEMPOTENT,
            params=(
                needed("file", FILE, "the file"),
                needed("to", TEXT, "the place's name", sink=Sink.PATH),
            ),
            outputs=(gives("path", TEXT, "where the copy lies"), digest),
            undo=UndoSpec(action="files/remove"),
        ),
    )


def _removals() -> tuple[ActionSpec, ...]:
    return (
        ActionSpec(
            name="files/remove",
            summary="Remove a file again that `files/archive` or `files/put` made, if it is still the same",
            kind=EffectClass.IDEMPOTENT,
            params=(
                needed("path", TEXT, "where it lies", sink=Sink.PATH),
                needed("sha256", TEXT, "what was written; a file changed since is left alone"),
            ),
            outputs=(gives("path", TEXT, "where it lay"),),
            undo=UndoSpec(none="it is itself an undo"),
        ),
        reads(
            "files/verify-archive",
            "Unpack some files of an archive and compare them",
            (
                needed("file", TEXT, "where it lies"),
                needed("sample", INTEGER, "how many files are compared"),
            ),
            (
                gives("ok", BOOL, "whether all of them are what was packed"),
                gives("files", INTEGER, "how many files are in it"),
            ),
        ),
        ActionSpec(
            name="files/prune",
            summary="Remove the oldest files of a folder",
            kind=EffectClass.IDEMPOTENT,
            params=(
                needed("path", TEXT, "the folder", sink=Sink.PATH),
                needed("keep", INTEGER, "how many of the newest stay"),
            ),
            outputs=(gives("removed", listing(TEXT), "the paths that are gone"),),
            undo=UndoSpec(none="what was removed is gone; keep more of them"),
        ),
    )
