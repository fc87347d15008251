"""One conversation with an IMAP server: bounded in time and bytes, reading only, with an honest word for each way it can end.

The library speaks the protocol; the line below it is ours, so that nothing a server claims makes us take more than we asked for,
and so that waiting for news (IDLE) and patience for an answer are the same socket's time-out.
"""

import base64
import imaplib
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from engine.connectors.arguments import one_line
from engine.connectors.email.account import Account
from engine.model.errors import EngineError, PermanentError, TransientError
from engine.model.ports import Secrets

CHUNK = 524_288
"""Bytes of a letter that are asked for at once."""
_BATCH = 200
_GOODBYE_SECONDS = 2.0
# A line lists the numbers of all letters; half a million of them fit.
_MOST_LINE = 4_000_000
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_LATER = re.compile(r"\[(UNAVAILABLE|INUSE|LIMIT|SERVERBUG|CONTACTADMIN)\]", re.IGNORECASE)
_NEWS = re.compile(rb"\* \d+ (EXISTS|EXPUNGE|RECENT)", re.IGNORECASE)
_LISTED = re.compile(rb'\((?P<flags>[^)]*)\) (?P<mark>"(?:\\.|[^"])"|NIL) (?P<name>.*)', re.DOTALL)
_QUOTED = re.compile(rb'BODY\[[^\]]*\](?:<\d+>)? "((?:[^"\\]|\\.)*)"', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder as it was opened: its letters keep their numbers for as long as `validity` stays. `count`: letters in it."""

    validity: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the server says of a letter: its number, bytes, and when it came (seconds since 1970)."""

    uid: int
    size: int
    at: int


class _Line(imaplib.IMAP4):
    """The library's client over a line that never holds more than was asked for."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._held = bytearray()
        self._most = _MOST_LINE
        super().__init__(account.host, account.port, account.seconds)

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        self.host, self.port = host, port
        self.sock = socket.create_connection((host, port), timeout)
        try:
            # A line that a router forgot is noticed sooner.
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._account.tls == "ssl":
                self.sock = self.context().wrap_socket(self.sock, server_hostname=host)
        except BaseException:
            self.sock.close()
            raise

    def context(self) -> ssl.SSLContext:
        return (self._account.context or ssl.create_default_context)()

    def secure(self) -> None:
        """STARTTLS. What came before it in clear is not believed."""
        if "STARTTLS" not in self.capabilities:
            raise PermanentError(f"{self.host} offers no TLS at port {self.port}", code="imap-unsafe")
        self.starttls(self.context())
        if self._held:
            raise self.abort("words before the encryption")

    def bound(self, most: int) -> None:
        """The most that one answer may carry in one piece."""
        self._most = most

    def patience(self, seconds: float) -> None:
        self.sock.settimeout(seconds)

    def read(self, size: int) -> bytes:
        if size > self._most:
            raise self.abort(f"{size} bytes where {self._most} were asked for")
        while len(self._held) < size:
            self._more()
        data = bytes(self._held[:size])
        del self._held[:size]
        return data

    def readline(self) -> bytes:
        looked = 0
        while (end := self._held.find(b"\n", looked)) < 0:
            looked = len(self._held)
            if looked > _MOST_LINE:
                raise self.abort("a line without an end")
            self._more()
        line = bytes(self._held[: end + 1])
        del self._held[: end + 1]
        return line

    def _more(self) -> None:
        data = self.sock.recv(65_536)
        if not data:
            raise self.abort("the connection was closed")
        self._held += data

    def send(self, data: bytes) -> None:  # type: ignore[override]  # the library's own says Buffer
        self.sock.sendall(data)

    def shutdown(self) -> None:
        # The library's STARTTLS opens a file of its own on the socket, which would keep it open.
        for name in ("file", "_file"):
            if (file := vars(self).get(name)) is not None:
                file.close()
        self.sock.close()

    def hang_up(self) -> None:
        """End whatever another thread waits for on this line."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except (OSError, ValueError, AttributeError):
            # It is closed already.
            return


@contextmanager
def session(account: Account, secrets: Secrets) -> "Iterator[Session]":
    """A conversation as the account's user. Raises TransientError (try later) or PermanentError (a person has to mend it)."""
    password = secrets.secret(account.password.name)
    with _told(account, password):
        line = _Line(account)
    try:
        with _told(account, password):
            if account.tls == "starttls":
                line.secure()
            _login(line, account, password)
            _, said = line.capability()
            able = frozenset(b" ".join(one for one in said if one).upper().split())
        yield Session(line, account, able)
        try:
            with _told(account, password):
                line.patience(_GOODBYE_SECONDS)
                line.logout()
        except TransientError:
            # What was asked was answered; a rude good-bye changes nothing.
            pass
    finally:
        line.shutdown()


def _login(line: _Line, account: Account, password: str) -> None:
    able = set(line.capabilities)
    try:
        if "AUTH=PLAIN" in able:
            line.authenticate("PLAIN", lambda _: f"\0{account.user}\0{password}".encode())
        elif "LOGINDISABLED" in able:
            raise PermanentError(f"{account.host} takes no password this way", code="imap-unsafe")
        else:
            line.login(account.user, password)
    except imaplib.IMAP4.abort:
        raise
    except (imaplib.IMAP4.error, UnicodeEncodeError) as error:
        said = _words(error, password)
        if _LATER.search(said):
            raise TransientError(f"{account.host} takes nobody in now: {said}", code="imap-later") from None
        raise PermanentError(
            f"{account.host} refused {account.user} or its password: {said}",
            code="imap-refused",
            now_true="No letter was read; nothing on the server was changed.",
            way_out=f"put the right password where {account.password.name} is looked up: steward secrets set"
            f" {account.password.name}",
        ) from None


def _words(error: BaseException, password: str = "") -> str:
    """What a server or the system said, on one line; a server that repeats the password is not repeated."""
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)
    if password:
        coded = base64.b64encode(password.encode()).decode()
        text = text.replace(password, "…").replace(coded, "…")
    # The library says first what it had asked.
    return one_line(re.sub(r"^command: \w+ => ", "", text), 200)


