"""What gateways make of links says nothing about whether two letters are the same; where they lead does."""

import base64
from collections.abc import Callable
from urllib.parse import quote

import pytest

from engine.model.text.similarity import same

SHOP = "https://shop.example/list?id=7&name=b%20c"
BANK = "https://bank.example/login"


def b64(text):
    return base64.b64encode(text.encode()).decode()


def proofpoint_2(link):
    return quote(link, safe="").replace("_", "%5F").replace("-", "-2D").replace("%", "-").replace("-2F", "_")


GATEWAYS: dict[str, Callable[[str], str]] = {
    "Safe Links": lambda link: f"https://eur01.safelinks.protection.outlook.com/?url={quote(link, safe='')}&data=05%7C02%7Crobin&sdata=Ab%3D&reserved=0",
    "Safe Links of a government": lambda link: f"https://usg01.safelinks.protection.office365.us/?url={quote(link, safe='')}&data=x",
    "Proofpoint 1": lambda link: f"https://urldefense.proofpoint.com/v1/url?u={quote(link, safe='')}&k=oIvRg1&r=2&m=3&s=4",
    "Proofpoint 2": lambda link: f"https://urldefense.proofpoint.com/v2/url?u={proofpoint_2(link)}&d=DwMFaQ&c=euGZ&e=",
    "Proofpoint 3": lambda link: f"https://urldefense.com/v3/__{link.replace('&', '*').replace('%', '*')}__;{b64(''.join(one for one in link if one in '&%')).rstrip('=')}!!KEc8uF!HL4oAiHZ$",
    "Barracuda": lambda link: f"https://linkprotect.cudasvc.com/url?a={quote(link, safe='').lower()}&c=E,1,xyz&typo=1",
    "Google": lambda link: f"https://www.google.com/url?q={quote(link, safe='')}&source=gmail&ust=17000&usg=AOv",
    "Google elsewhere": lambda link: f"https://www.google.co.uk/url?sa=D&url={quote(link, safe='')}",
    "Sophos": lambda link: f"https://eu-west-1.protection.sophos.com?d=shop.example&u={quote(b64(link))}&i=NjA4&t=N25&h=0d",
    "Cisco": lambda link: f"https://secure-web.cisco.com/1EH1B-CLV31/{quote(link, safe='')}",
    "Symantec": lambda link: f"https://clicktime.symantec.com/15tAbc?h=x&u={quote(link, safe='')}",
    "FireEye": lambda link: f"https://protect2.fireeye.com/v1/url?k=1&q=1&e=2&u={quote(link, safe='')}",
    "Trend Micro": lambda link: f"https://ca-1234.ctp.trendmicro.com:443/wis/clicktime/v1/query?url={quote(link, safe='')}&umid=1",
    "Check Point": lambda link: f"https://url.avanan.click/v2/r01/___{link}___.YXAzOnNhcm",
    "Check Point, its slashes taken for a path's": lambda link: f"https://url.avanan.click/v2/___{link.replace('//', '/')}___.YXAz",
    "Hornetsecurity": lambda link: f"https://atpscan.global.hornetsecurity.com?d=1&s=2&u={quote(link, safe='')}",
    "two in a row": lambda link: GATEWAYS["Safe Links"](GATEWAYS["Proofpoint 3"](link)),
}  # fmt: skip
OPAQUE = {
    "Mimecast": "https://protect-us.mimecast.com/s/0wSdCVON0gczLDq1?domain=shop.example",
    "Mimecast elsewhere": "https://url.uk.m.mimecastprotect.com/s/AbC?domain=shop.example",
    "Inky": "https://shared.outlook.inky.com/link?domain=shop.example&t=h.eJx",
}


