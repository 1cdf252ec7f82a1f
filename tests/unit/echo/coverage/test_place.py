from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brickyard.echo.coverage.place import channel_speaker, place_of, seen_in, told_apart, with_new
from brickyard.engines.base import Segment, Span
from brickyard.text.editing import Document, Piece, of_machine
from brickyard.text.spoken import Segment as Said
from brickyard.text.spoken import Turn

TENTHS = st.integers(0, 400).map(lambda tenth: tenth / 10)


def said(start: float, end: float, text: str = "as the machine heard it", speaker: str | None = "Ada") -> Said:
    return Said(start=start, end=end, speaker=speaker, text=text)


@st.composite
def spans(draw: st.DrawFn, least: int = 0) -> list[Span]:
    edges = sorted(draw(st.lists(TENTHS, unique=True, min_size=2 * least, max_size=20)))
    return [Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=False)]


@st.composite
def documents(draw: st.DrawFn) -> tuple[Document, dict[str, Piece], set[str]]:
    """A document, what the machine made, and the ids of segments that people changed."""
    made = of_machine([said(span.start, span.end) for span in draw(spans())])
    edited = {piece.id for piece in made.segments if draw(st.booleans())}
    pieces = tuple(
        piece.model_copy(update={"text": "as a person wrote it"}) if piece.id in edited else piece
        for piece in made.segments
    )
    return Document(segments=pieces), made.by_id, edited


@given(documents(), spans(1), spans())
def test_what_people_wrote_and_what_lies_beside_stays(
    given_document: tuple[Document, dict[str, Piece], set[str]], stretches: list[Span], speech: list[Span]
) -> None:
    document, made, edited = given_document
    stretch = stretches[0]
    place = place_of(document.segments, made, stretch.start, stretch.end)
    heard = [(None, Segment(span.start, span.end, "as it was heard again")) for span in place.free(speech)]
    after = with_new(document, [piece.id for piece in place.replaced], heard, "r2").by_id
    for piece in document.segments:
        is_beside = piece.end <= stretch.start or piece.start >= stretch.end
        if is_beside or piece.id in edited:
            assert after[piece.id] == piece
    new = [piece for name, piece in after.items() if name not in document.by_id]
    assert len(new) == len(heard)
    staying = [piece for piece in document.segments if piece.id in after]
    assert not [one for one in new for two in staying if one.start < two.end and two.start < one.end]


def test_a_segment_that_the_stretch_cuts_goes_whole() -> None:
    document = of_machine([said(0, 5), said(5, 20), said(20, 22)])
    place = place_of(document.segments, document.by_id, 9, 12)
    assert (place.start, place.end, [piece.id for piece in place.replaced]) == (5, 20, ["s2"])
    assert place.free([Span(0, 8), Span(10, 30)]) == [Span(5, 8), Span(10, 20)]


def test_whoever_is_called_otherwise_has_said_what_the_machine_heard() -> None:
    document = of_machine([said(0, 5)])
    named = [piece.model_copy(update={"speaker": "Grace"}) for piece in document.segments]
    assert len(place_of(named, document.by_id, 0, 5).replaced) == 1


def test_a_change_in_the_stretch_is_seen_and_one_beside_it_is_not() -> None:
    document = of_machine([said(0, 5), said(5, 20)])
    first, second = document.segments
    seen = seen_in(document, 6, 10)
    beside = Document(segments=(first.model_copy(update={"text": "other"}), second))
    inside = Document(segments=(first, second.model_copy(update={"text": "other"})))
    assert seen_in(beside, 6, 10) == seen
    assert seen_in(inside, 6, 10) != seen


def test_new_words_are_said_by_whose_turn_it_is_else_by_the_neighbour() -> None:
    document = of_machine([said(0, 5, speaker="Ada"), said(30, 35, speaker="Grace")])
    turns = [Turn(start=0, end=12, speaker="Ada"), Turn(start=12, end=40, speaker="Grace")]
    heard = [Segment(6, 9, "one two three"), Segment(20, 24, "four five six")]
    assert [name for name, _ in told_apart(heard, turns, document)] == ["Ada", "Grace"]
    assert [name for name, _ in told_apart(heard, [], document)] == ["Ada", "Grace"]
    assert told_apart(heard, [], Document()) == [(None, heard[0]), (None, heard[1])]


def test_a_channel_is_whose_turns_are_like_its_speech() -> None:
    turns = [Turn(start=0, end=5, speaker="Ada"), Turn(start=4, end=9, speaker="Grace")]
    assert channel_speaker([Span(4, 9)], turns) == "Grace"
    assert channel_speaker([Span(20, 25)], turns) is None
    assert channel_speaker([Span(0, 5)], []) is None