@contextmanager
def _told(account: Account, password: str = "") -> Iterator[None]:
    """What can go wrong in a conversation, as errors that say whether to try again. Nothing that is read changes anything."""
    where = f"{account.host}:{account.port}"
    try:
        yield
    except EngineError:
        raise
    except ssl.SSLCertVerificationError as error:
        raise PermanentError(
            f"{where} can't be trusted: {_words(error, password)}", code="imap-unsafe",
            way_out="imap-host has to be the name in the server's certificate",
        ) from None  # fmt: skip
    except imaplib.IMAP4.abort as error:
        raise TransientError(f"{where} was lost: {_words(error, password)}", code="imap-lost") from None
    except imaplib.IMAP4.error as error:
        raise TransientError(f"{where} answered: {_words(error, password)}", code="imap-later") from None
    except TimeoutError:
        raise TransientError(
            f"{where} gave no answer for {account.seconds:g} s", code="imap-silent"
        ) from None
    except OSError as error:
        raise TransientError(
            f"{where} can't be reached: {one_line(error.strerror or str(error), 200)}",
            code="imap-unreachable",
        ) from None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        # The library takes a server's word for its grammar.
        raise TransientError(f"{where} speaks no IMAP: {type(error).__name__}", code="imap-odd") from None


class Session:
    """What is asked of a server. Every method raises TransientError when the line is lost; then the session is over."""

    def __init__(self, line: _Line, account: Account, able: frozenset[bytes]) -> None:
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

    def folder(self, name: str) -> Folder:
        """Open a folder for reading only. Raises PermanentError(code='no-folder') naming those there are."""
        with self._asked():
            typ, said = self._line.select(_quoted(self._named(name)), readonly=True)
            if typ != "OK":
                if _LATER.search(_first(said)):
                    raise self._line.error(_first(said))
                raise PermanentError(
                    f"{self._account.host} has no folder {name}: {one_line(_first(said), 120)}",
                    code="no-folder",
                    way_out=f"the folders there: {', '.join(self._folders()[:20])}",
                )
            self._told_of_news()
            validity, count = self._line.response("UIDVALIDITY")[1][0], said[0]
            if validity is None:
                raise PermanentError(f"{self._account.host} numbers no letter for long", code="imap-odd")
            return Folder(validity=int(validity), count=int(count or 0))

    def uids(self, *, above: int = 0, since: date | None = None) -> list[int]:
        """The numbers of the letters in the open folder, ascending: those above a number, and received since a day."""
        asked = [f"UID {above + 1}:*"]
        if since is not None:
            asked.append(f"SINCE {since.day}-{_MONTHS[since.month - 1]}-{since.year}")
        with self._asked():
            self._told_of_news()
            found = {
                int(one)
                for line in self._uid("SEARCH", *asked)
                if isinstance(line, bytes)
                for one in line.split()
            }
        # "n:*" always names the last letter, however small its number.
        return sorted(one for one in found if one > above)

    def facts(self, uids: list[int]) -> Iterator[Facts]:
        """What the server says of some letters; those that are gone are left out."""
        for start in range(0, len(uids), _BATCH):
            yield from self._facts_of(",".join(map(str, uids[start : start + _BATCH])))

    def newest(self) -> Facts | None:
        """The letter with the highest number in the open folder; None in an empty one."""
        return next(self._facts_of("*"), None)

    def _facts_of(self, numbers: str) -> Iterator[Facts]:
        with self._asked():
            lines = self._uid("FETCH", numbers, "(UID RFC822.SIZE INTERNALDATE)")
        yield from (one for line in lines if isinstance(line, bytes) if (one := _facts(line)) is not None)

    def letter(self, uid: int, limit: int) -> bytes | None:
        """A letter's bytes, read piece by piece and without a flag being set; one more than `limit` when it is larger. None when gone."""
        raw = bytearray()
        while len(raw) <= limit:
            most = min(CHUNK, limit + 1 - len(raw))
            with self._asked(most):
                piece = _body(self._uid("FETCH", str(uid), f"(BODY.PEEK[]<{len(raw)}.{most}>)"))
            if piece is None:
                return None
            raw += piece
            if len(piece) < most:
                break
        return bytes(raw)

    def idle(self, seconds: float) -> bool:
        """Wait for news of the open folder, at most so long; whether there was any since its letters were last listed.

        Ends with a word from the server that it is still there.
        """
        if self._told_of_news():
            return True
        self._idled += 1
        tag = f"IDLE{self._idled}".encode()
        with self._asked():
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
        with self._asked():
            listed = self._listed('"*"' + special)
        return next((name for flags, _, name in listed if b"\\sent" in flags.lower().split()), "")

    @property
    def files_itself(self) -> bool:
        """Whether the server is known to keep a copy of everything it sends for its users."""
        return b"X-GM-EXT-1" in self._able

    def holds(self, message_id: str) -> bool:
        """Whether a letter with exactly this Message-ID lies in the open folder."""
        with self._asked():
            numbers = self._uid("SEARCH", "HEADER", "Message-ID", _quoted(message_id))
            found = [one.decode() for line in numbers if isinstance(line, bytes) for one in line.split()]
            for start in range(0, len(found), _BATCH):
                asked = ",".join(found[start : start + _BATCH])
                heads = self._uid("FETCH", asked, "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
                # A search may take parts of a word for the word.
                if any(_names(one) == message_id.encode() for one in heads if isinstance(one, tuple)):
                    return True
        return False

    def append(self, folder: str, body: bytes, at: datetime) -> None:
        """Put a copy of a letter into a folder, as one that was read."""
        with self._asked():
            moment = imaplib.Time2Internaldate(at)
            typ, said = self._line.append(_quoted(folder), r"(\Seen)", moment, body)
            if typ != "OK":
                raise self._line.error(_first(said))

    @contextmanager
    def _asked(self, most: int = _MOST_LINE) -> Iterator[None]:
        self._line.bound(most + 1024)
        with _told(self._account):
            yield

    def _uid(self, command: str, *words: str) -> list[Any]:
        typ, found = self._line.uid(command, *words)
        if typ != "OK":
            raise self._line.error(_first(found))
        return found

    def _told_of_news(self) -> bool:
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
            _, said = self._line.list('""', '""')
            first = next((one for one in map(_entry, said) if one is not None), None)
            self._between = first[1] if first and first[1] else "/"
        return folder.replace("/", self._between)

    def _listed(self, pattern: str) -> list[tuple[bytes, str, str]]:
        _, said = self._line.list('""', pattern)
        return [one for one in map(_entry, said) if one is not None]

    def _folders(self) -> list[str]:
        return [name for flags, _, name in self._listed('"*"') if b"\\noselect" not in flags.lower()]


def _entry(said: Any) -> tuple[bytes, str, str] | None:
    """(flags, mark between levels, name) of one listed folder."""
    line, literal = said if isinstance(said, tuple) else (said, b"")
    found = _LISTED.match(line or b"")
    if found is None:
        return None
    mark = found["mark"].strip(b'"').replace(b"\\\\", b"\\").decode("ascii", "replace")
    name = literal or found["name"].strip()
    if name[:1] == b'"':
        name = re.sub(rb"\\(.)", rb"\1", name[1:-1])
    return found["flags"], "" if mark == "NIL" else mark, _read(name)


def _facts(line: bytes) -> Facts | None:
    uid, size = re.search(rb"\bUID (\d+)", line), re.search(rb"\bRFC822\.SIZE (\d+)", line)
    if uid is None or size is None:
        return None
    when = re.search(rb'\bINTERNALDATE "([^"]+)"', line)
    return Facts(
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
    for one in lines:
        if isinstance(one, tuple) and b"BODY[" in one[0].upper():
            return bytes(one[1])
    told = b" ".join(one for one in lines if isinstance(one, bytes))
    if (quoted := _QUOTED.search(told)) is not None:
        return re.sub(rb"\\(.)", rb"\1", quoted[1])
    return b"" if b"BODY[" in told.upper() else None


def _names(piece: tuple[bytes, bytes]) -> bytes:
    """The Message-ID in a fetched head."""
    return b"".join(piece[1].partition(b":")[2].split())


def _first(said: list[Any]) -> str:
    return (said[0] if said and isinstance(said[0], bytes) else b"").decode("utf-8", "replace")


# ---------------------------------------------------------------- names of folders (RFC 3501, 5.1.3)


def _quoted(name: str) -> str:
    return '"' + _written(name).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _written(name: str) -> str:
    """A name in the protocol's own UTF-7."""
    parts = re.findall(r"[\x20-\x7e]+|[^\x20-\x7e]+", name)
    return "".join(one.replace("&", "&-") if one.isascii() else _coded(one) for one in parts)


def _coded(text: str) -> str:
    coded = base64.b64encode(text.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
    return f"&{coded}-"


def _read(name: bytes) -> str:
    def plain(found: re.Match[str]) -> str:
        coded = found[1].replace(",", "/")
        if not coded:
            return "&"
        return base64.b64decode(coded + "=" * (-len(coded) % 4)).decode("utf-16-be", "replace")

    try:
        return re.sub(r"&([^-]*)-", plain, name.decode("ascii"))
    except ValueError:
        return name.decode("utf-8", "replace")
