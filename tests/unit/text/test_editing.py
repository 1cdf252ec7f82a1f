from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from brickyard.kit.errors import BadInput, BrickyardError, Conflict
from brickyard.text.editing import (
    AddSegment,
    Change,
    Document,
    Merge,
    MergeSpeakers,
    Piece,
    Played,
    Put,
    RemoveSegment,
    RenameSpeaker,
    ReplaceAll,
    SetSpeaker,
    SetText,
    SetTimes,
    Split,
    apply,
    changes_between,
    diff,
    invert,
    of_machine,
    play,
    rebase,
)
from brickyard.text.rewording import Run
from brickyard.text.spoken import Word
from tests.unit.text.edits import asked, changes, documents, segment

CHANGES = TypeAdapter(list[Played])
SAID = of_machine([segment("the harbour is closed", 0), segment("who says so", 4, "Speaker 2"), segment("I do", 8)])


def lines(document: Document) -> list[tuple[str, str | None, str]]:
    return [(piece.id, piece.speaker, piece.text) for piece in document.segments]


def text_of(document: Document, name: str) -> str:
    return document.by_id[name].text


def edited(name: str, text: str, document: Document = SAID) -> SetText:
    return SetText(segment=name, text=text, before=text_of(document, name))


def made(document: Document, wanted: Sequence[Change], prefix: str = "x") -> Document:
    return rebase(document, wanted, prefix).document


# ---- one change


def test_segments_have_short_ids_in_the_machines_order() -> None:
    assert lines(SAID)[0] == ("s1", "Speaker 1", "the harbour is closed")
    assert SAID.speakers == ["Speaker 1", "Speaker 2"]


def test_a_text_is_typed_over() -> None:
    after = apply(SAID, edited("s1", "the old harbour is closed"))
    piece = after.by_id["s1"]
    assert [word.approximate for word in piece.words] == [False, True, False, False, False]
    assert (piece.start, piece.end, piece.confidence) == (0, 4, 0.9)
    assert apply(SAID, edited("s1", "nothing of it")).by_id["s1"].confidence is None


def test_a_split_is_where_the_words_are_and_merging_brings_it_back() -> None:
    after = apply(SAID, Split(segment="s1", at=12, new="n1"))
    first, second = after.by_id["s1"], after.by_id["n1"]
    assert (first.text, second.text) == ("the harbour", "is closed")
    assert (first.end, second.start) == (1.75, 1.75)
    assert [word.text for word in second.words] == ["is", "closed"]
    assert apply(after, Merge(first="s1", second="n1")) == SAID


def test_a_split_at_a_time_of_ones_own() -> None:
    after = apply(SAID, Split(segment="s1", at=12, time_s=1.5, new="n1"))
    assert after.by_id["n1"].start == 1.5
    for at, time_s in ((0, None), (21, None), (12, 99.0)):
        with pytest.raises(BadInput):
            apply(SAID, Split(segment="s1", at=at, time_s=time_s, new="n1"))


def test_merged_segments_are_in_the_order_of_their_times() -> None:
    after = apply(SAID, Merge(first="s2", second="s1"))
    assert lines(after) == [("s2", "Speaker 2", "the harbour is closed who says so"), ("s3", "Speaker 1", "I do")]
    with pytest.raises(BadInput, match="itself"):
        apply(SAID, Merge(first="s1", second="s1"))


def test_speakers_are_set_renamed_and_made_one() -> None:
    assert apply(SAID, SetSpeaker(segments=["s1"], speaker="Ada")).speakers == ["Ada", "Speaker 2", "Speaker 1"]
    assert apply(SAID, RenameSpeaker(old="Speaker 1", new="Ada")).speakers == ["Ada", "Speaker 2"]
    assert apply(SAID, MergeSpeakers(source="Speaker 2", into="Speaker 1")).speakers == ["Speaker 1"]
    with pytest.raises(Conflict, match="merge_speakers"):
        apply(SAID, RenameSpeaker(old="Speaker 1", new="Speaker 2"))
    with pytest.raises(Conflict, match="renamed"):
        apply(SAID, RenameSpeaker(old="Ada", new="Eve"))


