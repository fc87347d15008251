"""Letters over a real socket: what is sent is what was frozen, and what is not known is said."""

import socket
import ssl
import threading
import warnings
from contextlib import contextmanager

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from engine.connectors.email.message.mime_writer import undated
from engine.connectors.email.sending import smtp
from engine.connectors.email.sending.smtp import SmtpServer, reach, server_of
from engine.model.definitions.actions import EffectClass
from engine.model.definitions.settings import SecretRef
from engine.model.errors import PermanentError, TransientError, UnknownOutcome
from tests.contract.certificates import self_made
from tests.contract.world import LETTER, TEMPLATE, Secrets, World, call, effect

BODY = "Grüße\n.\n.. two dots\n\nFrom here\n"


class Keeper:
    """A server that keeps what it takes and answers as told."""

    def __init__(self, *, rcpt="250 OK", data="250 OK"):
        self.rcpt, self.data = rcpt, data
        self.taken = []

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server, session, envelope):
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        return self.data


@contextmanager
def serving(keeper, **options):
    with warnings.catch_warnings():
        # The library warns about its own `loop` argument and about AUTH without TLS.
        warnings.simplefilter("ignore")
        controller = Controller(keeper, hostname="127.0.0.1", port=free_port(), **options)
        controller.start()
        try:
            yield controller.port
        finally:
            controller.stop()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def script(*answers, close_after_data=False, after_data=b""):
    """A server of raw lines: one answer per line it is sent; after DATA it reads to the end and then closes or answers."""
    listening = socket.create_server(("127.0.0.1", 0))
    heard = []

    def run():
        connection, _ = listening.accept()
        with connection, connection.makefile("rwb") as wire:
            left = list(answers)
            wire.write(b"220 ready\r\n")
            wire.flush()
            while left and (line := wire.readline()):
                heard.append(line)
                wire.write(left.pop(0))
                wire.flush()
                if line.upper().startswith(b"DATA") and (close_after_data or after_data):
                    while (content := wire.readline()) and content != b".\r\n":
                        heard.append(content)
                    wire.write(after_data)
                    wire.flush()
                    return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1], heard
    finally:
        listening.close()
        thread.join(5)


def world_at(tmp_path, port, **more):
    world = World(tmp_path, email={"host": "127.0.0.1", "port": port, "tls": "none", **more})
    # As each start of a workspace makes it: one that is gone was lost.
    (world.root / "outbox").mkdir(exist_ok=True)
    world.drop("01.eml", LETTER)
    return world


def reply(world, body=BODY, step="step"):
    letters = world.wired().connectors["email"]
    event = next(one.event for one in world.arrivals() if not one.ignored)
    asked = call("email/reply", {"body": body}, trigger=event, step=step)
    return effect(asked, letters.preview(asked), kind=EffectClass.OPAQUE)


def letters(world):
    return world.wired().connectors["email"]


def kept(world, sub=""):
    folder = world.root / "outbox" / sub
    return sorted(path.name for path in folder.glob("*.eml")) if folder.is_dir() else []


def test_exactly_the_frozen_bytes_arrive_once(tmp_path):
    keeper = Keeper()
    with serving(keeper) as port:
        world = world_at(tmp_path, port)
        one = reply(world)
        assert letters(world).find(one) is None
        done = letters(world).perform(one)
        again = letters(world).perform(one)
    ((sender, recipients, content),) = keeper.taken
    assert sender == "robin@example.com"
    assert recipients == ["ada@winterlight.example.com"]
    assert undated(content) == one.preview.body
    assert (done.outputs["sent"], done.repeated, again.repeated) == (True, False, True)
    assert kept(world) == []
    assert len(kept(world, "sent")) == 1
    assert kept(world, "sending") == []
    assert letters(world).find(one).outputs == done.outputs


def test_actions_are_opaque(tmp_path):
    assert {spec.kind for spec in letters(world_at(tmp_path, 25)).declare()} == {EffectClass.OPAQUE}


