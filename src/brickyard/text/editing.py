"""A transcript under edit: segments with ids, and changes that can be played, undone and brought up to date. Pure.

Segments stand in the order of their times, whatever was done to them. A change says what its author saw (`before`), so
that it can be told later whether somebody else has changed the same thing meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from brickyard.kit.errors import BadInput, BrickyardError, Conflict
from brickyard.text.rewording import Run, joined, merged, moved, retimed, runs, within
from brickyard.text.spoken import Segment, Word

LETTERS = 10_000
"""Of one segment, or of what is searched for and put in its place."""
LONGEST_S = 1_000_000.0

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$", examples=["s12"])]
Plain = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""The database keeps no zero bytes."""
Speaker = Annotated[Plain, Field(min_length=1, max_length=100)]
Text = Annotated[Plain, Field(max_length=LETTERS)]
Time = Annotated[float, Field(ge=0, le=LONGEST_S, allow_inf_nan=False)]


class Piece(Segment):
    """A segment with an id that it keeps."""

    model_config = ConfigDict(frozen=True)

    id: Id


class Document(BaseModel):
    """Segments by start, end and id."""

    model_config = ConfigDict(frozen=True)

    segments: tuple[Piece, ...] = ()

    @property
    def speakers(self) -> list[str]:
        """In the order in which they are first heard."""
        return list(dict.fromkeys(piece.speaker for piece in self.segments if piece.speaker is not None))

    @property
    def by_id(self) -> dict[str, Piece]:
        return {piece.id: piece for piece in self.segments}


class SetText(BaseModel):
    """`before`: the text that was changed into `text`."""

    kind: Literal["set_text"] = "set_text"
    segment: Id
    text: Text
    before: Plain


class Split(BaseModel):
    """Before the letter `at`, counted from 0 in `before`; without `time_s` where the words' times say. `new`: the id of
    the second part; given out if empty."""

    kind: Literal["split"] = "split"
    segment: Id
    at: Annotated[int, Field(ge=0)]
    time_s: Time | None = None
    before: Plain | None = None
    new: Id | Literal[""] = ""


class Merge(BaseModel):
    """`second` goes into `first`, whose id and speaker stay."""

    kind: Literal["merge"] = "merge"
    first: Id
    second: Id


class SetSpeaker(BaseModel):
    """null: nobody says who it is."""

    kind: Literal["set_speaker"] = "set_speaker"
    segments: Annotated[list[Id], Field(min_length=1, max_length=100_000)]
    speaker: Speaker | None


class RenameSpeaker(BaseModel):
    """To a name that nobody has yet."""

    kind: Literal["rename_speaker"] = "rename_speaker"
    old: Speaker
    new: Speaker


class MergeSpeakers(BaseModel):
    """All that `source` said was said by `into`."""

    kind: Literal["merge_speakers"] = "merge_speakers"
    source: Speaker
    into: Speaker


class AddSegment(BaseModel):
    """`new`: its id; given out if empty."""

    kind: Literal["add_segment"] = "add_segment"
    start: Time
    end: Time
    text: Text
    speaker: Speaker | None = None
    new: Id | Literal[""] = ""

    @model_validator(mode="after")
    def _forward(self) -> AddSegment:
        _check_forward(self.start, self.end)
        return self


class RemoveSegment(BaseModel):
    """`before`: the text it had; who changed that meanwhile keeps the segment."""

    kind: Literal["remove_segment"] = "remove_segment"
    segment: Id
    before: Plain | None = None


class SetTimes(BaseModel):
    kind: Literal["set_times"] = "set_times"
    segment: Id
    start: Time
    end: Time

    @model_validator(mode="after")
    def _forward(self) -> SetTimes:
        _check_forward(self.start, self.end)
        return self


class Put(BaseModel):
    """The segment as a whole, in place of the one that has the text `before`, or back where there is none (null)."""

    kind: Literal["put"] = "put"
    segment: Piece
    before: Plain | None = None

    @model_validator(mode="after")
    def _sound(self) -> Put:
        times: list[Segment | Word] = [self.segment, *self.segment.words]
        if not all(0 <= each.start <= each.end <= LONGEST_S for each in times):
            raise ValueError("times go forward, from 0 on")
        if "\0" in "".join([each.text for each in times] + [self.segment.speaker or ""]):
            raise ValueError("texts have no zero bytes")
        return self