def test_segments_come_go_and_move() -> None:
    after = apply(SAID, AddSegment(start=4.5, end=5.5, text="a cough", new="n1"))
    assert [piece.id for piece in after.segments] == ["s1", "s2", "n1", "s3"]
    assert [word.approximate for word in after.by_id["n1"].words] == [True, True]
    assert [piece.id for piece in apply(after, RemoveSegment(segment="s1")).segments] == ["s2", "n1", "s3"]
    moved = apply(SAID, SetTimes(segment="s1", start=9, end=9.5))
    assert [piece.id for piece in moved.segments] == ["s2", "s3", "s1"]
    assert all(9 <= word.start <= word.end <= 9.5 for word in moved.by_id["s1"].words)


@pytest.mark.parametrize(
    ("wanted", "texts"),
    [
        (ReplaceAll(find="IS", replace="was"), ["the harbour was closed"]),
        (ReplaceAll(find="IS", replace="was", match_case=True), []),
        (ReplaceAll(find="o", replace="0", whole_words=True), []),
        (ReplaceAll(find="so", replace=r"\1 so", whole_words=True), [r"who says \1 so"]),
        (ReplaceAll(find="s", replace=""), ["the harbour i cloed", "who ay o"]),
    ],
)
def test_all_is_replaced_as_if_each_was_typed(wanted: ReplaceAll, texts: list[str]) -> None:
    played = rebase(SAID, [wanted], "x").played
    assert [change.text for change in played if isinstance(change, SetText)] == texts


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "set_text", "segment": "s1", "text": "\0", "before": ""},
        {"kind": "set_text", "segment": "no id", "text": "", "before": ""},
        {"kind": "set_text", "segment": "s1", "text": "x" * 10_001, "before": ""},
        {"kind": "set_times", "segment": "s1", "start": 2, "end": 1},
        {"kind": "set_times", "segment": "s1", "start": -1, "end": 1},
        {"kind": "add_segment", "start": 2, "end": 1, "text": ""},
        {"kind": "set_speaker", "segments": [], "speaker": "Ada"},
        {"kind": "rename_speaker", "old": "Ada", "new": ""},
        {"kind": "put", "segment": {"id": "s1", "start": 2, "end": 1, "speaker": None, "text": ""}},
        {"kind": "put", "segment": {"id": "s1", "start": 0, "end": 1, "speaker": None, "text": "\0"}},
        {"kind": "replace_all", "find": "", "replace": ""},
        {"kind": "erase"},
    ],
)
def test_what_is_no_change_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Change).validate_python(wrong)


@given(st.data(), documents())
def test_what_was_done_can_be_undone_exactly(data: st.DataObject, document: Document) -> None:
    change = data.draw(changes(document))
    try:
        after = apply(document, change)
    except BrickyardError:
        return
    undone = play(after, invert(document, change))
    assert undone == document
    assert rebase(after, invert(document, change), "x", together=True).document == document


@given(st.data(), documents())
def test_times_go_forward_whatever_is_done(data: st.DataObject, document: Document) -> None:
    for step in range(4):
        document = made(document, [data.draw(asked(document, f"n{step}"))])
    places = [(piece.start, piece.end) for piece in document.segments]
    assert places == sorted(places)
    for piece in document.segments:
        starts = [word.start for word in piece.words]
        assert starts == sorted(starts)
        assert all(piece.start <= word.start <= word.end <= piece.end for word in piece.words)


