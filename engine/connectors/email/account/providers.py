"""Where large mail providers publish that their mailboxes are read and answered from; data, to be guessed from an address's domain."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_APP = "it takes no ordinary password from programs: make an app password in its security settings"
_SWITCH = "reading by programs (IMAP) has to be switched on in its settings first"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailProvider:
    """Hosts of one provider; TLS from the first byte but where `starttls` says so for sending.

    `whole`: the login is the whole address, else the part before the ``@``. `note` is what to know first. `closed`: no password
    opens it at all.
    """

    imap: str
    smtp: str
    starttls: bool = False
    whole: bool = True
    note: str = ""
    closed: bool = False


_GOOGLE = MailProvider(
    imap="imap.gmail.com", smtp="smtp.gmail.com", note=f"{_APP} (myaccount.google.com/apppasswords)"
)
_APPLE = MailProvider(
    imap="imap.mail.me.com", smtp="smtp.mail.me.com", starttls=True, note=f"{_APP} (account.apple.com)"
)
_YAHOO = MailProvider(imap="imap.mail.yahoo.com", smtp="smtp.mail.yahoo.com", note=_APP)
_AOL = MailProvider(imap="imap.aol.com", smtp="smtp.aol.com", note=_APP)
_FAST = MailProvider(imap="imap.fastmail.com", smtp="smtp.fastmail.com", note=_APP)
_MICROSOFT = MailProvider(
    imap="outlook.office365.com", smtp="smtp-mail.outlook.com", starttls=True, closed=True,
    note="it takes no passwords from programs, only OAuth, which steward does not speak: have its letters forwarded to another mailbox",
)  # fmt: skip
_GMX = MailProvider(imap="imap.gmx.net", smtp="mail.gmx.net", note=_SWITCH)
_GMX_WORLD = MailProvider(imap="imap.gmx.com", smtp="mail.gmx.com", note=_SWITCH)
_T_ONLINE = MailProvider(
    imap="secureimap.t-online.de",
    smtp="securesmtp.t-online.de",
    note="it wants the e-mail password set in its settings",
)
_ONET = MailProvider(imap="imap.poczta.onet.pl", smtp="smtp.poczta.onet.pl", note=_SWITCH)
_CODE = "it takes no ordinary password from programs: switch on IMAP in its settings, which gives an authorization code"
_POSTEO = MailProvider(imap="posteo.de", smtp="posteo.de")

_TABLE: Mapping[MailProvider, str] = {
    _GOOGLE: "gmail.com googlemail.com",
    _APPLE: "icloud.com me.com mac.com",
    _YAHOO: "yahoo.com yahoo.ca yahoo.de yahoo.it yahoo.fr yahoo.es yahoo.co.uk yahoo.com.au ymail.com rocketmail.com",
    _AOL: "aol.com aim.com aol.de aol.fr aol.co.uk",
    _FAST: "fastmail.com fastmail.fm messagingengine.com",
    _MICROSOFT: "outlook.com hotmail.com live.com msn.com outlook.de outlook.fr outlook.es",
    _GMX: "gmx.net gmx.de gmx.at gmx.ch gmx.eu",
    _GMX_WORLD: "gmx.com gmx.us gmx.co.uk gmx.fr gmx.es",
    MailProvider(imap="imap.web.de", smtp="smtp.web.de", whole=False, note=_SWITCH): "web.de",
    _T_ONLINE: "t-online.de magenta.de",
    MailProvider(imap="imap.strato.de", smtp="smtp.strato.de"): "strato.de",
    _POSTEO: "posteo.de posteo.at posteo.ch posteo.net posteo.eu",
    MailProvider(imap="imap.zoho.com", smtp="smtp.zoho.com", note=_SWITCH): "zoho.com zohomail.com",
    MailProvider(imap="imap.zoho.eu", smtp="smtp.zoho.eu", note=_SWITCH): "zoho.eu zohomail.eu",
    _ONET: "onet.pl onet.eu op.pl vp.pl",
    MailProvider(imap="imap.wp.pl", smtp="smtp.wp.pl", whole=False, note=_SWITCH): "wp.pl",
    MailProvider(imap="poczta.o2.pl", smtp="poczta.o2.pl", whole=False, note=_SWITCH): "o2.pl tlen.pl",
    MailProvider(imap="imap.seznam.cz", smtp="smtp.seznam.cz"): "seznam.cz email.cz",
    MailProvider(imap="imap.orange.fr", smtp="smtp.orange.fr"): "orange.fr wanadoo.fr",
    MailProvider(imap="imap.free.fr", smtp="smtp.free.fr", whole=False): "free.fr",
    MailProvider(imap="imap.laposte.net", smtp="smtp.laposte.net", whole=False): "laposte.net",
    MailProvider(imap="imapmail.libero.it", smtp="smtp.libero.it"): "libero.it",
    MailProvider(imap="imap.163.com", smtp="smtp.163.com", note=_CODE): "163.com",
    MailProvider(imap="imap.126.com", smtp="smtp.126.com", note=_CODE): "126.com",
    MailProvider(imap="imap.yeah.net", smtp="smtp.yeah.net", note=_CODE): "yeah.net",
    MailProvider(imap="imap.qq.com", smtp="smtp.qq.com", note=_CODE): "qq.com foxmail.com",
    MailProvider(imap="imaps.bluewin.ch", smtp="smtpauths.bluewin.ch"): "bluewin.ch",
}  # fmt: skip

PROVIDERS: Mapping[str, MailProvider] = MappingProxyType(
    {domain: provider for provider, domains in _TABLE.items() for domain in domains.split()}
)
"""Domain of an address → its provider."""


def by_host(imap: str) -> MailProvider | None:
    """The provider whose mailboxes are read there."""
    return next((provider for provider in _TABLE if provider.imap == imap), None)