class ReplaceAll(BaseModel):
    """In every segment, as if each was typed."""

    kind: Literal["replace_all"] = "replace_all"
    find: Annotated[str, Field(min_length=1, max_length=LETTERS)]
    replace: Text
    match_case: bool = False
    whole_words: bool = False


Played = Annotated[
    SetText | Split | Merge | SetSpeaker | RenameSpeaker | MergeSpeakers | AddSegment | RemoveSegment | SetTimes | Put,
    Field(discriminator="kind"),
]
"""What revisions consist of."""
Change = Annotated[
    SetText
    | Split
    | Merge
    | SetSpeaker
    | RenameSpeaker
    | MergeSpeakers
    | AddSegment
    | RemoveSegment
    | SetTimes
    | Put
    | ReplaceAll,
    Field(discriminator="kind"),
]
"""What can be asked for."""

Pieces = Mapping[str, Piece]
Effect = dict[str, Piece | None]
"""What becomes of segments, by id; None: it goes."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """`index`: of the change in its batch. `yours` is what was typed, `theirs` what stands there now."""

    index: int
    change: Change
    code: str
    message: str
    yours: str | None
    theirs: str | None


@dataclass(frozen=True, slots=True)
class Rebased:
    """What came of a batch; `played` are its changes as they were made to the newest document."""

    document: Document
    played: list[Played]
    rejected: list[Rejected]


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one segment in two documents. `words` is empty where only times or the speaker differ."""

    segment: str
    kind: Literal["added", "removed", "changed"]
    before: Piece | None
    after: Piece | None
    words: list[Run]


# ---- documents


def of_machine(segments: Iterable[Segment]) -> Document:
    """Ids s1, s2, … in the machine's order."""
    named = (
        Piece.model_construct(
            id=f"s{number}",
            start=each.start,
            end=each.end,
            speaker=each.speaker,
            text=each.text,
            confidence=each.confidence,
            words=each.words,
        )
        for number, each in enumerate(segments, 1)
    )
    return _document({piece.id: piece for piece in named})


def apply(document: Document, change: Played) -> Document:
    """Raises Conflict where a segment or speaker is not there, and BadInput where the change makes no sense."""
    return play(document, [change])


def play(document: Document, changes: Iterable[Played]) -> Document:
    """One after the other. Raises as `apply`."""
    pieces = document.by_id
    for change in changes:
        _take(pieces, _effect(pieces, change))
    return _document(pieces)


def invert(document: Document, change: Played) -> list[Played]:
    """What undoes `change`, made to this document, exactly. Raises as `apply`."""
    pieces = document.by_id
    effect = _effect(pieces, change)
    if isinstance(change, RenameSpeaker):
        return [RenameSpeaker(old=change.new, new=change.old)]
    if isinstance(change, SetSpeaker | MergeSpeakers):
        speakers = dict.fromkeys(pieces[name].speaker for name in effect)
        return [_speaker_again(pieces, effect, speaker) for speaker in speakers]
    return [_again(name, pieces.get(name), becomes) for name, becomes in effect.items()]


def _speaker_again(pieces: Pieces, effect: Effect, speaker: str | None) -> SetSpeaker:
    own = [name for name in effect if pieces[name].speaker == speaker]
    return SetSpeaker.model_construct(segments=own, speaker=speaker)


def _again(name: str, was: Piece | None, becomes: Piece | None) -> Played:
    if was is None:
        return RemoveSegment(segment=name, before=becomes.text if becomes else None)
    return Put.model_construct(segment=was, before=becomes.text if becomes else None)


def changes_between(a: Document, b: Document) -> list[Played]:
    """What makes `b` of `a`."""
    old, new = a.by_id, b.by_id
    gone: list[Played] = [RemoveSegment(segment=name, before=old[name].text) for name in old if name not in new]
    return [
        *gone,
        *(
            Put.model_construct(segment=piece, before=old[name].text if name in old else None)
            for name, piece in new.items()
            if piece != old.get(name)
        ),
    ]


def diff(a: Document, b: Document) -> list[Difference]:
    """Segment by segment, in the order of their times, for people to read."""
    old, new = a.by_id, b.by_id
    both = sorted({**old, **new}.values(), key=_place)
    return [
        _difference(piece.id, old.get(piece.id), new.get(piece.id))
        for piece in both
        if old.get(piece.id) != new.get(piece.id)
    ]


