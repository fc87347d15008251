import base64
import threading

import pytest

from engine.ledger import Keys, SealedBlobs
from engine.model.errors import EngineError, LedgerError, PermanentError
from engine.model.requests import Decided, Request
from tests.unit.ledger.conftest import AT

SECRET = "Anna Österreicher wants 4711 chairs"


def raw(state) -> bytes:
    return b"\0".join(path.read_bytes() for path in sorted(state.path.rglob("*")) if path.is_file())


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        1.5,
        "",
        "ü\n",
        [1, [2]],
        {"b": {"a": None}},
        "x" * 65_000,
        "y" * 70_000,
        {"z": "z" * 500_000},
    ],
)
def test_a_value_comes_back_also_from_the_disk(open_house, value):
    house = open_house()
    subject = house.keys.subject("anna@example.com")
    id_ = house.outcome(value, subject)
    assert house.ledger.unseal(id_) == value
    house.close()
    assert open_house().ledger.unseal(id_) == value


@pytest.mark.parametrize("data", [b"", b"\x00\xff", b"x" * 1_000_000])
def test_bytes_come_back_as_bytes(open_house, data):
    house = open_house()
    id_ = house.outcome(data)
    assert house.ledger.unseal_bytes(id_) == data
    house.close()
    assert open_house().ledger.unseal_bytes(id_) == data


def test_bytes_are_not_taken_for_data(house):
    with pytest.raises(LedgerError, match="holds bytes"):
        house.ledger.unseal(house.outcome(b"\xff"))


def test_a_value_can_be_read_before_it_is_committed(house):
    assert house.ledger.unseal(house.ledger.seal({"a": 1})) == {"a": 1}
    assert house.ledger.unseal(house.ledger.seal("z" * 100_000)) == "z" * 100_000


def test_one_value_of_one_subject_is_stored_once_and_of_two_subjects_twice(house):
    anna, berta = house.keys.subject("anna"), house.keys.subject("berta")
    assert house.outcome("same", anna) == house.outcome("same", anna)
    assert house.outcome("same", anna) != house.outcome("same", berta)


def test_what_a_caller_does_to_a_value_stays_with_the_caller(house):
    id_ = house.outcome({"a": []})
    house.ledger.unseal(id_)["a"].append(1)
    assert house.ledger.unseal(id_) == {"a": []}


def test_a_missing_value_is_an_error_of_the_ledger(house):
    with pytest.raises(LedgerError, match="missing"):
        house.ledger.unseal("0" * 64)


def test_no_personal_text_can_be_read_from_any_file(house):
    anna = house.keys.subject("anna.oe@example.com")
    house.outcome({"text": SECRET}, anna)
    house.outcome({"text": SECRET, "pad": "p" * 100_000}, anna)
    house.outcome({"text": SECRET})
    SealedBlobs(house.state, house.keys).put(SECRET.encode() * 10, anna)
    house.keys.put_secret("passphrase", SECRET.encode())
    house.ledger.ask(
        Request(id="r1", kind="edit", actor="operator", channel="terminal", body={"text": SECRET}), anna
    )
    house.steps(1)
    house.ledger.append(
        [], at=AT, durable=True,
        answers=[Decided(request="r1", verdict="accepted", message=SECRET)],
    )  # fmt: skip

    found = raw(house.state)
    assert (house.state.path / "ledger.db-wal").exists()
    for text in (SECRET, "Österreicher", "4711 chairs", "anna.oe", "example.com"):
        for form in (
            text.encode(),
            text.encode("utf-16-le"),
            base64.b64encode(text.encode())[:-4],
            text.encode().hex().encode(),
        ):
            assert form not in found
    # The detector does find what is there in clear.
    assert b"step.started" in found
    house.ledger.keep(SECRET.encode())
    house.ledger.flush()
    assert SECRET.encode() in raw(house.state)


def test_erasing_a_person_leaves_the_chain_whole_and_the_values_unreadable(open_house):
    house = open_house()
    anna, berta = house.keys.subject("anna"), house.keys.subject("berta")
    small, large = house.outcome("small", anna), house.outcome("l" * 100_000, anna)
    other = house.outcome("other", berta)
    blobs = SealedBlobs(house.state, house.keys)
    handle = blobs.put(b"letter", anna)
    assert house.ledger.unseal(small) == "small"  # and now lies in the cache

    house.ledger.erase(anna)
    house.ledger.erase(anna)

    assert_erased(house, anna, small, large, handle)
    assert house.ledger.unseal(other) == "other"
    house.close()
    house = open_house()
    assert_erased(house, anna, small, large, handle)
    assert house.ledger.unseal(other) == "other"


