from __future__ import annotations

from brickyard.engines.base import Segment, Turn, Word
from brickyard.text.align import speak
from brickyard.text.spoken import Segment as WrittenSegment
from brickyard.text.spoken import Word as WrittenWord
from brickyard.text.subtitles import cues_of
from brickyard.text.wording import gap_between

CHINESE = ("今天", "天气", "很", "好。", "是", "的。")


def test_words_are_put_together_as_their_script_does() -> None:
    assert gap_between(["No", "matter."], "No matter.") == " "
    assert gap_between(CHINESE, "今天天气很好。是的。") == ""
    assert gap_between(["Yes."], "Yes.") == " "


def test_a_segment_without_spaces_is_cut_between_speakers_without_gaining_any() -> None:
    words = tuple(Word(float(i), i + 1.0, text) for i, text in enumerate(CHINESE))
    pieces = speak([Segment(0.0, 6.0, "".join(CHINESE), words)], [Turn(0.0, 4.0, 0), Turn(4.0, 6.0, 1)])
    assert [(speaker, piece.text) for speaker, piece in pieces] == [(0, "今天天气很好。"), (1, "是的。")]


def test_subtitles_without_spaces_gain_none() -> None:
    words = [WrittenWord(start=float(i), end=i + 1.0, text=text) for i, text in enumerate(CHINESE)]
    segment = WrittenSegment(start=0.0, end=6.0, speaker=None, text="".join(CHINESE), words=words)
    assert [cue.text for cue in cues_of([segment])] == ["今天天气很好。是的。"]
