"""Diarization by the native library of the `moonshine-voice` wheel: for where `onnx` does not find its models.

Much slower than `onnx`, and without voice prints: speakers of neighbouring windows are linked by the speech that
both windows hold, so somebody silent for longer than a window may come back under another label.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import moonshine_voice
import numpy as np
from moonshine_voice.errors import MoonshineError
from moonshine_voice.moonshine_api import ModelArch, TranscriptC
from moonshine_voice.transcriber import Transcriber

from brickyard.engines import heap
from brickyard.engines.base import SAMPLE_RATE, Audio, MemoryUse, Observation, Turn
from brickyard.engines.linking import link_by_overlap, tidy
from brickyard.kit.errors import Unavailable

_OPTIONS = {
    "skip_transcription": "true",
    "identify_speakers": "true",
    "return_audio_data": "false",
    "diarization_analyze_cadence": "2",
}
_ASSET = "tiny-en"
_LEAST_S = 0.5
"""The library finds no speech in less."""


class MoonshineDiarizer:
    """The `diarize` contract. Not thread-safe, as the library is not: one in a process."""

    name = "moonshine"
    parallel = False
    batches: tuple[int, ...] = (1,)
    frees_memory = True
    window_s = 120.0
    overlap_s = 20.0

    def __init__(self) -> None:
        model = Path(moonshine_voice.__file__).parent / "assets" / _ASSET
        try:
            self._transcriber = Transcriber(str(model), ModelArch.TINY, options=_OPTIONS)
        except MoonshineError as error:
            raise Unavailable(
                f"The diarizer 'moonshine' could not load {model}: {error}. Install moonshine-voice==0.1.0."
            ) from error

    def observe(self, audio: Audio, offset_s: float, batch: int = 1) -> list[Observation]:
        audio = np.ascontiguousarray(np.nan_to_num(audio), np.float32)
        end_s = offset_s + len(audio) / SAMPLE_RATE
        turns = self._turns(audio, offset_s) if len(audio) >= _LEAST_S * SAMPLE_RATE else []
        inside = [Turn(turn.start, min(turn.end, end_s), turn.speaker) for turn in turns if turn.start < end_s]
        return [Observation(offset_s, end_s, tuple(tidy(inside)))]

    @staticmethod
    def link(observations: Sequence[Observation], speakers: int | None) -> list[Turn]:
        return link_by_overlap(observations, speakers)

    def drop_caches(self) -> None:
        heap.trim()

    def memory(self) -> MemoryUse | None:
        return None

    def close(self) -> None:
        self._transcriber.close()
        heap.trim()

    def _turns(self, audio: Audio, offset_s: float) -> list[Turn]:
        """The library's spans. Called by pointer: its wrapper copies the audio to a list of Python floats."""
        transcript = ctypes.POINTER(TranscriptC)()
        error = self._transcriber._lib.moonshine_transcribe_without_streaming(
            self._transcriber._handle,
            audio.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
            len(audio),
            SAMPLE_RATE,
            0,
            ctypes.byref(transcript),
        )
        if error != 0:
            raise Unavailable(f"The diarizer 'moonshine' failed with its error code {error}; run the step again.")
        return [
            Turn(offset_s + span.start_time, offset_s + span.start_time + span.duration, span.speaker_index)
            for line in self._transcriber._parse_transcript(transcript).lines
            for span in line.speaker_spans or ()
        ]
