"""Speech through the whole platform, against the bare engine over the same chunks, in the same run.

The platform's clock runs from the acceptance of the upload to the end of the job, and covers the queue, decoding, voice
activity, checkpoints and assembly. A bare engine has its model loaded and its chunks planned before its clock starts.

`platform_over_engine`: recognition alone. A job without diarization against one recognizer that is given all cores and
takes chunk after chunk.
`platform_over_engines`: with diarization, against both engines side by side in a process each, a core each.
`x_realtime`, `three_hours_over_one`, `rss_growth_mib`: of jobs with diarization.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TypeVar

import form
import psutil
import speech

from brickyard.bricks.chunks import Chunk, plan_chunks, windows_of
from brickyard.cli.remote import Remote
from brickyard.cli.up import Platform, free_port, running
from brickyard.engines.base import Span
from brickyard.engines.moonshine import Moonshine
from brickyard.engines.onnx_diarize import OnnxDiarizer, load_models
from brickyard.engines.silero import SileroVad
from brickyard.kit.sealed import Stored
from brickyard.kit.settings import Settings
from brickyard.media import pcm

HOUR_S = 3600.0
CORES = len(os.sched_getaffinity(0))

T = TypeVar("T")
Bare = Callable[[str, int, Barrier, "SimpleQueue[float]"], None]


@dataclass(frozen=True)
class Size:
    """Seconds of audio: `three` is three times `one`, `short` is for memory, `against` goes through bare engines."""

    short: float
    one: float
    three: float
    against: float


FULL = Size(600.0, HOUR_S, 3 * HOUR_S, against=HOUR_S)
QUICK = Size(120.0, 120.0, 360.0, against=360.0)
"""What a job costs whatever its length, about a second, weighs too much on short ones to compare them with engines."""


@dataclass
class Costs:
    """What one process of the platform took for one job, its children included."""

    peak_mib: float = 0.0
    cpu_s: float = 0.0


class Watch:
    """Private memory and processor time of each of the platform's processes while it is open."""

    def __init__(self, platform: Platform) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in platform.pids().items()}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.costs = {name: Costs() for name in self._processes}

    def __enter__(self) -> Watch:
        for name, process in self._processes.items():
            self.costs[name].cpu_s = -_cpu_s(process)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for name, process in self._processes.items():
            self.costs[name].cpu_s += _cpu_s(process)

    def _look(self) -> None:
        while not self._stop.wait(0.5):
            for name, process in self._processes.items():
                self.costs[name].peak_mib = max(self.costs[name].peak_mib, _private_mib(process))


def _private_mib(process: psutil.Process) -> float:
    """Resident and not shared; of PostgreSQL this leaves its page cache out, whose size is set."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            memory = one.memory_info()
            total += memory.rss - memory.shared
    return total / 2**20


def _cpu_s(process: psutil.Process) -> float:
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def through_platform(platform: Platform, path: Path, diarize: bool = True) -> tuple[float, dict[str, Costs]]:
    """Seconds from acceptance to the end of the job, and what each process took meanwhile."""
    form.note(f"{path.stem} through the platform{'' if diarize else ', without diarization'}")
    remote = Remote.of(platform.settings)
    with Watch(platform) as watch:
        submitted = remote.upload(path, diarize=diarize)
        job = list(remote.follow(submitted["job"]))[-1]
    assert job["state"] == "succeeded", job
    for step in job["steps"]:
        form.note(f"    {step['name']}: {step['x_realtime']} ×")
    took = datetime.fromisoformat(job["ended_at"]) - datetime.fromisoformat(job["created_at"])
    return took.total_seconds(), watch.costs


def bare(path: Path, engines: Sequence[Bare]) -> float:
    """Seconds until all engines are through their chunks, at the same time, the cores shared evenly among them."""
    form.note(f"{path.stem} through {' and '.join(engine.__name__ for engine in engines)}")
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    threads = max(1, CORES // len(engines))
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(len(engines))
    took: SimpleQueue[float] = context.SimpleQueue()
    workers = [context.Process(target=engine, args=(str(path), threads, ready, took)) for engine in engines]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    return max(took.get() for _ in workers)


def bare_asr(path: str, threads: int, ready: Barrier, took: SimpleQueue[float]) -> None:
    wav = Stored(Path(path))
    chunks = plan_chunks(SileroVad().speech_spans(pcm.blocks(wav, 30.0)), pcm.duration_s(wav))
    recognizer = Moonshine(threads)
    recognizer.transcribe(pcm.read(wav, 0.0, 5.0), [Span(0.0, 5.0)], None)

    def transcribe(chunk: Chunk) -> None:
        recognizer.transcribe(pcm.read(wav, chunk.start, chunk.end), chunk.local_spans(), None)

    took.put(_timed("recognition", ready, chunks, transcribe))


def bare_diarize(path: str, threads: int, ready: Barrier, took: SimpleQueue[float]) -> None:
    wav = Stored(Path(path))
    diarizer = OnnxDiarizer(load_models(), threads)
    windows = windows_of(pcm.duration_s(wav), diarizer.window_s, diarizer.overlap_s)
    diarizer.observe(pcm.read(wav, 0.0, 5.0), 0.0)
    observed = []

    def observe(window: tuple[float, float]) -> None:
        observed.extend(diarizer.observe(pcm.read(wav, *window), window[0]))

    seconds = _timed("diarization", ready, windows, observe)
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
        settings = Settings().model_copy(update={"home": folder / "home", "database_url": None, "port": free_port()})
        with running(settings, form.note) as platform:
            short_s, short = through_platform(platform, paths[size.short])
            one_s, _ = through_platform(platform, paths[size.one])
            words_s, _ = through_platform(platform, paths[size.against], diarize=False)
            three_s, three = through_platform(platform, paths[size.three])
        recognizer_s = bare(paths[size.against], [bare_asr])
        engines_s = bare(paths[size.against], [bare_asr, bare_diarize])
    against_s = three_s if size.against == size.three else one_s
    growth = {name: three[name].peak_mib - short[name].peak_mib for name in three}
    form.table(
        ("what", "audio s", "wall s", "× real time"),
        [
            ("platform", size.short, short_s, size.short / short_s),
            ("platform", size.one, one_s, size.one / one_s),
            ("platform", size.three, three_s, size.three / three_s),
            ("platform, words alone", size.against, words_s, size.against / words_s),
            ("bare recognizer", size.against, recognizer_s, size.against / recognizer_s),
            ("both bare engines", size.against, engines_s, size.against / engines_s),
        ],
    )
    print()
    rows = [
        (name, three[name].cpu_s, short[name].peak_mib, three[name].peak_mib, growth[name]) for name in sorted(three)
    ]
    form.table(("process", "cpu s, longest", "peak MiB, shortest", "peak MiB, longest", "growth"), rows)
    form.close(
        "throughput",
        {
            "platform_over_engine": recognizer_s / words_s,
            "platform_over_engines": engines_s / against_s,
            "x_realtime": size.against / against_s,
            "three_hours_over_one": three_s / one_s,
            "rss_growth_mib": max(growth.values()),
            "cores": float(CORES),
        },
    )


if __name__ == "__main__":
    main()
