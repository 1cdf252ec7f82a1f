"""Moonshine tiny, English: the weights in the moonshine-voice wheel, run with ONNX Runtime on the CPU.

The two graphs are run directly rather than by the wheel's own library: the same bits on every run, batches,
and about twice the speed. The encoder takes one stretch of audio at a time, since batching it gains nothing
and its dynamic quantisation would let neighbours change each other's result; the decoder takes a batch, since
a step for eight costs two and a half times that for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from brickyard.engines import heap
from brickyard.engines.base import SAMPLE_RATE, Audio, MemoryUse, Segment, Span
from brickyard.engines.catalog import MOONSHINE, moonshine_folder
from brickyard.engines.onnx import room, session
from brickyard.engines.units import Unit, UnitRule, plan_units
from brickyard.engines.words import clean, interpolate, segments, without_loops
from brickyard.kit.errors import Unsupported

LANGUAGES = frozenset({"en"})

_LAYERS, _HEADS, _HEAD_SIZE, _HIDDEN = 6, 8, 36, 288
_BEGIN, _END = 1, 2

# Several short spans together read better than each alone; beyond ten seconds or so the model drops words.
# Short calls ("Hello?") get some of the silence around them, or it repeats them.
_RULE = UnitRule(unit_s=10.0, gap_s=1.0, longest_s=14.0, shortest_s=1.2)
# Cut in other places, a stretch that was lost is at times found.
_CAREFUL_RULE = UnitRule(unit_s=5.0, gap_s=0.5, longest_s=7.0, shortest_s=1.2)

# Nobody speaks faster than six tokens a second for long; what wants more is a loop.
_TOKENS_PER_S = 6.5
_SPARE_TOKENS = 4
# "No, no, no, no" is speech; more of it hardly is, and where a row ran into its limit three are enough.
_MOST_REPEATS = 7

_QUIET_PEAK = 0.1
_WANTED_PEAK = 0.5
_MOST_GAIN = 1000.0

Ids = NDArray[np.int64]


@dataclass(slots=True)
class _Heard:
    """One row of the decoder's batch."""

    limit: int
    tokens: list[int] = field(default_factory=list)
    log_probability: float = 0.0
    done: bool = False

    def take(self, token: int, log_probability: float) -> None:
        if self.done:
            return
        self.log_probability += log_probability
        if token == _END:
            self.done = True
            return
        self.tokens.append(token)
        self.done = len(self.tokens) >= self.limit

    @property
    def ran_away(self) -> bool:
        return len(self.tokens) >= self.limit

    @property
    def confidence(self) -> float:
        return exp(self.log_probability / (len(self.tokens) + 1))


class Moonshine:
    """The engine of the embedded default. It keeps nothing between calls."""

    name = MOONSHINE
    languages = LANGUAGES
    parallel = True
    batches: tuple[int, ...] = (1, 2, 4, 8)
    frees_memory = True

    def __init__(self, threads: int = 1) -> None:
        folder = moonshine_folder()
        if folder is None:
            raise Unsupported(f"The engine {MOONSHINE} needs the model in the package moonshine-voice: install 0.1.0.")
        with room(self.name):
            self._encoder = session(folder / "encoder_model.ort", threads)
            self._decoder = session(folder / "decoder_model_merged.ort", threads)
        self._vocabulary = _vocabulary((folder / "tokenizer.bin").read_bytes())
        self._outputs = [output.name for output in self._decoder.get_outputs()]
        self._growing = [name for name in self._outputs if ".encoder." not in name]

    def transcribe(
        self,
        audio: Audio,
        spans: Sequence[Span],
        language: str | None = None,
        batch: int = 8,
        *,
        careful: bool = False,
    ) -> list[Segment]:
        if language not in (None, "en"):
            raise Unsupported(
                f"The engine {MOONSHINE} transcribes English (en) only, not {language!r}. "
                "The engine faster-whisper does it: put one of its models in the model store under asr/."
            )
        with room(self.name):
            return self._transcribe(audio, spans, batch, _CAREFUL_RULE if careful else _RULE)

    def drop_caches(self) -> None:
        heap.trim()

    def memory(self) -> MemoryUse | None:
        return None

    def close(self) -> None:
        del self._encoder, self._decoder
        heap.trim()

    def _transcribe(self, audio: Audio, spans: Sequence[Span], batch: int, rule: UnitRule) -> list[Segment]:
        units = plan_units(audio, spans, rule)
        cuts = [_prepared(unit.cut(audio)) for unit in units]
        order = sorted(range(len(units)), key=lambda index: len(cuts[index]))
        said: list[list[Segment]] = [[] for _ in units]
        for first in range(0, len(order), batch):
            rows = order[first : first + batch]
            for row, heard in zip(rows, self._hear([cuts[row] for row in rows]), strict=True):
                said[row] = self._segments(heard, units[row])
        return [segment for segments_of_unit in said for segment in segments_of_unit]

    def _segments(self, heard: _Heard, unit: Unit) -> list[Segment]:
        said = clean(self._text(heard.tokens)).split()
        text = " ".join(without_loops(said, 3 if heard.ran_away else _MOST_REPEATS))
        words = interpolate(text, unit.spans, heard.confidence)
        return segments(words, heard.confidence, "en")

    def _text(self, tokens: Sequence[int]) -> str:
        raw = b"".join(self._vocabulary[token] for token in tokens if token > _END)
        return raw.decode("utf-8", "replace").replace("\u2581", " ").replace("\ufffd", "")

    def _hear(self, cuts: Sequence[Audio]) -> list[_Heard]:
        heard = [_Heard(int(len(cut) / SAMPLE_RATE * _TOKENS_PER_S) + _SPARE_TOKENS) for cut in cuts]
        hidden = [self._encode(cut) for cut in cuts]
        feeds = _first_feeds(hidden, [len(cut) for cut in cuts])
        rows = list(heard)
        outputs = self._outputs
        while True:
            results = dict(zip(outputs, self._decoder.run_with_ort_values(outputs, feeds), strict=True))
            tokens, log_probabilities = _best(results["logits"].numpy()[:, -1])
            for row, token, log_probability in zip(rows, tokens.tolist(), log_probabilities, strict=True):
                row.take(token, float(log_probability))
            alive = [index for index, row in enumerate(rows) if not row.done]
            if not alive:
                return heard
            _next_feeds(feeds, results, tokens)
            if len(alive) <= len(rows) * 3 / 4:
                _keep_rows(feeds, alive)
                rows = [rows[index] for index in alive]
            outputs = self._growing

    def _encode(self, cut: Audio) -> NDArray[np.float32]:
        feeds = {"input_values": cut[None], "attention_mask": np.ones((1, len(cut)), np.int64)}
        hidden: NDArray[np.float32] = self._encoder.run(None, feeds)[0][0]
        return hidden


