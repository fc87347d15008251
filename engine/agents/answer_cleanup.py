"""What slipped into a text of a model's answer. What is certain is removed, the rest is reported, so that nothing leaves unseen.

Each report is a doubt, not a verdict: a person reads it on the card.
"""

import json
import re
from collections.abc import Iterable, Iterator

from engine.agents.answer_format import END_MARK
from engine.agents.language_guess import foreign

_THOUGHT = re.compile(
    r"</?(?:\w+:)?(?:think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis)\b[^<>]*>|\[/?THINK\]|◁/?think▷",
    re.IGNORECASE,
)
_THOUGHTS = re.compile(r"<((?:\w+:)?(?:think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis))\b[^<>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)  # fmt: skip
_HEADER = re.compile(r"\[\[\s*#+.{0,60}?\]\]")
_WHOLE_FENCE = re.compile(r"\s*(```|~~~)[\w-]*[ \t]*\n(.*?)\n?\1\s*", re.DOTALL)
_FENCE = re.compile(r"^\s*(?:```|~~~)", re.MULTILINE)
# A whole text between a mark and its end: <reply>…</reply>.
_WHOLE_MARK = re.compile(r"\s*<(reply|answer|response|email|e-mail|mail|message|letter|draft|output|final|text|result)>\s*(.*?)\s*</\1>\s*", re.DOTALL | re.IGNORECASE)  # fmt: skip
_TURN = re.compile(r"\s*(?:<\|(?:im_start|start_header_id|start)\|>\s*)?(?:<start_of_turn>\s*)?(?:assistant|model)?(?:<\|end_header_id\|>)?\s*(?=\S)", re.IGNORECASE)  # fmt: skip
_SPEAKER = re.compile(r"\s*[*_]{0,2}(?:assistant|ai|bot)[*_]{0,2}\s*:[*_]{0,2}\s*", re.IGNORECASE)
_WHAT = (
    r"(?:your |the |my )?(?:draft|reply|response|answer|e-?mail|letter|message|output|antwort|entwurf|réponse|brouillon|respuesta|borrador|risposta|bozza|antwoord|concept|odpowiedź)"
    r"(?: (?:draft|reply|response|answer|e-?mail|letter|message|entwurf))?"
)
_HEADING = re.compile(
    rf"\s*(?:#{{1,6}}[ \t]*[*_]{{0,2}}{_WHAT}[*_]{{0,2}}[ \t]*:?|[*_]{{2}}{_WHAT}[ \t]*:?[*_]{{2}}[ \t]*:?|{_WHAT}[ \t]*:)[ \t]*\n+", re.IGNORECASE
)  # fmt: skip
_RULES = re.compile(r"\A\s*(?:[-*_=]{3,}[ \t]*\n+)|\n+[ \t]*[-*_=]{3,}\s*\Z")
_PROGRAM = re.compile(r"</?[A-Za-z][\w:-]{0,30}(?:\s+[\w:-]+=[^<>]{0,200})?\s*/?>|<\|[^|<>\n]{1,40}\|>")
_ABOUT = re.compile(r"\s*[*_]{0,2}(?:re|aw|ref|concerne|betr)[*_]{0,2}\s*:", re.IGNORECASE)
_HEAD_LINE = re.compile(
    r"\s*[*_#]*(?:subject|re|betreff|objet|asunto|oggetto|onderwerp|temat|assunto|to|an|à|from|von)[*_]*\s*:[*_]*[^\n]*\n+", re.IGNORECASE
)  # fmt: skip
_SUBJECT = re.compile(
    r"^\s*[*_#]*(?:subject|betreff|objet|asunto|oggetto|onderwerp|temat|assunto)[*_]*\s*:", re.IGNORECASE | re.MULTILINE
)  # fmt: skip
_OPENING = re.compile(
    r"\s*(?:(?:sure|certainly|of course|absolutely|okay|ok|gladly)\b[^\n]{0,80}[\n:!.]\s*)?"
    r"(?:here(?:['’]s| is| are)|below is|this is|hier ist|hier kommt|voici|aquí (?:tienes|está)|ecco|hierbij|oto)\b"
    r"[^\n]{0,80}\b(?:reply|draft|response|answer|e-?mail|letter|message|antwort|entwurf|réponse|brouillon|respuesta|borrador|risposta|bozza|antwoord|concept|odpowiedź)\b[^\n]{0,60}:\s*\n+",
    re.IGNORECASE,
)  # fmt: skip
_CHAT = re.compile(
    r"\b(?:let me know if (?:you(?:['’]d| would)? (?:want|like|prefer|need)|this|any)\b.{0,60}\b(?:tone|version|draft|adjust|change|changes|edit|tweak|shorter|longer|formal|friendlier)"
    r"|would you like me to\b|(?:i|i['’]ve|i have) (?:kept|tried to keep|made|written|drafted|adjusted|used|followed|included|left)\b.{0,60}\b(?:words|tone|short|concise|polite|asked|requested|instructions|placeholder|draft|reply|letter|it)\b"
    r"|feel free to (?:adjust|edit|modify|change|customi[sz]e|personali[sz]e|tweak)\b|as an ai\b|word count\b|here(?:['’]s| is) (?:a|the|your|my) (?:draft|reply|response)\b"
    r"|this (?:draft|reply|response|version) (?:is|keeps|acknowledges|addresses|follows|uses|avoids)\b"
    r"|(?:ich habe|habe ich) .{0,60}\b(?:kurz gehalten|formuliert|verfasst|entworfen)\b|soll ich (?:den|einen|noch) .{0,40}\b(?:ton|entwurf|anpassen)\b"
    r"|n['’]hésitez pas à (?:adapter|modifier)\b|siéntete libre de\b|(?:vuoi|desideri) che io\b)",
    re.IGNORECASE | re.DOTALL,
)  # fmt: skip
_NOTE = re.compile(r"(?:^|\n)\s*[*_(\[]*(?:note|note to (?:self|operator|you)|anmerkung|hinweis an|remarque|nota)[*_]*\s*:", re.IGNORECASE)  # fmt: skip
_BLANK = re.compile(r"\[[ \t]*[^\W\d_][^\[\]\n]{1,58}\](?!\()|\{\{[^{}\n]{1,60}\}\}|(?<![\w$])\{[a-z][\w .-]{1,40}\}|<[ \t]*(?:your|my|the|insert|client|customer|company|ihr|dein|votre|tu)\b[^<>\n]{1,40}>|(?-i:\b(?:TO[-_]?DO|TBD|X{3,})\b)|_{4,}|\bLorem ipsum\b", re.IGNORECASE)  # fmt: skip
_GAP = re.compile(
    r"\[(?:[ \t_xX]{0,10}|…|\.{2,10})\]|\((?:insert|placeholder|hier einsetzen|hier einfügen|bitte ergänzen|à compléter|por completar|da completare)\b[^()\n]{0,60}\)"
    r"|%[A-Z][A-Z_]{1,30}%|\$\{?[A-Z][A-Z_]{2,30}\b\}?|__[A-Z][A-Z_ ]{1,30}__|\b[A-Z]{2,20}(?:_[A-Z]{2,20})+\b|\?{3,}|<<[^<>\n]{1,40}>>|<[A-Za-z][A-Za-z _]{1,30}>"
    r"|[€$£][ \t]?X{2,}|\bX{2,}[.,/-]X{2,}|\bX{2,}[ \t]?(?:€|%|EUR\b|USD\b|CHF\b|GBP\b)"
)  # fmt: skip
_HTML = re.compile(
    r"</?(?:html|head|body|p|br|div|span|table|tr|td|th|ul|ol|li|a|b|i|u|strong|em|h[1-6]|blockquote|style|script|img|hr|font)\b[^<>]*>|&(?:nbsp|amp|lt|gt|quot|#\d+|[a-z]{4,8});",
    re.IGNORECASE,
)  # fmt: skip
_QUOTED = re.compile(r"""(['"]{3})\s*(.*?)\s*\1""", re.DOTALL)
_PAIRS = frozenset(("''", "“”", "„“", "””", "«»", "»«", "‘’", "「」"))
# The `\n` of a folder called `new` is not a line end.
_PATH = re.compile(r"\b[A-Za-z]:\\[^\s\"<>|]*")
_SHOWN = 60


def tidied(text: str) -> tuple[str, list[str]]:
    """The text without what certainly does not belong to it, and doubts about what may not belong to it."""
    doubts: list[str] = []
    words = _THOUGHTS.sub("", text).strip() if _THOUGHTS.search(text) else text
    if END_MARK.match(words.lstrip()) is not None and (turn := _TURN.match(words)) is not None:
        words = words[turn.end() :]
    words = _unquoted(words)
    written = _PATH.sub("", words)
    if "\n" not in words.strip() and (r"\n\n" in written or written.count(r"\n") > 1):
        words = words.replace(r"\r", "").replace(r"\n", "\n").replace(r"\t", "\t").replace(r"\"", '"')
    if (mark := END_MARK.search(words)) is not None:
        tail = END_MARK.sub("", words[mark.end() :]).strip()
        words = words[: mark.start()].rstrip() if words[: mark.start()].strip() else tail
        if tail and words != tail:
            doubts.append(f"words after the end of the model's turn were taken off: {_shown(tail)}")
    for wrapped in (_WHOLE_MARK, _WHOLE_FENCE):
        if (whole := wrapped.fullmatch(words)) is not None and whole[1] not in whole[2]:
            words = whole[2]
    for pattern in (_SPEAKER, _OPENING, _HEADING):
        if (opening := pattern.match(words)) is not None:
            words = words[opening.end() :]
    if _RULES.match(words) is not None:
        words = _RULES.sub("", words)
    if _SUBJECT.match(words):
        while (line := _HEAD_LINE.match(words)) is not None:
            words = words[line.end() :]
    return words, [*doubts, *_slipped(words)]


def doubtful(text: str, *, sources: Iterable[str], instructions: str, letter: str) -> list[str]:
    """Doubts about a letter's words, compared with its sources: blanks to be filled in, another language or script."""
    known = "\n".join(sources)
    blanks = [
        f"{_shown(blank[0])} is a blank to be filled in"
        for pattern in (_BLANK, _GAP)
        for blank in pattern.finditer(text)
        if blank[0] not in known
    ]
    return [*dict.fromkeys(blanks), *foreign(text, letter=letter, instructions=instructions, known=known)]


def _slipped(text: str) -> Iterator[str]:
    if _THOUGHT.search(text):
        yield "it has a mark of the model's thoughts in it"
    elif (mark := _PROGRAM.search(text)) is not None and not _HTML.search(text):
        yield f"it has a program's mark in it: {_shown(mark[0])}"
    if _HEADER.search(text):
        yield "it has a mark of the asked form in it"
    if _FENCE.search(text):
        yield "it has a mark of code (```) in it: words beside it may be the model's to you"
    if r"\n" in _PATH.sub("", text):
        yield r"it has a line end written as \n in it"
    if _SUBJECT.search(text) or _ABOUT.match(text):
        yield "it has a line that begins like a subject"
    if (html := _HTML.search(text)) is not None:
        yield f"it has HTML in it: {_shown(html[0])}"
    if (chat := _CHAT.search(text) or _NOTE.search(text)) is not None:
        yield f"some words may be the model's to you: {_shown(chat[0])}"
    if _is_data(text):
        yield "it reads like data, not like words"


def _unquoted(text: str) -> str:
    """Words that came as a quoted string, as the words."""
    words = text.strip()
    if (tripled := _QUOTED.fullmatch(words)) is not None:
        return tripled[2]
    if len(words) > 1 and words[0] + words[-1] in _PAIRS and not set(words[1:-1]) & set(words[0] + words[-1]):
        return words[1:-1].strip()
    if len(words) > 1 and words[0] == words[-1] == '"':
        try:
            decoded = json.loads(words, strict=False)
        except ValueError:
            return text
        return decoded if isinstance(decoded, str) else text
    return text


def _is_data(text: str) -> bool:
    words = text.strip()
    if words[:1] + words[-1:] not in {"{}", "[]"}:
        return False
    try:
        json.loads(words, strict=False)
    except (ValueError, RecursionError):
        return False
    return True


def _shown(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _SHOWN else words[: _SHOWN - 1] + "…"
