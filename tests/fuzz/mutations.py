"""Damaged and forged files out of whole ones. Pure: the same seed, number and files always give the same mutant."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

LARGEST_BYTES = 4 << 20
MARKS = re.compile(
    rb"moov|trak|stsz|stco|stsd|mdhd|RIFF|LIST|fmt |data|movi|idx1|OggS|fLaC|ID3|Xing|obj|stream|xref|IHDR|IDAT"
)
"""Where sizes stand nearby, in the formats that are read here."""
SIZES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Mutant:
    """`name`: which file it was, what was done to it, and its number."""

    name: str
    data: bytes


Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]
"""Given the dice, the file, and all files."""


def flipped_bits(dice: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _time in range(dice.choice((1, 3, 10, 100, 1000))):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def flipped_bits_in_front(dice: random.Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """Where headers are."""
    front = min(len(data), 512)
    return flipped_bits(dice, data[:front], files) + data[front:]


def truncated(dice: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: dice.randrange(len(data)) + 1]


def header_only(dice: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: dice.choice((1, 4, 8, 12, 16, 32, 44, 64, 128, 256, 512))]


def swapped_pieces(dice: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    cuts = sorted(dice.randrange(len(data) + 1) for _time in range(4))
    a, b, c, d = cuts
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def repeated_piece(dice: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start = dice.randrange(len(data))
    piece = data[start : start + dice.choice((4, 64, 1024, 16384))]
    return data[:start] + piece * dice.choice((2, 10, 100)) + data[start:]


def blank_piece(dice: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start = dice.randrange(len(data))
    size = min(len(data) - start, dice.choice((4, 64, 1024, 16384)))
    filler = dice.choice((b"\0" * size, b"\xff" * size, dice.randbytes(size)))
    return data[:start] + filler + data[start + size :]


def forged_size(dice: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """A figure beside a mark says something else, in either order of bytes."""
    marks = [match.start() for match in MARKS.finditer(data)]
    if not marks:
        return flipped_bits(dice, data, ())
    changed = bytearray(data)
    for _time in range(dice.choice((1, 1, 4))):
        at = max(0, dice.choice(marks) + dice.choice((-4, 4, 8, 12, 16)))
        order = dice.choice(("big", "little"))
        changed[at : at + 4] = dice.choice(SIZES).to_bytes(4, order)
    return bytes(changed)


def forged_figure(dice: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Anywhere in the first kilobytes."""
    changed = bytearray(data)
    for _time in range(dice.choice((1, 4, 16))):
        at = dice.randrange(min(len(changed), 4096))
        width = dice.choice((1, 2, 4, 8))
        changed[at : at + width] = (dice.choice(SIZES) % (1 << 8 * width)).to_bytes(
            width, dice.choice(("big", "little"))
        )
    return bytes(changed)


def spliced(dice: random.Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """The front of one, the end of another."""
    other = dice.choice(files)
    return data[: dice.randrange(len(data)) + 1] + other[dice.randrange(len(other)) :]


def foreign_body(dice: random.Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """The header of one, all of another behind it."""
    return data[: dice.choice((4, 12, 64, 1024))] + dice.choice(files)


MUTATIONS: tuple[Mutation, ...] = (
    flipped_bits,
    flipped_bits_in_front,
    truncated,
    header_only,
    swapped_pieces,
    repeated_piece,
    blank_piece,
    forged_size,
    forged_figure,
    spliced,
    foreign_body,
)


def mutant(seed: int, number: int, files: Mapping[str, bytes]) -> Mutant:
    """Kinds and mutations take turns, so that a few mutants have all kinds; one in four is changed twice."""
    dice = random.Random(f"{seed}:{number}")
    kinds = sorted(files)
    kind = kinds[number % len(kinds)]
    others = [files[name] for name in kinds]
    data, done = files[kind], []
    for _time in range(2 if dice.random() < 0.25 else 1):
        mutation = MUTATIONS[(number + len(done) * dice.randrange(1, 9)) % len(MUTATIONS)]
        data = mutation(dice, data, others)[:LARGEST_BYTES] or b"\0"
        done.append(mutation.__name__)
    return Mutant(f"{number:06}-{kind}-{'-'.join(done)}", data)
