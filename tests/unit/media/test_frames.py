from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from brickyard.kit.errors import BadMedia, NotFound, TooLarge
from brickyard.kit.sealed import Stored, new_key
from brickyard.media import pictures
from brickyard.media.frames import Frames, Progress, extract_frames, extracted
from brickyard.media.limits import Limits
from tests.unit.media.drawing import picture, video


def frames(source: Path, folder: Path, limits: Limits | None = None, **values: object) -> Frames:
    return asyncio.run(extract_frames(Stored(source), folder, limits or Limits(), **values))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """White for 4 s, gray for 3, black for 5."""
    shown = [(picture(paper="white"), 4.0), (picture(paper="gray"), 3.0), (picture(paper="black"), 5.0)]
    return video(tmp_path_factory.mktemp("video") / "scenes", shown)


def test_what_changed_is_kept_and_lasts_until_the_next_change(scenes: Path, tmp_path: Path) -> None:
    found = frames(scenes, tmp_path / "frames")
    assert found.has_video
    assert found.looked == 12
    assert [(round(frame.time), round(frame.until)) for frame in found.frames] == [(0, 4), (4, 7), (7, 12)]
    levels = [pictures.read(Stored(tmp_path / "frames" / frame.file)).mean() for frame in found.frames]
    assert levels == [pytest.approx(level, abs=4) for level in (255, 128, 0)]


def test_the_same_video_gives_the_same_frames_again(scenes: Path, tmp_path: Path) -> None:
    first = frames(scenes, tmp_path / "frames")
    before = [(tmp_path / "frames" / frame.file).read_bytes() for frame in first.frames]
    (tmp_path / "frames" / "0000099999.jpg").write_bytes(b"left from before")
    again = frames(scenes, tmp_path / "frames")
    assert again == first == extracted(tmp_path / "frames")
    assert [(tmp_path / "frames" / frame.file).read_bytes() for frame in again.frames] == before
    assert len(list((tmp_path / "frames").iterdir())) == 4, "three pictures and their index"


def test_large_pictures_are_made_smaller(tmp_path: Path) -> None:
    source = video(tmp_path / "large", [(picture(size=(1920, 1080)), 1.0)])
    [frame] = frames(source, tmp_path / "frames").frames
    assert pictures.read(Stored(tmp_path / "frames" / frame.file)).shape == (720, 1280, 3)


def test_sound_alone_has_no_frames(recordings: dict[str, Path], tmp_path: Path) -> None:
    assert frames(recordings["wav"], tmp_path / "frames") == Frames(has_video=False, looked=0, frames=[])


@pytest.mark.parametrize("kind", ["mp4", "mkv", "webm", "mov", "avi"])
def test_every_kind_of_video_is_looked_at(recordings: dict[str, Path], tmp_path: Path, kind: str) -> None:
    found = frames(recordings[kind], tmp_path / "frames")
    assert found.has_video
    assert 4 <= found.looked <= 6
    assert found.frames[0].time < 1


def test_the_rate_is_a_choice(scenes: Path, tmp_path: Path) -> None:
    assert frames(scenes, tmp_path / "frames", every_s=2.0).looked == 6


def test_progress_is_told(scenes: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    frames(scenes, tmp_path / "frames", on_progress=seen.append)
    assert [news.kept for news in seen] == [1, 2, 3]
    assert [round(news.time_s) for news in seen] == [0, 4, 7]


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (b"not a video at all", BadMedia, "not a recording"),
        (b"", BadMedia, "empty"),
        (None, NotFound, "no file"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes | None, error: type[Exception], said: str) -> None:
    source = tmp_path / "source"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(error, match=said):
        frames(source, tmp_path / "frames")
    assert not (tmp_path / "frames").exists()


def test_a_longer_video_than_allowed_is_refused_and_nothing_is_left(scenes: Path, tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="longer than 0:00:05"):
        frames(scenes, tmp_path / "frames", replace(Limits(), max_duration_s=5.0))
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_was_cut_off_gives_what_is_there(scenes: Path, tmp_path: Path) -> None:
    whole = video(tmp_path / "whole", [(picture(paper="white"), 4.0), (picture(paper="black"), 4.0)], form="matroska")
    cut = tmp_path / "cut"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    assert frames(cut, tmp_path / "frames").looked >= 1


def test_what_one_who_was_killed_left_behind_goes(scenes: Path, tmp_path: Path) -> None:
    (tmp_path / ".frames.dead.part").mkdir()
    frames(scenes, tmp_path / "frames")
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]


def test_a_folder_without_its_index_is_not_taken_for_whole(scenes: Path, tmp_path: Path) -> None:
    assert extracted(tmp_path / "frames") is None
    frames(scenes, tmp_path / "frames")
    (tmp_path / "frames" / "index.json").write_text('{"has_video": true, "loo')
    assert extracted(tmp_path / "frames") is None


def test_pictures_of_a_sealed_video_are_sealed(scenes: Path, tmp_path: Path) -> None:
    source = Stored(tmp_path / "source", new_key())
    source.write_bytes(scenes.read_bytes())
    plainly = frames(scenes, tmp_path / "plain")
    found = asyncio.run(extract_frames(source, tmp_path / "frames", Limits()))
    assert found == plainly
    assert found.frames
    for frame in found.frames:
        sealed = source.at(tmp_path / "frames" / frame.file)
        assert sealed.read_bytes() == (tmp_path / "plain" / frame.file).read_bytes()
        assert not sealed.path.read_bytes().startswith(b"\xff\xd8")
