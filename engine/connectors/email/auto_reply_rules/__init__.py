"""Which letters start nothing, and why: nobody answers machines, lists, or itself (RFC 3834). And whose letter the others are.

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
    found = SkipVerdict(author=author)
    if not letter.readable:
        return replace(found, reason="unreadable", doubt=True)
    if letter.message_id and sent(letter.message_id):
        return replace(found, reason="own")
    seen_signs = tuple(signs.signs(letter, own=own))
    if claimed := _claimed(letter, own):
        return _of_form(found, claimed, seen_signs, replied=signs.replied_by_itself(letter))
    if any(same(address, mine) for address in letter.authors for mine in own):
        return replace(found, reason="own")
    found = _of_machine(letter, found, seen_signs, own=own, sent=sent)
    if not found.reason and not any(letter.authors):
        return replace(found, reason="no-author", doubt=True)
    if not found.reason and len(letter.authors) > 1:
        return replace(found, reason="many-authors", doubt=True)
    if not found.reason and letter.head.has(_MARK):
        return replace(found, caution="steward")
    return found


def written_here(letter: Letter, sent: Callable[[str], bool]) -> bool:
    """Whether what lies among the operator's sent letters is one of Steward's own, or a copy of one."""
    return letter.head.has(_MARK) or bool(letter.message_id and sent(letter.message_id))


def wrote(letter: Letter, address: str) -> bool:
    """Whether a letter can be what an event with this author was made of: From has the address, or Reply-To claims it."""
    return any(same(address, one) for one in (*letter.authors, *letter.reply_to))


def unanswered(address: str) -> bool:
    """Whether an address says of itself that nobody reads what comes to it: a no-reply, or a mail daemon."""
    return signs.takes_no_answer(address) or signs.is_daemon(address)


def _of_machine(
    letter: Letter,
    found: SkipVerdict,
    seen_signs: tuple[Sign, ...],
    *,
    own: tuple[str, ...],
    sent: Callable[[str], bool],
) -> SkipVerdict:
    sure = next((sign for sign in seen_signs if sign.certain), None)
    if signs.away(letter):
        # Without a sure sign somebody may have typed those words.
        return replace(found, reason="auto-submitted", doubt=sure is None, away=True)
    ours = any(sent(id_) for id_ in (*letter.references, *letter.in_reply_to))
    if sure is not None:
        firm = sure.reason in {"auto-submitted", "bounce"}
        return replace(found, reason=sure.reason, doubt=not firm and (ours or _personal(letter, sure, own)))
    if not seen_signs:
        return found
    first = seen_signs[0]
    if ours or signs.answers(letter):
        return replace(found, caution="doubtful")
    if len({sign.reason for sign in seen_signs}) >= _TWO:
        # Two weak signs of different kinds are as good as a sure one.
        return replace(found, reason=first.reason)
    if first.reason in {"list", "bounce"} or any(map(signs.is_machine, letter.authors)):
        doubt = signs.written_to(letter, own) if first.reason == "list" else first.reason == "bounce"
        return replace(found, reason=first.reason, doubt=doubt)
    return replace(found, caution="doubtful")


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
    named = [one for value in letter.head.lines("reply-to") for one in mailboxes(value)]
    people = list({one.address.casefold(): one for one in named}.values())
    if len(people) != 1 or not people[0].address or len(letter.authors) != 1 or not letter.author:
        return None
    who, sender = people[0], letter.author
    if (
        any(same(who.address, mine) for mine in own)
        or same(who.address, sender)
        or signs.takes_no_answer(who.address)
    ):
        return None
    if any(same(sender, mine) for mine in own):
        return who if signs.written_to(letter, own) else None
    if sender.casefold() == signs.own_group(letter, own):
        return who
    program = (
        signs.takes_no_answer(sender)
        or signs.is_form(sender)
        or any(map(letter.head.has, tables.FORM_HEADERS))
    )
    return who if program and not _one_house(who.address, sender) else None


_SECOND = frozenset({"co", "com", "org", "net", "ac", "gov", "edu", "or", "ne", "gv"})


def _one_house(one: str, other: str) -> bool:
    """Whether two addresses lie below the same registered domain, as far as their last labels tell."""
    return _house(domain_of(one)) == _house(domain_of(other))


def _house(domain: str) -> tuple[str, ...]:
    labels = domain.lower().split(".")
    deep = len(labels) > _TWO and len(labels[-1]) == _TWO and labels[-2] in _SECOND
    return tuple(labels[-3 if deep else -2 :])


def _of_form(
    found: SkipVerdict, claimed: Mailbox, seen_signs: tuple[Sign, ...], *, replied: bool
) -> SkipVerdict:
    """A form's letter is made by a program, and may say so; what else marks a machine puts it aside, in the operator's sight."""
    via = replace(found, author=claimed, via=found.author.address, caution="claimed")
    if replied:
        return replace(via, reason="auto-submitted", doubt=True)
    firm = {"bounce", "list", "bulk", "calendar"}
    sure = next((sign for sign in seen_signs if sign.certain and sign.reason in firm), None)
    return replace(via, reason=sure.reason, doubt=sure.reason != "bounce") if sure else via
