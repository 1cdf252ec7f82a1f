import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError, OperationalError

from brickyard.access.actor import Actor
from brickyard.access.audit import Audit, Entry, Filter, entry_of
from brickyard.access.chain import Anchor, Wrong
from brickyard.access.policy import Action, Role
from brickyard.kit.errors import BadInput, NotFound

KEY = b"k" * 32
ADA = Actor("u1", "ada", frozenset({Role.ANALYST}), "session", "s1", "10.0.0.7")


@pytest.fixture
def audit(engine: sa.Engine) -> Audit:
    return Audit(engine, KEY)


def entry(action: str = "recording.see", recording: str = "r1", actor: Actor = ADA) -> Entry:
    return entry_of(actor, action, object_kind="recording", object_id=recording, details={"why": "asked", "n": 2})


def tamper(engine: sa.Engine, statement: str) -> None:
    """As somebody who rules over the database, but has no key."""
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE audit DISABLE TRIGGER USER"))
        connection.execute(sa.text(statement))
        connection.execute(sa.text("ALTER TABLE audit ENABLE TRIGGER USER"))


def test_lines_are_numbered_and_hold_what_was_said(audit: Audit) -> None:
    assert [audit.append(entry()) for _ in range(3)] == [1, 2, 3]
    newest = audit.page(Filter(), 1)[0]
    assert (newest.seq, newest.actor, newest.actor_name, newest.via, newest.address) == (
        3,
        "u1",
        "ada",
        "session",
        "10.0.0.7",
    )
    assert (newest.action, newest.object_id, newest.outcome) == ("recording.see", "r1", "allowed")
    assert newest.details == {"why": "asked", "n": 2}
    assert abs(newest.at - datetime.now(UTC)) < timedelta(minutes=1)


def test_an_action_is_named_as_the_policy_names_it(audit: Audit) -> None:
    audit.append(entry_of(ADA, Action.RECORDING_DELETE))
    assert audit.page(Filter(), 1)[0].action == "recording.delete"


def test_what_is_rolled_back_leaves_no_line_and_no_gap(audit: Audit, engine: sa.Engine) -> None:
    audit.append(entry())
    with engine.connect() as connection:
        audit.append(entry(), connection)
        connection.rollback()
    with engine.begin() as connection:
        assert audit.append(entry(), connection) == 2
    assert audit.verify().lines == 2


