"""Words as a person means them: plurals, cases and umlauts of the languages the notes are written in, by Snowball's stemmers.

Nothing is stemmed beforehand. A word that is looked for is compared with the words of the notes that begin like it, so that a search costs
the same in a large vault as in a small one, and each result is a word of the notes.
"""

import sqlite3
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

VOCABULARY = "create virtual table vocabulary using fts5vocab(passages, 'row');"
"""Every word of the index `passages`, in order."""

_TELLING = {
    "english": "the and with you are from this have that for not our all any which they will when of to",
    "german": "und der nicht mit wird eine sind oder das die den dem ein werden gibt keine keinen auf fur beim vom bei am im zum zur nach wir sie ist es",
    "french": "les des est pour vous dans avec une sont nous pas qui que sur aux du au ou leur",
    "spanish": "los las para una con del por usted son que se el sin como al cada mas su",
    "italian": "che per della sono con gli una nel non il di alla delle dei si come piu anche",
    "dutch": "het een van voor niet wij zijn met de en op worden geen bij onze dat aan wordt",
    "portuguese": "para nao uma voce dos com mais seu sao os as do da em pelo por que sem",
    "polish": "nie jest oraz dla przez sie jak lub na do po od przy sa tylko ze co za",
    "swedish": "och att inte med som till den ett det ar for pa av vi eller om kan har",
    "danish": "og ikke med det til som der af en er for pa vi eller om kan har ved",
}
"""Language → words that every text in it uses, in the form of the index: lower case and without accents."""

_ENOUGH = 5
_MAX_LANGUAGES = 3
_BEGINNING = 4
_MAX_NEAR, _MAX_ALIKE = 150, 12


def languages(base: sqlite3.Connection) -> tuple[str, ...]:
    """What the notes are written in, the most used first; English where nothing tells."""
    scores = []
    for language, words in _TELLING.items():
        telling = words.split()
        counts = base.execute(
            f"select cnt from vocabulary where term in ({','.join('?' * len(telling))})", telling
        ).fetchall()
        if len(counts) >= _ENOUGH:
            scores.append((-sum(int(count) for (count,) in counts), language))
    return tuple(language for _, language in sorted(scores)[:_MAX_LANGUAGES]) or ("english",)


def alike(base: sqlite3.Connection, word: str, spoken: tuple[str, ...]) -> list[str]:
    """The words of the notes that are this one or another form of it; at most twelve, this one first.

    What no language finds in which most is written may be the word of a note in another.
    """
    word = plain(word)
    return _alike(base, word, spoken) or _alike(base, word, tuple(_TELLING))


def _alike(base: sqlite3.Connection, word: str, spoken: tuple[str, ...]) -> list[str]:
    word_keys = _keys(word, spoken)
    terms = []
    for beginning in sorted(set(_beginnings(word))):
        rows = base.execute(
            "select term from vocabulary where term >= ? and term < ? limit ?",
            (beginning, beginning + "\U0010ffff", _MAX_NEAR),
        )
        terms += [term for (term,) in rows if term == word or word_keys & _keys(term, spoken)]
    return sorted(set(terms), key=lambda term: (term != word, term))[:_MAX_ALIKE]


def plain(word: str) -> str:
    """The index's form of a word: lower case, without accents."""
    parts = unicodedata.normalize("NFD", word.lower())
    return "".join(character for character in parts if not unicodedata.combining(character))


def _beginnings(word: str) -> Iterator[str]:
    """How a form of a word may begin: as it does, or with its umlauts written the other way."""
    folded = _folded(word)
    for start in (word[:_BEGINNING], folded[:_BEGINNING]):
        yield start
        for at, letter in enumerate(start):
            if letter in "aou":
                yield (start[: at + 1] + "e" + start[at + 1 :])[:_BEGINNING]
            if start[at : at + 2] == "ss":
                yield start[:at] + "ß" + start[at + 2 :]


@lru_cache(maxsize=50_000)
def _keys(word: str, spoken: tuple[str, ...]) -> frozenset[str]:
    """What two forms of a word have in common."""
    folded = _folded(word)
    stems = {f"{language} {stem}" for language in spoken for stem in _stems(language, word, folded)}
    return frozenset({folded, *stems})


def _stems(language: str, *forms: str) -> set[str]:
    stemmer = _stemmer(language)
    return {str(stemmer.stemWord(form)) for form in forms} if stemmer is not None else set()


@cache
def _stemmer(language: str) -> Any:
    try:
        import snowballstemmer
    except ImportError:
        # An environment that is older than this dependency: plurals are missed, and everything else is found.
        return None
    return snowballstemmer.stemmer(language)


def _folded(word: str) -> str:
    """With ä, ö, ü and ß and what is written in their place as one."""
    for long, short in (("ae", "a"), ("oe", "o"), ("ue", "u"), ("ß", "ss")):
        word = word.replace(long, short)
    return word
