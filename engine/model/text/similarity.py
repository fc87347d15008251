"""When two letters are copies of one, and when a subject answers another: compared by what people wrote, not by what the way added."""

import re
import unicodedata
from collections.abc import Mapping

from engine.model.text import links
from engine.model.values.canonical_json import Json

# How mail programs begin the subject of an answer, in the languages their users write; with a count, or another kind of colon, behind the
# name of a list or the number of a ticket.
_RE = re.compile(
    r"\s*(?:\[[^\[\]]{1,60}\]\s*)?(?:re|r|ref|rif|aw|antw|antwort|antwoord|betr|sv|svar|vs|res|resp|resposta|respuesta|risposta|rép|réponse|reponse|odp|odpowiedź|ynt|ατ|απ|vá|atb|bls|回复|回覆|答复|返信|답장|отв|ответ)"
    r"\.?\s*(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})?\s*[:：]",
    re.IGNORECASE,
)
# What gateways write before a subject: [EXTERNAL], (EXT), ***SPAM***, {Spam?}.
_TAG = re.compile(
    r"\s*(?:[\[({*]{1,2}[!\s]*(?:ext(?:ern(?:al)?)?|(?:external|unverified)[ -](?:sender|e-?mail)|(?:possible |suspected )?(?:spam|phish(?:ing)?)|junk|bulk|marketing|caution|suspect"
    r"|suspicious|disarmed|filename|warning:[^\[\]{}()]{1,40})[?!\s]*[\])}*]{1,2}|\*{2,5}\s*spam\s*\*{2,5}|extern(?:al)?\s*(?=:))\s*:?",
    re.IGNORECASE,
)
# What is written below or above a letter on its way, never by whom it is from: each begins a paragraph of its own.
_ADDED = re.compile(
    r"(?:scanned|checked|geprüft|überprüft|vérifié|analizad|controllat|gecontroleerd|verificad|sprawdzon|przeskanowan)\w*.{0,60}(?:virus|viren|malware|wirus|vírus)"
    r"|(?:virus|viren|malware)[ -](?:checked|scanned)|has been scanned by.{0,60}(?:security|gateway|scanner|filter)"
    r"|virus-?free|virenfrei|sans virus|sin virus|libre de virus|priv[ao] di virus|virusvrij|livre de vírus|(?:wolna|wolny) od wirusów"
    r"|(?:originated|sent|came|is from|stammt|kommt|kam|provient|procede|proviene|afkomstig|pochodzi)\b.{0,40}(?:outside|external|extern|außerhalb|extérieur|fuera|estern|buiten|fora|spoza)"
    r"|(?:you received|you are receiving|sie erhalten|vous recevez|recib(?:e|es|iste)|hai ricevuto|je ontvangt|você recebeu|otrzymujesz)\b.{0,60}(?:subscri|abonn|suscri|iscritt|geabonneerd|inscrit|subskryb)"
    r"|(?:this|diese|ce|cet|este|quest[ao]|deze|dit|esta|ta|niniejsza)\s+(?:e-?mail|message|communication|nachricht|courriel|correo|mensaje|messaggio|bericht|mensagem|wiadomość)"
    r"\b.{0,90}(?:confidential|intended|vertraulich|confidentiel|confidencial|riservat|vertrouwelijk|poufn)"
    r"|\S+ mailing list\s+\S+@\S+\s+https?://|to unsubscribe\b",
    re.IGNORECASE | re.DOTALL,
)
# Short ones that are a paragraph by themselves and nothing besides.
_NOTICE = re.compile(
    r"(?:you|some people who received this message) (?:don['’]t|do not) often get e-?mail from \S+@\S+ learn why this is important\W*(?:<\S+>)?"
    r"|sie erhalten nicht (?:häufig|oft) e-mails von \S+@\S+ erfahren sie, warum dies wichtig ist\W*(?:<\S+>)?"
    r"|vous n['’]obtenez pas souvent d['’]e-mail à partir de \S+@\S+ découvrez pourquoi cela est important\W*(?:<\S+>)?"
    r"|u ontvangt niet vaak e-mail van \S+@\S+ meer informatie over waarom dit belangrijk is\W*(?:<\S+>)?"
    r"|zjqcmqryfpfptbannerstart\b.{0,500}\bzjqcmqryfpfptbannerend"
    r"|\W*(?:(?:caution|warning|achtung|warnung|attention|let op)\W+)?extern(?:al|e|er|es)?\b(?: (?:e-?mail|message|sender|absender|nachricht|expéditeur))?\W*"
    r"(?:(?:do not|don['’]t|please|be careful|use caution|bitte|ne cliquez|klicken sie)\b[^.]{0,80}\b(?:links?|attachments?|anhänge|liens?|sender)\b[^.]{0,60}\W*)?"
    r"|click here to report this e-?mail as spam\W*(?:<\S+>)?|avast logo"
    r"|(?:p )?(?:please )?(?:consider|think (?:of|about)) the environment before printing(?: this e-?mail)?\W*|(?:p )?before printing,? (?:please )?(?:think (?:of|about)|consider) the environment\W*"
    r"|der umwelt zuliebe\W+[^.]{0,90}\b(?:ausgedruckt|ausdruck\w*|drucken)\b[^.]{0,40}\W*",
    re.IGNORECASE | re.DOTALL,
)  # fmt: skip
_BEGINS_WITHIN, _LOOKED_AT = 60, 600
_RULER = re.compile(r"[-_=*~#─—\s]+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_QUOTED = re.compile(r"(?m)^[>|\s]+")


def bare(subject: str) -> str:
    """A subject without the beginnings of answers and gateways' tags, for comparison."""
    text = unicodedata.normalize("NFKC", subject)
    while match := _RE.match(text) or _TAG.match(text):
        text = text[match.end() :]
    return " ".join(_INVISIBLE.sub("", text).casefold().split())


def answers(subject: str) -> bool:
    """Whether a subject begins like that of an answer."""
    text = unicodedata.normalize("NFKC", subject)
    while match := _TAG.match(text):
        text = text[match.end() :]
    return _RE.match(text) is not None


def same(letter: Mapping[str, Json], known: Mapping[str, Json]) -> bool:
    """Whether the events of two letters say the same: subject, words and attachments. How the words are wrapped, quoted and encoded, what a
    gateway, a scanner or a list wrote above or below them, and by whose checks their links go, is left out; anything else is another letter.

    `known` is the letter that came first: a link of which a gateway left the domain only may stand for one of its links.
    """
    return (
        bare(str(letter.get("subject") or "")) == bare(str(known.get("subject") or ""))
        and _files(letter) == _files(known)
        and links.fits(_words(str(letter.get("text") or "")), _words(str(known.get("text") or "")))
    )


def begins(letter: Mapping[str, Json], whole: Mapping[str, Json]) -> bool:
    """Whether the first is the beginning of the second, as of a file that was read before it was all written."""
    words = _flat(str(letter.get("text") or ""))
    return (
        bare(str(letter.get("subject") or "")) == bare(str(whole.get("subject") or ""))
        and _flat(str(whole.get("text") or "")).startswith(words)
        and not set(_files(letter)) - set(_files(whole))
    )


def _files(letter: Mapping[str, Json]) -> list[str]:
    attachments = letter.get("attachments")
    return (
        sorted(str(attachment.get("sha256")) for attachment in attachments)
        if isinstance(attachments, list)
        else []
    )


def _words(text: str) -> str:
    """The words without what was added, and without everything that only lays them out; their links are plain."""
    paragraphs = [
        paragraph
        for paragraph in re.split(r"\n[ \t]*\n|\n(?=[-_=*~]{2,}[ \t]*\n)", text.strip())
        if paragraph.strip()
    ]
    # Whatever it begins with, a letter's only paragraph is its own.
    while len(paragraphs) > 1 and _added(paragraphs[-1]):
        paragraphs.pop()
    while len(paragraphs) > 1 and _added(paragraphs[0]):
        paragraphs.pop(0)
    return _flat(links.plain("\n".join(paragraphs)))


def _added(paragraph: str) -> bool:
    # A ruler alone belongs to what was added below it.
    text = " ".join(
        line for line in paragraph[:_LOOKED_AT].splitlines() if not _RULER.fullmatch(line)
    ).strip()
    notice = _ADDED.search(text)
    if _NOTICE.fullmatch(" ".join(text.split())):
        return True
    return not text or (notice is not None and notice.start() <= _BEGINS_WITHIN)


def _flat(text: str) -> str:
    return "".join(_QUOTED.sub("", _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))).split())
