"""Files made to have the reader open something else: each is refused, or read as if there were nothing but itself."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import http.server
import io
import lzma
import struct
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import av
import numpy as np
import pypdfium2
import pytest
from PIL import Image

from brickyard.kit.errors import BadMedia, TooLarge
from brickyard.kit.sealed import Stored, new_key
from brickyard.media import pcm
from brickyard.media.container import Nameless
from brickyard.media.decode import decode
from brickyard.media.limits import Limits
from brickyard.media.pages import draw_pages
from brickyard.media.probe import probe
from tests.unit.media import samples


class _Visitor(http.server.BaseHTTPRequestHandler):
    visits: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.visits.append(self.path)
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Notes who comes."""
    with http.server.HTTPServer(("127.0.0.1", 0), _Visitor) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


@pytest.fixture
def secret(recordings: dict[str, Path]) -> Path:
    """A recording of somebody else."""
    return recordings["wav"]


def heard(path: Path, folder: Path) -> samples.Signal | None:
    """What is decoded of it; None where it is refused."""
    try:
        asyncio.run(probe(Stored(path), Limits()))
        asyncio.run(decode(Stored(path), Stored(folder / "heard.wav"), Limits()))
    except BadMedia:
        return None
    return pcm.read(Stored(folder / "heard.wav"), 0, 60)


PLAYLISTS = {
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}\n#EXT-X-ENDLIST\n",
    "m3u8 with a byte order mark": "\ufeff#EXTM3U\n#EXTINF:10,\n{url}\n",
    "m3u8 with a key elsewhere": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF:9,\ndata:audio/wav,\n',
    "m3u": "{url}\n",
    "pls": "[playlist]\nNumberOfEntries=1\nFile1={url}\n",
    "concat": "ffconcat version 1.0\nfile '{url}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9000 RTP/AVP 0\n",
    "dash": '<?xml version="1.0"?><MPD type="static"><Period><BaseURL>{url}</BaseURL></Period></MPD>',
    "cue": 'FILE "{url}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
    "asx": '<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
    "asf reference": "[Reference]\nRef1={url}\n",
    "smil": '<smil><body><audio src="{url}"/></body></smil>',
    "smooth streaming": '<SmoothStreamingMedia MajorVersion="2"><StreamIndex Url="{url}"/></SmoothStreamingMedia>',
    "xspf": '<?xml version="1.0"?><playlist><track><location>{url}</location></track></playlist>',
    "html": '<!DOCTYPE html><audio src="{url}">',
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}"/></svg>',
}


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_playlist_is_refused(tmp_path: Path, secret: Path, server: str, kind: str) -> None:
    _Visitor.visits.clear()
    for url in (f"{server}/a.wav", secret.as_uri()):
        (tmp_path / "source").write_text(PLAYLISTS[kind].format(url=url), encoding="utf-8")
        with pytest.raises(BadMedia, match="not a recording"):
            asyncio.run(probe(Stored(tmp_path / "source"), Limits()))
    assert _Visitor.visits == []


@pytest.mark.parametrize("kind", ["m3u8", "concat", "pls", "sdp", "cue"])
def test_a_playlist_with_sound_behind_it_is_refused(
    tmp_path: Path, recordings: dict[str, Path], server: str, kind: str
) -> None:
    (tmp_path / "source").write_bytes(
        PLAYLISTS[kind].format(url=f"{server}/a.wav").encode() + recordings["mp3"].read_bytes()
    )
    with pytest.raises(BadMedia, match="playlist"):
        asyncio.run(probe(Stored(tmp_path / "source"), Limits()))


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", data)
    return out.getvalue()


