"""A real recording goes in, who said what comes out; by the API and by the command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import jiwer
import pytest

from brickyard.cli.remote import Remote
from brickyard.cli.up import Platform
from brickyard.kit.errors import BadMedia, Unsupported
from tests.running_platform import as_operator

pytestmark = pytest.mark.slow

ENDGAME = """do you hear me yes do you hear me yes we laugh less heartily so we have still that resource laugh less
heartily so we have still that resource no not heartily just less heartily oh that's a good story ah that's a good
story"""


def plain(text: str) -> str:
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower()).split())


def transcribe(platform: Platform, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = platform.settings
    environment = {**os.environ, "BRICKYARD_HOME": str(settings.home), "BRICKYARD_PORT": str(settings.port)}
    command = [sys.executable, "-m", "brickyard.cli", "transcribe", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_two_speakers_say_the_right_words_with_live_progress(remote: Remote, wheel_audio: Path) -> None:
    submitted = remote.upload(wheel_audio / "endgame_nagg_nell.wav")
    views = list(remote.follow(submitted["job"]))
    assert views[-1]["state"] == "succeeded", views[-1]["error"]
    assert views[-1]["x_realtime"] > 0
    assert [view["progress"] for view in views] == sorted(view["progress"] for view in views)
    assert {step["name"] for step in views[-1]["steps"]} == {
        *("decode", "speech", "asr", "coverage", "diarize", "speakers", "transcript", "index")
    }
    transcript = remote.transcript(submitted["recording"]["id"])
    assert transcript["speakers"] == ["Speaker 1", "Speaker 2"]
    said = plain(" ".join(segment["text"] for segment in transcript["segments"]))
    assert jiwer.wer(plain(ENDGAME), " ".join(said.split()[: len(ENDGAME.split())])) < 0.2
    starts = [segment["start"] for segment in transcript["segments"]]
    assert starts == sorted(starts)
    assert all(0 <= s["start"] < s["end"] <= transcript["duration"] for s in transcript["segments"])
    first = transcript["segments"][0]
    assert [word["text"] for word in first["words"]] == first["text"].split()
    assert first["words"][0]["approximate"], "this engine has no word times, and that must be said"


def test_the_same_transcript_comes_as_srt_vtt_and_text(remote: Remote, wheel_audio: Path) -> None:
    recording = remote.upload(wheel_audio / "beckett.wav")
    list(remote.follow(recording["job"]))
    identity = recording["recording"]["id"]
    assert re.match(r"1\n00:00:0\d,\d{3} --> 00:00:0\d,\d{3}\nSpeaker 1: Ever", remote.transcript_as(identity, "srt"))
    assert remote.transcript_as(identity, "vtt").startswith("WEBVTT\n\n00:00:0")
    assert re.match(r"\[00:00\] Speaker 1: Ever", remote.transcript_as(identity, "txt"))


def test_the_command_line_prints_the_result_alone(platform: Platform, wheel_audio: Path) -> None:
    done = transcribe(platform, str(wheel_audio / "beckett.wav"), "--format", "json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert set(result) == {"duration", "language", "segments"}
    assert set(result["segments"][0]) == {"start", "end", "speaker", "text"}
    assert result["duration"] == pytest.approx(9.96, abs=0.05)
    assert result["language"] == "en"
    assert "%" in done.stderr, "progress goes to standard error"


def test_a_file_that_is_no_recording_is_refused_and_leaves_nothing(
    platform: Platform, remote: Remote, tmp_path: Path
) -> None:
    text = tmp_path / "notes.mp3"
    text.write_text("These are notes, not a recording.\n" * 100)
    before = len(list(platform.settings.files_dir.rglob("*")))
    with pytest.raises(BadMedia, match="Allowed are WAV, MP3"):
        remote.upload(text)
    assert len(list(platform.settings.files_dir.rglob("*"))) == before
    done = transcribe(platform, str(text))
    assert (done.returncode, done.stdout) == (1, "")
    assert "bad_media" in done.stderr


def test_only_languages_that_are_installed_are_offered(platform: Platform, remote: Remote, wheel_audio: Path) -> None:
    offered = httpx.get(f"{remote.url}/api/v1/info", headers=as_operator(platform.settings)).json()["languages"]
    assert [language["code"] for language in offered] == ["en"]
    with pytest.raises(Unsupported, match="faster-whisper"):
        remote.upload(wheel_audio / "beckett.wav", language="fr")


def test_a_telephone_file_with_a_speaker_a_channel_needs_no_guessing(
    remote: Remote, wheel_audio: Path, tmp_path: Path
) -> None:
    import numpy as np
    from scipy.io import wavfile
    from scipy.signal import resample_poly

    _, left = wavfile.read(wheel_audio / "beckett.wav")
    _, right = wavfile.read(wheel_audio / "endgame_nagg_nell.wav")
    right = resample_poly(right.astype(float), 2, 3)[: 16000 * 12]
    sound = np.zeros((len(left) + len(right), 2))
    sound[: len(left), 0] = left
    sound[len(left) :, 1] = right
    wavfile.write(tmp_path / "call.wav", 16000, sound.astype("int16"))
    submitted = remote.upload(tmp_path / "call.wav")
    list(remote.follow(submitted["job"]))
    transcript = remote.transcript(submitted["recording"]["id"])
    assert transcript["engines"]["diarize"] == "a speaker a channel"
    turn_of = {s["speaker"] for s in transcript["segments"] if s["end"] < len(left) / 16000}
    assert turn_of == {"Speaker 1"}
    assert {s["speaker"] for s in transcript["segments"] if s["start"] > len(left) / 16000} == {"Speaker 2"}
