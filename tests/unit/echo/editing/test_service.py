from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brickyard.access.audit import Filter
from brickyard.echo import revised
from brickyard.echo.editing import service
from brickyard.echo.editing.schemas import Batch
from brickyard.echo.editing.service import grouped
from brickyard.echo.editing.store import Row
from brickyard.echo.transcripts import store as transcripts
from brickyard.kit.errors import BadInput, Conflict, NotFound
from brickyard.text.editing import (
    Change,
    Document,
    Merge,
    RenameSpeaker,
    ReplaceAll,
    SetSpeaker,
    SetText,
    Split,
    of_machine,
)
from tests.unit.echo.editing.room import ADA, BOB, SAID, Browser, Room
from tests.unit.text.edits import asked, segment

CLOSED, OPEN, SHUT = (f"the harbour is {how}" for how in ("closed", "open", "shut"))
TO_OPEN = SetText(segment="s1", text=OPEN, before=CLOSED)
TO_SHUT = SetText(segment="s1", text=SHUT, before=CLOSED)


@pytest.fixture
def room(engine: sa.Engine) -> Room:
    return Room(engine)


def test_the_machines_transcript_is_the_first_revision(room: Room) -> None:
    view = room.document()
    assert (view.revision, view.duration, view.language, view.speakers) == (1, 9.5, "en", ["Speaker 1", "Speaker 2"])
    assert Document(segments=tuple(view.segments)) == of_machine(SAID)
    [machine] = room.editing.revisions(room.recording)
    assert (machine.kind, machine.author, machine.number) == ("machine", "", 1)


def test_without_a_transcript_there_is_nothing_to_edit(room: Room) -> None:
    room.recording = uuid4()
    with pytest.raises(NotFound, match="no transcript"):
        room.document()
    with pytest.raises(NotFound, match="no transcript"):
        room.change(1, TO_OPEN)


def test_edits_are_saved_and_another_browser_follows(room: Room) -> None:
    bob = Browser(room.document())
    outcome = room.change(1, TO_OPEN, RenameSpeaker(old="Speaker 2", new="Eve"))
    assert (outcome.revision, outcome.saved, outcome.made, outcome.rejected) == (2, 2, 2, [])
    assert outcome.speakers == {"s2": "Eve"}
    bob.take(room.editing.news(room.recording, 1))
    assert bob.segments == room.document().segments
    assert room.another().document(room.recording) == room.document()


def test_two_change_the_same_words_and_the_text_that_lost_is_kept(room: Room) -> None:
    room.document()
    room.change(1, TO_OPEN)
    outcome = room.change(1, TO_SHUT, SetSpeaker(segments=["s3"], speaker="Bob"), who=BOB)
    [draft] = outcome.rejected
    assert (draft.index, draft.code, draft.yours, draft.theirs) == (0, "conflict", SHUT, OPEN)
    assert outcome.made == 1
    view = room.editing.revision(room.recording, 3)
    assert [one.yours for one in view.rejected] == [SHUT]
    assert (view.author, view.changes) == ("bob", [SetSpeaker(segments=["s3"], speaker="Bob")])


def test_a_batch_of_which_nothing_could_be_made_is_kept_as_drafts(room: Room) -> None:
    room.document()
    room.change(1, TO_OPEN)
    outcome = room.change(1, TO_SHUT, who=BOB)
    assert (outcome.saved, outcome.made) == (3, 0)
    assert room.editing.revision(room.recording, 3).rejected[0].yours == SHUT
    assert room.texts()[0] == OPEN


def test_what_changes_nothing_is_no_revision(room: Room) -> None:
    room.document()
    outcome = room.change(1, SetText(segment="s1", text=CLOSED, before=CLOSED))
    assert (outcome.revision, outcome.saved, outcome.made) == (1, None, 0)


def test_a_batch_that_comes_twice_is_made_once(room: Room) -> None:
    room.document()
    first = room.change(1, Split(segment="s1", at=12, before=CLOSED), batch="the batch")
    room.change(2, SetText(segment="s3", text="I did", before="I do"), who=BOB)
    again = room.change(1, Split(segment="s1", at=12, before=CLOSED), batch="the batch")
    assert (again.again, again.saved, again.made, again.revision) == (True, 2, 1, 3)
    assert len(room.texts()) == 4
    mine, other = Browser(room.editing.document(room.recording)), first.segments
    assert {piece.id for piece in other} <= {piece.id for piece in mine.segments}
    with pytest.raises(Conflict, match="somebody else's"):
        room.change(1, TO_OPEN, batch="the batch", who=BOB)


