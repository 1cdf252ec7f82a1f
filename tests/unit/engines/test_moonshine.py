from __future__ import annotations

from itertools import pairwise
from math import log
from pathlib import Path

import numpy as np
import pytest

from brickyard.engines import heap, moonshine
from brickyard.engines.base import SAMPLE_RATE, Audio, Span
from brickyard.engines.moonshine import Moonshine, _Heard
from brickyard.engines.silero import SileroVad
from brickyard.kit.errors import Unsupported
from tests.unit.engines.speech import BECKETT, TWO_CITIES, from_wheel, load, word_error_rate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine() -> Moonshine:
    return Moonshine()


@pytest.fixture(scope="module")
def beckett() -> Audio:
    return from_wheel("beckett.wav")


@pytest.fixture(scope="module")
def beckett_spans(beckett: Audio) -> list[Span]:
    return SileroVad().speech_spans([beckett])


def test_a_reader_is_transcribed_nearly_without_error(engine: Moonshine) -> None:
    audio = from_wheel("two_cities.wav")
    said = engine.transcribe(audio, SileroVad().speech_spans([audio]))
    assert word_error_rate(TWO_CITIES, " ".join(segment.text for segment in said)) < 0.06


def test_a_telephone_conversation_is_transcribed_mostly(engine: Moonshine, shared_data: Path) -> None:
    audio = load(shared_data / "sample.wav")
    reference = " ".join(line.split(None, 5)[5] for line in (shared_data / "sample.stm").read_text().splitlines())
    said = engine.transcribe(audio, SileroVad().speech_spans([audio]), "en")
    assert word_error_rate(reference, " ".join(segment.text for segment in said)) < 0.21
    assert said[0].text.lower().startswith("hello")


def test_segments_and_words_are_in_order_and_inside_the_speech(
    engine: Moonshine, beckett: Audio, beckett_spans: list[Span]
) -> None:
    said = engine.transcribe(beckett, beckett_spans)
    assert word_error_rate(BECKETT, " ".join(segment.text for segment in said)) < 0.1
    assert all(left.end <= right.start + 1e-9 for left, right in pairwise(said))
    for segment in said:
        assert " ".join(word.text for word in segment.words) == segment.text
        assert (segment.words[0].start, segment.words[-1].end) == (segment.start, segment.end)
        assert all(word.approximate for word in segment.words)
        assert 0.5 < segment.confidence <= 1
        assert beckett_spans[0].start <= segment.start < segment.end <= beckett_spans[-1].end


def test_each_phrase_begins_where_its_span_does(engine: Moonshine, beckett: Audio, beckett_spans: list[Span]) -> None:
    starts = [segment.start for segment in engine.transcribe(beckett, beckett_spans)]
    near = [min(abs(start - span.start) for start in starts) for span in beckett_spans]
    assert max(near) < 0.3


def test_the_same_audio_gives_the_same_bits(beckett: Audio, beckett_spans: list[Span]) -> None:
    one, other = Moonshine(), Moonshine()
    other.transcribe(from_wheel("endgame_nagg_nell.wav"), [Span(0, 10)])
    assert one.transcribe(beckett, beckett_spans) == other.transcribe(beckett, beckett_spans)


def test_very_quiet_speech_is_read_like_loud(engine: Moonshine, beckett: Audio, beckett_spans: list[Span]) -> None:
    said = engine.transcribe((beckett * np.float32(0.0005)).astype(np.float32), beckett_spans)
    assert word_error_rate(BECKETT, " ".join(segment.text for segment in said)) < 0.2


def test_careful_decoding_cuts_elsewhere_and_reads_about_as_well(engine: Moonshine) -> None:
    audio = from_wheel("two_cities.wav")
    spans = SileroVad().speech_spans([audio])
    careful = engine.transcribe(audio, spans, careful=True)
    assert careful != engine.transcribe(audio, spans)
    assert word_error_rate(TWO_CITIES, " ".join(segment.text for segment in careful)) < 0.15


def test_a_long_span_is_read_in_pieces(engine: Moonshine) -> None:
    audio = from_wheel("two_cities.wav")
    said = engine.transcribe(audio, [Span(0, len(audio) / SAMPLE_RATE)])
    assert word_error_rate(TWO_CITIES, " ".join(segment.text for segment in said)) < 0.1
    assert all(segment.end - segment.start < 9 for segment in said)


def test_short_units_do_not_suffer_from_long_ones_in_their_batch(engine: Moonshine) -> None:
    audio = from_wheel("two_cities.wav")
    spans = [Span(1, 3), Span(4.8, 6.6), Span(8.6, 18), Span(29, 41.9)]
    alone = engine.transcribe(audio, spans, batch=1)[:2]
    together = engine.transcribe(audio, spans, batch=8)[:2]
    assert [segment.text for segment in together] == [segment.text for segment in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.confidence == pytest.approx(other.confidence, abs=0.01)


def test_a_row_ends_at_the_end_token_or_at_its_limit() -> None:
    ended, endless = _Heard(limit=4), _Heard(limit=4)
    for token in (7, 8, 2, 9):
        ended.take(token, log(0.5))
    for token in (7, 8, 7, 8, 7, 8):
        endless.take(token, 0.0)
    assert (ended.tokens, ended.done, ended.ran_away) == ([7, 8], True, False)
    assert ended.confidence == pytest.approx(0.5)
    assert (endless.tokens, endless.done, endless.ran_away) == ([7, 8, 7, 8], True, True)


def test_silence_and_broken_samples_do_not_stop_it(engine: Moonshine, beckett: Audio) -> None:
    broken = np.concatenate([np.zeros(SAMPLE_RATE, np.float32), beckett[: 3 * SAMPLE_RATE]])
    broken[:1000] = np.nan
    assert "tried" in engine.transcribe(broken, [Span(0, 4)])[0].text.lower()


def test_noise_given_for_speech_does_not_run_away(engine: Moonshine) -> None:
    noise = np.random.default_rng(5).normal(0, 0.1, 8 * SAMPLE_RATE).astype(np.float32)
    said = engine.transcribe(noise, [Span(0, 8)])
    assert sum(len(segment.words) for segment in said) < 8 * 6.5


@pytest.mark.parametrize("spans", [[], [Span(3, 3)], [Span(40, 50)]])
def test_no_audio_in_the_spans_no_words(engine: Moonshine, beckett: Audio, spans: list[Span]) -> None:
    assert engine.transcribe(beckett, spans) == []


def test_a_sliver_of_a_span_is_no_error(engine: Moonshine, beckett: Audio) -> None:
    assert isinstance(engine.transcribe(beckett[:400], [Span(0, 0.02)]), list)


def test_another_language_is_refused_and_the_engine_for_it_named(engine: Moonshine, beckett: Audio) -> None:
    with pytest.raises(Unsupported, match="faster-whisper"):
        engine.transcribe(beckett, [Span(0, 5)], "fr")


def test_a_wheel_without_the_model_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moonshine, "moonshine_folder", lambda: None)
    with pytest.raises(Unsupported, match="moonshine-voice"):
        Moonshine()


def test_closing_gives_the_memory_back(beckett: Audio, beckett_spans: list[Span]) -> None:
    Moonshine().close()
    before_mib = heap.resident_mib()
    engine = Moonshine()
    engine.transcribe(beckett, beckett_spans)
    loaded_mib = heap.resident_mib() - before_mib
    engine.close()
    assert loaded_mib > 60
    assert heap.resident_mib() - before_mib < loaded_mib / 4
    assert engine.frees_memory
