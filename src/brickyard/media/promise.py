"""How long a file says it is, read from its own bytes where a demuxer gives what is there instead.

Each takes the open file and gives seconds, or None where the file says nothing. A file that was cut off still
promises its whole length: that is what tells.
"""

from __future__ import annotations

import math
import struct
from typing import BinaryIO

# Where a WAV is written to a pipe, its length is not known when its header is, and one of these stands there.
UNKNOWN_SIZES = (0, 0x7FFFFFFF, 0xFFFFFFFF)
CHUNKS_AT_MOST = 100

ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
ASF_HEAD_BYTES = 1 << 16

# Samples a frame of layer III, by the version in bits 3 and 4 of the second byte; sample rates likewise.
MP3_FRAME_SAMPLES = {3: 1152, 2: 576, 0: 576}
MP3_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
MP3_HEAD_BYTES = 4096


def of_wav(file: BinaryIO) -> float | None:
    """The size of the data chunk over the bytes a second."""
    file.seek(12)
    bytes_a_second = 0
    for _ in range(CHUNKS_AT_MOST):
        head = file.read(8)
        if len(head) < 8:
            return None
        name, size = struct.unpack("<4sI", head)
        if name == b"data":
            return size / bytes_a_second if bytes_a_second and size not in UNKNOWN_SIZES else None
        body = file.tell() + size + size % 2
        if name == b"fmt " and size >= 16 and len(form := file.read(12)) == 12:
            (bytes_a_second,) = struct.unpack("<8xI", form)
        file.seek(body)
    return None


def of_mp3(file: BinaryIO) -> float | None:
    """The number of frames in the Xing, Info or VBRI header, if the first frame holds one."""
    file.seek(_after_id3(file))
    frame = file.read(MP3_HEAD_BYTES)
    start = frame.find(b"\xff")
    if start < 0 or start + 4 > len(frame):
        return None
    version, rate = frame[start + 1] >> 3 & 3, frame[start + 2] >> 2 & 3
    if version not in MP3_RATES or rate > 2:
        return None
    count = _frame_count(frame)
    return count * MP3_FRAME_SAMPLES[version] / MP3_RATES[version][rate] if count else None


def of_asf(file: BinaryIO) -> float | None:
    """The play duration in its file properties, less what is buffered in front."""
    file.seek(0)
    head = file.read(ASF_HEAD_BYTES)
    at = head.find(ASF_FILE_PROPERTIES)
    if at < 0 or len(head) < at + 92:
        return None
    play_100ns, _, preroll_ms, flags = struct.unpack_from("<QQQI", head, at + 64)
    live = flags & 1
    return None if live else max(0.0, play_100ns / 1e7 - preroll_ms / 1e3) or None


def of_matroska(tag: str) -> float | None:
    """From the DURATION tag of a stream, such as '00:01:02.5'."""
    try:
        hours, minutes, seconds = (float(part) for part in tag.strip("\0 ").split(":"))
    except ValueError:
        return None
    total_s = hours * 3600 + minutes * 60 + seconds
    return total_s if 0 < total_s < math.inf else None


def _after_id3(file: BinaryIO) -> int:
    file.seek(0)
    tag = file.read(10)
    if len(tag) < 10 or not tag.startswith(b"ID3"):
        return 0
    a, b, c, d = (byte & 0x7F for byte in tag[6:])
    return 10 + (a << 21 | b << 14 | c << 7 | d)


def _frame_count(frame: bytes) -> int:
    for mark in (b"Xing", b"Info"):
        at = frame.find(mark)
        if at >= 0 and len(frame) >= at + 12:
            flags, count = struct.unpack_from(">II", frame, at + 4)
            return int(count) if flags & 1 else 0
    at = frame.find(b"VBRI")
    return int(struct.unpack_from(">I", frame, at + 14)[0]) if 0 <= at <= len(frame) - 18 else 0


BY_HEAD = {"wav": of_wav, "mp3": of_mp3, "asf": of_asf}
