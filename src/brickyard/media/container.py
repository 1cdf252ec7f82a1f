"""Opens a media file so that it can refer to nothing but itself. Runs in the child only.

FFmpeg reads the file through our own hands, unsealed where it is sealed, and may open nothing by itself: no other file,
no network, whatever a playlist, a reference movie or a file name says. Only the demuxers of the kinds that are allowed
may look at it, and they judge by content: they are told no name.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import av

from brickyard.kit.errors import BadMedia
from brickyard.kit.sealed import Stored, Told
from brickyard.media.magic import foreign, why_not
from brickyard.media.promise import BY_HEAD, of_matroska

DEMUXERS = "wav,mp3,aac,ogg,flac,asf,mov,matroska,avi"
NO_PROTOCOL = "none"
HEAD_BYTES = 1 << 16
READ_BYTES = 1 << 17
# So many packets of a stream may fail to decode before it is held to be no sound at all.
TRIED_PACKETS = 500


class Nameless:
    """A file of which FFmpeg learns the bytes alone."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.tell, self._seek = file.read, file.tell, file.seek

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Damaged files send FFmpeg to places before their beginning; it is told so as the system would."""
        try:
            return self._seek(offset, whence)
        except (OSError, ValueError) as error:
            return -(getattr(error, "errno", None) or errno.EINVAL)


@contextmanager
def opened(source: Stored) -> Iterator[Any]:
    """The `av` container of the file. Raises BadMedia where it is none of the kinds allowed, or damaged.

    What FFmpeg refuses while the container is in use becomes BadMedia too, unless it is caught nearer.
    """
    try:
        with source.open() as file, _container(file) as container:
            yield container
    except MemoryError:
        raise
    except av.FFmpegError as error:
        raise BadMedia(
            f"The sound in this file cannot be decoded ({error.strerror}). Convert it to WAV or FLAC, "
            "in one channel or two."
        ) from None


def _container(file: BinaryIO) -> Any:
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if said := foreign(head):
        raise BadMedia(said)
    options = {"protocol_whitelist": NO_PROTOCOL, "format_whitelist": DEMUXERS}
    try:
        # Tags in other encodings than UTF-8 are common and harmless.
        return av.open(Nameless(file), container_options=options, metadata_errors="replace", buffer_size=READ_BYTES)
    except MemoryError:
        raise
    except av.FFmpegError:
        raise BadMedia(why_not(head)) from None


def sound_of(container: Any) -> Any:
    """The stream to listen to: the one marked as default, else the first that can be decoded."""
    streams = [stream for stream in container.streams.audio if stream.codec_context is not None]
    if streams:
        return next((stream for stream in streams if stream.disposition & av.stream.Disposition.default), streams[0])
    if container.streams.audio:
        raise BadMedia("The sound in this file is encoded in a way that cannot be read. Convert it to WAV or FLAC.")
    raise BadMedia("This file has no audio stream. Upload a recording with sound.")


def pictures_of(container: Any) -> Any | None:
    """The first video stream; a cover image is none."""
    cover = av.stream.Disposition.attached_pic
    return next((stream for stream in container.streams.video if not stream.disposition & cover), None)


def inspect(report: Callable[[dict[str, Any]], None], source: Told) -> dict[str, Any]:
    """What brickyard.media.probe.Probe holds, less the size."""
    stored = Stored.of(**source)
    with opened(stored) as container:
        sound, pictures = sound_of(container), pictures_of(container)
        frame = _first_frame(container, sound)
        return {
            "container": _kind(container, sound, pictures, stored),
            "duration_s": duration_s(container),
            "audio_codec": sound.codec_context.codec.canonical_name,
            "channels": frame.layout.nb_channels,
            "sample_rate": frame.sample_rate,
            "has_video": pictures is not None,
            "width": pictures.codec_context.width if pictures and pictures.codec_context else None,
            "height": pictures.codec_context.height if pictures and pictures.codec_context else None,
        }


def duration_s(container: Any) -> float | None:
    """What the container says; None where it says nothing, as recordings made in browsers do."""
    return container.duration / av.time_base if container.duration and container.duration > 0 else None


def promised_s(container: Any, sound: Any, source: Stored) -> float | None:
    """When the sound should end, by a figure written into the file; None where that would be a guess."""
    name = container.format.name
    if name == "aac":
        return None
    if name in BY_HEAD:
        with source.open() as file:
            promise = BY_HEAD[name](file)
        # The header of an MP3 may be silent on its length, and then every other figure is a guess.
        return promise or (None if name == "mp3" else duration_s(container))
    if sound.duration and sound.duration > 0:
        begins_s = start_s(container)
        late_s = 0.0 if begins_s is None else float((sound.start_time or 0) * sound.time_base) - begins_s
        return float(sound.duration * sound.time_base) + max(0.0, late_s)
    return of_matroska(sound.metadata.get("DURATION", "")) or duration_s(container)


def start_s(container: Any) -> float | None:
    """Where the clock of the video begins, by the time stamps in the file; None without video."""
    if pictures_of(container) is None or container.start_time is None:
        return None
    return float(container.start_time / av.time_base)


def _first_frame(container: Any, sound: Any) -> Any:
    """Proof that there is sound to be had, and what it really is: headers are wrong at times."""
    only(container, sound)
    for tried, packet in enumerate(container.demux(sound)):
        with suppress(av.InvalidDataError):
            for frame in packet.decode():
                return frame
        if tried > TRIED_PACKETS:
            break
    raise BadMedia("No sound could be decoded from this file: it is empty or damaged. Convert it to WAV or FLAC.")


def only(container: Any, sound: Any) -> None:
    """Spares the reading of every other stream, where the container allows that."""
    for stream in container.streams:
        if stream is not sound:
            stream.discard = av.stream.Discard.all


def _kind(container: Any, sound: Any, pictures: Any | None, source: Stored) -> str:
    """The short name people use; one demuxer serves several."""
    name = container.format.name
    if name.startswith("mov"):
        if container.metadata.get("major_brand", "").startswith("qt"):
            return "mov"
        return "mp4" if pictures is not None else "m4a"
    if name.startswith("matroska"):
        return "webm" if b"webm" in _head(source, 64) else "mkv"
    if name == "ogg":
        return "opus" if sound.codec_context.codec.canonical_name == "opus" else "ogg"
    if name == "asf":
        return "wma" if pictures is None else "wmv"
    return str(name)


def _head(source: Stored, size: int) -> bytes:
    with source.open() as file:
        return file.read(size)
