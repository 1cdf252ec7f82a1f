"""`brickyard demo`: a real recording of two speakers through the whole platform, in a folder of its own."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from brickyard.cli import progress
from brickyard.cli.remote import Remote
from brickyard.cli.up import Platform, free_port, port_is_free, running
from brickyard.kit.errors import BrickyardError, Unavailable
from brickyard.kit.settings import Settings
from brickyard.text.subtitles import clock

RECORDING = "assets/endgame_nagg_nell.wav"


def run(settings: Settings, keep_s: float | None, output: Path) -> None:
    """Transcribe, print, write SRT; then stay up for `keep_s` seconds, or until stopped where that is None."""
    console = Console(soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="brickyard-demo-"))
    port = settings.port if port_is_free(settings.host, settings.port) else free_port()
    own = settings.model_copy(update={"home": folder, "database_url": None, "port": port})
    begun = time.monotonic()
    try:
        with running(own, lambda what: console.print(f"  {what} …", highlight=False)) as platform:
            console.print(f"The platform is up after {time.monotonic() - begun:.1f} s.\n")
            _show(console, platform, output)
            _stay(console, platform, keep_s)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _show(console: Console, platform: Platform, output: Path) -> None:
    remote = Remote.of(platform.settings)
    path = recording()
    console.print(f"Uploading {path.name}, a dialogue of two speakers, to {platform.settings.url}/api/v1/recordings")
    submitted = remote.upload(path)
    job = progress.follow(remote.follow(submitted["job"]))
    if job["state"] != "succeeded":
        raise BrickyardError(f"The job ended as {job['state']}: {job['error']}")
    transcript = remote.transcript(submitted["recording"]["id"])
    console.print()
    for segment in transcript["segments"]:
        times = f"{clock(segment['start'])} – {clock(segment['end'])}"
        console.print(
            f"[dim]{times}[/dim]  [bold]{segment['speaker'] or ''}[/bold]  {segment['text']}", highlight=False
        )
    output.mkdir(parents=True, exist_ok=True)
    subtitles = output / f"{path.stem}.srt"
    subtitles.write_text(remote.transcript_as(submitted["recording"]["id"], "srt"))
    took = f"{transcript['duration']:.1f} s of sound, {job['x_realtime']:.1f} × real time"
    console.print(f"\n{took}. Subtitles: {subtitles}", highlight=False)


def _stay(console: Console, platform: Platform, keep_s: float | None) -> None:
    console.print(f"Open the app, signed in by this link: [bold]{platform.operator_link()}[/bold]", highlight=False)
    until = "Ctrl-C stops it." if keep_s is None else f"It stops by itself in {keep_s:.0f} s; Ctrl-C stops it now."
    console.print(until, highlight=False)
    sys.stdout.flush()
    give_up = None if keep_s is None else time.monotonic() + keep_s
    while give_up is None or time.monotonic() < give_up:
        time.sleep(0.2)


def recording() -> Path:
    """The recording, out of the wheel that the speech model comes in."""
    spec = find_spec("moonshine_voice")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable("The package moonshine-voice, which holds the demo's recording, is not installed.")
    return Path(spec.submodule_search_locations[0]) / RECORDING
