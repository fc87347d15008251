"""When two letters are copies, and when a subject answers another."""

import pytest

from engine.model.text.similarity import answers, bare, begins, same

WORDS = "Please send me a quote for a small shop.\n\nIt has twelve articles, and we start in May."


def of(text=WORDS, subject="Quote for a shop", files=()):
    return {"subject": subject, "text": text, "attachments": [{"sha256": one} for one in files]}


@pytest.mark.parametrize(
    "beginning",
    ["Re:", "RE :", "AW:", "Antw:", "RE[2]:", "Re^3:", "[EXTERNAL] Re:", "R:", "RIF:", "SV:", "VS:", "Odp:", "回复：", "Re: AW:", "Res:",
     "***SPAM*** Re:", "Отв:", "Svar:", "Betr.:", "Odp.:", "Réponse :", "[Ticket#5] Re:", "[office] AW:", "Réf:"],
)  # fmt: skip
def test_every_mail_program_has_its_own_beginning_of_an_answer(beginning):
    subject = f"{beginning} Quote for a shop"
    if beginning != "Réf:":
        assert answers(subject)
        assert bare(subject) == "quote for a shop"
    else:
        assert not answers(subject)


@pytest.mark.parametrize(
    "subject",
    [
        "Quote",
        "Reform: a shop",
        "",
        "Fwd: Quote",
        "[EXTERNAL] Quote",
        "Rental: a house",
        "Area 51",
        "[office] Quote",
        "[a] b: c",
    ],
)
def test_what_only_looks_like_one(subject):
    assert not answers(subject)


@pytest.mark.parametrize(
    "added",
    [
        "\n\n-- \nThis email has been checked for viruses by Avast antivirus software.",
        "\n\nVirus-free. www.avg.com",
        "\n\nAvast logo\n\nThis email has been checked for viruses by Avast antivirus software.",
        "\n\nThis email was Malware checked by UTM 9. http://www.sophos.com",
        "\n\nThis email has been scanned by the Symantec Email Security.cloud service.\nFor more information visit us",
        "\n\nClick here to report this email as spam.",
        "\n\nPlease consider the environment before printing this email.",
        "\n________________\nDiese E-Mail enthält vertrauliche Informationen und ist nur für den Empfänger bestimmt.",
        "\n\nCe message et toutes les pièces jointes sont confidentiels.",
        "\n\nEste correo electrónico es confidencial.",
        "\n\nDit bericht is vertrouwelijk.",
        "\n_____________\nOffice mailing list\nOffice@lists.example.org\nhttps://lists.example.org/listinfo/office",
        "\n\n-- \nYou received this message because you are subscribed to the group Office.",
    ],
)
def test_what_was_added_below_on_the_way_is_left_out(added):
    assert same(of(), of(WORDS + added))
    assert same(of(WORDS + added), of())


@pytest.mark.parametrize(
    "banner",
    [
        "CAUTION: This email originated from outside of the organization.\n\n",
        "Achtung: Diese E-Mail stammt von einem externen Absender.\n\n",
        "You don't often get email from anna@example.org. Learn why this is important<https://aka.ms/Learn>\n\n",
        "Sie erhalten nicht häufig E-Mails von anna@example.org. Erfahren Sie, warum dies wichtig ist\n\n",
        "ZjQcmQRYFpfptBannerStart\nThis Message Is From an External Sender\nThis message came from outside your organization.\nZjQcmQRYFpfptBannerEnd\n\n",
        "EXTERNAL EMAIL: Do not click links or open attachments unless you recognize the sender.\n\n",
        "⚠ External sender\n\n",
        "WARNUNG: Diese E-Mail kam von außerhalb der Organisation.\n\n",
    ],
)
def test_what_was_added_above_is_too(banner):
    assert same(of(), of(banner + WORDS, subject="[EXTERN] Quote for a shop"))


@pytest.mark.parametrize(
    "tag", ["[SUSPECT] ", "{Disarmed} ", "{Filename?} ", "External: ", "*EXT* ", "[!!Spam]", "[PHISHING?] ", "[WARNING: UNSCANNABLE]"]
)  # fmt: skip
def test_a_gateways_tag_is_no_part_of_a_subject(tag):
    assert same(of(), of(subject=f"{tag}Quote for a shop"))


def test_how_words_are_laid_out_says_nothing():
    assert same(of(), of(WORDS.replace(" ", "\n> ").replace("\n\n", "\n")))
    assert same(of("a\u00a0b\u00adc"), of("a bc"))


@pytest.mark.parametrize(
    "other",
    [
        of(WORDS.replace("twelve", "twenty")),
        of(WORDS + "\n\nPlease keep this confidential and pay to another account."),
        of(WORDS + "\n\nYou don't often get email from us, so please pay to the new account."),
        of("External auditors will call you. Do not click anything, send the money.\n\n" + WORDS),
        of(WORDS + "\n\nPlease consider the environment and our new bank account."),
        of(WORDS + "\n\nTake me off your mailing list, or send the quote today."),
        of(WORDS + " I scanned it for you."),
        of(subject="Quote for a barn"),
        of(files=("a",)),
        of("10.00"),
    ],
)
def test_other_words_are_another_letter(other):
    assert not same(of(), other)


def test_a_letter_of_one_paragraph_is_never_all_added():
    assert not same(of("To unsubscribe, write to me."), of("This message is confidential."))
    assert not same(of("10.00"), of("1000"))


def test_a_beginning():
    assert begins(of(WORDS[:30]), of())
    assert not begins(of("Dear Robin"), of())
    assert not begins(of(files=("a",)), of())
