"""Speech through the whole platform, against the bare engines over the same chunks, in the same run.

Bare: one process recognizes, one diarizes, at the same time, a thread each, with nothing else going on; both have
their models loaded and their chunks planned before the clock starts. The platform's clock runs from the acceptance
of the upload to the end of the job, and covers the queue, decoding, voice activity, checkpoints and assembly.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TypeVar

import form
import psutil
import speech

from brickyard.bricks.chunks import Chunk, plan_chunks
from brickyard.cli.remote import Remote
from brickyard.cli.up import Platform, free_port, running
from brickyard.echo.transcripts.steps import windows_of
from brickyard.engines.base import Span
from brickyard.engines.moonshine import Moonshine
from brickyard.engines.onnx_diarize import OnnxDiarizer, load_models
from brickyard.engines.silero import SileroVad
from brickyard.kit.settings import Settings
from brickyard.media import pcm

HOUR_S = 3600.0

T = TypeVar("T")


@dataclass(frozen=True)
class Size:
    """Seconds of audio: `one` is compared with the engines, `three` is three times that, `short` is for memory."""

    short: float
    one: float
    three: float


FULL = Size(600.0, HOUR_S, 3 * HOUR_S)
QUICK = Size(120.0, 120.0, 360.0)


class MemoryWatch:
    """The largest resident memory of each of the platform's processes, children included, while it is open."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.peak_mib: dict[str, float] = {}

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.25):
            for name, pid in self._platform.pids().items():
                try:
                    root = psutil.Process(pid)
                    sizes = [p.memory_full_info().pss for p in [root, *root.children(recursive=True)]]
                except psutil.Error:
                    continue
                self.peak_mib[name] = max(self.peak_mib.get(name, 0.0), sum(sizes) / 2**20)


def through_platform(platform: Platform, path: Path) -> tuple[float, dict[str, float]]:
    """Seconds from acceptance to the end of the job, and each process's peak memory meanwhile."""
    remote = Remote(platform.settings.url)
    with MemoryWatch(platform) as memory:
        submitted = remote.upload(path)
        job = list(remote.follow(submitted["job"]))[-1]
    assert job["state"] == "succeeded", job
    for step in job["steps"]:
        form.note(f"    {step['name']}: {step['x_realtime']} ×")
    took = datetime.fromisoformat(job["ended_at"]) - datetime.fromisoformat(job["created_at"])
    return took.total_seconds(), memory.peak_mib


def bare_engines(path: Path) -> float:
    """Seconds until both engines are through all chunks, at the same time, a thread each."""
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(2)
    took: SimpleQueue[float] = context.SimpleQueue()
    workers = [context.Process(target=work, args=(str(path), ready, took)) for work in (bare_asr, bare_diarize)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    return max(took.get() for _ in workers)


def bare_asr(path: str, ready: Barrier, took: SimpleQueue[float]) -> None:
    wav = Path(path)
    spans = SileroVad().speech_spans(pcm.blocks(wav, 30.0))
    chunks = plan_chunks(spans, pcm.duration_s(wav))
    recognizer = Moonshine(threads=1)
    recognizer.transcribe(pcm.read(wav, 0.0, 5.0), [Span(0.0, 5.0)], None)

    def transcribe(chunk: Chunk) -> None:
        recognizer.transcribe(pcm.read(wav, chunk.start, chunk.end), chunk.local_spans(), None)

    took.put(_timed("recognition alone", ready, chunks, transcribe))


def bare_diarize(path: str, ready: Barrier, took: SimpleQueue[float]) -> None:
    wav = Path(path)
    diarizer = OnnxDiarizer(load_models(), threads=1)
    windows = windows_of(pcm.duration_s(wav), diarizer.window_s, diarizer.overlap_s)
    diarizer.observe(pcm.read(wav, 0.0, 5.0), 0.0)
    observed = []

    def observe(window: tuple[float, float]) -> None:
        observed.extend(diarizer.observe(pcm.read(wav, *window), window[0]))

    seconds = _timed("diarization alone", ready, windows, observe)
    begun = time.monotonic()
    diarizer.link(observed, None)
    took.put(seconds + time.monotonic() - begun)


def _timed(what: str, ready: Barrier, chunks: list[T], compute: Callable[[T], None]) -> float:
    ready.wait()
    begun = time.monotonic()
    for chunk in chunks:
        compute(chunk)
    took_s = time.monotonic() - begun
    form.note(f"    {what}: {took_s:.1f} s")
    return took_s


def main() -> None:
    quick = form.arguments(__doc__ or "").quick
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = {seconds: speech.joined(seconds, folder) for seconds in (size.short, size.one, size.three)}
        settings = Settings().model_copy(
            update={"home": folder / "home", "database_url": None, "port": free_port()}
        )
        with running(settings, form.note) as platform:
            form.note(f"{size.short:g} s through the platform")
            short_s, short_mib = through_platform(platform, paths[size.short])
            form.note(f"{size.one:g} s through the platform")
            one_s, _ = through_platform(platform, paths[size.one])
            form.note(f"{size.three:g} s through the platform")
            three_s, three_mib = through_platform(platform, paths[size.three])
        form.note(f"{size.one:g} s through the bare engines")
        bare_s = bare_engines(paths[size.one])
    growth = {name: three_mib[name] - short_mib.get(name, 0.0) for name in three_mib}
    form.table(
        ("what", "audio s", "wall s", "× real time"),
        [
            ("platform", size.short, short_s, size.short / short_s),
            ("platform", size.one, one_s, size.one / one_s),
            ("platform", size.three, three_s, size.three / three_s),
            ("bare engines", size.one, bare_s, size.one / bare_s),
        ],
    )
    print()
    form.table(
        ("process", "peak MiB, short", "peak MiB, long", "growth"),
        [(name, short_mib.get(name), three_mib[name], growth[name]) for name in sorted(three_mib)],
    )
    form.close(
        "throughput",
        {
            "platform_over_engine": bare_s / one_s,
            "x_realtime": size.one / one_s,
            "three_hours_over_one": three_s / one_s,
            "rss_growth_mib": max(growth.values()),
            "cores": float(len(os.sched_getaffinity(0))),
        },
    )


if __name__ == "__main__":
    main()
