"""Documents and changes of them, made up by hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from brickyard.text.editing import (
    AddSegment,
    Change,
    Document,
    Merge,
    MergeSpeakers,
    Played,
    Put,
    RemoveSegment,
    RenameSpeaker,
    ReplaceAll,
    SetSpeaker,
    SetText,
    SetTimes,
    Split,
    of_machine,
)
from brickyard.text.spoken import Segment, Word

WORDS = ["the", "harbour", "is", "closed", "no", "na", "naïve", "港", "が"]
SPEAKERS = ["Speaker 1", "Speaker 2", "Ada"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
TIMES = st.integers(0, 60).map(float)


def segment(text: str, start: float, speaker: str | None = "Speaker 1", *, words: bool = True) -> Segment:
    """A word a second, half a second long."""
    own = [Word(start=start + k, end=start + k + 0.5, text=word, confidence=0.9) for k, word in enumerate(text.split())]
    end = start + max(1, len(own))
    return Segment(start=start, end=end, speaker=speaker, text=text, confidence=0.9, words=own if words else [])


@st.composite
def documents(draw: st.DrawFn) -> Document:
    said: list[Segment] = []
    for _ in range(draw(st.integers(1, 5))):
        start = said[-1].end if said else 0.0
        speaker = draw(st.sampled_from([*SPEAKERS[:2], None]))
        said.append(segment(draw(TEXTS), start, speaker, words=draw(st.booleans())))
    return of_machine(said)


def changes(document: Document, fresh: str = "n") -> st.SearchStrategy[Played]:
    """Those that somebody could make who sees this document; not all of them make sense."""
    own = document.by_id
    names = st.sampled_from(sorted(own) or ["s1"])
    speakers = st.sampled_from(SPEAKERS)
    spans = st.tuples(TIMES, TIMES).map(sorted)

    def text_of(name: str) -> str:
        return own[name].text if name in own else ""

    def typed(name: str, words: list[str], at: int) -> str:
        kept = text_of(name).split()
        return " ".join([*kept[:at], *words, *kept[at + 1 :]])

    texts = st.builds(typed, names, st.lists(st.sampled_from(WORDS), max_size=2), st.integers(0, 8))
    return st.one_of(
        st.builds(lambda name, text: SetText(segment=name, text=text, before=text_of(name)), names, TEXTS | texts),
        st.builds(
            lambda name, at: Split(segment=name, at=at, before=text_of(name), new=fresh), names, st.integers(0, 40)
        ),
        st.builds(
            lambda name, at, time: Split(segment=name, at=at, time_s=time, new=fresh), names, st.integers(0, 40), TIMES
        ),
        st.builds(Merge, first=names, second=names),
        st.builds(SetSpeaker, segments=st.lists(names, min_size=1), speaker=speakers | st.none()),
        st.builds(RenameSpeaker, old=speakers, new=speakers),
        st.builds(MergeSpeakers, source=speakers, into=speakers),
        st.builds(lambda span, text: AddSegment(start=span[0], end=span[1], text=text, new=fresh), spans, TEXTS),
        st.builds(lambda name: RemoveSegment(segment=name, before=text_of(name)), names),
        st.builds(lambda name, span: SetTimes(segment=name, start=span[0], end=span[1]), names, spans),
        st.builds(lambda piece: Put(segment=piece, before=piece.text), st.sampled_from(document.segments))
        if document.segments
        else st.nothing(),
    )


def asked(document: Document, fresh: str = "n") -> st.SearchStrategy[Change]:
    replaced = st.builds(ReplaceAll, find=st.sampled_from(WORDS), replace=TEXTS, whole_words=st.booleans())
    return changes(document, fresh) | replaced
