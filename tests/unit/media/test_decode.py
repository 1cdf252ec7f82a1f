from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from brickyard.kit.errors import BadMedia, TooLarge
from brickyard.kit.sealed import Stored, new_key
from brickyard.media import pcm
from brickyard.media.decode import Decoded, decode
from brickyard.media.limits import Limits
from tests.unit.media import samples
from tests.unit.media.samples import RATE, Signal


def decoded(source: Path, target: Path, limits: Limits | None = None) -> Decoded:
    return asyncio.run(decode(Stored(source), Stored(target), limits or Limits()))


@pytest.fixture(scope="module")
def results(recordings: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Decoded]]:
    folder = tmp_path_factory.mktemp("decoded")

    async def all_of_them() -> dict[str, tuple[Path, Decoded]]:
        targets = {kind: folder / f"{kind}.wav" for kind in recordings}
        done = await asyncio.gather(
            *(decode(Stored(recordings[kind]), Stored(targets[kind]), Limits()) for kind in recordings)
        )
        return {kind: (targets[kind], result) for kind, result in zip(targets, done, strict=True)}

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("kind", samples.KINDS)
def test_every_kind_sounds_like_its_source(results: dict[str, tuple[Path, Decoded]], reader: Signal, kind: str) -> None:
    path, result = results[kind]
    sound = pcm.read(Stored(path), 0, 60)
    assert result.duration_s == pytest.approx(5, abs=0.1)
    assert result.duration_s == pcm.duration_s(Stored(path))
    assert result.channels == pcm.channels(Stored(path)) == 1
    assert result.warnings == ()
    assert result.expected_s is None or result.expected_s == pytest.approx(5, abs=0.1)
    assert samples.likeness(sound, reader) > 0.88
    assert np.isfinite(sound).all()


def test_nothing_but_the_result_is_left(results: dict[str, tuple[Path, Decoded]]) -> None:
    folder = results["wav"][0].parent
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{kind}.wav" for kind in results)


def test_progress_is_told(recordings: dict[str, Path], tmp_path: Path) -> None:
    seen: list[tuple[float, float | None]] = []
    asyncio.run(
        decode(
            Stored(recordings["mp3"]),
            Stored(tmp_path / "out.wav"),
            Limits(),
            lambda done, total: seen.append((done, total)),
        )
    )
    assert seen
    assert all(0 < done <= 5.1 and total == pytest.approx(5, abs=0.1) for done, total in seen)


def test_memory_does_not_grow_with_the_length(reader: Signal, tmp_path: Path) -> None:
    short = samples.make(tmp_path / "short.flac", "flac", np.stack([reader, reader], axis=1))
    long = samples.make(tmp_path / "long.flac", "flac", np.stack([np.tile(reader, 72)] * 2, axis=1))
    peaks = [decoded(path, tmp_path / "out.wav").peak_rss_mib for path in (short, long)]
    # Six minutes of two channels are 23 MB when decoded.
    assert peaks[1] < peaks[0] + 10


