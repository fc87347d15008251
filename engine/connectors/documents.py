"""PDF files from templates: the same words and the same moment give the same bytes.

The words are Markdown as the engine rendered it. HTML in them is text, pictures are never loaded, links are shown with
their address. With the font package `font-roboto` Latin, Greek, Cyrillic and Vietnamese letters are shown; without it
those of Western Europe. What a font does not have is replaced by `?` where the reader sees it, and named in a warning.
"""

import importlib.util
import os
import re
from dataclasses import dataclass, field
from typing import Any

from engine.connectors import action_specs
from engine.connectors.arguments import one_line, plain, rendered, size_text, spec_of
from engine.model.definitions.actions import ActionSpec
from engine.model.effects import Call, Effect, Outcome, Preview
from engine.model.errors import PermanentError
from engine.model.ports import Blobs
from engine.model.values.canonical_json import Json, sha256

MAX_WORDS = 500_000
_SIZES = {"h1": 20, "h2": 15, "h3": 13}
_TEXT = 11
_DEEPEST = 10
"""Steps of indentation; deeper lists stay there."""
_FACES = {"": "Regular", "B": "Bold", "I": "Italic", "BI": "BoldItalic"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """Port Connector for `documents/render`."""

    blobs: Blobs

    def declare(self) -> tuple[ActionSpec, ...]:
        """One action."""
        return action_specs.documents()

    def preview(self, call: Call) -> Preview:
        """The finished PDF. Raises PermanentError when the template has no words or too many."""
        spec_of(self.declare(), call)
        template = rendered(call)
        if template is None or len(template["body"]) > MAX_WORDS:
            raise PermanentError(
                "a document needs a template of at most 500,000 characters", code="wrong-argument"
            )
        title = one_line(template["subject"] or template["name"], 200)
        body, pages, missing = render(
            plain(template["body"]), title=title, language=template["language"], at=call.at
        )
        shown = " ".join(f"{char} (U+{ord(char):04X})" for char in missing[:10])
        return Preview(
            body=body,
            media="application/pdf",
            facts=(
                ("File", file_name(template["name"])),
                ("Title", title),
                ("Size", f"{pages} pages, {size_text(len(body))}"),
            ),
            warnings=(f"the font can't show {shown}: shown as ?",) if missing else (),
        )

    def perform(self, effect: Effect) -> Outcome:
        """Keep the PDF, sealed under the run's subject. Making it twice is harmless. Raises DiskFull."""
        body = effect.preview.body
        template = effect.args.get("template") or {}
        record: dict[str, Json] = {
            "name": file_name(str(template.get("name") or "")),
            "media": effect.preview.media,
            "size": len(body),
            "sha256": sha256(body),
            "handle": self.blobs.put(body, effect.subject),
        }
        # The name and not the digest: the ledger has it in clear, and the document may be about a person.
        return Outcome(outputs={"file": record}, provider_id=record["name"])

    def find(self, effect: Effect) -> Outcome | None:
        """Always None: a sealed file that was not handed out changed nothing in the world, so nothing was done."""
        return None


def file_name(template: str) -> str:
    """The name of the file a template makes."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", template.rpartition("/")[2].removesuffix(".md")).strip("-")
    return f"{stem[:80] or 'document'}.pdf"


def render(source: str, *, title: str, language: str, at: Any) -> tuple[bytes, int, tuple[str, ...]]:
    """(PDF, number of pages, characters the font does not have)."""
    from fpdf import FPDF
    from fpdf.errors import FPDFException
    from markdown_it import MarkdownIt

    class Paper(FPDF):
        def footer(self) -> None:
            self.set_y(-15)
            self.set_font(self.font_family, size=8)
            self.cell(0, 8, f"{self.page_no()} / {{nb}}", align="C")

    pdf = Paper(format="A4")
    pdf.set_creation_date(at)
    pdf.set_producer("Steward")
    pdf.set_margin(20)
    pdf.set_auto_page_break(True, margin=22)
    writer = _Writer(pdf=pdf, font=_font(pdf))
    pdf.set_title(title)
    if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", language):
        pdf.set_lang(language)
    writer.font.use("", _TEXT)
    pdf.add_page()
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    try:
        writer.blocks(markdown.parse(source))
        pdf_bytes = bytes(pdf.output())
    except FPDFException as error:
        raise PermanentError(
            f"the words don't fit on paper: {one_line(str(error))}", code="not-printable"
        ) from error
    return pdf_bytes, pdf.pages_count, tuple(sorted(writer.missing))


@dataclass(slots=True, kw_only=True)
class _Font:
    """A family whose faces are loaded when first used. `has` are the characters it shows, None for Windows-1252."""

    pdf: Any
    family: str
    paths: dict[str, str]
    has: frozenset[int] | None = None
    loaded: set[str] = field(default_factory=set)

    def use(self, style: str, size: float) -> None:
        """Write in this face from here on."""
        if self.paths and style not in self.loaded:
            self.pdf.add_font(self.family, style, self.paths[style])
            self.loaded.add(style)
            if self.has is None:
                self.has = frozenset(self.pdf.fonts[self.family.lower()].cmap)
        self.pdf.set_font(self.family, style, size)

    def close(self) -> None:
        """Let go of the font files."""
        for style in self.loaded:
            self.pdf.fonts[f"{self.family.lower()}{style}"].ttfont.close()


def _font(pdf: Any) -> _Font:
    """The font of the font package where it is installed, else Helvetica, which every reader has."""
    package = importlib.util.find_spec("font_roboto")
    folder = os.path.join(os.path.dirname(package.origin), "files") if package and package.origin else ""
    paths = {style: os.path.join(folder, f"Roboto-{face}.ttf") for style, face in _FACES.items()}
    if folder and all(os.path.isfile(path) for path in paths.values()):
        return _Font(pdf=pdf, family="Roboto", paths=paths)
    pdf.core_fonts_encoding = "windows-1252"
    return _Font(pdf=pdf, family="Helvetica", paths={})


@dataclass(slots=True, kw_only=True)
class _Writer:
    """Markdown tokens onto pages, top to bottom."""

    pdf: Any
    font: _Font
    missing: set[str] = field(default_factory=set)
    lists: list[int | None] = field(default_factory=list)
    quotes: int = 0

    def fit(self, text: str) -> str:
        """Text with what the font does not have replaced, visibly."""
        return "".join(self._char(char) for char in text)

    def _char(self, char: str, *, every_font: bool = False) -> str:
        if char in "\n\t ":
            return " " if char == "\t" else char
        if self.font.has is not None and not every_font:
            known = ord(char) in self.font.has
        else:
            known = bool(char.encode("cp1252", "ignore"))
        if not known:
            self.missing.add(char)
        return char if known else "?"

    def blocks(self, tokens: list[Any]) -> None:
        """Every block of a document."""
        at = 0
        while at < len(tokens):
            token = tokens[at]
            if token.type == "table_open":
                end = next(n for n in range(at, len(tokens)) if tokens[n].type == "table_close")
                self._table(tokens[at:end])
                at = end
            else:
                self._block(token, tokens[at - 1] if at else token)
            at += 1

    def _block(self, token: Any, previous: Any) -> None:
        match token.type:
            case "inline":
                size = _SIZES.get(previous.tag, 12 if previous.tag.startswith("h") else _TEXT)
                self._inline(token.children or [], size=size, bold=previous.tag.startswith("h"))
                self.pdf.ln(size * 0.5 + (1.5 if self.lists else 3))
            case "bullet_list_open":
                self.lists.append(None)
            case "ordered_list_open":
                self.lists.append(int(token.attrGet("start") or 1))
            case "bullet_list_close" | "ordered_list_close":
                self.lists.pop()
                self.pdf.ln(1.5)
            case "list_item_open":
                self._item()
            case "blockquote_open":
                self.quotes += 1
            case "blockquote_close":
                self.quotes -= 1
            case "hr":
                self.pdf.line(
                    self.pdf.l_margin, self.pdf.get_y(), self.pdf.w - self.pdf.r_margin, self.pdf.get_y()
                )
                self.pdf.ln(4)
            case "fence" | "code_block":
                self.pdf.set_font("Courier", size=9)
                self._indent()
                coded = "".join(self._char(char, every_font=True) for char in token.content.rstrip())
                self.pdf.multi_cell(0, 4.5, coded, align="L", new_x="LMARGIN", new_y="NEXT")
                self.pdf.ln(3)
            case _:
                pass

    def _indent(self) -> None:
        self.pdf.set_x(self.pdf.l_margin + 6 * min(len(self.lists) + self.quotes, _DEEPEST))

    def _item(self) -> None:
        number = self.lists[-1]
        self.font.use("", _TEXT)
        self.pdf.set_x(self.pdf.l_margin + 6 * min(len(self.lists) - 1 + self.quotes, _DEEPEST))
        self.pdf.cell(6, _TEXT * 0.5, "•" if number is None else f"{number}.")
        if number is not None:
            self.lists[-1] = number + 1

    def _inline(self, children: list[Any], *, size: float, bold: bool) -> None:
        margin = self.pdf.l_margin
        self._indent()
        # Wrapped lines begin where the first one did.
        self.pdf.set_left_margin(self.pdf.get_x())
        strong, emphasis, link = int(bold), 0, ""
        for child in children:
            strong += {"strong_open": 1, "strong_close": -1}.get(child.type, 0)
            emphasis += {"em_open": 1, "em_close": -1}.get(child.type, 0)
            self.font.use(("B" if strong else "") + ("I" if emphasis else ""), size)
            if child.type == "link_open":
                link = str(child.attrGet("href") or "")
            text = {"softbreak": " ", "hardbreak": "\n"}.get(child.type, child.content)
            if child.type == "link_close":
                text = f" ({link})" if link else ""
            if child.type == "image":
                text = f"[{child.content}]"
            if text:
                self.pdf.write(size * 0.5, self.fit(text))
        self.pdf.ln(0)
        self.pdf.set_left_margin(margin)

    def _table(self, tokens: list[Any]) -> None:
        rows: list[list[str]] = []
        aligns: list[str] = []
        for at, token in enumerate(tokens):
            if token.type == "tr_open":
                rows.append([])
            elif token.type in {"th_open", "td_open"}:
                rows[-1].append(self.fit(_text_of(tokens[at + 1].children or [])))
                if token.type == "th_open":
                    aligns.append("RIGHT" if "right" in str(token.attrGet("style")) else "LEFT")
        # The table sets its first row in bold by itself.
        self.font.use("B", 10)
        self.font.use("", 10)
        with self.pdf.table(
            text_align=tuple(aligns), borders_layout="HORIZONTAL_LINES", line_height=6
        ) as table:
            for cells in rows:
                row = table.row()
                for cell in cells:
                    row.cell(cell)
        self.pdf.ln(3)


def _text_of(children: list[Any]) -> str:
    return "".join(" " if child.type in {"softbreak", "hardbreak"} else child.content for child in children)
