"""Recordings in every allowed kind, made from the real speech in the moonshine_voice wheel."""

from __future__ import annotations

import importlib.util
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate, resample_poly

RATE = 16_000
Signal = NDArray[np.float32]

# name: (container format, audio codec, its rate, video codec or None)
KINDS: dict[str, tuple[str, str, int, str | None]] = {
    "wav": ("wav", "pcm_s16le", 48000, None),
    "mp3": ("mp3", "libmp3lame", 44100, None),
    "m4a": ("mp4", "aac", 44100, None),
    "aac": ("adts", "aac", 44100, None),
    "ogg": ("ogg", "vorbis", 44100, None),
    "opus": ("ogg", "libopus", 48000, None),
    "flac": ("flac", "flac", 44100, None),
    "wma": ("asf", "wmav2", 44100, None),
    "mp4": ("mp4", "aac", 48000, "libx264"),
    "mkv": ("matroska", "libopus", 48000, "libx264"),
    "webm": ("webm", "libopus", 48000, "libvpx"),
    "mov": ("mov", "aac", 48000, "libx264"),
    "avi": ("avi", "libmp3lame", 44100, "mpeg4"),
}


def speech(name: str, end_s: float | None = None) -> Signal:
    """One of the real recordings in the wheel, at 16 kHz."""
    spec = importlib.util.find_spec("moonshine_voice")
    assert spec is not None
    assert spec.origin is not None
    with wave.open(str(Path(spec.origin).parent / "assets" / f"{name}.wav"), "rb") as sound:
        rate = sound.getframerate()
        raw = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2")
    whole = resampled(raw.astype(np.float32) / 32768, rate, RATE)
    return whole if end_s is None else whole[: int(end_s * RATE)]


def resampled(signal: Signal, rate: int, to: int) -> Signal:
    if rate == to:
        return signal
    common = int(np.gcd(rate, to))
    result: Signal = resample_poly(signal, to // common, rate // common, axis=0).astype(np.float32)
    return result


def make(
    path: Path,
    kind: str,
    signal: Signal,
    *,
    audio_from_s: float = 0.0,
    video_s: float | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Writes `signal` (16 kHz; shape (n,), or (n, channels)) to `path` as `kind`; video lasts as long."""
    container_format, codec, rate, video_codec = KINDS[kind]
    if codec == "vorbis" and signal.ndim == 1:
        signal = np.stack([signal, signal], axis=1)  # its encoder knows two channels only
    sound = resampled(signal, RATE, rate)
    channels = 1 if sound.ndim == 1 else sound.shape[1]
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    with av.open(str(path), "w", format=container_format, options=options or {}) as out:
        video = _video_stream(out, video_codec) if video_codec else None
        audio: Any = out.add_stream(codec, rate=rate, layout=layout)
        audio.bit_rate = 64_000
        audio.options = {"strict": "experimental"}  # FFmpeg's own Vorbis encoder is called that
        packed = np.clip(sound.reshape(-1, channels) * 32767, -32768, 32767).astype(np.int16)
        length_s = len(packed) / rate if video_s is None else video_s
        shown = 0
        for first in range(0, len(packed), rate // 5):
            at_s = first / rate
            while video is not None and shown / 5 <= min(at_s + audio_from_s, length_s):
                out.mux(_picture(video, shown))
                shown += 1
            block = np.ascontiguousarray(packed[first : first + rate // 5]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout=layout)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = first + round(audio_from_s * rate)
            out.mux(audio.encode(frame))
        while video is not None and shown / 5 <= length_s:
            out.mux(_picture(video, shown))
            shown += 1
        out.mux(audio.encode(None))
        if video is not None:
            out.mux(video.encode(None))
    return path


def make_silent_video(path: Path, length_s: float = 1.0) -> Path:
    with av.open(str(path), "w", format="mp4") as out:
        video = _video_stream(out, "libx264")
        for number in range(int(length_s * 5)):
            out.mux(_picture(video, number))
        out.mux(video.encode(None))
    return path


def likeness(decoded: Signal, source: Signal, lag_s: float = 0.0, slack_s: float = 0.08) -> float:
    """The best correlation of the two within `slack_s` around a shift of `lag_s`: codecs delay a little."""
    products = correlate(decoded, source)
    zero = len(source) - 1
    first = zero + round((lag_s - slack_s) * RATE)
    lag = first + int(np.argmax(products[first : first + round(2 * slack_s * RATE)])) - zero
    a, b = decoded[max(0, lag) :], source[max(0, -lag) :]
    count = min(len(a), len(b))
    return float(np.corrcoef(a[:count], b[:count])[0, 1])


def _video_stream(out: Any, codec: str) -> Any:
    stream = out.add_stream(codec, rate=5)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    return stream


def _picture(stream: Any, number: int) -> Any:
    shade = np.full((48, 64, 3), (number * 7) % 255, dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(shade, format="rgb24")
    frame.pts, frame.time_base = number, Fraction(1, 5)
    return stream.encode(frame)
