"""pyannote.audio's community-1 pipeline from a local folder: the diarizer of a GPU installation.

Not in the default install: it needs torch. It runs in fp32, since fp16 costs about a third more errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from brickyard.engines import heap
from brickyard.engines.base import SAMPLE_RATE, Audio, MemoryUse, Observation, Turn
from brickyard.engines.linking import link_by_voice
from brickyard.engines.profiles import CUDA_CONTEXT_MIB
from brickyard.kit.errors import NotFound, OutOfMemory, Unsupported

_TRUSTED_S = 30.0
"""Seconds of speech beyond which more makes a print no surer."""


class PyannoteDiarizer:
    """The `diarize` contract. `model_dir` is a local copy of community-1; nothing is fetched.

    Raises Unsupported where pyannote.audio is not installed, NotFound where the folder holds no pipeline.
    """

    name = "pyannote"
    parallel = False
    batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    window_s = 300.0
    overlap_s = 0.0

    def __init__(self, model_dir: Path, device: str = "cuda") -> None:
        if not (model_dir / "config.yaml").is_file():
            raise NotFound(
                f"There is no pyannote pipeline in {model_dir}: config.yaml is missing. "
                "Copy speaker-diarization-community-1 there, as docs/howto tells."
            )
        audio_module, self._torch = _runtime()
        pipeline = audio_module.Pipeline.from_pretrained(str(model_dir))
        if pipeline is None:
            raise NotFound(f"The pyannote pipeline in {model_dir} could not be loaded; copy the folder again, whole.")
        with room(self._torch, device):
            self._pipeline = pipeline.to(self._torch.device(device))
        self._device = device
        # On a card the CUDA context stays until the process ends.
        self.frees_memory = device == "cpu"

    def observe(self, audio: Audio, offset_s: float, batch: int = 8) -> list[Observation]:
        """One observation for the whole window; its turns with overlaps, a voice print for each speaker."""
        end_s = offset_s + len(audio) / SAMPLE_RATE
        clean = np.ascontiguousarray(np.nan_to_num(audio), np.float32)
        waveform = self._torch.from_numpy(clean)[None]
        self._pipeline.segmentation_batch_size = self._pipeline.embedding_batch_size = batch
        with room(self._torch, self._device), self._torch.inference_mode():
            output = self._pipeline({"waveform": waveform, "sample_rate": SAMPLE_RATE})
        return [observation_of(output, offset_s, end_s)]

    @staticmethod
    def link(observations: Sequence[Observation], speakers: int | None) -> list[Turn]:
        return link_by_voice(observations, speakers)

    def drop_caches(self) -> None:
        heap.trim()
        if self._on_card:
            self._torch.cuda.empty_cache()

    def memory(self) -> MemoryUse | None:
        """What torch's allocator has, and the CUDA context, which is never unused."""
        if not self._on_card:
            return None
        held, live = self._torch.cuda.memory_reserved(), self._torch.cuda.memory_allocated()
        return MemoryUse(CUDA_CONTEXT_MIB + held // heap.MIB, CUDA_CONTEXT_MIB + live // heap.MIB)

    def close(self) -> None:
        del self._pipeline
        self.drop_caches()

    @property
    def _on_card(self) -> bool:
        return self._device != "cpu"


def observation_of(output: Any, offset_s: float, end_s: float) -> Observation:
    diarization = output.speaker_diarization
    names = {name: index for index, name in enumerate(diarization.labels())}
    turns = [
        Turn(offset_s + segment.start, min(offset_s + segment.end, end_s), names[name])
        for segment, _, name in diarization.itertracks(yield_label=True)
        if offset_s + segment.start < end_s
    ]
    spoken_s = [sum(turn.end - turn.start for turn in turns if turn.speaker == k) for k in range(len(names))]
    prints = output.speaker_embeddings
    voices = tuple(
        _voice(prints[k], spoken_s[k]) if prints is not None and k < len(prints) else () for k in range(len(names))
    )
    return Observation(offset_s, end_s, tuple(sorted(turns, key=lambda turn: (turn.start, turn.end))), voices)


def _voice(print_: Any, spoken_s: float) -> tuple[float, ...]:
    """As long as the seconds that it rests on, which is how linking weighs it."""
    vector = np.asarray(print_, np.float32)
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length == 0:
        return ()
    return tuple((vector * (min(spoken_s, _TRUSTED_S) / length)).tolist())


def _runtime() -> tuple[ModuleType, ModuleType]:
    """pyannote.audio and torch, imported on first use: both are an extra and take seconds."""
    try:
        import pyannote.audio
        import torch
    except ImportError as error:
        raise Unsupported(
            f"The diarizer 'pyannote' needs packages that are not installed ({error}). "
            "Install brickyard[pyannote], or use the diarizer 'onnx'."
        ) from error
    return pyannote.audio, torch


@contextmanager
def room(torch: ModuleType, device: str) -> Iterator[None]:
    """Turns torch's out-of-memory error into ours."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(
            f"The device {device} had no room for a window of diarization: {error}. "
            "Free memory on it, or run the step again later."
        ) from error
