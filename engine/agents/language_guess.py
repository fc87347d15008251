"""Whether a text is in another language than the letter it answers: by the small words of a language, and by its script.

It says nothing where it is not sure: a short text, a mixture, a language it does not know.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping

_SMALL: Mapping[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "English": "the and you for your we our is are this that with have please could would thank i it of to in on if be can will me my",
        "German": "der die das und sie ihr ihre ihnen wir unser ist sind für mit nicht ein eine einen dem den bitte ich zu von auf im haben wird werden können vielen dank",
        "French": "le la les et vous votre nous notre est sont pour avec une des du au ce cette que qui pas merci je bonjour dans sur cordialement pouvez",
        "Spanish": "el la los las y usted su nosotros es son para con una del que por gracias no en un le les hola saludos puede nuestra nuestro",
        "Italian": "il la gli e lei suo noi nostro è sono per con una del della che di grazie non in un le buongiorno saluti può vostra vostro",
        "Dutch": "de het en u uw wij onze is zijn voor met een van dat die niet graag dank ik op in kunt kunnen bedankt groet",
        "Portuguese": "o a os as e você seu sua nós nosso é são para com uma do da que por obrigado obrigada não em um olá cumprimentos pode",
        "Polish": "i w z na do się jest są dla nie za że to proszę dziękuję pan pani państwo nasz o po czy oraz pozdrawiam możemy",
    }.items()
}
_OWN_NAMES = {
    "German": "deutsch", "French": "français", "Spanish": "español", "Italian": "italiano", "Dutch": "nederlands",
    "Portuguese": "português", "Polish": "polski", "English": "englisch",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
_MIN_WORDS, _MIN_SHARE, _AHEAD = 8, 0.16, 1.6
_MIN_LETTERS = 3


def language(text: str) -> str:
    """The name of the language a text is in; empty where that is not sure."""
    words = [word.casefold() for word in _WORD.findall(text[:20_000])]
    if len(words) < _MIN_WORDS:
        return ""
    counts = Counter(words)
    scores = sorted(
        ((sum(counts[word] for word in small) / len(words), name) for name, small in _SMALL.items()),
        reverse=True,
    )
    (first, name), (second, _) = scores[:2]
    return name if first >= _MIN_SHARE and first >= _AHEAD * second else ""


def foreign(text: str, *, letter: str, instructions: str, known: str) -> Iterator[str]:
    """Doubts about the language of `text`, which answers `letter`. A language that the instructions name is meant."""
    new_scripts = [script for script in sorted(_scripts(text) - _scripts(known)) if script]
    if new_scripts:
        yield f"it has {' and '.join(new_scripts)} letters, which stand in no source"
    wrote, answered = language(letter), language(text)
    named = {name for name, own in _OWN_NAMES.items() if re.search(rf"\b(?:{name}|{own})\b", instructions, re.IGNORECASE)}  # fmt: skip
    if wrote and answered and wrote != answered and answered not in named:
        yield f"it is written in {answered}, the letter in {wrote}"


def _scripts(text: str) -> set[str]:
    """The scripts a text has more than a few letters of, by the first word of their names in Unicode; Latin is none."""
    counts: Counter[str] = Counter()
    for letter in text[:20_000]:
        if letter.isalpha() and ord(letter) > 0x2AF:
            counts[unicodedata.name(letter, "").partition(" ")[0]] += 1
    return {name.title() for name, count in counts.items() if count >= _MIN_LETTERS and name not in {"LATIN", "MODIFIER"}}  # fmt: skip