def test_the_same_batch_in_two_recordings_is_two(room: Room) -> None:
    room.document()
    room.change(1, TO_OPEN, batch="the batch")
    other = Room.__new__(Room)
    other.__dict__ = room.__dict__ | {"recording": another_recording(room)}
    other.transcribe(SAID)
    other.document()
    assert other.change(1, TO_OPEN, batch="the batch").again is False


def another_recording(room: Room) -> UUID:
    identity = uuid4()
    with room.engine.begin() as connection:
        query = sa.text("""
            INSERT INTO recordings (id, owner, name, sha256, size_bytes, container, duration_s, has_video)
            VALUES (:id, 'ada', 'b.wav', '', 1, 'wav', 9.5, false)""")
        connection.execute(query, {"id": identity})
    return identity


def test_a_revision_that_is_not_there_yet_is_nobodys_base(room: Room) -> None:
    room.document()
    with pytest.raises(BadInput, match="The newest revision is 1"):
        room.change(2, TO_OPEN)
    with pytest.raises(BadInput, match="The newest revision is 1"):
        room.editing.news(room.recording, 2)
    with pytest.raises(NotFound, match="no revision 9"):
        room.editing.revision(room.recording, 9)


def test_a_further_job_is_a_new_revision_and_what_was_typed_meanwhile_a_draft(room: Room) -> None:
    room.document()
    room.change(1, TO_OPEN)
    room.transcribe([segment("something else", 0)])
    outcome = room.change(2, SetText(segment="s2", text="who said so", before="who says so"))
    assert (outcome.reload, outcome.made, [one.yours for one in outcome.rejected]) == (True, 0, ["who said so"])
    assert room.texts() == ["something else"]
    assert room.editing.news(room.recording, 2).reload
    assert [group.kind for group in room.editing.revisions(room.recording)] == ["edit", "machine", "edit", "machine"]
    room.editing.restore(room.recording, ADA, 2)
    assert room.texts()[0] == OPEN


def test_restoring_is_a_new_revision(room: Room) -> None:
    view = room.document()
    room.change(1, TO_OPEN, Merge(first="s2", second="s3"))
    restored = room.editing.restore(room.recording, BOB, 1)
    assert (restored.revision, restored.changed) == (3, True)
    assert room.document().segments == view.segments
    assert room.another().document(room.recording).segments == view.segments
    assert room.editing.restore(room.recording, BOB, 1).changed is False
    assert room.editing.revision(room.recording, 2).segments[0].text == OPEN


def test_what_differs_between_revisions(room: Room) -> None:
    room.document()
    room.change(1, TO_OPEN, SetSpeaker(segments=["s3"], speaker="Ada"))
    text, speaker = room.editing.difference(room.recording, 1, 2)
    assert [(run.kind, run.text) for run in text.words][1:] == [("removed", "closed"), ("added", "open")]
    assert speaker.before is not None
    assert speaker.after is not None
    assert (speaker.before.speaker, speaker.after.speaker, speaker.words) == ("Speaker 1", "Ada", [])
    back = room.editing.difference(room.recording, 2, 1)
    assert [run.text for run in back[0].words if run.kind == "added"] == ["closed"]


def test_all_is_replaced_in_one_revision(room: Room) -> None:
    room.document()
    outcome = room.change(1, ReplaceAll(find="s", replace="z"))
    assert outcome.made == 2
    assert room.texts() == ["the harbour iz clozed", "who zayz zo", "I do"]


def test_transcripts_and_exports_are_as_edited(room: Room) -> None:
    room.document()
    room.change(1, TO_OPEN, RenameSpeaker(old="Speaker 1", new="Ada"))
    found = transcripts.get(room.engine, room.recording)
    assert (found.revision, found.segments[0].text, found.speakers) == (2, OPEN, ["Ada", "Speaker 2"])
    assert [turn.speaker for turn in found.turns] == ["Ada", "Speaker 2"]
    with room.engine.connect() as connection:
        assert revised.described(connection, room.recording, 1) == ""
        assert revised.described(connection, room.recording, 2) == "2, by ada"
    room.transcribe([segment("something else", 0)])
    fresh = transcripts.get(room.engine, room.recording)
    assert (fresh.revision, fresh.segments[0].text) == (None, "something else")