def assert_erased(house, subject, small, large, handle) -> None:
    blobs = SealedBlobs(house.state, house.keys)
    for use in (
        lambda: house.ledger.unseal(small),
        lambda: house.ledger.unseal(large),
        lambda: house.ledger.seal("more", subject),
        lambda: house.ledger.commitment(b"", subject),
        lambda: house.keys.identity(subject),
        lambda: blobs.get(handle),
        lambda: blobs.put(b"", subject),
    ):
        with pytest.raises(PermanentError) as refused:
            use()
        assert refused.value.code == "erased"
    assert house.ledger.verify().ok
    assert not (house.state.blobs / subject).exists()


def test_an_old_key_backup_does_not_bring_an_erased_person_back(open_house):
    house = open_house()
    anna = house.keys.subject("anna")
    id_ = house.outcome("text", anna)
    house.close()
    backup = house.state.keys.read_bytes()
    house = open_house()
    house.ledger.erase(anna)
    house.close()
    house.state.keys.write_bytes(backup)

    house = open_house()

    with pytest.raises(PermanentError) as refused:
        house.ledger.unseal(id_)
    assert refused.value.code == "erased"
    assert house.keys.erased(anna)


def test_the_key_of_an_erased_person_is_gone_from_the_file(house):
    anna = house.keys.subject("anna")
    key = house.keys.key(anna)
    assert key in house.state.keys.read_bytes()
    house.ledger.erase(anna)
    assert key not in house.state.keys.read_bytes()


def test_a_person_who_comes_back_is_somebody_new(house):
    anna = house.keys.subject("anna")
    house.ledger.erase(anna)
    again = house.keys.subject("anna")
    assert again != anna
    assert house.ledger.unseal(house.outcome("new", again)) == "new"


def test_a_subject_the_store_never_had_is_not_called_erased(house):
    with pytest.raises(PermanentError, match="no key") as refused:
        house.ledger.seal("x", "f" * 32)
    assert refused.value.code == "no-key"
    assert "backup" in refused.value.way_out


def test_commitments_are_the_same_for_one_subject_and_different_between_two(house):
    anna, berta = house.keys.subject("anna"), house.keys.subject("berta")
    one = house.ledger.commitment(b"bytes", anna)
    assert one == house.ledger.commitment(b"bytes", anna)
    assert (
        len(
            {
                one,
                house.ledger.commitment(b"bytes", berta),
                house.ledger.commitment(b"bytes"),
                house.ledger.commitment(b"other", anna),
            }
        )
        == 4
    )
    assert len(one) == 64


def test_values_may_be_read_from_other_threads_while_events_are_appended(house):
    ids = [house.outcome({"n": n}) for n in range(50)] + [house.outcome("x" * 70_000)]
    wrong: list[BaseException] = []

    def read() -> None:
        try:
            for n, id_ in enumerate(ids[:50] * 4):
                assert house.ledger.unseal(id_) == {"n": n % 50}
                house.ledger.unseal_bytes(ids[50])
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for attempt in range(100):
        house.steps(attempt)
    for thread in threads:
        thread.join()
    assert wrong == []


