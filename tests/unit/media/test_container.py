"""That FFmpeg opens nothing by itself. It would: each test has its counterpart, in which it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from brickyard.kit.errors import BadMedia
from brickyard.kit.sealed import CHUNK_BYTES, HEAD_BYTES, Stored, new_key
from brickyard.media import container


@pytest.mark.parametrize("key", [None, new_key()], ids=["plain", "sealed"])
def test_no_other_file_is_opened_even_where_a_playlist_is_understood(
    recordings: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: bytes | None
) -> None:
    (tmp_path / "other.aac").write_bytes(recordings["aac"].read_bytes())
    monkeypatch.chdir(tmp_path)
    stored = Stored(tmp_path / "list", key)
    stored.write_bytes(b"ffconcat version 1.0\nfile other.aac\n")
    with pytest.raises(BadMedia, match="playlist"), container.opened(stored):
        pass
    monkeypatch.setattr(container, "foreign", lambda _: None)
    monkeypatch.setattr(container, "DEMUXERS", "concat,aac")
    with pytest.raises(BadMedia), container.opened(stored) as opened:
        next(opened.demux())
    monkeypatch.setattr(container, "NO_PROTOCOL", "file")
    with container.opened(stored) as opened:
        assert next(opened.demux()).size


def test_damage_is_told_as_what_it_is(recordings: dict[str, Path], tmp_path: Path) -> None:
    """Neither as a bad upload nor as the end of the sound."""
    stored = Stored(tmp_path / "source", new_key())
    stored.write_bytes(recordings["wav"].read_bytes())
    assert stored.size_bytes > 2 * CHUNK_BYTES
    whole = bytearray(stored.path.read_bytes())
    whole[HEAD_BYTES + CHUNK_BYTES + 100] ^= 1
    stored.path.write_bytes(whole)
    with pytest.raises(BadMedia, match=r"stored file .*source is damaged"), container.opened(stored) as opened:
        for _ in opened.demux():
            pass