def _prepared(cut: Audio) -> Audio:
    """Quiet speech lifted, and at least as long as the encoder needs."""
    peak = float(np.max(np.abs(cut), initial=0.0))
    if 0 < peak < _QUIET_PEAK:
        cut = cut * np.float32(min(_WANTED_PEAK / peak, _MOST_GAIN))
    return np.pad(cut, (0, max(0, int(_RULE.shortest_s * SAMPLE_RATE) - len(cut))))


def _first_feeds(hidden: Sequence[NDArray[np.float32]], samples: Sequence[int]) -> dict[str, onnxruntime.OrtValue]:
    """The decoder wants the mask in samples and reduces it itself to the encoder's 42 frames a second."""
    rows = len(hidden)
    states = np.zeros((rows, max(len(state) for state in hidden), _HIDDEN), np.float32)
    mask = np.zeros((rows, max(samples)), np.int64)
    for row, (state, length) in enumerate(zip(hidden, samples, strict=True)):
        states[row, : len(state)] = state
        mask[row, :length] = 1
    empty = np.zeros((rows, _HEADS, 0, _HEAD_SIZE), np.float32)
    feeds: dict[str, NDArray[Any]] = {
        f"past_key_values.{layer}.{side}.{part}": empty
        for layer in range(_LAYERS)
        for side in ("decoder", "encoder")
        for part in ("key", "value")
    }
    feeds |= {
        "encoder_attention_mask": mask,
        "encoder_hidden_states": states,
        "input_ids": np.full((rows, 1), _BEGIN, np.int64),
        "use_cache_branch": np.array([False]),
    }
    return {name: onnxruntime.OrtValue.ortvalue_from_numpy(value) for name, value in feeds.items()}


def _next_feeds(feeds: dict[str, onnxruntime.OrtValue], results: dict[str, onnxruntime.OrtValue], tokens: Ids) -> None:
    for name, value in results.items():
        if name.startswith("present."):
            feeds["past_key_values" + name.removeprefix("present")] = value
    feeds["input_ids"] = onnxruntime.OrtValue.ortvalue_from_numpy(tokens[:, None])
    feeds["use_cache_branch"] = onnxruntime.OrtValue.ortvalue_from_numpy(np.array([True]))


def _keep_rows(feeds: dict[str, onnxruntime.OrtValue], rows: Sequence[int]) -> None:
    """Drops finished rows; three quarters of a step's cost go by the row."""
    for name, value in feeds.items():
        if name != "use_cache_branch":
            feeds[name] = onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(value.numpy()[rows]))


def _best(logits: NDArray[np.float32]) -> tuple[Ids, NDArray[np.float32]]:
    """The likeliest token of each row, and the logarithm of its probability."""
    highest = logits.max(axis=1, keepdims=True)
    return logits.argmax(axis=1), -np.log(np.exp(logits - highest).sum(axis=1))


def _vocabulary(raw: bytes) -> list[bytes]:
    """Tokens as length and bytes; a length of 128 and more takes two bytes, the low seven bits first."""
    tokens: list[bytes] = []
    position = 0
    while position < len(raw):
        length = raw[position]
        position += 1
        if length >= 128:
            length += raw[position] * 128 - 128
            position += 1
        tokens.append(raw[position : position + length])
        position += length
    return tokens