class TestBlobs:
    @pytest.fixture
    def blobs(self, house):
        return SealedBlobs(house.state, house.keys)

    @pytest.mark.parametrize("data", [b"", b"letter", b"\0" * 3_000_000])
    def test_a_handle_gives_the_bytes_back(self, house, blobs, data):
        for subject in (None, house.keys.subject("anna")):
            handle = blobs.put(data, subject)
            assert blobs.get(handle) == data
            assert blobs.put(data, subject) == handle

    @pytest.mark.parametrize(
        "handle",
        [
            "",
            "sealed:",
            "sealed::../../keys.db",
            f"sealed:..:{'0' * 64}",
            f"sealed:a/b:{'0' * 64}",
            f"sealed::{'0' * 63}G",
            "/etc/passwd",
            f"sealed::{'0' * 64}\n",
            f"value:{'0' * 64}",
        ],
    )
    def test_a_handle_not_made_here_is_refused(self, blobs, handle):
        with pytest.raises(PermanentError) as refused:
            blobs.get(handle)
        assert refused.value.code == "handle"

    def test_a_handle_of_another_subject_gives_nothing(self, house, blobs):
        anna, berta = house.keys.subject("anna"), house.keys.subject("berta")
        handle = blobs.put(b"of anna", anna)
        blobs.put(b"of berta", berta)
        with pytest.raises(PermanentError) as refused:
            blobs.get(handle.replace(anna, berta))
        assert refused.value.code == "gone"

    def test_altered_and_vanished_files_are_told_apart(self, house, blobs):
        handle = blobs.put(b"letter", None)
        (file,) = house.state.blobs.glob("_/*")
        file.write_bytes(file.read_bytes()[:-1] + b"?")
        with pytest.raises(PermanentError) as refused:
            blobs.get(handle)
        assert refused.value.code == "altered"
        file.unlink()
        with pytest.raises(PermanentError) as refused:
            blobs.get(handle)
        assert refused.value.code == "gone"

    @pytest.mark.parametrize("data", [b"", b"letter", b"\0" * 3_000_000])
    def test_what_comes_with_an_event_is_durable_with_it_and_not_before(self, open_house, data):
        house = open_house()
        handles = [
            SealedBlobs(house.state, house.keys, house.ledger).keep(data, who)
            for who in (None, house.keys.subject("anna"))
        ]
        house.steps(1)
        house.close()
        house = open_house()
        blobs = SealedBlobs(house.state, house.keys, house.ledger)
        assert [blobs.get(one) for one in handles] == [data, data]
        if len(data) < 1000:
            assert not list(house.state.blobs.glob("*/*"))
        house.ledger.erase(house.keys.subject("anna"))
        with pytest.raises(PermanentError) as refused:
            blobs.get(handles[1])
        assert refused.value.code == "erased"
        assert house.ledger.verify().ok

    def test_no_other_value_can_be_had_as_a_file(self, house):
        blobs = SealedBlobs(house.state, house.keys, house.ledger)
        for handle in (f"value:{house.outcome(b'file')}", f"value:{house.outcome('words')}"):
            with pytest.raises(PermanentError) as refused:
                blobs.get(handle)
            assert refused.value.code == "handle"

    def test_files_are_private_and_no_temporary_one_stays(self, house, blobs):
        blobs.put(b"letter", house.keys.subject("anna"))
        files = [path for path in house.state.path.rglob("*") if path.is_file()]
        assert files
        assert all(path.stat().st_mode & 0o077 == 0 for path in files)
        assert not list(house.state.blobs.rglob(".*"))


class TestKeys:
    def test_one_identity_is_one_subject_for_good(self, state):
        keys = Keys.open(state)
        anna = keys.subject("anna@example.com")
        assert len(anna) == 32
        assert keys.subject("anna@example.com") == anna != keys.subject("berta@example.com")
        assert keys.identity(anna) == "anna@example.com"
        first = keys.key(anna)
        keys.close()
        again = Keys.open(state)
        assert again.subject("anna@example.com") == anna
        assert again.key(anna) == first
        again.close()

    def test_subjects_are_random_and_not_derived_from_the_address(self, tmp_path):
        from engine.ledger import StateDir

        ids = set()
        for name in ("one", "two"):
            keys = Keys.open(StateDir.of(name, env={"XDG_STATE_HOME": str(tmp_path)}))
            ids |= {keys.subject("anna@example.com"), keys.index_key("w").hex(), keys.fingerprint().hex()}
            keys.close()
        assert len(ids) == 6

    def test_the_index_key_belongs_to_workspace_and_secret(self, state):
        keys = Keys.open(state)
        one = keys.index_key("w1")
        assert len(one) == 32
        assert one == keys.index_key("w1") != keys.index_key("w2")
        keys.close()
        again = Keys.open(state)
        assert again.index_key("w1") == one
        again.close()

    def test_secrets_are_kept_sealed_and_can_be_replaced(self, state):
        keys = Keys.open(state)
        assert keys.get_secret("totp") is None
        keys.put_secret("totp", b"first seed")
        keys.put_secret("totp", b"second seed")
        assert keys.get_secret("totp") == b"second seed"
        assert b"seed" not in state.keys.read_bytes()
        keys.close()

    def test_an_erasure_by_another_process_counts_at_once(self, house):
        anna = house.keys.subject("anna")
        id_ = house.outcome("text", anna)
        other = Keys.open(house.state)
        other.erase(anna)
        other.close()
        with pytest.raises(PermanentError):
            house.ledger.unseal(id_)

    def test_the_workspaces_own_key_can_not_be_erased(self, house):
        with pytest.raises(ValueError, match="own key"):
            house.keys.erase("")

    def test_the_store_is_private_and_leaves_no_log_behind(self, state):
        keys = Keys.open(state)
        keys.subject("anna")
        assert state.keys.stat().st_mode & 0o777 == 0o600
        assert state.path.stat().st_mode & 0o777 == 0o700
        keys.close()
        assert [path.name for path in state.path.iterdir()] == ["keys.db"]

    def test_a_damaged_store_is_explained(self, state):
        state.make()
        state.keys.write_bytes(b"no database" * 1000)
        with pytest.raises(EngineError, match="damaged") as refused:
            Keys.open(state)
        assert refused.value.way_out
