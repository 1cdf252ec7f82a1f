"""The official clients of tus, `tuspy` and `tus-js-client`, unmodified, against the uploads' routes over HTTP."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from tusclient.storage.filestorage import FileStorage

from brickyard.echo.uploads.service import Uploads
from tests.llm_server import on_loopback
from tests.unit.echo.uploads.standing import MOST_BYTES, PLACE, app, sound, uploads

SOUND = sound(30.0)
PIECE_BYTES = 200_000
CLIENT = Path(__file__).parents[2] / "ui" / "node_modules" / "tus-js-client"


@dataclass
class Server:
    engine: sa.Engine
    uploads: Uploads
    address: str

    @property
    def url(self) -> str:
        return self.address + PLACE

    def recorded(self) -> tuple[str, str, int]:
        """Name, hash and size of the one recording."""
        query = sa.text("SELECT name, sha256, size_bytes FROM recordings")
        with self.engine.connect() as connection:
            name, digest, size = connection.execute(query).one()
        return name, digest, size


@pytest.fixture
def server(engine: sa.Engine, tmp_path: Path) -> Iterator[Server]:
    taking = uploads(engine, tmp_path)
    with on_loopback(app(taking)) as address:
        yield Server(engine, taking, address)


WHOLE = ("talk é.wav", hashlib.sha256(SOUND).hexdigest(), len(SOUND))
NAMED = {"filename": "talk é.wav", "language": "en"}


@pytest.mark.parametrize("with_sum", [False, True])
def test_python_in_pieces(server: Server, with_sum: bool) -> None:
    uploader = TusClient(server.url).uploader(
        file_stream=BytesIO(SOUND), chunk_size=PIECE_BYTES, metadata=NAMED, upload_checksum=with_sum
    )
    uploader.upload()
    assert uploader.offset == len(SOUND)
    assert server.recorded() == WHOLE
    shown = httpx.get(uploader.url).json()
    assert (shown["state"], shown["name"]) == ("done", "talk é.wav")


def test_python_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    path.write_bytes(SOUND)

    def uploader() -> Any:
        kept = FileStorage(str(tmp_path / "kept.json"))
        return TusClient(server.url).uploader(
            str(path), chunk_size=PIECE_BYTES, metadata=NAMED, store_url=True, url_storage=kept
        )

    first = uploader()
    first.upload(stop_at=2 * PIECE_BYTES)
    second = uploader()
    assert (second.url, second.offset) == (first.url, 2 * PIECE_BYTES)
    second.upload()
    assert server.recorded() == WHOLE


def test_python_asks_what_is_offered(server: Server) -> None:
    client = TusClient(server.url)
    assert httpx.options(server.url).headers["tus-max-size"] == str(MOST_BYTES)
    with pytest.raises(TusCommunicationError) as refused:
        client.uploader(file_stream=BytesIO(SOUND), metadata={"colour": "red"}).upload()
    assert refused.value.status_code == 400


def test_python_is_told_what_is_no_recording(server: Server) -> None:
    with pytest.raises(TusUploadFailed) as refused:
        TusClient(server.url).uploader(file_stream=BytesIO(b"Dear diary, " * 1000)).upload()
    assert refused.value.status_code == 422
    assert b"bad_media" in refused.value.response_content


SCRIPT = """
const tus = require(process.argv[1]);
const [url, path, piece, stopAt] = process.argv.slice(2);
const content = require("fs").readFileSync(path);
let told = {};
const make = (options) => new Promise((resolve) => {
  const upload = new tus.Upload(content, {
    endpoint: url, chunkSize: Number(piece), retryDelays: null,
    metadata: { filename: "talk é.wav", filetype: "audio/wav", language: "en" },
    onAfterResponse: (_, answer) => { told.recording = answer.getHeader("Brickyard-Recording"); },
    onError: ({ originalResponse: told }) => resolve({ error: told?.getStatus(), body: told?.getBody() }),
    onSuccess: () => resolve({ url: upload.url, recording: told.recording }),
    onChunkComplete: (_, sent) => {
      if (options.stopAt && sent >= options.stopAt) upload.abort().then(() => resolve({ url: upload.url, sent }));
    },
    ...options,
  });
  upload.start();
});
(async () => {
  const first = await make({ stopAt: Number(stopAt) });
  const second = Number(stopAt) ? await make({ uploadUrl: first.url }) : null;
  if (second) await tus.Upload.terminate(second.url);
  console.log(JSON.stringify({ first, second }));
})();
"""


def in_node(server: Server, path: Path, piece_bytes: int, stop_at: int) -> dict[str, Any]:
    """What the client tells of an upload that is stopped after so many bytes and gone on with, then taken away."""
    node = shutil.which("node")
    if node is None or not CLIENT.is_dir():
        pytest.skip("tus-js-client needs node and the packages of ui/ (npm ci)")
    command = [node, "-e", SCRIPT, str(CLIENT), server.url, str(path), str(piece_bytes), str(stop_at)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    told: dict[str, Any] = json.loads(run.stdout)
    return told


def test_javascript_stops_and_goes_on(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    path.write_bytes(SOUND)
    told = in_node(server, path, PIECE_BYTES, 2 * PIECE_BYTES)
    assert told["first"]["sent"] == 2 * PIECE_BYTES
    assert told["second"]["url"] == told["first"]["url"]
    assert server.recorded() == WHOLE
    assert httpx.get(told["second"]["url"]).status_code == 404


def test_javascript_in_one_piece(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    path.write_bytes(SOUND)
    told = in_node(server, path, len(SOUND) + 1, 0)
    assert told["first"]["recording"] is not None
    assert server.recorded() == WHOLE


def test_javascript_is_told_what_is_no_recording(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "diary.txt"
    path.write_bytes(b"Dear diary, " * 1000)
    told = in_node(server, path, PIECE_BYTES, 0)
    assert told["first"]["error"] == 422
    assert json.loads(told["first"]["body"])["error"]["code"] == "bad_media"