def tarred(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("a")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


ARCHIVES = {
    "ZIP": zipped,
    "TAR": tarred,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "XZ": lzma.compress,
    "7-Zip": lambda data: b"7z\xbc\xaf\x27\x1c\0\x04" + data,
    "RAR": lambda data: b"Rar!\x1a\x07\x01\0" + data,
    "Zstandard": lambda data: b"\x28\xb5\x2f\xfd" + data,
}


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("inside", ["mp3", "aac"])
def test_an_archive_is_refused_though_sound_can_be_found_in_it(
    tmp_path: Path, recordings: dict[str, Path], kind: str, inside: str
) -> None:
    (tmp_path / "source").write_bytes(ARCHIVES[kind](recordings[inside].read_bytes()))
    with pytest.raises(BadMedia, match=kind):
        asyncio.run(probe(Stored(tmp_path / "source"), Limits()))


def atom(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def referring(data: bytes, reference: bytes) -> bytes:
    """A MOV whose sound is said to lie where `reference`, an entry of its data references, says."""
    at = 0
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = data.rindex(kind, at) if kind == b"trak" else data.index(kind, at)
    old = data[at + 12 : at + 24]
    assert old[4:8] == b"url "
    grown = bytearray(data[: at + 12] + reference + data[at + 24 :])
    begin = 0
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        begin = data.rindex(kind, begin, at + 4) if kind == b"trak" else data.index(kind, begin)
        (size,) = struct.unpack_from(">I", data, begin - 4)
        struct.pack_into(">I", grown, begin - 4, size + len(reference) - len(old))
    return bytes(grown)


def alias(path: str) -> bytes:
    """As QuickTime writes them: 150 bytes of volume and names, then the whole path."""
    encoded = path.encode()
    name = Path(path).name.encode()[:63]
    head = bytes(6) + struct.pack(">HH", 150, 2) + b"\x03vol" + bytes(24) + bytes(12)
    head += bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16) + struct.pack(">hh", 1, 1) + bytes(16)
    tail = struct.pack(">hh", 2, len(encoded)) + encoded + bytes(len(encoded) % 2) + struct.pack(">hh", -1, 0)
    return atom(b"alis", bytes(4), head, tail)


def emptied(data: bytes) -> bytes:
    """The same MOV with nothing where its sound and pictures were."""
    at = data.index(b"mdat")
    (size,) = struct.unpack_from(">I", data, at - 4)
    return data[: at + 4] + bytes(size - 8) + data[at - 4 + size :]


def test_a_reader_that_may_follows_the_reference(tmp_path: Path, recordings: dict[str, Path]) -> None:
    """So that the test below is about something."""
    (tmp_path / "other").write_bytes(recordings["mov"].read_bytes())
    data = referring(emptied(recordings["mov"].read_bytes()), alias(str(tmp_path / "other")))
    (tmp_path / "source").write_bytes(data)
    with av.open(str(tmp_path / "source"), options={"enable_drefs": "1", "use_absolute_path": "1"}) as opened:
        assert max(np.abs(frame.to_ndarray()).max() for frame in opened.decode(audio=0)) > 0.1


@pytest.mark.parametrize("kind", ["alis", "url", "urn", "rsrc"])
def test_a_movie_with_its_sound_in_another_file_says_nothing_of_it(
    tmp_path: Path, recordings: dict[str, Path], server: str, kind: str
) -> None:
    _Visitor.visits.clear()
    other = tmp_path / "other"
    other.write_bytes(recordings["mov"].read_bytes())
    reference = {
        "alis": alias(str(other)),
        "url": atom(b"url ", bytes(4), f"{server}/a.mov\0".encode()),
        "urn": atom(b"urn ", bytes(4), b"a\0", f"{other.as_uri()}\0".encode()),
        "rsrc": atom(b"rsrc", bytes(4), alias(str(other))[12:]),
    }[kind]
    (tmp_path / "source").write_bytes(referring(emptied(other.read_bytes()), reference))
    sound = heard(tmp_path / "source", tmp_path)
    assert sound is None or not np.abs(sound).max() > 0.01
    assert _Visitor.visits == []


def test_a_movie_of_references_alone_is_refused(tmp_path: Path, secret: Path, server: str) -> None:
    _Visitor.visits.clear()
    for url in (f"{server}/a.mov", secret.as_uri()):
        place = url.encode() + b"\0"
        entry = atom(b"rdrf", bytes(4), b"url ", struct.pack(">I", len(place)), place)
        movie = atom(b"ftyp", b"qt  ", bytes(4), b"qt  ") + atom(b"moov", atom(b"rmra", atom(b"rmda", entry)))
        (tmp_path / "source").write_bytes(movie)
        assert heard(tmp_path / "source", tmp_path) is None
    assert _Visitor.visits == []


def element(number: int, content: bytes) -> bytes:
    """Of a Matroska file."""
    name = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return name + (len(content) | 1 << 56).to_bytes(8, "big") + content


def test_a_matroska_of_other_segments_is_refused(tmp_path: Path, recordings: dict[str, Path]) -> None:
    (tmp_path / "other.mkv").write_bytes(recordings["mkv"].read_bytes())
    head = element(0x1A45DFA3, element(0x4282, b"matroska"))
    linked = element(0x3EB923, bytes(16)) + element(0x3E83BB, b"other.mkv") + element(0x3C83AB, b"other.mkv")
    chapter = element(0xB6, element(0x91, b"\0") + element(0x6E67, bytes(16)))
    chapters = element(0x1043A770, element(0x45B9, element(0x45DD, b"\1") + chapter))
    (tmp_path / "source").write_bytes(head + element(0x18538067, element(0x1549A966, linked) + chapters))
    assert heard(tmp_path / "source", tmp_path) is None


def test_what_is_attached_to_a_video_is_not_unpacked(tmp_path: Path, reader: samples.Signal) -> None:
    path = samples.make(tmp_path / "plain", "mkv", reader)
    folder = tmp_path / "in"
    folder.mkdir()
    with av.open(str(path)) as plain, av.open(str(folder / "source"), "w", format="matroska") as out:
        streams = {stream.index: out.add_stream_from_template(stream) for stream in plain.streams}
        out.add_attachment("../../escaped.ttf", "font/ttf", b"a font, or so it says")
        for packet in plain.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    assert b"escaped.ttf" in (folder / "source").read_bytes()
    sound = heard(folder / "source", folder)
    assert sound is not None
    assert samples.likeness(sound, reader) > 0.88
    assert sorted(found.name for found in folder.iterdir()) == ["heard.wav", "source"]
    assert not list(tmp_path.parent.glob("**/escaped.ttf"))


def test_a_pdf_that_names_other_files_shows_nothing_of_them(tmp_path: Path, server: str) -> None:
    """A picture kept elsewhere, an action on opening, a file to start, a form to send."""
    _Visitor.visits.clear()
    secret = tmp_path / "secret.png"
    Image.new("RGB", (50, 50), "red").save(secret)
    place = f"<< /FS /URL /F ({server}/a) >>"
    script = f"(app.launchURL('{server}/b'); this.submitForm('{server}/c');)"
    source = f"""%PDF-1.7
1 0 obj << /Type /Catalog /Pages 2 0 R /OpenAction << /S /Launch /F ({secret}) >>
 /AA << /O << /S /URI /URI ({server}/d) >> >>
 /Names << /JavaScript << /Names [(a) << /S /JavaScript /JS {script} >>] >> >>
>> endobj
2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj
3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 4 0 R
 /Resources << /XObject << /Im 5 0 R /Re 6 0 R >> >> >> endobj
4 0 obj << /Length 41 >> stream
100 0 0 100 0 0 cm /Im Do /Re Do
endstream endobj
5 0 obj << /Type /XObject /Subtype /Image /Width 50 /Height 50 /ColorSpace /DeviceRGB /BitsPerComponent 8
 /F {place} /FFilter /DCTDecode /Length 0 >> stream
endstream endobj
6 0 obj << /Type /XObject /Subtype /Form /BBox [0 0 1 1] /Ref << /F ({secret}) /Page 0 >> /Length 0 >> stream
endstream endobj
trailer << /Root 1 0 R /Size 7 >>
%%EOF
"""
    (tmp_path / "source").write_text(source)
    [page] = asyncio.run(draw_pages(Stored(tmp_path / "source"), tmp_path / "pages"))
    red = np.asarray(Image.open(page.stored.path)).astype(int)
    assert (red[..., 0] - red[..., 1]).max() < 40
    assert _Visitor.visits == []


def bomb_png(side: int) -> bytes:
    """As small as a picture of one shade can be packed; whole and undamaged."""
    row = zlib.compressobj(9)
    packed = b"".join(row.compress(bytes(1 + side * 3)) for _ in range(side)) + row.flush()
    parts = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)), (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def test_a_picture_that_grows_beyond_measure_is_refused_before_it_does(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(bomb_png(10_100))
    with pytest.raises(TooLarge, match="10,100 × 10,100"):
        asyncio.run(draw_pages(Stored(tmp_path / "source"), tmp_path / "pages"))
    assert not (tmp_path / "pages").exists()


def test_a_pdf_with_a_picture_that_grows_beyond_measure_harms_nobody(tmp_path: Path) -> None:
    """Deflated twice, 256 MB fit into a few kilobytes."""
    rows = zlib.compressobj(9)
    once = b"".join(rows.compress(bytes(1 << 20)) for _ in range(256)) + rows.flush()
    twice = zlib.compress(once, 9)
    head = (
        "<< /Type /XObject /Subtype /Image /Width 9400 /Height 9400 /ColorSpace /DeviceRGB /BitsPerComponent 8 "
        f"/Filter [/FlateDecode /FlateDecode] /Length {len(twice)} >> stream\n"
    )
    source = (
        b"%PDF-1.7\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n"
        b"2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj\n"
        b"3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 4 0 R "
        b"/Resources << /XObject << /Im 5 0 R >> >> >> endobj\n"
        b"4 0 obj << /Length 26 >> stream\n100 0 0 100 0 0 cm /Im Do\nendstream endobj\n"
        b"5 0 obj " + head.encode() + twice + b"\nendstream endobj\ntrailer << /Root 1 0 R /Size 6 >>\n%%EOF\n"
    )
    assert len(source) < 100_000
    (tmp_path / "source").write_bytes(source)
    try:
        pages = asyncio.run(draw_pages(Stored(tmp_path / "source"), tmp_path / "pages"))
    except BadMedia:
        assert not (tmp_path / "pages").exists()
    else:
        assert [(page.width, page.height) for page in pages] == [(209, 209)]


def test_a_pdf_of_very_many_pages_is_refused(tmp_path: Path) -> None:
    """Its pages are one and the same, so it is small."""
    document = pypdfium2.PdfDocument.new()
    document.new_page(10, 10)
    out = io.BytesIO()
    document.save(out)
    kids = " ".join(["3 0 R"] * 100_000)
    source = (
        "%PDF-1.7\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n"
        f"2 0 obj << /Type /Pages /Kids [{kids}] /Count 100000 >> endobj\n"
        "3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 10 10] >> endobj\n"
        "trailer << /Root 1 0 R /Size 4 >>\n%%EOF\n"
    )
    (tmp_path / "source").write_text(source)
    with pytest.raises(TooLarge, match="100,000 pages"):
        asyncio.run(draw_pages(Stored(tmp_path / "source"), tmp_path / "pages"))


def test_a_place_before_the_beginning_is_no_accident_of_the_disk(tmp_path: Path) -> None:
    """Forged sizes send FFmpeg there; it is told so, rather than the person that a file could not be read."""
    for stored in (Stored(tmp_path / "plain"), Stored(tmp_path / "sealed", new_key())):
        stored.write_bytes(b"0123456789")
        with stored.open() as file:
            nameless = Nameless(file)
            assert nameless.seek(-5) < 0
            assert nameless.seek(4) == 4
            assert nameless.seek(-20, 1) < 0
            assert nameless.read(2) == b"45"
