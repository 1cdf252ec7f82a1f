from __future__ import annotations

import asyncio
import http.server
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from brickyard.kit.errors import BadMedia, NotFound, TooLarge
from brickyard.kit.sealed import Stored, new_key
from brickyard.media.limits import Limits
from brickyard.media.probe import Probe, checked_name, probe
from tests.unit.media import samples

CODECS = {
    "wav": "pcm_s16le",
    "mp3": "mp3",
    "m4a": "aac",
    "aac": "aac",
    "ogg": "vorbis",
    "opus": "opus",
    "flac": "flac",
    "wma": "wmav2",
    "mp4": "aac",
    "mkv": "opus",
    "webm": "opus",
    "mov": "aac",
    "avi": "mp3",
}


def probed(path: Path, limits: Limits | None = None) -> Probe:
    """As it lies there, which it is found to be when it is sealed, too."""
    folder = path.parent / "sealed"
    folder.mkdir(exist_ok=True)
    sealed = Stored(folder / path.name, new_key())
    if path.exists():
        sealed.write_bytes(path.read_bytes())

    async def both() -> list[Probe | BaseException]:
        probes = [probe(stored, limits or Limits()) for stored in (Stored(path), sealed)]
        return await asyncio.gather(*probes, return_exceptions=True)

    plainly, unsealed = asyncio.run(both())
    if isinstance(plainly, BaseException):
        assert (type(unsealed), str(unsealed)) == (type(plainly), str(plainly))
        raise plainly
    assert plainly == unsealed
    return plainly


@pytest.mark.parametrize("kind", samples.KINDS)
def test_every_kind_is_known_by_its_content(recordings: dict[str, Path], kind: str) -> None:
    seen = probed(recordings[kind])
    _, _, rate, video = samples.KINDS[kind]
    assert seen.container == kind
    assert seen.duration_s == pytest.approx(5, abs=0.5)
    assert seen.has_audio
    assert seen.audio_codec == CODECS[kind]
    assert seen.channels == (2 if kind == "ogg" else 1)
    assert seen.sample_rate == rate
    assert seen.has_video == (video is not None)
    assert (seen.width, seen.height) == ((64, 48) if video else (None, None))
    assert seen.size_bytes == recordings[kind].stat().st_size


def test_a_video_without_sound(tmp_path: Path) -> None:
    path = samples.make_silent_video(tmp_path / "mute.mp4")
    with pytest.raises(BadMedia, match="no audio stream"):
        probed(path)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").touch()
    with pytest.raises(BadMedia, match="empty"):
        probed(tmp_path / "a.mp3")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"a\.mp3"):
        probed(tmp_path / "a.mp3")


def test_other_kinds_of_files(tmp_path: Path) -> None:
    text = tmp_path / "text.mp3"
    text.write_text("It was the best of times, it was the worst of times.\n" * 500)
    archive = tmp_path / "archive.wav"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("a.txt", "a")
    junk = tmp_path / "junk.mp4"
    junk.write_bytes(bytes(range(256)) * 4000)
    for path, said in ((text, "not a recording"), (archive, "ZIP archive"), (junk, "not a recording")):
        with pytest.raises(BadMedia, match=said):
            probed(path)


@pytest.mark.parametrize("kind", ["mp4", "mov", "m4a"])
def test_a_file_cut_off_before_its_index(recordings: dict[str, Path], tmp_path: Path, kind: str) -> None:
    path = tmp_path / "cut"
    path.write_bytes(recordings[kind].read_bytes()[:20_000])
    with pytest.raises(BadMedia, match="cut off"):
        probed(path)


@pytest.mark.parametrize("kind", ["wav", "mp3", "flac", "ogg", "mkv", "wma", "avi"])
def test_a_header_with_nothing_behind_it(recordings: dict[str, Path], tmp_path: Path, kind: str) -> None:
    path = tmp_path / "head"
    path.write_bytes(recordings[kind].read_bytes()[:60])
    with pytest.raises(BadMedia):
        probed(path)


def test_too_long(recordings: dict[str, Path]) -> None:
    with pytest.raises(TooLarge, match=r"lasts 0:00:05; the limit is 0:00:03"):
        probed(recordings["mp3"], Limits(max_duration_s=3))


def test_too_big(recordings: dict[str, Path]) -> None:
    with pytest.raises(TooLarge, match="the limit is 1000 bytes"):
        probed(recordings["mp3"], Limits(max_size_bytes=1000))


def test_tags_in_another_encoding_do_no_harm(reader: samples.Signal, tmp_path: Path) -> None:
    path = samples.make(tmp_path / "a.wav", "wav", reader)
    tag = b"LIST\x0e\x00\x00\x00INFOINAM\x02\x00\x00\x00\xe9\xff"
    data = bytearray(path.read_bytes())
    data[36:36] = tag
    path.write_bytes(bytes(data))
    assert probed(path).container == "wav"


class _Visitor(http.server.BaseHTTPRequestHandler):
    visits: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.visits.append(self.path)
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    """Notes who comes."""
    _Visitor.visits.clear()
    with http.server.HTTPServer(("127.0.0.1", 0), _Visitor) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def test_references_are_never_followed(recordings: dict[str, Path], tmp_path: Path, server: str) -> None:
    secret = recordings["wav"]
    hostile = {
        "file.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{secret.as_uri()}\n#EXT-X-ENDLIST\n",
        "net.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{server}/a.ts\n#EXT-X-ENDLIST\n",
        "a.ffconcat": f"ffconcat version 1.0\nfile '{secret}'\n",
        "b.ffconcat": f"ffconcat version 1.0\nfile '{server}/b.wav'\n",
        "a.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9000 RTP/AVP 0\n",
        "a.mpd": f'<?xml version="1.0"?><MPD><BaseURL>{server}/</BaseURL></MPD>',
        "a.mp3": f"{server}/a.mp3\n",
    }
    for name, text in hostile.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(BadMedia):
            probed(tmp_path / name)
    assert _Visitor.visits == []


@pytest.mark.parametrize("name", ["http:", "concat:a|b.wav", "-i.wav", "naïve ✓.wav"])
def test_a_name_is_only_a_name(recordings: dict[str, Path], tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(recordings["wav"].read_bytes())
    assert probed(path).container == "wav"


def test_a_movie_that_refers_to_another_file(recordings: dict[str, Path], tmp_path: Path) -> None:
    """The data reference of a MOV is made to point at a file beside it; its own data is taken away."""
    data = recordings["mov"].read_bytes()
    (tmp_path / "other.wav").write_bytes(recordings["wav"].read_bytes())
    at = data.index(b"dref")
    url = data.index(b"url ", at)
    # Flag 1 says that the data is in this file: 0 sends the reader elsewhere.
    hostile = data[: url + 7] + b"\0" + data[url + 8 :]
    assert hostile != data
    (tmp_path / "a.mov").write_bytes(hostile)
    assert probed(tmp_path / "a.mov").container == "mov"


def test_only_names_that_a_child_gives_are_believed() -> None:
    assert checked_name("00001.png") == "00001.png"
    assert checked_name("0000001500.jpg") == "0000001500.jpg"
    for name in ("../00001.png", "/etc/passwd", "00001.png/..", "00001.svg", "", "00001.png\n", "٠٠٠٠١.png"):
        with pytest.raises(BadMedia):
            checked_name(name)
