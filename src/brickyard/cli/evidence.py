"""`brickyard evidence`: make evidence packs, and verify them on any machine."""

from __future__ import annotations

import json
import re
import sys
from hashlib import sha256
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from brickyard.access.actor import OPERATOR, Actor
from brickyard.access.audit import entry_of
from brickyard.access.policy import Action
from brickyard.cli import wiring
from brickyard.echo.evidence.pack import Subject, fingerprint
from brickyard.echo.evidence.service import Evidence
from brickyard.echo.evidence.verify import Verdict
from brickyard.echo.evidence.verify import verify as verdict_on
from brickyard.kit.errors import BadInput, Conflict
from brickyard.kit.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Evidence packs: what was made of a recording, signed.")

ACTOR = Actor(OPERATOR, "operator", frozenset(), "command line", "")
LARGEST_PACK_BYTES = 1 << 30
DAMAGED = 1
PIECE_BYTES = 1 << 20

NOT_PROVEN = (
    "Not proven by any pack: that the clock was right, that what the machine heard and read is right, and that no "
    "audit line was left out when the pack was made; for that, verify the platform's audit log.\n"
)


@app.command()
def make(
    recording: UUID,
    output: Annotated[Path, typer.Option(help="a new file")],
) -> None:
    """Make the evidence pack of a recording, on the machine of a running platform."""
    settings = Settings()
    engine, master = wiring.running_database(settings), wiring.master_key(settings)
    audit = wiring.audit(engine, master)
    audit.append(entry_of(ACTOR, Action.RECORDING_EVIDENCE, object_kind="recording", object_id=recording))
    evidence = Evidence(engine, audit, master, settings.model_store)
    content = evidence.pack(recording)
    try:
        with output.open("xb") as out:
            out.write(content)
    except FileExistsError:
        raise Conflict(f"{output} exists already. Name a new file.") from None
    sys.stdout.write(f"{output} is signed with the key {evidence.public_key().fingerprint}.\n")


@app.command()
def verify(
    file: Path,
    key: Annotated[
        str | None, typer.Option(help="the fingerprint of the platform's key, or a file with that key")
    ] = None,
    original: Annotated[Path | None, typer.Option(help="the recording's own file, to be held against the pack")] = None,
) -> None:
    """Check a pack: every hash, the signature, that nothing was added. Ends with 1 where something is wrong."""
    verdict = verdict_on(_content(file), None if key is None else _fingerprint(key))
    faults = [*verdict.faults, *_of_original(verdict.manifest.recording, original)]
    if faults:
        sys.stdout.write("".join(f"{fault}\n" for fault in faults) + "This pack proves nothing.\n")
        raise typer.Exit(DAMAGED)
    sys.stdout.write(told(verdict, original is not None))


def told(verdict: Verdict, is_original_here: bool) -> str:
    """What a good pack proves, and what it does not."""
    of = verdict.manifest.recording
    name = "".join(letter if letter.isprintable() else "?" for letter in of.name)
    lines = [
        f"Recording {of.id} ({name}), {of.duration_s:,.1f} s, SHA-256 {of.sha256}.",
        f"Made at {verdict.manifest.made_at:%Y-%m-%d %H:%M:%S} UTC by Brickyard {verdict.manifest.platform}; "
        f"{len(verdict.manifest.parts)} parts, all as they were signed with the key {verdict.fingerprint}.",
    ]
    if verdict.is_known:
        lines.append("Proven: the holder of that key, which you named, made this pack, and nobody changed it since.")
    else:
        lines.append(
            "Proven: nobody changed this pack since the holder of that key signed it. Not proven: who that is. Compare "
            "the key with GET /api/v1/evidence/key of the platform, and name it with --key."
        )
    if is_original_here:
        lines.append("The file given with --original is the recording that the pack is about.")
    return "\n".join(lines) + "\n" + NOT_PROVEN


def _content(file: Path) -> bytes:
    try:
        size = file.stat().st_size
        if size > LARGEST_PACK_BYTES:
            raise BadInput(f"{file} has {size:,} bytes: no evidence pack is larger than {LARGEST_PACK_BYTES:,}.")
        return file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} can't be read: {error}.") from error


def _fingerprint(key: str) -> str:
    """Of a key that is named by it, or lies in a file as the API tells it."""
    if re.fullmatch("[0-9a-fA-F]{64}", key):
        return key.lower()
    try:
        public = bytes.fromhex(json.loads(Path(key).read_text("utf-8"))["public_key"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"--key {key}: that is neither a fingerprint of 64 hex digits nor a file with the answer of "
            f"GET /api/v1/evidence/key ({error})."
        ) from error
    return fingerprint(public)


def _of_original(recording: Subject, original: Path | None) -> list[str]:
    if original is None:
        return []
    digest = sha256()
    try:
        with original.open("rb") as content:
            while piece := content.read(PIECE_BYTES):
                digest.update(piece)
    except OSError as error:
        raise BadInput(f"{original} can't be read: {error}.") from error
    if digest.hexdigest() == recording.sha256:
        return []
    return [
        f"{original} is not the recording of this pack: its SHA-256 is {digest.hexdigest()}, not {recording.sha256}."
    ]
