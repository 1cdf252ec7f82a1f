"""What sealing costs: the same recording through two platforms, one that seals its files and one that does not.

Both run at the same time on the same machine and take the recording by turns, each alone; the platform that waits does
nothing. The clock runs from the start of the upload to the end of the job: receiving, probing, decoding, reading by the
bricks. What it takes whatever the length is in it for both.

`ratio_on_off`: throughput with sealing over throughput without, by the median of the rounds.
`decode_ratio_on_off`: the same of decoding alone, in its child process, from a file that is compressed.
`seal_mb_s`, `unseal_mb_s`: of one core, in memory or as near to it as a temporary folder is.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import form
import speech

from brickyard.cli.remote import Remote
from brickyard.cli.up import Platform, free_port, running
from brickyard.kit.sealed import Stored, new_key
from brickyard.kit.settings import Settings
from brickyard.media.decode import decode
from brickyard.media.limits import Limits

PIECE_BYTES = 1 << 17


@dataclass(frozen=True)
class Size:
    """`audio_s` goes through the platforms in each of the rounds, `decode_s` through decoding alone."""

    audio_s: float
    rounds: int
    decode_s: float
    sealed_mb: int


FULL = Size(audio_s=600.0, rounds=5, decode_s=3600.0, sealed_mb=4096)
QUICK = Size(audio_s=30.0, rounds=3, decode_s=300.0, sealed_mb=256)


@contextmanager
def platforms(folder: Path) -> Iterator[dict[bool, Platform]]:
    """By whether they seal."""
    with ExitStack() as stack:
        started = {}
        for seals in (True, False):
            own = {"home": folder / f"home-{seals}", "database_url": None, "port": free_port(), "encrypt_files": seals}
            settings = Settings().model_copy(update=own)
            started[seals] = stack.enter_context(running(settings, form.note))
        yield started


def through_platform(platform: Platform, path: Path) -> float:
    """Seconds from the start of the upload to the end of the job."""
    remote = Remote.of(platform.settings)
    begun = time.monotonic()
    submitted = remote.upload(path)
    job = list(remote.follow(submitted["job"]))[-1]
    took_s = time.monotonic() - begun
    assert job["state"] == "succeeded", job
    _check_sealing(platform.settings, submitted["recording"]["id"])
    return took_s


def _check_sealing(settings: Settings, recording: str) -> None:
    """That the two platforms differ in what they are compared for."""
    folder = settings.files_dir / "recordings" / recording
    for name in ("source", "audio.wav"):
        with (folder / name).open("rb") as file:
            is_plain = file.read(4) == b"RIFF"
        assert is_plain != settings.encrypt_files, f"{name}: sealing is {settings.encrypt_files}, plain {is_plain}"


def by_turns(started: dict[bool, Platform], path: Path, rounds: int) -> dict[bool, list[float]]:
    """Seconds of each round. Who begins changes; the round before the first warms both up and does not count."""
    took: dict[bool, list[float]] = {True: [], False: []}
    for number in range(-1, rounds):
        for seals in (True, False) if number % 2 else (False, True):
            took_s = through_platform(started[seals], path)
            form.note(f"round {number + 1}, {'sealed' if seals else 'plain'}: {took_s:.2f} s")
            if number >= 0:
                took[seals].append(took_s)
    return took


def decoding(wav: Path, folder: Path, rounds: int) -> dict[bool, list[float]]:
    """Seconds to decode an MP3 of the sound, sealed to sealed and plain to plain, by turns."""
    mp3 = folder / "long.mp3"
    _compress(wav, mp3)
    sources = {True: Stored(folder / "sealed", new_key()), False: Stored(mp3)}
    sources[True].write_bytes(mp3.read_bytes())
    took: dict[bool, list[float]] = {True: [], False: []}
    for number in range(-1, rounds):
        for seals in (True, False) if number % 2 else (False, True):
            begun = time.monotonic()
            asyncio.run(decode(sources[seals], sources[seals].at(folder / "decoded.wav"), Limits()))
            if number >= 0:
                took[seals].append(time.monotonic() - begun)
    return took


def _compress(wav: Path, target: Path) -> None:
    with av.open(str(wav)) as source, av.open(str(target), "w", format="mp3") as out:
        stream = out.add_stream("mp3", rate=16_000)
        for frame in source.decode(audio=0):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def sealing(folder: Path, size_mb: int) -> tuple[float, float]:
    """MB/s written and read."""
    stored = Stored(folder / "long", new_key())
    piece = bytes(PIECE_BYTES)
    count = size_mb * 1_000_000 // PIECE_BYTES
    begun = time.monotonic()
    with stored.open("wb") as file:
        for _ in range(count):
            file.write(piece)
    written = time.monotonic()
    with stored.open() as file:
        while file.read(PIECE_BYTES):
            continue
    ended = time.monotonic()
    stored.path.unlink()
    mb = count * PIECE_BYTES / 1e6
    return mb / (written - begun), mb / (ended - written)


def main() -> None:
    size = QUICK if form.arguments(__doc__ or "").quick else FULL
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seal_mb_s, unseal_mb_s = sealing(folder, size.sealed_mb)
        decoded = decoding(speech.joined(size.decode_s, folder), folder, size.rounds)
        wav = speech.joined(size.audio_s, folder)
        with platforms(folder) as started:
            took = by_turns(started, wav, size.rounds)
    rows: list[tuple[object, ...]] = [
        (
            what,
            audio_s,
            "on" if seals else "off",
            audio_s / statistics.median(of[seals]),
            min(of[seals]),
            max(of[seals]),
        )
        for what, audio_s, of in (("platform", size.audio_s, took), ("decoding", size.decode_s, decoded))
        for seals in (True, False)
    ]
    form.table(("what", "audio s", "sealing", "× real time", "fastest s", "slowest s"), rows)
    form.close(
        "crypto",
        {
            "ratio_on_off": statistics.median(took[False]) / statistics.median(took[True]),
            "decode_ratio_on_off": statistics.median(decoded[False]) / statistics.median(decoded[True]),
            "seal_mb_s": seal_mb_s,
            "unseal_mb_s": unseal_mb_s,
            "rounds": float(size.rounds),
        },
    )


if __name__ == "__main__":
    main()