@pytest.mark.parametrize("kind", ["mp3", "flac", "mkv", "wav", "wma"])
def test_a_file_that_was_cut_off_says_so(recordings: dict[str, Path], tmp_path: Path, kind: str) -> None:
    data = recordings[kind].read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(data[: len(data) // 2])
    result = decoded(cut, tmp_path / "out.wav")
    assert 1 < result.duration_s < 4
    assert "it may be cut off" in " ".join(result.warnings)


def test_an_mp4_with_its_index_in_front_that_was_cut_off(reader: Signal, tmp_path: Path) -> None:
    path = samples.make(tmp_path / "a.mp4", "mp4", reader, options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[:-20_000])
    result = decoded(path, tmp_path / "out.wav")
    assert result.duration_s < 4.5
    assert "it may be cut off" in " ".join(result.warnings)


@pytest.mark.parametrize("kind", ["mp3", "mp4", "mkv", "ogg", "flac"])
def test_damage_in_the_middle_is_survived(
    recordings: dict[str, Path], tmp_path: Path, reader: Signal, kind: str
) -> None:
    data = bytearray(recordings[kind].read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = np.random.default_rng(1).bytes(4000)
    path = tmp_path / "damaged"
    path.write_bytes(bytes(data))
    result = decoded(path, tmp_path / "out.wav")
    sound = pcm.read(Stored(tmp_path / "out.wav"), 0, 60)
    assert result.duration_s > 3.5
    assert np.isfinite(sound).all()
    assert samples.likeness(sound[: 2 * RATE], reader[: 2 * RATE]) > 0.88


def test_damage_is_counted_and_times_stay_true(recordings: dict[str, Path], tmp_path: Path, reader: Signal) -> None:
    """Half a second of packets is overwritten in an MP4; what follows is still at its time."""
    data = bytearray(recordings["m4a"].read_bytes())
    first = data.index(b"mdat") + 4
    at = first + (len(data) - first) * 2 // 5
    data[at : at + 4500] = b"\xff" * 4500
    path = tmp_path / "damaged.m4a"
    path.write_bytes(bytes(data))
    result = decoded(path, tmp_path / "out.wav")
    assert "damaged packet(s)" in " ".join(result.warnings)
    assert result.duration_s == pytest.approx(5, abs=0.1)
    tail = pcm.read(Stored(tmp_path / "out.wav"), 4, 5)
    assert samples.likeness(tail, reader[4 * RATE :]) > 0.9


def test_nothing_decodable_leaves_nothing(recordings: dict[str, Path], tmp_path: Path) -> None:
    data = bytearray(recordings["flac"].read_bytes())
    data[8000:] = bytes(len(data) - 8000)
    data[200:8000] = bytes(7800)
    (tmp_path / "in").mkdir()
    source = tmp_path / "in" / "a.flac"
    source.write_bytes(bytes(data))
    with pytest.raises(BadMedia):
        decoded(source, tmp_path / "out.wav")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_too_long_is_noticed_while_decoding(recordings: dict[str, Path], tmp_path: Path) -> None:
    """A raw AAC stream does not say how long it is."""
    with pytest.raises(TooLarge, match="longer than 0:00:02"):
        decoded(recordings["aac"], tmp_path / "out.wav", Limits(max_duration_s=2))
    assert list(tmp_path.iterdir()) == []


def test_too_much_to_write(recordings: dict[str, Path], tmp_path: Path) -> None:
    limits = Limits()
    with pytest.raises(TooLarge, match="0 MiB"):
        decoded(
            recordings["mp3"],
            tmp_path / "out.wav",
            replace(limits, decode=replace(limits.decode, written_mib=0)),
        )
    assert list(tmp_path.iterdir()) == []


def test_cancelling_leaves_nothing(reader: Signal, tmp_path: Path) -> None:
    source = samples.make(tmp_path / "long.flac", "flac", np.tile(reader, 60))

    async def cancel_on_first_progress() -> None:
        started = asyncio.Event()
        task = asyncio.create_task(
            decode(Stored(source), Stored(tmp_path / "out.wav"), Limits(), lambda *_: started.set())
        )
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_on_first_progress())
    assert [path.name for path in tmp_path.iterdir()] == ["long.flac"]


def test_a_result_that_was_there_is_replaced_only_by_a_whole_one(recordings: dict[str, Path], tmp_path: Path) -> None:
    target = tmp_path / "out.wav"
    target.write_bytes(b"before")
    with pytest.raises(TooLarge):
        decoded(recordings["aac"], target, Limits(max_duration_s=1))
    assert target.read_bytes() == b"before"
    decoded(recordings["aac"], target)
    assert pcm.duration_s(Stored(target)) > 4


@pytest.mark.parametrize("kind", ["mp4", "mkv", "mov"])
def test_times_are_those_of_the_video(reader: Signal, tmp_path: Path, kind: str) -> None:
    path = samples.make(tmp_path / "late", kind, reader, audio_from_s=1.5)
    result = decoded(path, tmp_path / "out.wav")
    sound = pcm.read(Stored(tmp_path / "out.wav"), 0, 60)
    assert result.duration_s == pytest.approx(6.5, abs=0.1)
    assert result.warnings == ()
    assert not sound[: int(1.4 * RATE)].any()
    assert samples.likeness(sound, reader, lag_s=1.5) > 0.9


def test_video_that_goes_on_after_the_sound_is_not_cut_off(reader: Signal, tmp_path: Path) -> None:
    for kind in ("mp4", "mkv", "webm"):
        path = samples.make(tmp_path / kind, kind, reader, video_s=12)
        assert decoded(path, tmp_path / "out.wav").warnings == ()


@pytest.mark.parametrize("kind", ["wav", "mp3", "opus"])
def test_a_telephone_call_keeps_its_two_channels(tmp_path: Path, kind: str) -> None:
    one, other = samples.speech("two_cities", 9), samples.speech("beckett", 9)
    first = (np.arange(len(one)) // (3 * RATE)) % 2 == 0
    call = np.stack([np.where(first, one, 0), np.where(first, 0, other)], axis=1).astype(np.float32)
    result = decoded(samples.make(tmp_path / "call", kind, call), tmp_path / "out.wav")
    assert result.channels == pcm.channels(Stored(tmp_path / "out.wav")) == 2
    for channel in (0, 1):
        sound = pcm.read(Stored(tmp_path / "out.wav"), 0, 60, channel)
        assert samples.likeness(sound, call[:, channel]) > 0.9


def test_channels_out_of_phase_do_not_cancel(reader: Signal, tmp_path: Path) -> None:
    path = samples.make(tmp_path / "a.flac", "flac", np.stack([reader, -reader], axis=1))
    assert decoded(path, tmp_path / "out.wav").channels == 1
    assert samples.likeness(pcm.read(Stored(tmp_path / "out.wav"), 0, 60), reader) > 0.99


def test_sound_in_six_channels(reader: Signal, tmp_path: Path) -> None:
    surround = np.zeros((len(reader), 6), dtype=np.float32)
    surround[:, 2] = reader  # the centre
    path = samples.make(tmp_path / "a.flac", "flac", surround)
    assert decoded(path, tmp_path / "out.wav").channels == 1
    assert samples.likeness(pcm.read(Stored(tmp_path / "out.wav"), 0, 60), reader) > 0.99


def test_channels_that_have_no_names(reader: Signal, tmp_path: Path) -> None:
    """Field recorders write WAVs of six channels that say nothing of where each belongs."""
    block = (np.repeat(reader[:, None], 6, axis=1) * 32767).astype("<i2")
    head = bytearray(pcm.header(6, len(block)))
    (tmp_path / "a.wav").write_bytes(bytes(head) + block.tobytes())
    assert decoded(tmp_path / "a.wav", tmp_path / "out.wav").channels == 1
    assert samples.likeness(pcm.read(Stored(tmp_path / "out.wav"), 0, 60), reader) > 0.99


def test_sound_that_is_no_number_becomes_numbers(reader: Signal, tmp_path: Path) -> None:
    floats = reader.copy()
    floats[:RATE:7] = np.nan
    floats[1:RATE:7] = np.inf
    path = tmp_path / "a.wav"
    with av.open(str(path), "w", format="wav") as out:
        stream = out.add_stream("pcm_f32le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(floats.reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate = RATE
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    decoded(path, tmp_path / "out.wav")
    sound = pcm.read(Stored(tmp_path / "out.wav"), 0, 60)
    assert np.isfinite(sound).all()
    assert samples.likeness(sound[RATE + 100 :], reader[RATE + 100 :]) > 0.99


def test_channels_in_no_known_arrangement_are_refused_in_words(reader: Signal, tmp_path: Path) -> None:
    block = (np.repeat(reader[:RATE, None], 9, axis=1) * 32767).astype("<i2")
    (tmp_path / "a.wav").write_bytes(pcm.header(9, len(block)) + block.tobytes())
    with pytest.raises(BadMedia, match="in one channel or two"):
        decoded(tmp_path / "a.wav", tmp_path / "out.wav")


def test_sealed_sound_is_decoded_to_sealed_sound(recordings: dict[str, Path], tmp_path: Path) -> None:
    """As it is where nothing is sealed, in one channel and where two are folded into one."""
    key = new_key()
    for kind in ("ogg", "mp4", "mp3"):
        source = Stored(tmp_path / "source", key)
        source.write_bytes(recordings[kind].read_bytes())
        target = Stored(tmp_path / "sealed.wav", key)
        plainly = decoded(recordings[kind], tmp_path / "plain.wav")
        found = asyncio.run(decode(source, target, Limits()))
        assert replace(found, peak_rss_mib=0.0) == replace(plainly, peak_rss_mib=0.0)
        assert target.read_bytes() == (tmp_path / "plain.wav").read_bytes()
        assert not target.path.read_bytes().startswith(b"RIFF")
    assert {path.name for path in tmp_path.iterdir()} == {"source", "sealed.wav", "plain.wav"}


def test_a_sealed_file_that_was_changed_is_not_decoded(recordings: dict[str, Path], tmp_path: Path) -> None:
    source = Stored(tmp_path / "source", new_key())
    source.write_bytes(recordings["wav"].read_bytes())
    whole = bytearray(source.path.read_bytes())
    whole[-1000] ^= 1
    source.path.write_bytes(whole)
    with pytest.raises(BadMedia, match="is damaged"):
        asyncio.run(decode(source, source.at(tmp_path / "out.wav"), Limits()))
    assert not (tmp_path / "out.wav").exists()
