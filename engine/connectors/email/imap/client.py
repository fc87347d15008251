"""One conversation with an IMAP server: bounded in time and bytes, reading only, with an honest word for each way it can end.

The library speaks the protocol; the line below it is ours, so that nothing a server claims makes us take more than we asked for,
and so that waiting for news (IDLE) and patience for an answer are the same socket's time-out.
"""

import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from engine.connectors import certificates
from engine.connectors.arguments import one_line
from engine.connectors.email.account import login
from engine.connectors.email.account.imap_account import MailAccount
from engine.connectors.email.imap import connection, folder_names
from engine.connectors.email.imap.connection import MAX_LINE, BoundedImap
from engine.connectors.email.imap.folder_names import quoted, written
from engine.model.errors import EngineError, PermanentError, TransientError
from engine.model.ports import Secrets

CHUNK = 524_288
"""Bytes of a letter that are asked for at once."""
_BATCH = 200
_GOODBYE_SECONDS = 2.0
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_NEWS = re.compile(rb"\* \d+ (EXISTS|EXPUNGE|RECENT)", re.IGNORECASE)
_LISTED = re.compile(rb'\((?P<flags>[^)]*)\) (?P<mark>"(?:\\.|[^"])"|NIL) (?P<name>.*)', re.DOTALL)
_QUOTED = re.compile(rb'BODY\[[^\]]*\](?:<\d+>)? "((?:[^"\\]|\\.)*)"', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapFolder:
    """A folder as it was opened: its letters keep their numbers for as long as `validity` stays. `count`: letters in it."""

    validity: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFacts:
    """What the server says of a letter: its number, bytes, and when it came (seconds since 1970)."""

    uid: int
    size: int
    at: int


@contextmanager
def session(account: MailAccount, secrets: Secrets) -> "Iterator[ImapSession]":
    """A conversation as the account's user. Raises TransientError (try later) or PermanentError (a person has to mend it)."""
    password = secrets.secret(account.password.name)
    with _translated_errors(account, password):
        line = BoundedImap(account)
    try:
        with _translated_errors(account, password):
            if account.tls == "starttls":
                line.secure()
            connection.enter(line, account, password)
            _, responses = line.capability()
            able = frozenset(b" ".join(response for response in responses if response).upper().split())
            connection.introduce(line, able)
        yield ImapSession(line, account, able)
        try:
            with _translated_errors(account, password):
                line.patience(_GOODBYE_SECONDS)
                line.logout()
        except TransientError:
            # What was asked was answered; a rude good-bye changes nothing.
            pass
    finally:
        line.shutdown()


@contextmanager
def _translated_errors(account: MailAccount, password: str = "") -> Iterator[None]:
    """What can go wrong in a conversation, as errors that say whether to try again. Nothing that is read changes anything."""
    server = f"{account.host}:{account.port}"
    try:
        yield
    except EngineError:
        raise
    except ssl.SSLCertVerificationError as error:
        why, way_out = certificates.explanation(error, setting="imap-host", host=account.host)
        raise PermanentError(
            f"{server} can't be trusted: {why}", code="imap-unsafe", way_out=way_out
        ) from None
    except imaplib.IMAP4.abort as error:
        raise TransientError(
            f"{server} was lost: {connection.words_of(error, password)}", code="imap-lost"
        ) from None
    except imaplib.IMAP4.error as error:
        raise TransientError(
            f"{server} answered: {connection.words_of(error, password)}", code="imap-later"
        ) from None
    except TimeoutError:
        raise TransientError(
            f"{server} gave no answer for {account.seconds:g} s", code="imap-silent"
        ) from None
    except OSError as error:
        raise TransientError(
            f"{server} can't be reached: {one_line(error.strerror or str(error), 200)}",
            code="imap-unreachable",
        ) from None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        # The library takes a server's word for its grammar.
        raise TransientError(f"{server} speaks no IMAP: {type(error).__name__}", code="imap-odd") from None


class ImapSession:
    """What is asked of a server. Every method raises TransientError when the line is lost; then the session is over."""

    def __init__(self, line: BoundedImap, account: MailAccount, able: frozenset[bytes]) -> None:
        self._line = line
        self._account = account
        self._able = able
        self._between = ""
        self._idled = 0

    @property
    def tells(self) -> bool:
        """Whether the server tells of news by itself (IDLE)."""
        return b"IDLE" in self._able

    def hang_up(self) -> None:
        """End the session from another thread, whatever it waits for."""
        self._line.hang_up()

    def folder(self, name: str) -> ImapFolder:
        """Open a folder for reading only. Raises PermanentError(code='no-folder') naming those there are."""
        with self._request():
            typ, reply = self._line.select(written(self._named(name)), readonly=True)
            if typ != "OK":
                if login.LATER_CODE.search(_first(reply)):
                    raise self._line.error(_first(reply))
                raise PermanentError(
                    f"{self._account.host} has no folder {name}: {one_line(_first(reply), 120)}",
                    code="no-folder",
                    way_out=f"the folders there: {', '.join(self._folders()[:20])}",
                )
            self._news_pending()
            validity, count = self._line.response("UIDVALIDITY")[1][0], reply[0]
            if validity is None:
                raise PermanentError(f"{self._account.host} numbers no letter for long", code="imap-odd")
            return ImapFolder(validity=int(validity), count=int(count or 0))

    def uids(self, *, above: int = 0, since: date | None = None) -> list[int]:
        """The numbers of the letters in the open folder, ascending: those above a number, and received since a day."""
        asked = [f"UID {above + 1}:*"]
        if since is not None:
            asked.append(f"SINCE {since.day}-{_MONTHS[since.month - 1]}-{since.year}")
        with self._request():
            self._news_pending()
            numbers = {
                int(number)
                for line in self._uid("SEARCH", *asked)
                if isinstance(line, bytes)
                for number in line.split()
            }
        # "n:*" always names the last letter, however small its number.
        return sorted(number for number in numbers if number > above)

    def facts(self, uids: list[int]) -> Iterator[MessageFacts]:
        """What the server says of some letters; those that are gone are left out."""
        for start in range(0, len(uids), _BATCH):
            yield from self._facts_of(",".join(map(str, uids[start : start + _BATCH])))

    def newest(self) -> MessageFacts | None:
        """The letter with the highest number in the open folder; None in an empty one."""
        return next(self._facts_of("*"), None)

    def _facts_of(self, numbers: str) -> Iterator[MessageFacts]:
        with self._request():
            lines = self._uid("FETCH", numbers, "(UID RFC822.SIZE INTERNALDATE)")
        yield from (facts for line in lines if isinstance(line, bytes) if (facts := _facts(line)) is not None)

    def letter(self, uid: int, limit: int) -> bytes | None:
        """A letter's bytes, read piece by piece and without a flag being set; one more than `limit` when it is larger. None when gone."""
        raw = bytearray()
        while len(raw) <= limit:
            size = min(CHUNK, limit + 1 - len(raw))
            with self._request(size):
                piece = _body(self._uid("FETCH", str(uid), f"(BODY.PEEK[]<{len(raw)}.{size}>)"))
            if piece is None:
                return None
            raw += piece
            if len(piece) < size:
                break
        return bytes(raw)

    def idle(self, seconds: float) -> bool:
        """Wait for news of the open folder, at most so long; whether there was any since its letters were last listed.

        Ends with a word from the server that it is still there.
        """
        if self._news_pending():
            return True
        self._idled += 1
        tag = f"IDLE{self._idled}".encode()
        with self._request():
            self._line.send(tag + b" IDLE\r\n")
            try:
                news = self._until(b"+", tag)
            except self._line.error as error:
                if isinstance(error, self._line.abort):
                    raise
                self._able -= {b"IDLE"}  # it offers what it does not do: from now on it is asked
                return True
            self._line.patience(seconds)
            try:
                while not news:
                    news = self._heard(self._line.readline())
            except TimeoutError:
                pass
            self._line.patience(self._account.seconds)
            self._line.send(b"DONE\r\n")
            return self._until(tag + b" OK", tag) or news

    def sent(self) -> str:
        """The folder of sent letters: the one in steward.yaml, else the one the server marks so; empty when there is none."""
        if self._account.sent_folder:
            return self._account.sent_folder
        special = " RETURN (SPECIAL-USE)" if b"SPECIAL-USE" in self._able else ""
        with self._request():
            listed = self._listed('"*"' + special)
        return next((name for flags, _, name in listed if b"\\sent" in flags.lower().split()), "")

    @property
    def files_itself(self) -> bool:
        """Whether the server is known to keep a copy of everything it sends for its users."""
        return b"X-GM-EXT-1" in self._able

    def holds(self, message_id: str) -> bool:
        """Whether the open folder has a letter with exactly this Message-ID."""
        with self._request():
            numbers = self._uid("SEARCH", "HEADER", "Message-ID", quoted(message_id))
            uids = [uid.decode() for line in numbers if isinstance(line, bytes) for uid in line.split()]
            for start in range(0, len(uids), _BATCH):
                asked = ",".join(uids[start : start + _BATCH])
                heads = self._uid("FETCH", asked, "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
                # A search may take parts of a word for the word.
                if any(_names(head) == message_id.encode() for head in heads if isinstance(head, tuple)):
                    return True
        return False

    def append(self, folder: str, body: bytes, at: datetime) -> None:
        """Put a copy of a letter into a folder, as one that was read. Raises PermanentError(code='imap-full') where nothing more fits."""
        with self._request():
            moment = imaplib.Time2Internaldate(at)
            typ, reply = self._line.append(written(self._named(folder)), r"(\Seen)", moment, body)
            if typ != "OK" and "[OVERQUOTA]" in _first(reply).upper():
                raise PermanentError(
                    f"the mailbox on {self._account.host} is full: {login.shown(_first(reply), '')}",
                    code="imap-full",
                    way_out=f"make room in the mailbox on {self._account.host}",
                )
            if typ != "OK":
                raise self._line.error(_first(reply))

    @contextmanager
    def _request(self, max_bytes: int = MAX_LINE) -> Iterator[None]:
        self._line.bound(max_bytes + 1024)
        with _translated_errors(self._account):
            yield

    def _uid(self, command: str, *words: str) -> list[Any]:
        typ, reply = self._line.uid(command, *words)
        if typ != "OK":
            raise self._line.error(_first(reply))
        return reply

    def _news_pending(self) -> bool:
        """Whether an answer to something else spoke of news since this was last asked: a server tells of it once."""
        return self._line.response("EXISTS")[1][0] is not None

    def _until(self, begin: bytes, tag: bytes) -> bool:
        """Hear the server until a line that begins so; whether there was news among it."""
        news = False
        while not (line := self._line.readline()).startswith(begin):
            if line.startswith(tag):
                raise self._line.error(line)
            news |= self._heard(line)
        return news

    def _heard(self, line: bytes) -> bool:
        if line[:5].upper() == b"* BYE":
            raise self._line.abort(line)
        return _NEWS.match(line) is not None

    def _named(self, folder: str) -> str:
        """A folder's name with the server's own mark between levels where ours has a slash."""
        if "/" not in folder:
            return folder
        if not self._between:
            _, reply = self._line.list('""', '""')
            first = next((entry for entry in map(_entry, reply) if entry is not None), None)
            self._between = first[1] if first and first[1] else "/"
        return folder.replace("/", self._between)

    def _listed(self, pattern: str) -> list[tuple[bytes, str, str]]:
        _, reply = self._line.list('""', pattern)
        return [entry for entry in map(_entry, reply) if entry is not None]

    def _folders(self) -> list[str]:
        return [name for flags, _, name in self._listed('"*"') if b"\\noselect" not in flags.lower()]


def _entry(listing: Any) -> tuple[bytes, str, str] | None:
    """(flags, mark between levels, name) of one listed folder."""
    line, literal = listing if isinstance(listing, tuple) else (listing, b"")
    match = _LISTED.match(line or b"")
    if match is None:
        return None
    mark = match["mark"].strip(b'"').replace(b"\\\\", b"\\").decode("ascii", "replace")
    name = literal or match["name"].strip()
    if name[:1] == b'"':
        name = re.sub(rb"\\(.)", rb"\1", name[1:-1])
    return match["flags"], "" if mark == "NIL" else mark, folder_names.read(name)


def _facts(line: bytes) -> MessageFacts | None:
    uid, size = re.search(rb"\bUID (\d+)", line), re.search(rb"\bRFC822\.SIZE (\d+)", line)
    if uid is None or size is None:
        return None
    when = re.search(rb'\bINTERNALDATE "([^"]+)"', line)
    return MessageFacts(
        uid=int(uid[1]), size=int(size[1]), at=_seconds(when[1].decode("ascii", "replace") if when else "")
    )


def _seconds(internal: str) -> int:
    """Seconds since 1970 of a date like ``17-Jul-1996 02:44:25 -0700``; 0 for what is none."""
    try:
        return max(int(parsedate_to_datetime(internal.strip().replace("-", " ", 2)).timestamp()), 0)
    except (ValueError, TypeError, OverflowError):
        return 0


def _body(lines: list[Any]) -> bytes | None:
    """The piece of a letter in an answer; None when the answer is about no letter."""
    for line in lines:
        if isinstance(line, tuple) and b"BODY[" in line[0].upper():
            return bytes(line[1])
    answer = b" ".join(line for line in lines if isinstance(line, bytes))
    if (quoted := _QUOTED.search(answer)) is not None:
        return re.sub(rb"\\(.)", rb"\1", quoted[1])
    return b"" if b"BODY[" in answer.upper() else None


def _names(piece: tuple[bytes, bytes]) -> bytes:
    """The Message-ID in a fetched head."""
    return b"".join(piece[1].partition(b":")[2].split())


def _first(reply: list[Any]) -> str:
    return (reply[0] if reply and isinstance(reply[0], bytes) else b"").decode("utf-8", "replace")
