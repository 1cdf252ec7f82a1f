"""What is made of a recording beside its transcript, on the running platform: real video, real engines."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from brickyard.access import keys
from brickyard.access.keys import NewKey, Scope
from brickyard.cli import wiring
from brickyard.cli.up import Platform
from brickyard.engines.apertium import installed_modes
from tests.running_platform import as_operator

pytestmark = pytest.mark.slow

SIZE = (640, 360)
SLIDES = ("Quarterly budget", "Harbour tunnel 2027")
FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")


@pytest.fixture
def http(platform: Platform) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=platform.settings.url, headers=as_operator(platform.settings), timeout=60) as client:
        yield client


def slide(text: str) -> Image.Image:
    if not FONT.is_file():
        pytest.skip(f"{FONT} is absent: install fonts-dejavu-core")
    image = Image.new("RGB", SIZE, "white")
    ImageDraw.Draw(image).text((60, 150), text, fill="black", font=ImageFont.truetype(str(FONT), 36))
    return image


def video(target: Path, speech: Path) -> Path:
    """Two slides of six seconds each, and somebody speaking."""
    with av.open(str(target), "w") as out, av.open(str(speech)) as sound:
        pictures = out.add_stream("mpeg4", rate=5)
        pictures.width, pictures.height, pictures.pix_fmt = *SIZE, "yuv420p"
        voice = out.add_stream("aac", rate=16_000)
        voice.layout = "mono"
        for index in range(60):
            frame = av.VideoFrame.from_ndarray(np.asarray(slide(SLIDES[index // 30])), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 5)
            out.mux(pictures.encode(frame))
        resampler = av.AudioResampler("fltp", "mono", 16_000)
        for heard in sound.decode(audio=0):
            if heard.time is not None and heard.time > 12:
                break
            for piece in resampler.resample(heard):
                out.mux(voice.encode(piece))
        out.mux(pictures.encode(None))
        out.mux(voice.encode(None))
    return target


def made(http: httpx.Client, file: Path, **options: str) -> tuple[str, dict[str, Any]]:
    """The recording, and its job when that has ended."""
    with file.open("rb") as stream:
        answer = http.post("/api/v1/recordings", files={"file": (file.name, stream)}, data=options)
    assert answer.status_code == 201, answer.text
    submitted = answer.json()
    give_up = time.monotonic() + 120
    while True:
        job = http.get(f"/api/v1/jobs/{submitted['job']}").json()
        if job["state"] not in ("waiting", "running"):
            assert job["state"] == "succeeded", job
            return submitted["recording"]["id"], job
        assert time.monotonic() < give_up, job
        time.sleep(0.2)


def test_text_on_screen_is_read_timed_and_found(http: httpx.Client, tmp_path: Path, wheel_audio: Path) -> None:
    recording, _ = made(http, video(tmp_path / "talk.mp4", wheel_audio / "beckett.wav"), ocr="true")
    screen = http.get(f"/api/v1/recordings/{recording}/screen-text").json()
    found = {span["text"]: (span["start"], span["end"]) for span in screen["spans"]}
    assert set(found) == set(SLIDES)
    assert found[SLIDES[0]][0] < 1
    assert 5 <= found[SLIDES[1]][0] <= 7
    [hit] = http.get("/api/v1/search", params={"q": "tunnel"}).json()
    assert (hit["recording"], hit["kind"]) == (recording, "screen")
    assert http.get(f"/api/v1/recordings/{recording}/transcript").json()["segments"]


@pytest.mark.skipif(("en", "es") not in installed_modes(), reason="Apertium has no eng-spa: install apertium-eng-spa")
def test_every_line_is_translated_and_a_language_that_cannot_be_had_is_told(
    http: httpx.Client, wheel_audio: Path
) -> None:
    recording, job = made(http, wheel_audio / "endgame_nagg_nell.wav", translate_into="es,tlh")
    said = http.get(f"/api/v1/recordings/{recording}/transcript").json()["segments"]
    spanish = http.get(f"/api/v1/recordings/{recording}/translations/es").json()
    assert spanish["draft"]
    assert [(s["start"], s["end"], s["speaker"]) for s in spanish["segments"]] == [
        (s["start"], s["end"], s["speaker"]) for s in said
    ]
    assert all(segment["text"] for segment in spanish["segments"])
    assert "Sí." in {segment["text"] for segment in spanish["segments"]}
    assert any("tlh" in warning for warning in job["warnings"])
    assert http.get(f"/api/v1/recordings/{recording}/translations/es.vtt").text.startswith("WEBVTT")
    assert http.get(f"/api/v1/recordings/{recording}/translations/tlh").status_code == 404


def test_a_summary_without_a_model_says_so_and_every_citation_resolves(http: httpx.Client, wheel_audio: Path) -> None:
    recording, _ = made(http, wheel_audio / "two_cities.wav", summary="minutes")
    said = http.get(f"/api/v1/recordings/{recording}/transcript").json()["segments"]
    summary = http.get(f"/api/v1/recordings/{recording}/summaries/minutes").json()
    assert summary["kind"] == "extractive"
    sentences = [sentence for section in summary["sections"] for sentence in section["sentences"]]
    assert sentences
    for sentence in sentences:
        cited = [said[citation["segment"]] for citation in sentence["citations"]]
        assert sentence["text"] in " ".join(segment["text"] for segment in cited)
    assert "[00:" in http.get(f"/api/v1/recordings/{recording}/summaries/minutes.txt").text


def test_coverage_is_told_of_every_recording(http: httpx.Client, wheel_audio: Path) -> None:
    recording, _ = made(http, wheel_audio / "two_cities.wav")
    coverage = http.get(f"/api/v1/recordings/{recording}/coverage").json()
    assert coverage["covered_s"] > 0.9 * coverage["speech_s"] > 20


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"summary": "haiku"}, "summary"),
        ({"summary": "free"}, "summary_instruction"),
        ({"translate_into": "english"}, "translate_into"),
        ({"webhook_url": "http://elsewhere.example/hook"}, "BRICKYARD_WEBHOOK_HOSTS"),
    ],
)
def test_what_cannot_be_is_refused_at_the_door(
    http: httpx.Client, platform: Platform, wheel_audio: Path, options: dict[str, str], says: str
) -> None:
    before = len(http.get("/api/v1/recordings").json())
    with (wheel_audio / "beckett.wav").open("rb") as stream:
        answer = http.post("/api/v1/recordings", files={"file": ("a.wav", stream)}, data=options)
    assert answer.status_code == 400, answer.text
    assert says in answer.json()["error"]["message"]
    assert len(http.get("/api/v1/recordings").json()) == before
    assert list((platform.settings.files_dir / "incoming").iterdir()) == []


def test_an_image_is_read_by_the_shared_api(http: httpx.Client, platform: Platform) -> None:
    engine = wiring.running_database(platform.settings)
    key, _ = keys.create(engine, NewKey("scans", "local", [Scope.OCR]))
    engine.dispose()
    picture = io.BytesIO()
    slide(SLIDES[0]).save(picture, "PNG")
    headers = {"authorization": f"Bearer {key}"}
    answer = http.post("/v1/ocr", files={"file": ("scan.png", picture.getvalue())}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["text"], answer.json()["usage"]["pages"]) == (SLIDES[0], 1)
    refused = http.post("/v1/ocr", files={"file": ("scan.png", b"no picture")}, headers=headers)
    assert refused.status_code == 422
    assert set(json.loads(refused.text)["error"]) == {"message", "type", "param", "code"}
    assert httpx.post(f"{platform.settings.url}/v1/ocr", files={"file": ("scan.png", b"")}).status_code == 401
    assert list((platform.settings.files_dir / "incoming").iterdir()) == []
