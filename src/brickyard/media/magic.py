"""Says in words what a file is that cannot be opened, by its first bytes."""

from __future__ import annotations

from brickyard.media.limits import KINDS

ALLOWED = f"Allowed are {', '.join(KINDS[:-1])} and {KINDS[-1]}."
RECOGNISED = (
    (0, b"RIFF", "WAV or AVI"),
    (0, b"RF64", "WAV"),
    (0, b"ID3", "MP3"),
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "OGG"),
    (4, b"ftyp", "MP4"),
    (0, b"\x1a\x45\xdf\xa3", "MKV or WebM"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA"),
)
FOREIGN = (
    (0, b"\x89PNG", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"PK\x03\x04", "a ZIP archive or an Office document"),
    (0, b"%PDF", "a PDF document"),
    (0, b"#EXTM3U", "a playlist, which holds no sound itself"),
    (0, b"ffconcat", "a playlist, which holds no sound itself"),
)


def why_not(head: bytes) -> str:
    """The message for a person: another kind of file, or a damaged one of the right kind."""
    for offset, magic, name in FOREIGN:
        if head[offset:].startswith(magic):
            return f"This is {name}, not a recording. {ALLOWED}"
    for offset, magic, name in RECOGNISED:
        if head[offset:].startswith(magic):
            return (
                f"This looks like {name} but cannot be read: it is damaged, or was cut off while it was "
                "saved or copied. Copy it again from where it was recorded."
            )
    return f"This is not a recording of a kind that can be read. {ALLOWED}"