def _difference(name: str, before: Piece | None, after: Piece | None) -> Difference:
    kind: Literal["added", "removed", "changed"] = "changed"
    if before is None or after is None:
        kind = "added" if before is None else "removed"
    texts = (before.text if before else "", after.text if after else "")
    return Difference(name, kind, before, after, runs(*texts) if texts[0] != texts[1] else [])


# ---- two people


def rebase(document: Document, changes: Sequence[Change], prefix: str, *, together: bool = False) -> Rebased:
    """Make changes to a document that others may have changed since. What can't be made is told, with its text.

    After a rejected change, later ones of the same segment are rejected too: they build on it. `together`: all or none.
    `prefix` begins the ids that are given out.
    """
    pieces = document.by_id
    played: list[Played] = []
    rejected: list[Rejected] = []
    lost: set[str] = set()
    for index, asked in enumerate(changes):
        for change in _expanded(pieces, asked):
            try:
                settled = _settled(pieces, change, lost, f"{prefix}-{len(played)}")
                effect = {} if settled is None else _effect(pieces, settled)
            except BrickyardError as error:
                lost |= _segments_of(change)
                rejected.append(_rejected(pieces, index, change, error))
                continue
            _take(pieces, effect)
            if settled is not None and effect:
                played.append(settled)
    if rejected and together:
        return Rebased(document, [], _all_rejected(document.by_id, changes, rejected))
    return Rebased(_document(pieces), played, rejected)


def _expanded(pieces: Pieces, change: Change) -> list[Played]:
    if not isinstance(change, ReplaceAll):
        return [change]
    pattern = re.escape(change.find)
    if change.whole_words:
        pattern = rf"(?<!\w){pattern}(?!\w)"
    found = re.compile(pattern, 0 if change.match_case else re.IGNORECASE)
    texts = {name: found.sub(lambda _: change.replace, piece.text) for name, piece in pieces.items()}
    return [
        SetText.model_construct(segment=name, text=text, before=pieces[name].text)
        for name, text in texts.items()
        if text != pieces[name].text
    ]


def _settled(pieces: Pieces, change: Played, lost: set[str], fresh: str) -> Played | None:
    """The change as it is to be made now; None where there is nothing left to do. Raises Conflict."""
    if lost & _segments_of(change):
        raise Conflict("An earlier change of this segment could not be made, and this one builds on it.")
    if isinstance(change, SetText):
        return _text_settled(_piece(pieces, change.segment), change)
    if isinstance(change, Split):
        return _split_settled(pieces, change, fresh)
    if isinstance(change, AddSegment):
        return change.model_copy(update={"new": _free(pieces, change.new, fresh)})
    if isinstance(change, RemoveSegment | Put):
        return _whole_settled(pieces, change)
    if isinstance(change, RenameSpeaker):
        speakers = {piece.speaker for piece in pieces.values()}
        return None if change.old not in speakers and change.new in speakers else change
    return change


def _text_settled(piece: Piece, change: SetText) -> SetText | None:
    if piece.text == change.text:
        return None
    text = change.text if piece.text == change.before else merged(change.before, change.text, piece.text)
    if text is None:
        raise Conflict("Somebody else has changed the same words meanwhile. Choose between the two texts.")
    if len(text) > LETTERS:
        raise BadInput(f"A segment has room for {LETTERS:,} letters; this one would have {len(text):,}. Split it.")
    return change.model_copy(update={"text": text, "before": piece.text})


def _split_settled(pieces: Pieces, change: Split, fresh: str) -> Split:
    piece = _piece(pieces, change.segment)
    before = piece.text if change.before is None else change.before
    at = moved(change.at, before, piece.text)
    if at is None:
        raise Conflict("Somebody else has changed the words where this segment was to be split. Split it again.")
    return change.model_copy(update={"at": at, "before": piece.text, "new": _free(pieces, change.new, fresh)})


def _whole_settled(pieces: Pieces, change: RemoveSegment | Put) -> Played | None:
    name = change.segment.id if isinstance(change, Put) else change.segment
    piece = pieces.get(name)
    if isinstance(change, RemoveSegment):
        if piece is None:
            return None
        is_as_seen = change.before in (None, piece.text)
    else:
        if piece == change.segment:
            return None
        is_as_seen = change.before == (piece.text if piece else None)
    if not is_as_seen:
        raise Conflict("Somebody else has changed this segment meanwhile. Look at it again.")
    return change


