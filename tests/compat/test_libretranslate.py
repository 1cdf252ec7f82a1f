"""The official `libretranslatepy` client, unmodified, against gateway and gate over HTTP. The brick behind them is a
stand-in that writes in capitals, so that what comes out is known; where Apertium is installed, the real one too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from libretranslatepy import LibreTranslateAPI

from brickyard.access import keys
from brickyard.access.keys import NewKey, Scope
from brickyard.access.turnstile import Turnstile
from brickyard.bricks.compute import Compute
from brickyard.bricks.models import Offer
from brickyard.bricks.translate.brick import TranslateBrick
from brickyard.bricks.translate.client import Translate
from brickyard.engines.apertium import Apertium, installed_modes
from brickyard.engines.base import Translator
from brickyard.engines.catalog import ModelCard, installed
from brickyard.gateway.gate import Gate
from brickyard.gateway.libretranslate import LibreTranslateApi
from brickyard.gateway.room import Room
from tests.compat.gateways import used
from tests.llm_server import listening, on_loopback
from tests.unit.gateway.translator import Capitals


@contextmanager
def running(engine: sa.Engine, folder: Path, socket: Path) -> Iterator[str]:
    """Its address, in front of the brick on `socket`."""
    gate, translate = Gate(Turnstile(engine)), Translate(socket)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> Any:
        async with gate.running(), translate:
            yield

    app = FastAPI(lifespan=lifespan)
    app.include_router(LibreTranslateApi(gate, Room(2), folder, translate).router())
    with on_loopback(app) as address:
        yield address


@pytest.fixture
def url(engine: sa.Engine, tmp_path: Path) -> Iterator[str]:
    with Capitals().serving() as socket, running(engine, tmp_path, socket) as address:
        yield address


@pytest.fixture
def key(engine: sa.Engine) -> str:
    return keys.create(engine, NewKey("notebook", "ada", [Scope.TRANSLATE]))[0]


def test_translate(url: str, key: str) -> None:
    client = LibreTranslateAPI(url, key)
    assert client.translate("Salt & pepper: 7 ÷ 2?", "en", "es") == "es: SALT & PEPPER: 7 ÷ 2?"
    assert client.translate("du und ich", "auto", "en", timeout=20) == "en: DU UND ICH"


def test_detect(url: str, key: str) -> None:
    assert LibreTranslateAPI(url, key).detect("du und ich") == [{"language": "de", "confidence": 90.0}]


def test_languages_need_no_key(url: str) -> None:
    languages = LibreTranslateAPI(url).languages()
    assert [(one["code"], one["name"]) for one in languages] == [("de", "German"), ("en", "English"), ("es", "Spanish")]
    assert languages[1]["targets"] == ["de", "es"]


@pytest.mark.parametrize(("own", "target", "status"), [(None, "es", 401), ("by_wrong", "es", 401), ("key", "tlh", 400)])
def test_errors(url: str, key: str, own: str | None, target: str, status: int) -> None:
    client = LibreTranslateAPI(url, key if own == "key" else own)
    with pytest.raises(HTTPError) as refused:
        client.translate("one", "en", target)
    assert refused.value.code == status
    assert list(json.loads(refused.value.read())) == ["error"]


def test_a_document_which_this_client_does_not_send(url: str, key: str) -> None:
    sent = {"source": "en", "target": "es", "api_key": key}
    answer = httpx.post(f"{url}/translate_file", data=sent, files={"file": ("a.html", b"<p>one</p>")})
    assert httpx.get(answer.json()["translatedFileUrl"]).text == "<p>es: ONE</p>"


def test_what_was_used_is_counted(engine: sa.Engine, tmp_path: Path, key: str) -> None:
    with Capitals().serving() as socket, running(engine, tmp_path, socket) as address:
        LibreTranslateAPI(address, key).translate("three", "en", "es")
    assert used(engine) == {"letters": 5.0, "requests": 1.0}


@pytest.mark.skipif(("en", "es") not in installed_modes(), reason="needs the package apertium-eng-spa")
def test_with_the_real_brick(engine: sa.Engine, tmp_path: Path, key: str) -> None:
    def offer(card: ModelCard) -> Offer[Translator]:
        return Offer(card.name, "cpu", Apertium, 1, lambda _: 1)

    cards = [card for card in installed(None) if card.engine == "apertium"]
    brick = TranslateBrick(cards, offer, Compute("translate")).app()
    socket = tmp_path / "translate.sock"
    with listening(brick, uds=str(socket)), running(engine, tmp_path / "files", socket) as address:
        client = LibreTranslateAPI(address, key)
        assert client.translate("We sold 4,250 houses.", "en", "es").startswith("Vendimos 4,250")
        assert client.translate("La casa es muy grande y bonita, como siempre.", "auto", "en").startswith("The house")
        english = next(one for one in client.languages() if one["code"] == "en")
        assert (english["name"], "es" in english["targets"]) == ("English", True)
