"""What the operator's own mail server found out about a sender: SPF, DKIM and DMARC, from Authentication-Results.

Anybody can write such a header into a letter. Only one that names the configured `trusted-receiver` counts, and only
where that server puts it: on top. DMARC, which decides `aligned`, is read from the topmost header alone; SPF and DKIM
also from those of the same server right below it.
"""

from dataclasses import dataclass
from typing import Any

from engine.connectors.email.message import headers
from engine.connectors.email.message.addresses import domain_of

_METHODS = ("dmarc", "spf", "dkim")
_RESULTS = {
    "none", "pass", "fail", "softfail", "neutral", "policy", "temperror", "permerror", "bestguesspass", "hardfail",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """Results in the words of RFC 8601, `none` where no trusted server says anything. `aligned`: the From domain is proven."""

    dmarc: str = "none"
    spf: str = "none"
    dkim: str = "none"
    aligned: bool = False


def auth_of(head: headers.Head, author: str, trusted: str) -> Auth:
    """The results for a letter by `author`. With no trusted receiver everything is none."""
    if not trusted:
        return Auth()
    verdicts: dict[str, str] = {}
    aligned = False
    for place, (results, domains) in enumerate(_trusted(head, trusted)):
        for method in _METHODS:
            if method in results and (place == 0 or method != "dmarc"):
                verdicts.setdefault(method, results[method])
        if place == 0 and results.get("dmarc") == "pass":
            aligned = _covers(domains.get("dmarc", ""), domain_of(author))
    return Auth(**verdicts, aligned=aligned)


def _covers(proven: str, domain: str) -> bool:
    """Whether a result for `proven` speaks for `domain`: the same, or a parent domain."""
    return bool(proven and domain) and (domain == proven or domain.endswith(f".{proven}"))


def _trusted(head: headers.Head, trusted: str) -> list[tuple[dict[str, str], dict[str, str]]]:
    """(results, domains) of the run of trusted headers that begins with the topmost one; empty when that is another's."""
    places = [at for at, (name, _) in enumerate(head.fields) if name == "authentication-results"]
    run = []
    for at, nth in zip(places, range(places[0], places[0] + len(places)) if places else (), strict=True):
        if at != nth:
            break
        parsed = _parsed(headers.unfolded(head.fields[at][1]), trusted)
        if parsed is None:
            break
        run.append(parsed)
    return run


def _parsed(value: str, trusted: str) -> tuple[dict[str, str], dict[str, str]] | None:
    """(method → result, method → proven domain) of one header by the trusted receiver; None for another server's."""
    import authres

    try:
        header: Any = authres.AuthenticationResultsHeader.parse_value(value)
    except (authres.AuthResError, ValueError, AttributeError, TypeError, IndexError):
        return None
    if str(header.authserv_id or "").lower() != trusted.lower():
        return None
    results: dict[str, str] = {}
    domains: dict[str, str] = {}
    for authentication in header.results:
        method, result = str(authentication.method).lower(), str(authentication.result or "none").lower()
        if method not in _METHODS or result not in _RESULTS:
            continue
        # Several signatures: one that holds is enough, as it is for DMARC.
        if method not in results or (result == "pass" and results[method] != "pass"):
            results[method] = result
            domains[method] = _domain(authentication)
    return results, domains


def _domain(result: Any) -> str:
    for property_ in result.properties:
        if (str(property_.type).lower(), str(property_.name).lower()) == ("header", "from"):
            return str(property_.value or "").rpartition("@")[2].strip().lower().rstrip(".")
    return ""
