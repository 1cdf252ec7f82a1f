"""Diarization error rate and speed of an engine on recordings with references (.wav beside .rttm).

    python bench/diarization.py FOLDER [--engine onnx|moonshine]

DER with no collar and with overlaps scored. Prints a table, and as its last line one JSON object.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import form
import numpy as np
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate
from scipy.io import wavfile

from brickyard.engines.base import SAMPLE_RATE, Audio, Diarizer, Turn
from brickyard.engines.moonshine_diarize import MoonshineDiarizer
from brickyard.engines.onnx_diarize import OnnxDiarizer, load_models

PARTS = ("missed detection", "false alarm", "confusion", "total")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", choices=("onnx", "moonshine"), default="onnx")
    arguments = parser.parse_args()
    engine: Diarizer = OnnxDiarizer(load_models()) if arguments.engine == "onnx" else MoonshineDiarizer()
    warnings.filterwarnings("ignore", module="pyannote")
    metric = DiarizationErrorRate(collar=0.0, skip_overlap=False)
    totals = dict.fromkeys(PARTS, 0.0)
    audio_s = cpu_s = 0.0
    rows = []
    for path in sorted(arguments.folder.glob("*.rttm")):
        audio, reference = read_wav(path.with_suffix(".wav")), read_rttm(path)
        began = time.process_time()
        turns = diarize(engine, audio)
        cpu_s += time.process_time() - began
        audio_s += len(audio) / SAMPLE_RATE
        whole = Timeline([Segment(0, len(audio) / SAMPLE_RATE)])
        parts = metric(reference, annotation(turns), uem=whole, detailed=True)
        for part in PARTS:
            totals[part] += parts[part]
        heard = f"{len({turn.speaker for turn in turns})} of {len(reference.labels())}"
        rows.append((path.stem, _rate(parts), *(float(parts[part]) for part in PARTS), heard))
    if not rows:
        raise SystemExit(f"There is no .rttm file in {arguments.folder}.")
    rows.append(("all", _rate(totals), *totals.values(), ""))
    form.table(("seconds", "der, %", "missed", "false alarm", "confusion", "speech", "speakers"), rows)
    figures = {f"{part.replace(' ', '_')}_s": totals[part] for part in PARTS}
    speed = {"audio_s_per_cpu_s": audio_s / cpu_s}
    form.close(f"diarization-{arguments.engine}", {"der_percent": _rate(totals), **figures, **speed})


def _rate(parts: dict[str, float]) -> float:
    errors = sum(parts[part] for part in PARTS[:3])
    return 100 * errors / parts["total"] if parts["total"] else 0.0


def diarize(engine: Diarizer, audio: Audio, speakers: int | None = None) -> list[Turn]:
    """The whole recording through the contract, window by window."""
    window, overlap = round(engine.window_s * SAMPLE_RATE), round(engine.overlap_s * SAMPLE_RATE)
    observations = []
    for start in range(0, max(len(audio) - overlap, 1), window - overlap):
        observations += engine.observe(audio[start : start + window], start / SAMPLE_RATE)
    return engine.link(observations, speakers)


def annotation(turns: Sequence[Turn]) -> Annotation:
    result = Annotation()
    for number, turn in enumerate(turns):
        result[Segment(turn.start, turn.end), number] = turn.speaker
    return result


def read_rttm(path: Path) -> Annotation:
    result = Annotation()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        fields = line.split()
        result[Segment(float(fields[3]), float(fields[3]) + float(fields[4])), number] = fields[7]
    return result


def read_wav(path: Path) -> Audio:
    """16 kHz, mono; 16-bit or float samples."""
    rate, samples = wavfile.read(path)
    if rate != SAMPLE_RATE or samples.ndim != 1:
        raise SystemExit(f"{path} must be mono at {SAMPLE_RATE} Hz; it has {rate} Hz, shape {samples.shape}.")
    scale = 32_768 if samples.dtype == np.int16 else 1
    return (samples / np.float32(scale)).astype(np.float32)


if __name__ == "__main__":
    main()