def of(link, text="Please look at {0}, and at the second page.\n\nWe start in May."):
    return {"subject": "Quote", "text": text.format(link)}


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize("text", ["See {0}.", "See <{0}> and\n{0}", "See our list ({0})", "> {0}\n> it is"])
def test_a_link_that_a_gateway_rewrote_is_the_same(gateway, text):
    rewritten = GATEWAYS[gateway]
    assert same(of(rewritten(SHOP), text), of(SHOP, text))
    assert same(of(SHOP, text), of(rewritten(SHOP), text))
    assert same(of(rewritten(SHOP), text), of(GATEWAYS["Google"](SHOP), text))


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_another_target_is_another_letter(gateway):
    rewritten = GATEWAYS[gateway]
    assert not same(of(rewritten(BANK)), of(SHOP))
    assert not same(of(SHOP), of(rewritten(BANK)))
    assert not same(of(rewritten(SHOP.replace("7", "8"))), of(rewritten(SHOP)))


@pytest.mark.parametrize(
    ("rewritten", "link"),
    [
        ("https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fshop.example%2F&data=1", "https://shop.example"),
        ("https://eur01.safelinks.protection.outlook.com/?url=http%3A%2F%2Fwww.shop.example%2F&data=1", "www.shop.example"),
        ("https://www.google.com/url?q=https://shop.example:443/a", "https://Shop.example/a"),
        (f"https://urldefense.com/v3/__https://shop.example:443/a*b**Bc__;{b64('#äüö')}!!x!y$", "https://shop.example/a#bäüöc"),
        ("https://shop.example/a <https://www.google.com/url?q=https://shop.example/a>", "https://shop.example/a"),
        ("https://www.google.com/url?q=https%3A%2F%2Fshop.example%2Fa", "https://shop.example/a <https://shop.example/a>"),
    ],
)  # fmt: skip
def test_what_says_nothing_about_where_it_leads(rewritten, link):
    assert same(of(rewritten), of(link))


@pytest.mark.parametrize("link", OPAQUE.values(), ids=OPAQUE)
def test_where_only_the_domain_is_left_it_stands_for_a_link_that_is_known_and_not_the_other_way(link):
    assert same(of(link), of(SHOP))
    assert same(of(link), of("https://www.shop.example"))
    assert not same(of(link), of(BANK))
    assert not same(of(link), of("https://shop.example.evil.example/"))
    assert not same(of(link), of(SHOP, "Please look at {0}, and pay at the second page.\n\nWe start in May."))
    # Who holds the less telling letter is shown the other one.
    assert not same(of(SHOP), of(link))
    assert same(of(link), of(link))
    assert not same(of(link.replace("shop", "bank")), of(link))
    assert not same(of(link + "1"), of(link))


@pytest.mark.parametrize(
    "link",
    [
        "https://eur01.safelinks.protection.outlook.com.evil.example/?url=https%3A%2F%2Fshop.example%2Flist",
        "https://eur01.safelinks.protection.outlook.com@evil.example/?url=https%3A%2F%2Fshop.example%2Flist",
        "https://evil.example/?url=https%3A%2F%2Fshop.example%2Flist",
        "https://www.google.com/search?q=https%3A%2F%2Fshop.example%2Flist",
        "https://www.google.com/url?q=https%3A%2F%2Fshop.example%2Flist&q=https%3A%2F%2Fevil.example",
        "https://google.evil.example/url?q=https://shop.example/list",
        "https://www.google.com/url?q=javascript:alert(1)",
        "https://urldefense.com/v3/__https://shop.example/list",
        "https://eu-west-1.protection.sophos.com?d=shop.example&u=%%%",
        "https://protect-us.mimecast.com/s/x?domain=shop.example/list)|(.*",
        "https://[shop.example/list",
        "\x01shop.example/list\x02x",
    ],
)
def test_what_only_looks_like_a_gateways_link(link):
    assert not same(of(link), of("https://shop.example/list"))
    assert same(of(link), of(link))


def test_a_letter_of_links_costs_a_moment():
    many = " ".join(GATEWAYS["Safe Links"](f"{SHOP}{n}") for n in range(500))
    assert same(of(many), of(" ".join(f"{SHOP}{n}" for n in range(500))))
    odd = "https://www.google.com/url?q=" * 5_000
    assert same(of(odd), of(odd))
