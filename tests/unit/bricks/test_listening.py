"""Without engines: what they say is made up, the order and the pieces are not."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from brickyard.bricks import listening
from brickyard.bricks.asr.contract import SegmentModel, SpeechReply, SpeechRequest, TranscribeReply, TranscribeRequest
from brickyard.bricks.contract import Health
from brickyard.bricks.diarize.contract import LinkReply, LinkRequest, ObserveReply, ObserveRequest, TurnModel
from brickyard.bricks.listening import TRIES, Asked, Heard, Listening, Sound
from brickyard.engines.base import Turn
from brickyard.kit.errors import OutOfMemory
from brickyard.kit.sealed import Stored

KEY = bytes(range(32))
SOUND = Sound(Stored(Path("talk.wav"), KEY), 300.0)
ASKED = Asked(language="en", model="small", speakers=2, priority="batch", tenant="ada")


class Recognizer:
    """Somebody speaks for two seconds of every ten. The first `full` requests find no room."""

    def __init__(self, full: int = 0) -> None:
        self.asked: list[TranscribeRequest] = []
        self._full = full

    async def speech(self, request: SpeechRequest) -> SpeechReply:
        starts = [float(s) for s in range(0, 1000, 10) if s < request.end and s + 2 > request.start]
        return SpeechReply(spans=[(max(s, request.start), min(s + 2, request.end)) for s in starts])

    async def transcribe(self, request: TranscribeRequest) -> TranscribeReply:
        self.asked.append(request)
        if len(self.asked) <= self._full:
            raise OutOfMemory("no room")
        # Earlier chunks take longer, so that order is not by chance.
        await asyncio.sleep(0.01 / (1 + request.start))
        segments = [SegmentModel(start=start, end=end, text=f"At {start:.0f}.") for start, end in request.spans]
        return TranscribeReply(segments=segments, engine="fake")


class Speakers:
    def __init__(self) -> None:
        self.observed: list[ObserveRequest] = []
        self.linked: list[LinkRequest] = []

    async def health(self) -> Health:
        return Health(brick="diarize", engine="fake", window_s=70.0, overlap_s=10.0)

    async def observe(self, request: ObserveRequest) -> ObserveReply:
        self.observed.append(request)
        return ObserveReply(observations=[{"start": request.start}])

    async def link(self, request: LinkRequest) -> LinkReply:
        self.linked.append(request)
        return LinkReply(turns=[TurnModel(start=0.0, end=1.0, speaker=0)])


def listening_to(asr: Recognizer, speakers: Speakers | None = None) -> Listening:
    return Listening(asr, speakers or Speakers())  # type: ignore[arg-type]


def heard(asr: Recognizer, sound: Sound = SOUND) -> list[Heard]:
    async def all_of() -> list[Heard]:
        return [one async for one in listening_to(asr).words(sound, ASKED)]

    return asyncio.run(all_of())


def test_words_come_in_order_with_nothing_left_out() -> None:
    asr = Recognizer()
    starts = [segment.start for one in heard(asr) for segment in one.segments]
    assert starts == [float(s) for s in range(0, 300, 10)]
    assert {(r.language, r.model, r.priority, r.tenant) for r in asr.asked} == {("en", "small", "batch", "ada")}
    assert {(r.audio, r.key) for r in asr.asked} == {("talk.wav", KEY.hex())}
    assert all(after.start >= before.end for before, after in pairwise(asr.asked))


def test_each_channel_is_heard() -> None:
    found = heard(Recognizer(), Sound(Stored(Path("call.wav"), KEY), 60.0, channels=2))
    assert sorted({one.channel for one in found}) == [0, 1]


def test_a_chunk_without_room_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "retry_in_s", lambda *_: 0.0)
    starts = [segment.start for one in heard(Recognizer(full=2)) for segment in one.segments]
    assert len(starts) == 30


def test_one_that_never_finds_room_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "retry_in_s", lambda *_: 0.0)
    with pytest.raises(OutOfMemory):
        heard(Recognizer(full=100 * TRIES))


def test_whoever_stops_listening_leaves_nothing_under_way() -> None:
    async def first_only() -> set[Any]:
        words = listening_to(Recognizer()).words(SOUND, ASKED)
        async for _ in words:
            break
        await words.aclose()  # type: ignore[attr-defined]
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(first_only()) == set()


def test_turns_are_linked_over_all_windows() -> None:
    speakers = Speakers()
    turns = asyncio.run(listening_to(Recognizer(), speakers).turns(SOUND, ASKED))
    assert turns == [Turn(0.0, 1.0, 0)]
    assert [(r.start, r.end) for r in speakers.observed] == [
        (s, min(s + 70.0, 300.0)) for s in (0.0, 60, 120, 180, 240)
    ]
    assert {(r.audio, r.key) for r in speakers.observed} == {("talk.wav", KEY.hex())}
    [linked] = speakers.linked
    assert linked.speakers == 2
    assert [one["start"] for one in linked.observations] == [0.0, 60.0, 120.0, 180.0, 240.0]


def test_where_each_channel_is_a_speaker_it_speaks_when_its_channel_does() -> None:
    speakers = Speakers()
    turns = asyncio.run(
        listening_to(Recognizer(), speakers).turns(Sound(Stored(Path("c.wav"), KEY), 20.0, channels=2), ASKED)
    )
    assert turns == [Turn(0.0, 2.0, 0), Turn(0.0, 2.0, 1), Turn(10.0, 12.0, 0), Turn(10.0, 12.0, 1)]
    assert speakers.observed == []