@given(st.data(), documents())
def test_changes_played_again_from_json_give_the_same(data: st.DataObject, document: Document) -> None:
    now, log = document, list[Played]()
    for step in range(4):
        result = rebase(now, [data.draw(asked(now, f"n{step}"))], f"r{step}")
        now, log = result.document, [*log, *result.played]
    kept = CHANGES.validate_json(CHANGES.dump_json(log))
    assert play(document, kept) == now
    half = Document.model_validate_json(play(document, kept[: len(kept) // 2]).model_dump_json())
    assert play(half, kept[len(kept) // 2 :]) == now


# ---- two documents


@given(documents(), documents())
def test_what_lies_between_two_documents_makes_one_of_the_other(a: Document, b: Document) -> None:
    assert play(a, changes_between(a, b)) == b
    assert [each.segment for each in diff(a, a)] == []
    assert {each.segment for each in diff(a, b)} == {
        name for name in {**a.by_id, **b.by_id} if a.by_id.get(name) != b.by_id.get(name)
    }


def test_what_differs_is_told_for_people() -> None:
    after = play(SAID, [edited("s1", "the harbour is open"), RemoveSegment(segment="s2")])
    after = apply(after, SetSpeaker(segments=["s3"], speaker="Ada"))
    one, two, three = diff(SAID, after)
    assert (one.kind, one.words) == (
        "changed",
        [Run("same", "the harbour is"), Run("removed", "closed"), Run("added", "open")],
    )
    assert (two.kind, two.after) == ("removed", None)
    assert (three.kind, three.words) == ("changed", [])


# ---- two people


def test_both_change_different_words_of_one_segment() -> None:
    theirs = apply(SAID, edited("s1", "the old harbour is closed"))
    result = rebase(theirs, [edited("s1", "the harbour is open")], "r2")
    assert text_of(result.document, "s1") == "the old harbour is open"
    assert result.rejected == []


def test_both_change_the_same_words_and_neither_text_is_lost() -> None:
    theirs = apply(SAID, edited("s1", "the harbour is shut"))
    result = rebase(theirs, [edited("s1", "the harbour is open"), edited("s2", "who said so")], "r2")
    [rejected] = result.rejected
    assert (rejected.index, rejected.code) == (0, "conflict")
    assert (rejected.yours, rejected.theirs) == ("the harbour is open", "the harbour is shut")
    assert text_of(result.document, "s2") == "who said so"


def test_what_builds_on_a_rejected_change_is_rejected_with_it() -> None:
    theirs = apply(SAID, edited("s1", "the harbour is shut"))
    mine = [
        edited("s1", "the harbour is open"),
        SetText(segment="s1", text="the harbour is open now", before="the harbour is open"),
    ]
    result = rebase(theirs, mine, "r2")
    assert [each.yours for each in result.rejected] == ["the harbour is open", "the harbour is open now"]
    assert result.document == theirs


def test_changes_of_a_segment_whose_id_somebody_else_took_do_not_go_to_theirs() -> None:
    theirs = apply(SAID, AddSegment(start=1, end=2, text="theirs", new="n1"))
    mine: list[Change] = [
        AddSegment(start=5, end=6, text="", new="n1"),
        SetText(segment="n1", text="mine", before=""),
        RemoveSegment(segment="n1"),
    ]
    result = rebase(theirs, mine, "r2")
    assert result.document == theirs
    assert [each.index for each in result.rejected] == [0, 1, 2]


def test_a_segment_that_somebody_changed_is_not_removed_unseen() -> None:
    theirs = apply(SAID, edited("s1", "the harbour is shut"))
    result = rebase(theirs, [RemoveSegment(segment="s1", before="the harbour is closed")], "r2")
    assert [each.theirs for each in result.rejected] == ["the harbour is shut"]
    gone = apply(SAID, RemoveSegment(segment="s1"))
    assert rebase(gone, [RemoveSegment(segment="s1", before="the harbour is closed")], "r2").rejected == []
    assert rebase(gone, [edited("s1", "the harbour is open")], "r2").rejected[0].yours == "the harbour is open"


def test_a_split_moves_with_words_that_were_added_before_it() -> None:
    theirs = apply(SAID, edited("s1", "Today the harbour is closed"))
    result = rebase(theirs, [Split(segment="s1", at=12, before="the harbour is closed")], "r2")
    assert lines(result.document)[:2] == [("s1", "Speaker 1", "Today the harbour"), ("r2-0", "Speaker 1", "is closed")]


def test_all_or_none() -> None:
    theirs = apply(SAID, edited("s1", "the harbour is shut"))
    mine = [edited("s2", "who said so"), edited("s1", "the harbour is open")]
    result = rebase(theirs, mine, "r2", together=True)
    assert (result.document, result.played) == (theirs, [])
    assert [each.yours for each in result.rejected] == ["who said so", "the harbour is open"]


def test_a_text_that_grew_too_long_is_rejected_not_cut() -> None:
    base = of_machine([segment("a b", 0)])
    theirs = apply(base, edited("s1", "x" * 9_000 + " a b", base))
    result = rebase(theirs, [edited("s1", "a b " + "y" * 9_000, base)], "r2")
    assert [each.code for each in result.rejected] == ["bad_input"]


@given(st.data(), documents())
def test_typed_words_are_in_the_document_or_in_the_drafts(data: st.DataObject, document: Document) -> None:
    """Two people, three changes each, each of them types words of their own."""
    mine = typing(data, document, "MINE")
    theirs = typing(data, document, "THEIRS")
    after = made(document, theirs, "a")
    result = rebase(after, mine, "b")
    there = " ".join(piece.text for piece in result.document.segments)
    drafts = " ".join(each.yours or "" for each in result.rejected)
    for change in theirs:
        assert all(word in there for word in change.text.split() if word.startswith("THEIRS"))
    for change in mine:
        assert all(word in there or word in drafts for word in change.text.split() if word.startswith("MINE"))


def typing(data: st.DataObject, document: Document, mark: str) -> list[SetText]:
    """Words are added and others of the machine's go, in texts as they become by that."""
    texts = {piece.id: piece.text for piece in document.segments}
    found: list[SetText] = []
    for number in range(3):
        name = data.draw(st.sampled_from(sorted(texts)))
        words = texts[name].split()
        at = data.draw(st.integers(0, len(words)))
        gone = data.draw(st.integers(0, 2))
        kept = [word for word in words[at : at + gone] if word.startswith(mark)]
        text = " ".join([*words[:at], f"{mark}{number}", *kept, *words[at + gone :]])
        found.append(SetText(segment=name, text=text, before=texts[name]))
        texts[name] = text
    return found


@given(st.data(), documents())
def test_changes_of_different_segments_go_through_whoever_comes_first(data: st.DataObject, document: Document) -> None:
    names = [piece.id for piece in document.segments]
    cut = data.draw(st.integers(0, len(names)))
    one = [edited(name, data.draw(st.sampled_from(["", "one", "one more"])), document) for name in names[:cut]]
    other = [edited(name, data.draw(st.sampled_from(["", "other"])), document) for name in names[cut:]]
    first, second = rebase(document, one, "a"), rebase(document, other, "b")
    assert first.rejected == second.rejected == []
    assert made(first.document, other, "b") == made(second.document, one, "a")


@given(st.data(), documents())
def test_what_is_rejected_leaves_no_trace(data: st.DataObject, document: Document) -> None:
    other = [data.draw(asked(document, "n1"))]
    after = made(document, other, "a")
    mine = [data.draw(asked(document, "n2")) for _ in range(3)]
    result = rebase(after, mine, "b")
    assert play(after, result.played) == result.document
    assert len({piece.id for piece in result.document.segments}) == len(result.document.segments)
    if len(result.rejected) == len(mine) and not result.played:
        assert result.document == after


def test_a_put_brings_a_whole_segment_back() -> None:
    piece = Piece(id="s2", start=4, end=5, speaker=None, text="hm", words=[Word(start=4, end=5, text="hm")])
    gone = apply(SAID, RemoveSegment(segment="s2"))
    assert apply(gone, Put(segment=piece)).by_id["s2"] == piece
    assert len(rebase(SAID, [Put(segment=piece)], "x").rejected) == 1