def _rejected(pieces: Pieces, index: int, change: Change, error: BrickyardError) -> Rejected:
    theirs = [pieces[name].text for name in sorted(_segments_of(change)) if name in pieces]
    return Rejected(index, change, error.code, error.message, typed(change), theirs[0] if len(theirs) == 1 else None)


def _all_rejected(pieces: Pieces, changes: Sequence[Change], rejected: Sequence[Rejected]) -> list[Rejected]:
    told = {one.index: one for one in reversed(rejected)}
    other = Conflict("Another change of this batch could not be made, and it was sent to be made together.")
    return [told.get(index) or _rejected(pieces, index, change, other) for index, change in enumerate(changes)]


def typed(change: Change) -> str | None:
    """What its author wrote; None where it has nothing to write."""
    match change:
        case SetText() | AddSegment():
            return change.text
        case RenameSpeaker():
            return change.new
        case SetSpeaker():
            return change.speaker
        case Put():
            return change.segment.text
        case ReplaceAll():
            return change.replace
    return None


def _segments_of(change: Change) -> set[str]:
    match change:
        case SetText() | RemoveSegment() | SetTimes():
            return {change.segment}
        case Split():
            return {change.segment, change.new} - {""}
        case AddSegment():
            return {change.new} - {""}
        case Put():
            return {change.segment.id}
        case Merge():
            return {change.first, change.second}
    return set()


# ---- what a change does


def _effect(pieces: Pieces, change: Played) -> Effect:
    effect = EFFECTS[change.kind]
    return effect(pieces, change)


def _set_text(pieces: Pieces, change: SetText) -> Effect:
    piece = _piece(pieces, change.segment)
    return {piece.id: _with_text(piece, change.text)} if piece.text != change.text else {}


def _with_text(piece: Piece, text: str) -> Piece:
    words = retimed(piece.words, text, piece.start, piece.end)
    confidence = piece.confidence if any(word.confidence is not None for word in words) else None
    return piece.model_copy(update={"text": text, "words": words, "confidence": confidence})


def _split(pieces: Pieces, change: Split) -> Effect:
    piece = _piece(pieces, change.segment)
    left, right = piece.text[: change.at].rstrip(), piece.text[change.at :].lstrip()
    if not left or not right:
        raise BadInput(
            f"Splitting at letter {change.at} would leave a segment without text. Its text has {len(piece.text)} "
            "letters; choose a place between two words."
        )
    if change.new in pieces or not change.new:
        raise Conflict(f"There is a segment {change.new!r} already. Choose another id, or leave it empty.")
    # Words of the text as it stands, so that counting them finds the place.
    words = retimed(piece.words, piece.text, piece.start, piece.end)
    count = len(retimed([], left, piece.start, piece.end))
    count = _words_up_to(words, piece.text, change.at) if words else count
    time_s = change.time_s
    if time_s is None:
        before, after = words[:count], words[count:]
        time_s = (before[-1].end + max(before[-1].end, after[0].start)) / 2 if before and after else piece.start
    if not piece.start <= time_s <= piece.end:
        if change.time_s is not None:
            raise BadInput(f"time_s is {time_s}; the segment lasts from {piece.start} to {piece.end} s.")
        time_s = min(max(time_s, piece.start), piece.end)
    time_s = min(max(round(time_s, 3), piece.start), piece.end)
    own, others = within(words[:count], piece.start, time_s), within(words[count:], time_s, piece.end)
    first = {"end": time_s, "text": left, "words": retimed(own, left, piece.start, time_s)}
    second = {"id": change.new, "start": time_s, "text": right, "words": retimed(others, right, time_s, piece.end)}
    return {piece.id: piece.model_copy(update=first), change.new: piece.model_copy(update=second)}


def _words_up_to(words: Sequence[Any], text: str, at: int) -> int:
    """How many words begin before the letter `at`."""
    cursor = 0
    for count, word in enumerate(words):
        cursor = text.find(word.text, cursor)
        if cursor >= at or cursor < 0:
            return count
        cursor += len(word.text)
    return len(words)


