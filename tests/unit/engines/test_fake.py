from __future__ import annotations

import numpy as np
import pytest

from brickyard.engines.base import SAMPLE_RATE, Audio, Diarizer, MemoryUse, Span, SpeechRecognizer, Turn
from brickyard.engines.fake import FakeDiarizer, FakeMemory, FakeRecognizer
from brickyard.gpu.devices import SimulatedDevice
from brickyard.kit.errors import OutOfMemory, Unsupported


def tone(level: float, duration_s: float) -> Audio:
    return np.full(int(duration_s * SAMPLE_RATE), level, np.float32)


CONVERSATION = np.concatenate([tone(0.5, 2), tone(0, 1), tone(0.1, 2), tone(0.5, 1)])


def test_the_recognizer_says_which_audio_it_was_given() -> None:
    recognizer: SpeechRecognizer = FakeRecognizer()
    first, second = recognizer.transcribe(CONVERSATION, [Span(3, 4.5), Span(0, 1)], None, 1)
    assert (first.start, first.end, first.text) == (0, 1, "speech of 1.0 seconds at level 0.500")
    assert second.text == "speech of 1.5 seconds at level 0.100"
    assert (second.words[0].start, second.words[-1].end) == (3, pytest.approx(4.5))


def test_the_recognizer_refuses_what_it_cannot_do() -> None:
    with pytest.raises(Unsupported, match="'fr'"):
        FakeRecognizer().transcribe(CONVERSATION, [], "fr")
    with pytest.raises(OutOfMemory, match=r"5\.0 s"):
        FakeRecognizer(room_s=4).transcribe(CONVERSATION, [Span(0, 5)], "en")


def test_the_diarizer_tells_loud_from_soft_over_all_windows() -> None:
    diarizer: Diarizer = FakeDiarizer()
    seen = [*diarizer.observe(CONVERSATION, 0.0, 1), *diarizer.observe(tone(0.1, 1), 6.0, 1)]
    turns = [Turn(round(t.start, 1), round(t.end, 1), t.speaker) for t in diarizer.link(seen, None)]
    assert turns == [Turn(0, 2, 0), Turn(3, 5, 1), Turn(5, 6, 0), Turn(6, 7, 1)]


def test_a_hint_limits_the_number_of_speakers() -> None:
    diarizer = FakeDiarizer()
    assert {turn.speaker for turn in diarizer.link(diarizer.observe(CONVERSATION, 0.0), 1)} == {0}


def test_memory_is_taken_from_a_device_as_an_engine_takes_it() -> None:
    device = SimulatedDevice("gpu", 1000, segment_mib=1)
    heap = device.open(1)
    recognizer = FakeRecognizer(memory_of=FakeMemory(heap, weights_mib=300, working_mib=100, leak_mib=5))
    assert recognizer.memory() == MemoryUse(300, 300)
    recognizer.transcribe(CONVERSATION, [Span(0, 1)], "en", 4)
    assert recognizer.memory() == MemoryUse(705, 305)
    recognizer.drop_caches()
    assert recognizer.memory() == MemoryUse(305, 305)
    with pytest.raises(OutOfMemory, match="800 MiB needed"):
        recognizer.transcribe(CONVERSATION, [Span(0, 1)], "en", 8)
    assert heap.allocated_mib == 305
    recognizer.close()
    assert heap.held_mib == 5
    assert recognizer.seen == [4, 8]


def test_one_for_whom_there_is_no_room_is_not_built() -> None:
    heap = SimulatedDevice("gpu", 100).open(1)
    with pytest.raises(OutOfMemory):
        FakeDiarizer(FakeMemory(heap, weights_mib=101))
