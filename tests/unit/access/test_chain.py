import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.access.chain import BEFORE_THE_FIRST, Anchor, Line, Wrong, hash_of, read_anchor, read_line, verify
from brickyard.kit.errors import BadInput

KEY, OLDER = b"k" * 32, b"o" * 32
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def line(seq: int, action: str = "recording.see") -> Line:
    return Line(
        seq=seq,
        at=NOON + timedelta(seconds=seq),
        actor="u1",
        actor_name="ada",
        via="session",
        address="10.0.0.7",
        action=action,
        object_kind="recording",
        object_id=f"r{seq}",
        outcome="allowed",
        details={"route": "GET /recordings", "n": seq},
        hash=b"",
    )


def chained(lines: list[Line], key: bytes = KEY, before: bytes = BEFORE_THE_FIRST) -> list[Line]:
    made = []
    for each in lines:
        before = hash_of(each, before, key)
        made.append(replace(each, hash=before))
    return made


def anchor_at(seq: int, lines: list[Line]) -> Anchor:
    return Anchor(seq, lines[seq - 1].hash.hex())


TEN = chained([line(seq) for seq in range(1, 11)])


def test_an_untouched_log_is_good_and_its_head_is_told() -> None:
    found = verify(TEN, [KEY])
    assert found.is_good
    assert (found.first, found.lines, found.head) == (1, 10, anchor_at(10, TEN))


def test_an_empty_log_is_good_unless_there_was_more() -> None:
    assert verify([], [KEY]).is_good
    fault = verify([], [KEY], anchor=Anchor(1, "00" * 32)).fault
    assert fault is not None
    assert fault.wrong is Wrong.CUT_OFF


@given(
    at=st.integers(0, 9),
    change=st.sampled_from(
        [
            {"actor": "u2"},
            {"actor_name": ""},
            {"via": "key"},
            {"address": ""},
            {"action": "x"},
            {"object_kind": ""},
            {"object_id": "r0"},
            {"outcome": "refused"},
            {"details": {}},
            {"at": NOON},
            {"hash": bytes(32)},
        ]
    ),
)
def test_whatever_is_changed_in_a_line_is_found_there(at: int, change: dict[str, object]) -> None:
    lines = [*TEN[:at], replace(TEN[at], **change), *TEN[at + 1 :]]  # type: ignore[arg-type]
    fault = verify(lines, [KEY]).fault
    assert fault is not None
    assert (fault.seq, fault.wrong) == (at + 1, Wrong.CHANGED)


@given(at=st.integers(0, 8))
def test_a_line_that_is_gone_is_found(at: int) -> None:
    fault = verify([*TEN[:at], *TEN[at + 1 :]], [KEY]).fault
    assert fault is not None
    assert (fault.seq, fault.wrong) == (at + 1, Wrong.MISSING)


@given(at=st.integers(0, 8))
def test_a_line_that_is_gone_is_found_although_the_others_were_renumbered(at: int) -> None:
    closed = [replace(each, seq=each.seq - 1) for each in TEN[at + 1 :]]
    fault = verify([*TEN[:at], *closed], [KEY]).fault
    assert fault is not None
    assert fault.seq == at + 1


@given(at=st.integers(0, 9))
def test_a_line_that_was_put_in_is_found(at: int) -> None:
    forged = chained([line(at + 1, "forged")], b"x" * 32, TEN[at - 1].hash if at else BEFORE_THE_FIRST)
    moved = [replace(each, seq=each.seq + 1) for each in TEN[at:]]
    fault = verify([*TEN[:at], *forged, *moved], [KEY]).fault
    assert fault is not None
    assert (fault.seq, fault.wrong) == (at + 1, Wrong.INSERTED)


def test_a_line_that_stands_twice_or_before_the_first_is_found() -> None:
    for lines, seq in (([*TEN[:4], *TEN[3:]], 4), ([line(0), *TEN], 0)):
        fault = verify(lines, [KEY]).fault
        assert fault is not None
        assert (fault.seq, fault.wrong) == (seq, Wrong.INSERTED)


def test_a_line_added_at_the_end_without_the_key_is_found() -> None:
    forged = chained([line(11)], b"x" * 32, TEN[-1].hash)
    fault = verify([*TEN, *forged], [KEY]).fault
    assert fault is not None
    assert fault.seq == 11


@given(kept=st.integers(0, 9))
def test_an_end_that_was_cut_off_is_found_with_an_anchor_alone(kept: int) -> None:
    assert verify(TEN[:kept], [KEY]).is_good
    fault = verify(TEN[:kept], [KEY], anchor=anchor_at(10, TEN)).fault
    assert fault is not None
    assert (fault.seq, fault.wrong) == (kept + 1, Wrong.CUT_OFF)


@given(seq=st.integers(1, 10))
def test_an_anchor_holds_while_the_log_grows(seq: int) -> None:
    assert verify(TEN, [KEY], anchor=anchor_at(seq, TEN)).is_good


def test_a_log_written_anew_with_the_key_is_found_with_an_anchor() -> None:
    anew = chained([*TEN[:4], line(5, "nothing"), *TEN[5:]])
    assert verify(anew, [KEY]).is_good
    fault = verify(anew, [KEY], anchor=anchor_at(8, TEN)).fault
    assert fault is not None
    assert (fault.seq, fault.wrong) == (8, Wrong.CHANGED)


def test_it_can_begin_after_a_line_that_is_believed() -> None:
    found = verify(TEN[4:], [KEY], before=TEN[3], first=5)
    assert found.is_good
    assert found.lines == 6
    assert not verify(TEN[4:], [KEY], before=TEN[2], first=5).is_good


def test_older_keys_are_good_for_older_lines_alone() -> None:
    early = chained([line(seq) for seq in range(1, 4)], OLDER)
    late = chained([line(seq) for seq in range(4, 7)], KEY, early[-1].hash)
    assert verify([*early, *late], [KEY, OLDER]).is_good
    assert not verify([*early, *late], [KEY]).is_good
    again = chained([line(7)], OLDER, late[-1].hash)
    fault = verify([*early, *late, *again], [KEY, OLDER]).fault
    assert fault is not None
    assert fault.seq == 7


def test_another_key_is_told_of() -> None:
    fault = verify(TEN, [b"x" * 32]).fault
    assert fault is not None
    assert "not the key" in fault.message


def test_lines_are_read_as_they_were_told() -> None:
    for number, each in enumerate(TEN, 1):
        assert read_line(json.dumps(each.told()), number) == each


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", '{"at": "yesterday"}', json.dumps({**TEN[0].told(), "more": 1}),
     json.dumps({**TEN[0].told(), "seq": "1"}), json.dumps({**TEN[0].told(), "at": "2026-11-24T12:00:00"}),
     json.dumps({**TEN[0].told(), "details": []})],
)  # fmt: skip
def test_what_is_no_line_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="Line 7 of the file"):
        read_line(text, 7)


def test_an_anchor_is_read_and_what_is_none_refused() -> None:
    assert read_anchor(json.dumps(anchor_at(3, TEN)._asdict())) == anchor_at(3, TEN)
    for text in ("", "[]", '{"seq": 1}', '{"seq": 1, "hash": "zz"}'):
        with pytest.raises(BadInput, match="no anchor"):
            read_anchor(text)