def _merge(pieces: Pieces, change: Merge) -> Effect:
    first, second = _piece(pieces, change.first), _piece(pieces, change.second)
    if first is second:
        raise BadInput(f"{change.first} can't be merged with itself. Name two segments.")
    earlier, later = sorted((first, second), key=_place)
    start, end = earlier.start, max(earlier.end, later.end)
    text = joined(earlier.text, later.text)
    if len(text) > LETTERS:
        raise BadInput(f"A segment has room for {LETTERS:,} letters; this one would have {len(text):,}.")
    words = within([*earlier.words, *later.words], start, end)
    known = [piece.confidence for piece in (earlier, later) if piece.confidence is not None]
    values = {"start": start, "end": end, "text": text, "words": retimed(words, text, start, end)}
    values["confidence"] = min(known, default=None)
    return {first.id: first.model_copy(update=values), second.id: None}


def _set_speaker(pieces: Pieces, change: SetSpeaker) -> Effect:
    found = [_piece(pieces, name) for name in change.segments]
    return _spoken_by(change.speaker, [piece for piece in found if piece.speaker != change.speaker])


def _rename_speaker(pieces: Pieces, change: RenameSpeaker) -> Effect:
    if change.old == change.new:
        return {}
    if any(piece.speaker == change.new for piece in pieces.values()):
        raise Conflict(f"There is a speaker {change.new!r} already. To make them one, use merge_speakers.")
    return _spoken_by(change.new, _said_by(pieces, change.old))


def _merge_speakers(pieces: Pieces, change: MergeSpeakers) -> Effect:
    if change.source == change.into:
        return {}
    return _spoken_by(change.into, _said_by(pieces, change.source))


def _said_by(pieces: Pieces, speaker: str) -> list[Piece]:
    found = [piece for piece in pieces.values() if piece.speaker == speaker]
    if not found:
        raise Conflict(f"Nothing is said by {speaker!r} here; perhaps somebody has renamed them. Look again.")
    return found


def _spoken_by(speaker: str | None, pieces: Iterable[Piece]) -> Effect:
    return {piece.id: piece.model_copy(update={"speaker": speaker}) for piece in pieces}


def _add_segment(pieces: Pieces, change: AddSegment) -> Effect:
    if change.new in pieces or not change.new:
        raise Conflict(f"There is a segment {change.new!r} already. Choose another id, or leave it empty.")
    words = retimed([], change.text, change.start, change.end)
    piece = Piece(
        id=change.new, start=change.start, end=change.end, speaker=change.speaker, text=change.text, words=words
    )
    return {piece.id: piece}


def _remove_segment(pieces: Pieces, change: RemoveSegment) -> Effect:
    return {_piece(pieces, change.segment).id: None}


def _set_times(pieces: Pieces, change: SetTimes) -> Effect:
    piece = _piece(pieces, change.segment)
    if (piece.start, piece.end) == (change.start, change.end):
        return {}
    words = within(piece.words, change.start, change.end)
    return {piece.id: piece.model_copy(update={"start": change.start, "end": change.end, "words": words})}


def _put(pieces: Pieces, change: Put) -> Effect:
    return {change.segment.id: change.segment} if pieces.get(change.segment.id) != change.segment else {}


EFFECTS: dict[str, Callable[[Pieces, Any], Effect]] = {
    "set_text": _set_text,
    "split": _split,
    "merge": _merge,
    "set_speaker": _set_speaker,
    "rename_speaker": _rename_speaker,
    "merge_speakers": _merge_speakers,
    "add_segment": _add_segment,
    "remove_segment": _remove_segment,
    "set_times": _set_times,
    "put": _put,
}


def _piece(pieces: Pieces, name: str) -> Piece:
    piece = pieces.get(name)
    if piece is None:
        raise Conflict(f"There is no segment {name!r} (any more); somebody may have merged or removed it. Look again.")
    return piece


def _free(pieces: Pieces, asked: str, fresh: str) -> str:
    if asked:
        return asked
    while fresh in pieces:
        fresh += "x"
    return fresh


def _take(pieces: dict[str, Piece], effect: Effect) -> None:
    for name, piece in effect.items():
        if piece is None:
            del pieces[name]
        else:
            pieces[name] = piece


def _document(pieces: Pieces) -> Document:
    # Each was checked when it came; checking thousands of them again would take longer than the change.
    return Document.model_construct(segments=tuple(sorted(pieces.values(), key=_place)))


def _place(piece: Piece) -> tuple[float, float, int, str]:
    return piece.start, piece.end, len(piece.id), piece.id


def _check_forward(start: float, end: float) -> None:
    if end < start:
        raise ValueError(f"the end, {end} s, is before the start, {start} s")
