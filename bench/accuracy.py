"""Word and diarization error rates of the platform, beside those of its engine alone and of the model's own library.

Words: jiwer, lower case, without punctuation. Speakers: pyannote.metrics, collar 0, overlaps scored. Recordings with
references are kept beside the repository; where they are absent, the reading in the speech model's wheel is measured
alone and there is no diarization error rate.
"""

from __future__ import annotations

import ctypes
import re
import tempfile
from pathlib import Path
from typing import Any

import form
import jiwer
import numpy as np
import speech
from moonshine_voice import ModelArch, get_model_path
from moonshine_voice.moonshine_api import TranscriptC
from moonshine_voice.transcriber import Transcriber
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate

from brickyard.bricks.chunks import plan_chunks
from brickyard.cli.remote import Remote
from brickyard.cli.up import free_port, running
from brickyard.engines.base import SAMPLE_RATE
from brickyard.engines.moonshine import Moonshine
from brickyard.engines.silero import SileroVad
from brickyard.kit.settings import Settings

TWO_CITIES = """It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of
foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the
season of Darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had
nothing before us, we were all going direct to Heaven, we were all going direct the other way, in short, the period
was so far like the present period, that some of its noisiest authorities insisted on its being received, for good or
for evil, in the superlative degree of comparison only."""
"""Charles Dickens, A Tale of Two Cities, 1859."""


def words(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9' ]", " ", text.lower().replace("’", "'")).split())


def references() -> dict[Path, str]:
    """What was said, by recording."""
    found = {speech.wheel_recording("two_cities.wav"): words(TWO_CITIES)}
    stm = speech.SHARED / "sample.stm"
    if stm.exists():
        said = [line.split(maxsplit=5)[5] for line in stm.read_text().splitlines()]
        found[speech.SHARED / "sample.wav"] = words(" ".join(said))
    return found


def by_engine(samples: speech.Samples) -> str:
    """The engine alone: voice activity, the same chunks, no platform."""
    spans = SileroVad().speech_spans([samples])
    recognizer = Moonshine(threads=1)
    texts = []
    for chunk in plan_chunks(spans, len(samples) / SAMPLE_RATE):
        part = samples[int(chunk.start * SAMPLE_RATE) : int(chunk.end * SAMPLE_RATE)]
        texts += [segment.text for segment in recognizer.transcribe(part, chunk.local_spans(), None)]
    return " ".join(texts)


def by_library(samples: speech.Samples) -> str:
    """The native library that the weights come with, over the whole recording at once."""
    own = Transcriber(get_model_path("tiny-en"), ModelArch.TINY, options={"return_audio_data": "false"})
    samples = np.ascontiguousarray(samples, np.float32)
    result = ctypes.POINTER(TranscriptC)()
    pointer = samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    own._lib.moonshine_transcribe_without_streaming(
        own._handle, pointer, len(samples), SAMPLE_RATE, 0, ctypes.byref(result)
    )
    return " ".join(line.text for line in own._parse_transcript(result).lines)


def through_platform(remote: Remote, path: Path) -> dict[str, Any]:
    submitted = remote.upload(path)
    job = list(remote.follow(submitted["job"]))[-1]
    assert job["state"] == "succeeded", job
    return remote.transcript(submitted["recording"]["id"])


def annotation(turns: list[tuple[float, float, str]]) -> Annotation:
    made = Annotation()
    for number, (start, end, speaker) in enumerate(turns):
        made[Segment(start, end), number] = speaker
    return made


def rttm(path: Path) -> list[tuple[float, float, str]]:
    fields = [line.split() for line in path.read_text().splitlines()]
    return [(float(f[3]), float(f[3]) + float(f[4]), f[7]) for f in fields]


def score_speakers(transcripts: dict[Path, dict[str, Any]], metric: DiarizationErrorRate) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for path, transcript in transcripts.items():
        reference = path.with_suffix(".rttm")
        if not reference.exists():
            continue
        turns = [(turn["start"], turn["end"], turn["speaker"]) for turn in transcript["turns"]]
        scored = Timeline([Segment(0.0, transcript["duration"])])
        parts = metric(annotation(rttm(reference)), annotation(turns), uem=scored, detailed=True)
        shares = [100 * parts[part] / parts["total"] for part in ("missed detection", "false alarm", "confusion")]
        speakers = f"{len({turn[2] for turn in rttm(reference)})} / {len(transcript['speakers'])}"
        rows.append((path.stem, 100 * parts["diarization error rate"], *shares, speakers))
    return rows


def main() -> None:
    form.arguments(__doc__ or "")
    said = references()
    paths = list(dict.fromkeys([*said, *sorted(speech.SHARED.glob("*.wav"))]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings().model_copy(update={"home": folder / "home", "database_url": None, "port": free_port()})
        with running(settings, form.note) as platform:
            remote = Remote.of(platform.settings)
            transcripts = {path: through_platform(remote, path) for path in paths}
        texts = {
            path: {
                "platform": " ".join(segment["text"] for segment in transcripts[path]["segments"]),
                "engine": by_engine(speech.samples(path, folder)),
                "library": by_library(speech.samples(path, folder)),
            }
            for path in said
        }
    sides = ("platform", "engine", "library")
    rows: list[tuple[object, ...]] = []
    for path, reference in said.items():
        rows.append((path.stem, *(100 * jiwer.wer(reference, words(texts[path][side])) for side in sides)))
    total = {side: 100 * jiwer.wer(list(said.values()), [words(texts[path][side]) for path in said]) for side in sides}
    rows.append(("all", *total.values()))
    form.table(("word error rate, %", *sides), rows)
    metric = DiarizationErrorRate(collar=0.0, skip_overlap=False)
    scored = score_speakers(transcripts, metric)
    der = 100 * abs(metric) if scored else None
    if scored:
        print()
        form.table(("diarization error rate, %", "der", "missed", "false alarm", "confusion", "speakers"), scored)
    form.close(
        "accuracy",
        {
            "wer_platform": total["platform"],
            "wer_engine": total["engine"],
            "wer_library": total["library"],
            "der": der,
        },
    )


if __name__ == "__main__":
    main()
