"""Diarization error rate and speed of an engine on recordings with references (.wav beside .rttm).

    python bench/diarization.py FOLDER [--engine onnx|moonshine]

DER with no collar and with overlaps scored. Prints a table, and as its last line one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

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
    warnings.filterwarnings("ignore", module="pyannote")
    engine: Diarizer = OnnxDiarizer(load_models()) if arguments.engine == "onnx" else MoonshineDiarizer()
    metric = DiarizationErrorRate(collar=0.0, skip_overlap=False)
    totals = dict.fromkeys(PARTS, 0.0)
    audio_s = cpu_s = 0.0
    print(f"{'recording':<16}{'DER %':>8}{'miss s':>8}{'false s':>8}{'conf s':>8}{'of s':>8}{'speakers':>10}")
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
        heard = f"{len({turn.speaker for turn in turns})}/{len(reference.labels())}"
        print(_row(path.stem, parts) + f"{heard:>10}")
    print(_row("all", totals))
    figures = {
        "der_percent": round(100 * sum(totals[part] for part in PARTS[:3]) / totals["total"], 2),
        **{part.replace(" ", "_") + "_s": round(value, 2) for part, value in totals.items()},
        "audio_s_per_cpu_s": round(audio_s / cpu_s, 1),
    }
    print(json.dumps({"name": f"diarization-{arguments.engine}", "figures": figures}))


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


def _row(name: str, parts: dict[str, float]) -> str:
    errors = sum(parts[part] for part in PARTS[:3])
    rate = 100 * errors / parts["total"] if parts["total"] else 0.0
    return f"{name:<16}{rate:>8.1f}" + "".join(f"{parts[part]:>8.2f}" for part in PARTS)


if __name__ == "__main__":
    main()