def test_many_at_once_make_one_chain(audit: Audit) -> None:
    threads = [threading.Thread(target=lambda: [audit.append(entry()) for _ in range(20)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = audit.verify()
    assert found.is_good
    assert found.lines == 160


def test_lines_of_one_moment_and_of_other_processes_make_one_chain(audit: Audit, engine: sa.Engine) -> None:
    """Some in transactions of their own, some by another process, each with another action."""
    other_process = Audit(engine, KEY)
    seqs: dict[str, int] = {}

    def write(worker: int) -> None:
        for number in range(6):
            said = entry(f"action {worker}.{number}")
            if worker % 3 == 0:
                with engine.begin() as connection:
                    seqs[said.action] = audit.append(said, connection)
            else:
                seqs[said.action] = (audit if worker % 3 == 1 else other_process).append(said)

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert audit.verify().is_good
    assert {line.action: line.seq for line in audit.lines()} == seqs
    assert sorted(seqs.values()) == list(range(1, 55))


def test_who_cannot_be_recorded_is_told_each() -> None:
    away = Audit(sa.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing"), KEY)
    told: list[Exception] = []

    def write() -> None:
        try:
            away.append(entry())
        except OperationalError as error:
            told.append(error)

    threads = [threading.Thread(target=write) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 5
    with pytest.raises(OperationalError):
        away.append(entry())


def test_the_database_refuses_to_change_a_line(audit: Audit, engine: sa.Engine) -> None:
    audit.append(entry())
    for statement in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(DBAPIError, match="appended"), engine.begin() as connection:
            connection.execute(sa.text(statement))


INSERTED = """
    INSERT INTO audit SELECT {seq}, at, actor, actor_name, via, address, action, object_kind, object_id, outcome,
    details, hash FROM audit WHERE seq = 2"""


@pytest.mark.parametrize(
    ("statement", "seq", "wrong"),
    [
        ("UPDATE audit SET actor = 'somebody' WHERE seq = 4", 4, Wrong.CHANGED),
        ("UPDATE audit SET at = at + interval '1 microsecond' WHERE seq = 1", 1, Wrong.CHANGED),
        ("""UPDATE audit SET details = '{"n": 3, "why": "asked"}' WHERE seq = 3""", 3, Wrong.CHANGED),
        ("DELETE FROM audit WHERE seq = 3", 3, Wrong.MISSING),
        ("DELETE FROM audit WHERE seq = 1", 1, Wrong.MISSING),
        (INSERTED.format(seq=0), 0, Wrong.INSERTED),
        (INSERTED.format(seq=7), 7, Wrong.CHANGED),
        (INSERTED.format(seq=9), 7, Wrong.MISSING),
        ("DELETE FROM audit WHERE seq > 4", 5, Wrong.CUT_OFF),
        ("DELETE FROM audit", 1, Wrong.CUT_OFF),
    ],
)  # fmt: skip
def test_tampering_is_found(audit: Audit, engine: sa.Engine, statement: str, seq: int, wrong: Wrong) -> None:
    for _ in range(6):
        audit.append(entry())
    anchor = audit.head()
    tamper(engine, statement)
    fault = audit.verify(anchor=anchor).fault
    assert fault is not None
    assert (fault.seq, fault.wrong) == (seq, wrong)


def test_the_head_is_an_anchor_for_later(audit: Audit) -> None:
    assert audit.head() is None
    audit.append(entry())
    anchor = audit.head()
    assert anchor == Anchor(1, audit.page(Filter(), 1)[0].hash.hex())
    audit.append(entry())
    assert audit.verify(anchor=anchor).is_good


def test_verification_may_begin_later(audit: Audit, engine: sa.Engine) -> None:
    for _ in range(5):
        audit.append(entry())
    tamper(engine, "UPDATE audit SET actor = 'x' WHERE seq = 2")
    assert audit.verify(from_seq=4).lines == 2
    assert not audit.verify(from_seq=2).is_good
    with pytest.raises(NotFound, match="no line 8"):
        audit.verify(from_seq=9)


def test_lines_are_filtered(audit: Audit) -> None:
    bob = Actor("u2", "bob", frozenset({Role.AUDITOR}), "key", "k1")
    audit.append(entry())
    audit.append(entry("recording.delete", "r2"))
    audit.append(entry("audit.read", "r1", bob))

    def seqs(**wanted: object) -> list[int]:
        return [line.seq for line in audit.page(Filter(**wanted), 10)]  # type: ignore[arg-type]

    assert seqs() == [3, 2, 1]
    assert seqs(actor="u2") == [3]
    assert seqs(action="recording.delete") == [2]
    assert seqs(object_kind="recording", object_id="r1") == [3, 1]
    assert seqs(before=3) == [2, 1]
    assert seqs(outcome="refused") == []
    now = datetime.now(UTC)
    assert seqs(since=now - timedelta(hours=1), until=now + timedelta(hours=1)) == [3, 2, 1]
    assert seqs(since=now + timedelta(hours=1)) == seqs(until=now - timedelta(hours=1)) == []
    assert [line.seq for line in audit.lines(2)] == [2, 3]
    assert [line.seq for line in audit.lines(wanted=Filter(actor="u1"))] == [1, 2]


def test_details_are_kept_small_and_plain(audit: Audit) -> None:
    audit.append(
        entry_of(ADA, "x" * 900, details={"share": 0.5, "roles": {"b", "a"}, "none": None, "yes": True, "é": [1, "\0"]})
    )
    line = audit.page(Filter(), 1)[0]
    assert line.details == {"share": "0.5", "roles": ["a", "b"], "none": None, "yes": True, "é": [1, "\ufffd"]}
    assert len(line.action) == 300
    assert audit.verify().is_good
    with pytest.raises(BadInput, match="has room for 4,096"):
        audit.append(entry_of(ADA, "recording.see", details={str(n): "y" * 300 for n in range(20)}))


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(details=st.dictionaries(st.text(max_size=5), plain, max_size=4), name=st.text(st.characters(), max_size=40))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_written_verifies_when_read(audit: Audit, details: dict[str, object], name: str) -> None:
    seq = audit.append(Entry("u1", name, "session", "", "recording.see", object_id=name, details=details))
    found = audit.verify(from_seq=seq)
    assert found.is_good
    assert found.lines == 1
