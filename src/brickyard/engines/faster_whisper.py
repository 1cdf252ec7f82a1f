"""Whisper on CTranslate2, through faster-whisper: the GPU engine, up to 99 languages, true word times.

The model comes from a local folder and from nowhere else; a folder that lacks a file is refused, because the
library would go and fetch it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel

from brickyard.engines import heap
from brickyard.engines.base import Audio, MemoryUse, Segment, Span, Word
from brickyard.engines.catalog import FASTER_WHISPER
from brickyard.engines.units import Unit, UnitRule, plan_units
from brickyard.engines.words import segments
from brickyard.kit.errors import BadInput, OutOfMemory, Unsupported

# The encoder always works on 30 s, so a fuller window costs the same; a margin is left for the last word.
_RULE = UnitRule(unit_s=28.0, gap_s=3.0, longest_s=28.0)
_CAREFUL_RULE = UnitRule(unit_s=14.0, gap_s=1.0, longest_s=14.0)
_WARMER = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

_UNLOADS_WITHIN_S = 2.0
_NEEDED = ("model.bin", "config.json", "tokenizer.json")
_MELS_FILE = "preprocessor_config.json"
_USUAL_MELS = 80


class FasterWhisper:
    """Not for use by two threads at once."""

    name = FASTER_WHISPER
    parallel = False
    batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32)

    def __init__(
        self,
        model_dir: Path,
        device: str = "cpu",
        compute_type: str = "default",
        threads: int = 1,
        *,
        beam: int = 5,
    ) -> None:
        """Raises BadInput for an incomplete folder, Unsupported for a device or number type not to be had."""
        missing = [name for name in _NEEDED if not (model_dir / name).is_file()]
        if missing:
            raise BadInput(
                f"The Whisper model in {model_dir} lacks {', '.join(missing)}; a complete folder has "
                f"{', '.join(_NEEDED)}. Copy it again."
            )
        with _translated(self.name):
            model = WhisperModel(
                str(model_dir),
                device=device,
                compute_type=compute_type,
                cpu_threads=threads,
                local_files_only=True,
            )
        if model.model.n_mels != _USUAL_MELS and not (model_dir / _MELS_FILE).is_file():
            raise BadInput(
                f"The Whisper model in {model_dir} takes {model.model.n_mels} mel bands, and without {_MELS_FILE} it "
                f"would be given {_USUAL_MELS}. Copy that file too."
            )
        self._whisper = model
        self._pipeline = BatchedInferencePipeline(model)
        self._model = model.model
        self._beam = beam
        self._device = device
        # On a card the CUDA context and what libraries reserved stay until the process ends.
        self.frees_memory = device == "cpu"
        multilingual = model.model.is_multilingual
        self.languages = frozenset(model.supported_languages if multilingual else ("en",))

    def transcribe(
        self,
        audio: Audio,
        spans: Sequence[Span],
        language: str | None = None,
        batch: int = 8,
        *,
        careful: bool = False,
    ) -> list[Segment]:
        """Without `language` the one spoken in most of the chunk is detected, and named in the segments.

        Careful decoding cuts in other places and samples anew, warmer each time, what repeats itself or is unlikely.
        """
        if language is not None and language not in self.languages:
            raise Unsupported(
                f"This Whisper model does not know the language {language!r}; it knows "
                f"{', '.join(sorted(self.languages))}."
            )
        units = plan_units(audio, spans, _CAREFUL_RULE if careful else _RULE)
        if not units:
            return []
        finite = np.nan_to_num(audio, nan=0.0, posinf=0.0, neginf=0.0)
        with _translated(self.name):
            self._model.load_model()
            if careful:
                return self._run_carefully(finite, units, language)
            return self._run(finite, units, language, batch)

    def drop_caches(self) -> None:
        """CTranslate2 gives its cache back only as it unloads: the weights go to RAM until the next chunk."""
        if self._device != "cpu":
            self._unload(to_cpu=True)
        heap.trim()

    def memory(self) -> MemoryUse | None:
        """CTranslate2 has no such figures."""
        return None

    def close(self) -> None:
        self._unload(to_cpu=False)
        del self._pipeline, self._whisper, self._model
        heap.trim()

    def _unload(self, to_cpu: bool) -> None:
        """CTranslate2 counts a batch as at work for a moment after its result is there, and meanwhile does nothing."""
        give_up = time.monotonic() + _UNLOADS_WITHIN_S
        while self._model.model_is_loaded and time.monotonic() < give_up:
            self._model.unload_model(to_cpu=to_cpu)
            time.sleep(0.005)

    def _run(self, audio: Audio, units: Sequence[Unit], language: str | None, batch: int) -> list[Segment]:
        found, info = self._pipeline.transcribe(
            audio,
            language=language,
            clip_timestamps=[{"start": unit.start, "end": unit.end} for unit in units],
            batch_size=batch,
            beam_size=self._beam,
            temperature=0.0,
            word_timestamps=True,
            language_detection_segments=2,
        )
        return [said for segment in found for said in _said(segment, units, info.language)]

    def _run_carefully(self, audio: Audio, units: Sequence[Unit], language: str | None) -> list[Segment]:
        """One after the other, which alone samples anew."""
        found, info = self._whisper.transcribe(
            audio,
            language=language,
            clip_timestamps=[edge for unit in units for edge in (unit.start, unit.end)],
            beam_size=self._beam,
            temperature=_WARMER,
            condition_on_previous_text=False,
            word_timestamps=True,
            language_detection_segments=2,
        )
        return [said for segment in found for said in _said(segment, units, info.language)]


def _said(segment: Any, units: Sequence[Unit], language: str) -> list[Segment]:
    """One segment of Whisper's holds a whole unit: it is divided into sentences by its words.

    Whisper sees every unit filled up with silence to 30 s and at times puts a word there.
    """
    unit = max((unit for unit in units if unit.start <= segment.seek / 100 + 0.02), key=lambda unit: unit.start)
    words = tuple(
        Word(_within(unit, word.start), _within(unit, word.end), word.word.strip(), float(word.probability))
        for word in segment.words or ()
        if word.word.strip()
    )
    return segments(words, exp(segment.avg_logprob), language)


def _within(unit: Unit, moment: float) -> float:
    return min(max(float(moment), unit.start), unit.end)


@contextmanager
def _translated(engine: str) -> Iterator[None]:
    """CTranslate2 tells its errors apart by their text alone."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if heap.says_no_room(error):
            raise OutOfMemory(f"{engine}: the device had no room for the chunk ({error}).") from error
        if "CUDA" in str(error):
            raise Unsupported(f"{engine} cannot use the GPU here: {error}. Set the device to cpu.") from error
        raise
    except ValueError as error:
        if "compute type" not in str(error) and "CUDA" not in str(error) and "device" not in str(error):
            raise
        raise Unsupported(f"{engine} cannot run like this here: {error}.") from error
