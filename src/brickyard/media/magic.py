"""Says in words what a file is that is not opened, or cannot be, by its first bytes.

What is known to be no recording is refused before anything looks inside: an archive may hold sound as it is, and a
playlist may be followed by some, and either would pass for that sound.
"""

from __future__ import annotations

import re

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
    (0, b"PK\x05\x06", "an empty ZIP archive"),
    (257, b"ustar", "a TAR archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\0", "an XZ archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"%PDF", "a PDF document"),
)
PLAYLIST = re.compile(
    rb"(\xef\xbb\xbf)?\s*(#EXTM3U|ffconcat|\[playlist\]|\[reference\]|v=0\s|(file|track|performer|title|rem) [\"\w]"
    rb"|https?://|rtsps?://|rtp://|mmsh?://|file:|<(\?xml|!doctype|!--|smil|asx|mpd|html|svg|playlist|smoothstreaming))",
    re.IGNORECASE,
)


def foreign(head: bytes) -> str | None:
    """The message for a person where these are the first bytes of something known that is no recording."""
    for offset, magic, name in FOREIGN:
        if head[offset:].startswith(magic):
            return f"This is {name}, not a recording. {ALLOWED}"
    if PLAYLIST.match(head):
        return f"This is a playlist or another text, which holds no sound itself, not a recording. {ALLOWED}"
    return None


def why_not(head: bytes) -> str:
    """The message for a person: another kind of file, or a damaged one of the right kind."""
    if said := foreign(head):
        return said
    for offset, magic, name in RECOGNISED:
        if head[offset:].startswith(magic):
            return (
                f"This looks like {name} but cannot be read: it is damaged, or was cut off while it was "
                "saved or copied. Copy it again from where it was recorded."
            )
    return f"This is not a recording of a kind that can be read. {ALLOWED}"
