"""Getting into a mail account with a password: how it is said, and what a server's no means. One reading for IMAP and SMTP.

Servers say *no* at the door for many reasons, and only some are mended by another password. Whoever types a new one because too many
programs were connected locks himself out.
"""

import base64
import re
from dataclasses import dataclass
from typing import Literal

from engine.connectors.arguments import one_line
from engine.model.errors import PermanentError

Kind = Literal["later", "barred", "password"]

LATER_CODE = re.compile(r"\[(UNAVAILABLE|INUSE|LIMIT|SERVERBUG|CONTACTADMIN|OVERQUOTA)\]", re.IGNORECASE)
"""What a mail server calls trouble of its own, or too much of ours (RFC 5530): asked again, it may say yes."""

_LATER = re.compile(
    r"\btoo many\b|\btoo much\b|\bmaximum (?:number|amount) of\b|\bmax\w* .{0,40}connections\b|\bconnections?\b.{0,30}\b(?:exceeded|limit|reached)"
    r"|\bover ?quota\b|\bquota\b.{0,30}\b(?:exceeded|reached|full)\b|\bexceed\w*\b.{0,40}\b(?:limits?|quota|bandwidth|connections)\b"
    r"|\btemporar\w+ (?:authentication|auth|error|fail\w*|problem|un\w+|block\w*|lock\w*|reject\w*|system|server|internal)"
    r"|\btemporarily\b|\btry (?:it )?(?:again )?(?:later|in \d)|\btry again\b.{0,20}\b(?:later|minutes?|hours?)\b"
    r"|\brate.?limit|\bthrottl|\b(?:server|system|service) (?:is )?(?:too )?busy\b|\bsystem error\b|\binternal (?:server )?error\b"
    r"|\b(?:service|server) (?:is )?(?:currently )?(?:not available|unavailable)\b|\bauthenticated but not connected\b|\bcommand error\. 1\d\b|\bunder maintenance\b|\btimed? ?out\b|^4\d\d\b|\b4\.\d{1,3}\.\d{1,3}\b",
    re.IGNORECASE,
)
_APP_PASSWORD = re.compile(
    r"app(?:lication)?[- ]specific|\bapp[- ]?password|\bauthori[sz]ation code\b|授权码|\bweb (?:browser|login)|weblogin"
    r"|\b(?:two|2)[- ](?:step|factor)\b|\bmulti-?factor\b",
    re.IGNORECASE,
)
_SWITCHED_OFF = re.compile(
    r"\b(?:imap|smtp|pop|smtpclientauthentication|protocol|client access)\b.{0,40}\b(?:disabled|not (?:enabled|allowed|permitted)|turned off|switched off)\b"
    r"|\bnot enabled for (?:imap|smtp)\b|\benable (?:imap|smtp|pop)\b",
    re.IGNORECASE,
)
_NO_PASSWORDS = re.compile(r"\bbasic ?auth\w*|\boauth\w*|\b5\.7\.139\b", re.IGNORECASE)
_CLOSED = re.compile(
    r"\b(?:account|user|mailbox|login)\b.{0,40}\b(?:suspended|locked|blocked|disabled|closed|deactivated|inactive|expired|banned)\b|\[EXPIRED\]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A no at the door. *later*: it may pass by itself; *barred*: something at the provider has to be changed first; *password*.

    `way_out` is what to do, empty where there is only waiting.
    """

    kind: Kind
    way_out: str = ""


def refusal(words: str, *, secret: str) -> Refusal:
    """What a server that refused the login meant by `words`. `secret` is the name under which the password is looked up."""
    anew = f"steward secrets set {secret}"
    if LATER_CODE.search(words) or _LATER.search(words):
        return Refusal(kind="later")
    if _APP_PASSWORD.search(words):
        way_out = f"make a password for this program in the account's security settings at the provider, then: {anew}"
        return Refusal(kind="password", way_out=way_out)
    if _SWITCHED_OFF.search(words):
        return Refusal(
            kind="barred", way_out="switch on access by mail programs (IMAP, SMTP) at the provider"
        )
    if _NO_PASSWORDS.search(words):
        way_out = "it takes no password from programs: have its letters forwarded to a mailbox that does"
        return Refusal(kind="barred", way_out=way_out)
    if _CLOSED.search(words):
        return Refusal(kind="barred", way_out="ask the provider what is the matter with the account")
    return Refusal(kind="password", way_out=f"put the right password where {secret} is looked up: {anew}")


def sound(password: str, *, secret: str) -> None:
    """Raises PermanentError(code='secret-odd') for a password no protocol can carry: it was kept with the end of its line."""
    if any(character in password for character in "\0\r\n"):
        raise PermanentError(
            f"the password kept as {secret} has a line break in it",
            code="secret-odd",
            now_true="It was told to nobody.",
            way_out=f"steward secrets set {secret}",
        )


def as_plain(user: str, password: str) -> bytes:
    """User and password as the mechanism PLAIN carries them: UTF-8 (RFC 4616)."""
    return f"\0{user}\0{password}".encode()


def shown(words: str, password: str) -> str:
    """What a server said, on one line; a server that repeats the password is not repeated."""
    if password:
        coded = base64.b64encode(password.encode()).decode()
        words = words.replace(password, "…").replace(coded, "…")
    return one_line(words, 200)