def test_a_connection_lost_after_the_content_began_is_unknown_and_is_never_tried_again(tmp_path):
    answers = (b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n")
    with script(*answers, close_after_data=True) as (port, heard):
        world = world_at(tmp_path, port)
        one = reply(world)
        with pytest.raises(UnknownOutcome) as error:
            letters(world).perform(one)
    assert error.value.code == "smtp-lost"
    assert b".. two dots" in b"".join(heard)
    assert len(kept(world, "sending")) == 1
    for question in (letters(world).find, letters(world).perform):
        with pytest.raises(UnknownOutcome):
            question(one)


def test_a_real_server_that_drops_the_connection_is_unknown(tmp_path):
    class Dropper(Keeper):
        async def handle_DATA(self, server, session, envelope):
            self.taken.append(envelope.original_content)
            server.transport.abort()
            return "250 OK"

    keeper = Dropper()
    with serving(keeper) as port:
        world = world_at(tmp_path, port)
        one = reply(world)
        with pytest.raises(UnknownOutcome):
            letters(world).perform(one)
    assert [undated(body) for body in keeper.taken] == [one.preview.body]


@pytest.mark.parametrize(
    ("keeper", "error"),
    [
        (Keeper(rcpt="451 later"), TransientError),
        (Keeper(rcpt="550 no such user"), PermanentError),
        (Keeper(data="452 disk full"), TransientError),
        (Keeper(data="554 looks like spam"), PermanentError),
        (Keeper(data="421 going down"), TransientError),
    ],
)
def test_an_answer_is_an_answer(tmp_path, keeper, error):
    with serving(keeper) as port:
        world = world_at(tmp_path, port)
        one = reply(world)
        with pytest.raises(error) as raised:
            letters(world).perform(one)
        assert not isinstance(raised.value, UnknownOutcome)
        assert raised.value.now_true == "the letter was not sent"
        assert letters(world).find(one) is None
        keeper.rcpt = keeper.data = "250 OK"
        assert letters(world).perform(one).outputs["sent"]


def test_nobody_there_is_tried_again(tmp_path):
    world = world_at(tmp_path, free_port())
    one = reply(world)
    with pytest.raises(TransientError) as error:
        letters(world).perform(one)
    assert error.value.code == "smtp-unreachable"
    assert letters(world).find(one) is None


@pytest.mark.parametrize(
    "answers",
    [
        (),
        (b"250 hello\r\n",),
        (b"250 hello\r\n", b"250 ok\r\n"),
        (b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n"),
    ],
)
def test_a_connection_lost_before_the_content_is_certainly_not_sent(tmp_path, answers):
    with script(*answers) as (port, _):
        world = world_at(tmp_path, port)
        one = reply(world)
        with pytest.raises(TransientError):
            letters(world).perform(one)
        assert letters(world).find(one) is None


def test_a_server_that_turns_us_away_at_the_door_says_nothing_about_the_letter(tmp_path):
    """It waits, as when nobody is there."""
    listening = socket.create_server(("127.0.0.1", 0))

    def run():
        connection, _ = listening.accept()
        connection.sendall(b"554 go away\r\n")
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    world = world_at(tmp_path, listening.getsockname()[1])
    with pytest.raises(TransientError, match="554 go away"):
        letters(world).perform(reply(world))
    thread.join()
    listening.close()


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (b"451 later\r\n", TransientError),
        (b"421 closing\r\n", TransientError),
        (b"452 full\r\n", TransientError),
        (b"554 spam\r\n", PermanentError),
        (b"354 what?\r\n", UnknownOutcome),
        (b"nonsense\r\n", UnknownOutcome),
    ],
)
def test_only_4yz_and_5yz_to_the_final_dot_say_that_the_letter_was_not_taken(tmp_path, last, error):
    answers = (b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n")
    with script(*answers, after_data=last) as (port, _):
        world = world_at(tmp_path, port)
        one = reply(world)
        with pytest.raises(error):
            letters(world).perform(one)
        if error is UnknownOutcome:
            with pytest.raises(UnknownOutcome):
                letters(world).find(one)
        else:
            assert letters(world).find(one) is None


def test_a_claim_holds_for_letters_under_way(tmp_path):
    answers = (b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n")
    with script(*answers, close_after_data=True) as (port, _):
        world = world_at(tmp_path, port)
        event = world.arrivals()[0].event
        first, second = (
            effect(asked, letters(world).preview(asked))
            for asked in (
                call("email/acknowledge", {"template": TEMPLATE}, trigger=event, step=step) for step in "ab"
            )
        )
        with pytest.raises(UnknownOutcome):
            letters(world).perform(first)
        assert not letters(world).perform(second).outputs["sent"]


# -- addresses outside of ASCII ----------------------------------------------------------------------------------------


JOERG = LETTER.replace(b"Ada Winter <ada@", "Jörg Østby <jörg@".encode())


def joergs(world, action="email/reply", args=None):
    world.drop("01.eml", JOERG)
    asked = call(action, args or {"body": "Grüße!"}, trigger=world.arrivals()[0].event)
    return effect(asked, letters(world).preview(asked))


def test_an_address_in_utf8_is_answered_where_the_server_offers_it(tmp_path):
    keeper = Keeper()
    with serving(keeper, enable_SMTPUTF8=True) as port:
        world = world_at(tmp_path, port)
        one = joergs(world)
        assert one.preview.warnings == ()
        assert letters(world).perform(one).outputs["to"] == "jörg@winterlight.example.com"
    ((sender, to, content),) = keeper.taken
    assert (sender, to) == ("robin@example.com", ["jörg@winterlight.example.com"])
    assert undated(content) == one.preview.body
    assert " <jörg@winterlight.example.com>".encode() in content
    assert letters(world).find(one) is not None


def test_where_it_does_not_the_card_says_so_and_nothing_leaves(tmp_path):
    keeper = Keeper()
    with serving(keeper, enable_SMTPUTF8=False) as port:
        world = world_at(tmp_path, port)
        one = joergs(world)
        (said,) = (line for line in one.preview.warnings if "SMTPUTF8" in line)
        assert said.startswith("127.0.0.1 does not offer SMTPUTF8: nothing can leave for jörg@winterlight.")
        assert said.endswith("from here, so answer from another mail program")
        with pytest.raises(PermanentError) as error:
            letters(world).perform(one)
        assert (error.value.code, error.value.now_true) == ("smtp-no-utf8", "the letter was not sent")
        assert letters(world).find(one) is None
        # Fixed words keep nothing from going on.
        automatic = joergs(world, "email/acknowledge", {"template": TEMPLATE})
        stayed = letters(world).perform(automatic)
        assert stayed.outputs["sent"] is False
        # What did not leave is not missed in the outbox.
        assert stayed.provider_id == ""
    assert keeper.taken == []
    assert kept(world, "sending") == []


def test_whether_it_does_can_be_unknown(tmp_path):
    one = joergs(world_at(tmp_path, free_port()))
    assert any("whether 127.0.0.1 does is not known" in line for line in one.preview.warnings)


def test_a_phones_odd_dots_are_quoted_on_the_way(tmp_path):
    keeper = Keeper()
    with serving(keeper) as port:
        world = world_at(tmp_path, port)
        world.drop("01.eml", LETTER.replace(b"<ada@", b"<ada.@"))
        asked = call("email/reply", {"body": "Hello"}, trigger=world.arrivals()[0].event)
        one = effect(asked, letters(world).preview(asked))
        letters(world).perform(one)
    ((_, to, content),) = keeper.taken
    # The server of these tests takes the quotes off.
    assert to == ["ada.@winterlight.example.com"]
    assert b'<"ada."@winterlight.example.com>' in content


# -- secrets and TLS ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return self_made(tmp_path_factory.mktemp("tls"))


def server_side(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def send(server, secrets, body=b"Subject: x\r\n\r\nhello\r\n"):
    smtp.transmit(
        server, secrets, sender="robin@example.com", to="ada@example.org", body=body, begin=lambda: True
    )


def secure(port, certificate, **more):
    return SmtpServer(
        host="localhost",
        port=port,
        tls="starttls",
        user="robin",
        password=SecretRef(name="MAIL"),
        context=lambda: ssl.create_default_context(cafile=certificate),
        **more,
    )


def test_logs_in_over_starttls_with_the_secret_asked_for_only_now(certificate):
    tried = []

    def authenticate(server, session, envelope, mechanism, data):
        tried.append((data.login, data.password))
        return AuthResult(success=data.password == b"hunter2", handled=False)

    keeper = Keeper()
    options = {
        "tls_context": server_side(certificate),
        "require_starttls": True,
        "authenticator": authenticate,
    }
    with serving(keeper, **options, auth_required=True) as port:
        secrets = Secrets(MAIL="hunter2")
        send(secure(port, certificate), secrets)
        assert secrets.asked == ["MAIL"]
        with pytest.raises(TransientError) as error:
            send(secure(port, certificate), Secrets(MAIL="wrong-s3cret"))
    assert len(keeper.taken) == 1
    assert tried[0] == (b"robin", b"hunter2")
    assert error.value.code == "smtp-refused-login"
    assert "wrong-s3cret" not in str(error.value)


def test_a_server_nobody_vouches_for_gets_no_password(certificate):
    keeper = Keeper()
    with serving(keeper, tls_context=server_side(certificate)) as port:
        server = SmtpServer(
            host="localhost", port=port, tls="starttls", user="r", password=SecretRef(name="MAIL")
        )
        with pytest.raises(TransientError) as error:
            send(server, Secrets(MAIL="hunter2"))
    assert error.value.code == "smtp-unsafe"
    assert keeper.taken == []


def test_a_server_without_tls_is_not_spoken_to(certificate):
    keeper = Keeper()
    with serving(keeper) as port, pytest.raises(TransientError) as error:
        send(secure(port, certificate), Secrets(MAIL="hunter2"))
    assert error.value.code == "smtp-unsafe"
    assert keeper.taken == []


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "h", "tls": "maybe"},
        {"host": "h", "port": "x"},
        {"host": "h", "port": 0},
        {"host": "h", "password": "hunter2"},
        {"host": "h", "tls": "none", "password": SecretRef(name="MAIL")},
        {"host": 7},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(PermanentError) as error:
        server_of(settings)
    assert error.value.code == "setting"
    assert "hunter2" not in str(error.value)


def test_settings():
    assert server_of({}) is None
    assert server_of({"mailboxes": {"leads": "x"}}) is None
    found = server_of({"host": "h", "user": "u", "password": SecretRef(name="MAIL")})
    assert found is not None
    assert (found.port, found.tls) == (587, "starttls")
    implicit = server_of({"host": "h", "tls": "ssl"})
    assert implicit is not None
    assert implicit.port == 465


def test_nothing_leaves_when_it_turns_out_superfluous_at_the_last_moment():
    keeper = Keeper()
    with serving(keeper) as port:
        server = SmtpServer(host="127.0.0.1", port=port, tls="none")
        left = smtp.transmit(
            server, Secrets(), sender="a@example.com", to="b@example.com", body=b"x\r\n", begin=lambda: False
        )
    assert not left
    assert keeper.taken == []


def test_a_letter_is_noted_as_leaving_only_when_the_server_is_ready_for_it(tmp_path):
    noted = []

    class Watching(Keeper):
        async def handle_RCPT(self, server, session, envelope, address, options):
            noted.append(kept(world, "sending"))
            return await super().handle_RCPT(server, session, envelope, address, options)

        async def handle_DATA(self, server, session, envelope):
            noted.append(kept(world, "sending"))
            return await super().handle_DATA(server, session, envelope)

    with serving(Watching()) as port:
        world = world_at(tmp_path, port)
        letters(world).perform(reply(world))
    before, under_way = noted
    assert (before, len(under_way)) == ([], 1)


def test_a_refused_password_is_no_fault_of_the_letter():
    """It may be mended: the letter certainly did not leave, and the password is not repeated."""
    refused = b"535 5.7.8 hunter2 is wrong\r\n"
    answers = [b"250-localhost\r\n250 AUTH PLAIN\r\n", refused, refused, b"221 bye\r\n"]
    with script(*answers) as (port, heard):
        server = SmtpServer(
            host="127.0.0.1", port=port, tls="none", user="robin", password=SecretRef(name="MAIL"), seconds=5
        )
        with pytest.raises(TransientError) as error:
            reach(server, Secrets(MAIL="hunter2"), sender="robin@example.com")
    assert error.value.message == "127.0.0.1 refused robin or its password: 535 5.7.8 … is wrong"
    assert error.value.way_out.endswith("steward secrets set MAIL")
    assert not [line for line in heard if line.upper().startswith((b"MAIL", b"RCPT", b"DATA"))]
