"""What a recording may be, and what a child process may use to read it."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("WAV", "MP3", "M4A", "AAC", "OGG", "Opus", "FLAC", "WMA", "MP4", "MKV", "WebM", "MOV", "AVI")

# A WAV header counts its bytes in 32 bits: 18 hours of two channels at 16 kHz and 16 bits still fit.
LONGEST_WAV_S = 18 * 3600.0


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """Set by the kernel on a child before it opens the file; `wall_s` is watched by its parent.

    `memory_mib` is address space, of which the interpreter and its libraries take about 300 before any work.
    """

    memory_mib: int = 2048
    cpu_s: int = 60
    wall_s: float = 120.0
    written_mib: int = 16


@dataclass(frozen=True, slots=True)
class Limits:
    max_duration_s: float = 3 * 3600.0
    max_size_bytes: int = 50 * 10**9
    probe: ChildLimits = ChildLimits()
    decode: ChildLimits = ChildLimits(cpu_s=1800, wall_s=3600.0, written_mib=4096)

    def __post_init__(self) -> None:
        if not 0 < self.max_duration_s <= LONGEST_WAV_S:
            raise ValueError(f"max_duration_s is {self.max_duration_s}; allowed is up to {LONGEST_WAV_S:.0f}")


def clock(duration_s: float) -> str:
    """Hours, minutes and seconds: 3:00:00."""
    whole = round(duration_s)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
