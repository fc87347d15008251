"""Which letters start nothing, and why: machines, lists and one's own letters get no answer (RFC 3834). And who wrote the others.

One letter gets one verdict. A sure sign of a machine puts it aside; what is put aside and may be a person's says so, and stands before
the operator. A weak sign, of a kind that people's letters bear too, lets it start runs in which nothing leaves without a person.
`duplicate` and `no-playbook` are decided where runs start.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.connectors.email.auto_reply_rules import signs, tables
from engine.connectors.email.auto_reply_rules.signs import Sign
from engine.connectors.email.message.addresses import Mailbox, domain_of, mailboxes, same
from engine.connectors.email.message.bodies import NOTES
from engine.connectors.email.message.parse import Letter

__all__ = ["SkipVerdict", "judged", "unanswered", "written_here", "wrote"]

_MARK = "x-steward-thread"
_TWO = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipVerdict:
    """What a letter is taken for. `reason` is of IGNORED_REASONS, empty for one that may start a run; `caution` of CAUTIONS.

    `doubt`: it is put aside and may be a person's. `away`: its author is out of office. `author` is who is answered; `via` the address it
    came from where that is another.
    """

    author: Mailbox
    reason: str = ""
    doubt: bool = False
    caution: str = ""
    via: str = ""
    away: bool = False


def judged(letter: Letter, *, own: tuple[str, ...], sent: Callable[[str], bool]) -> SkipVerdict:
    """The verdict. `own` are the operator's addresses; `sent` says whether a Message-ID is one of ours."""
    author = Mailbox(name=letter.name, address=letter.author or next(filter(None, letter.authors), ""))
    verdict = SkipVerdict(author=author)
    if not letter.readable:
        return replace(verdict, reason="unreadable", doubt=True)
    if letter.message_id and sent(letter.message_id):
        return replace(verdict, reason="own")
    seen_signs = tuple(signs.signs(letter, own=own))
    if claimed := _claimed(letter, own):
        return _of_form(verdict, claimed, seen_signs, replied=signs.replied_by_itself(letter))
    if any(same(address, mine) for address in letter.authors for mine in own):
        return replace(verdict, reason="own")
    verdict = _of_machine(letter, verdict, seen_signs, own=own, sent=sent)
    if not verdict.reason and not any(letter.authors):
        return replace(verdict, reason="no-author", doubt=True)
    if not verdict.reason and len(letter.authors) > 1:
        return replace(verdict, reason="many-authors", doubt=True)
    if not verdict.reason and letter.head.has(_MARK):
        return replace(verdict, caution="steward")
    return verdict


def written_here(letter: Letter, sent: Callable[[str], bool]) -> bool:
    """Whether a letter among the operator's sent letters is one of Steward's own, or a copy of one."""
    return letter.head.has(_MARK) or bool(letter.message_id and sent(letter.message_id))


def wrote(letter: Letter, address: str) -> bool:
    """Whether a letter can be what an event with this author was made of: From has the address, or Reply-To claims it."""
    return any(same(address, sender) for sender in (*letter.authors, *letter.reply_to))


def unanswered(address: str) -> bool:
    """Whether an address by its name is not read: a no-reply, or a mail daemon."""
    return signs.takes_no_answer(address) or signs.is_daemon(address)


def _of_machine(
    letter: Letter,
    verdict: SkipVerdict,
    seen_signs: tuple[Sign, ...],
    *,
    own: tuple[str, ...],
    sent: Callable[[str], bool],
) -> SkipVerdict:
    sure = next((sign for sign in seen_signs if sign.certain), None)
    if signs.away(letter):
        # Without a sure sign a person may have typed those words.
        return replace(verdict, reason="auto-submitted", doubt=sure is None, away=True)
    ours = any(sent(id_) for id_ in (*letter.references, *letter.in_reply_to))
    if sure is not None:
        firm = sure.reason in {"auto-submitted", "bounce"}
        return replace(verdict, reason=sure.reason, doubt=not firm and (ours or _personal(letter, sure, own)))
    if not seen_signs:
        return verdict
    first = seen_signs[0]
    if ours or signs.answers(letter):
        return replace(verdict, caution="doubtful")
    if len({sign.reason for sign in seen_signs}) >= _TWO:
        # Two weak signs of different kinds are as good as a sure one.
        return replace(verdict, reason=first.reason)
    if first.reason in {"list", "bounce"} or any(map(signs.is_machine, letter.authors)):
        doubt = signs.written_to(letter, own) if first.reason == "list" else first.reason == "bounce"
        return replace(verdict, reason=first.reason, doubt=doubt)
    return replace(verdict, caution="doubtful")


def _personal(letter: Letter, sure: Sign, own: tuple[str, ...]) -> bool:
    """Whether something about a letter with a sure sign still speaks for a person who wrote to this one."""
    match sure.reason:
        case "list":
            return signs.posted_to(letter) and signs.written_to(letter, own)
        case "calendar":
            words = letter.text.strip()
            return bool(words) and not words.startswith(NOTES) and not letter.head.has("auto-submitted")
        case _:
            return False


def _claimed(letter: Letter, own: tuple[str, ...]) -> Mailbox | None:
    """The one person a web form's letter names to be answered; None for any other letter.

    Such a letter comes from oneself, a no-reply or the form's own program (or from one's own group, which took the author's place), and
    its one Reply-To is of another house.
    """
    named = [mailbox for value in letter.head.lines("reply-to") for mailbox in mailboxes(value)]
    people = list({mailbox.address.casefold(): mailbox for mailbox in named}.values())
    if len(people) != 1 or not people[0].address or len(letter.authors) != 1 or not letter.author:
        return None
    person, sender = people[0], letter.author
    if (
        any(same(person.address, mine) for mine in own)
        or same(person.address, sender)
        or signs.takes_no_answer(person.address)
    ):
        return None
    if any(same(sender, mine) for mine in own):
        return person if signs.written_to(letter, own) else None
    if sender.casefold() == signs.own_group(letter, own):
        return person
    program = (
        signs.takes_no_answer(sender)
        or signs.is_form(sender)
        or any(map(letter.head.has, tables.FORM_HEADERS))
    )
    return person if program and not _same_house(person.address, sender) else None


_SECOND = frozenset({"co", "com", "org", "net", "ac", "gov", "edu", "or", "ne", "gv"})


def _same_house(first: str, second: str) -> bool:
    """Whether two addresses belong to the same registered domain, as far as their last labels tell."""
    return _house(domain_of(first)) == _house(domain_of(second))


def _house(domain: str) -> tuple[str, ...]:
    labels = domain.lower().split(".")
    deep = len(labels) > _TWO and len(labels[-1]) == _TWO and labels[-2] in _SECOND
    return tuple(labels[-3 if deep else -2 :])


def _of_form(
    verdict: SkipVerdict, claimed: Mailbox, seen_signs: tuple[Sign, ...], *, replied: bool
) -> SkipVerdict:
    """A form's letter is made by a program, and may say so; what else marks a machine puts it aside, in the operator's sight."""
    via = replace(verdict, author=claimed, via=verdict.author.address, caution="claimed")
    if replied:
        return replace(via, reason="auto-submitted", doubt=True)
    firm = {"bounce", "list", "bulk", "calendar"}
    sure = next((sign for sign in seen_signs if sign.certain and sign.reason in firm), None)
    return replace(via, reason=sure.reason, doubt=sure.reason != "bounce") if sure else via