def test_an_edit_is_found_when_it_has_settled(engine: sa.Engine) -> None:
    room = Room(engine)
    room.document()
    room.change(1, TO_OPEN)
    assert room.found("open") == []
    room.editing.close()
    assert room.found("open") == [OPEN]
    assert room.found("closed") == []


def test_an_edit_is_found_after_the_process_was_killed(engine: sa.Engine) -> None:
    room = Room(engine)
    room.document()
    room.change(1, TO_OPEN)
    restarted = room.another()
    restarted.catch_up()
    restarted.close()
    assert room.found("open") == [OPEN]


def test_a_search_that_fails_takes_no_edit_with_it(room: Room) -> None:
    def fails(_: object) -> None:
        raise BadInput("The index is away.")

    room.editing = service.Editing(room.engine, None, fails, 3600)
    room.document()
    room.change(1, TO_OPEN)
    room.editing.close()
    assert room.texts()[0] == OPEN


def test_long_logs_are_read_from_a_document_kept_in_between(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "KEPT_EVERY", 3)
    room.document()
    expected = []
    for number in range(1, 8):
        room.change(number, SetText(segment="s3", text=f"I do {number}", before=room.texts()[2]))
        room.editing.settle(room.recording)
        expected.append(room.texts())
    with room.engine.connect() as connection:
        query = "SELECT number FROM revisions WHERE document IS NOT NULL ORDER BY number"
        assert list(connection.execute(sa.text(query)).scalars()) == [1, 4, 7]
    fresh = room.another()
    played = [[piece.text for piece in fresh.revision(room.recording, n).segments] for n in range(2, 9)]
    assert played == expected


def test_the_audit_log_tells_of_a_sitting_once_and_of_restoring_always(room: Room) -> None:
    room.document()
    room.change(1, TO_OPEN)
    room.change(2, SetText(segment="s3", text="I did", before="I do"))
    room.editing.restore(room.recording, ADA, 1)
    lines = room.audit.page(Filter(object_id=str(room.recording)), 10)
    assert [line.details for line in lines] == [{"revision": 4, "restored": 1}, {"revision": 2}]
    assert OPEN not in str(lines)


def test_what_one_person_saved_within_ten_minutes_is_one_entry() -> None:
    start = datetime(2027, 1, 1, tzinfo=UTC)

    def row(number: int, after_s: float, author: str = "ada", kind: str = "edit") -> Row:
        return Row(number, author, author, kind, start + timedelta(seconds=after_s), 2, 1)

    rows = [
        row(1, 0, "", "machine"), row(2, 1), row(3, 300), row(4, 601), row(5, 602), row(6, 603, "bob"), row(7, 604),
        row(8, 605, kind="restore"), row(9, 606, kind="restore"),
    ]  # fmt: skip
    groups = grouped(rows)
    assert [(group.first, group.number) for group in groups] == [
        (9, 9), (8, 8), (7, 7), (6, 6), (5, 5), (2, 4), (1, 1)
    ]  # fmt: skip
    assert (groups[5].changes, groups[5].rejected, groups[5].at) == (6, 3, start + timedelta(seconds=601))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_browsers_and_the_log_agree_whatever_two_people_do(room: Room, data: st.DataObject) -> None:
    """Both send changes of what they see, late or not; with the news alone both come to what the log replays to."""
    room.transcribe(SAID)
    start = room.document()
    people = {ADA: Browser(start), BOB: Browser(start)}
    for step in range(data.draw(st.integers(1, 4))):
        who = data.draw(st.sampled_from([ADA, BOB]))
        browser = people[who]
        seen = Document(segments=tuple(browser.segments))
        changes = data.draw(st.lists(asked(seen, f"n{step}"), min_size=1, max_size=2))
        browser.take(room.editing.change(room.recording, who, batch_of(browser.revision, changes)))
    for browser in people.values():
        browser.take(room.editing.news(room.recording, browser.revision))
        assert browser.segments == room.document().segments
    assert room.another().document(room.recording) == room.document()


def batch_of(base: int, changes: Sequence[Change]) -> Batch:
    return Batch.model_validate({"batch": str(uuid4()), "base": base, "changes": changes})
