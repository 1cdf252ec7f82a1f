from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from brickyard.bricks.compute import Compute
from brickyard.bricks.llm.contract import LlmModel
from brickyard.bricks.models import Offer
from brickyard.bricks.translate.brick import CHUNK_SENTENCES, TranslateBrick
from brickyard.bricks.translate.client import Translate
from brickyard.bricks.translate.contract import LONGEST_TEXT, MOST_TEXTS, DetectRequest, TranslateRequest
from brickyard.engines.apertium import Apertium, installed_modes
from brickyard.engines.base import Translator
from brickyard.engines.catalog import ModelCard, installed
from tests.unit.bricks.serving import served
from tests.unit.bricks.translate.stand_ins import Offers, Scripted, card

OPUS = card("opus-en-es", "en>es")
MADLAD = card("madlad", "en>es", "en>de", "de>en")
DRAFT = card("apertium", "es>pt", "es>fr", "fr>es", engine="apertium")
CARDS = [OPUS, MADLAD, DRAFT, ModelCard("tiny", "asr", "fake", frozenset({"en"}), "MIT", "test")]

ENGLISH = "The harbour office was closed yesterday because of the heavy storm."
FRENCH = "Le bureau du port était fermé hier à cause de la forte tempête."


class Bench:
    """A brick and what stands behind it."""

    def __init__(self, client: TestClient, offers: Offers) -> None:
        self.client = client
        self.offers = offers

    def ask(self, texts: Sequence[str], target: str = "es", source: str | None = "en", **values: Any) -> Any:
        body = {"texts": list(texts), "source": source, "target": target, **values}
        return self.client.post("/translate", json=body).json()

    def asked(self, model: str) -> list[str]:
        return [text for call in self.offers.engines[model].asked for text in call]


@contextmanager
def bench(
    cards: Sequence[ModelCard] = CARDS, llm: Scripted | None = None, spoils: Callable[[str], str] = str
) -> Iterator[Bench]:
    offers = Offers(spoils)
    with TestClient(TranslateBrick(cards, offers, Compute("translate"), llm).app()) as client:
        yield Bench(client, offers)


@pytest.fixture
def brick() -> Iterator[Bench]:
    with bench() as found:
        yield found


def texts(reply: Any) -> list[str]:
    return [translation["text"] for translation in reply["translations"]]


def test_texts_are_translated_by_the_direct_model(brick: Bench) -> None:
    reply = brick.ask(["Good morning. It is late.", "Yes."])
    assert reply["translations"] == [
        {"text": "es: GOOD MORNING. es: IT IS LATE.", "source": "en", "numbers_differ": False},
        {"text": "es: YES.", "source": "en", "numbers_differ": False},
    ]
    assert (reply["engines"], reply["route"], reply["draft"]) == (["opus-en-es"], ["en", "es"], False)
    assert 0 < reply["computed_s"] < 5


def test_sentences_of_all_texts_go_together_and_each_but_once(brick: Bench) -> None:
    brick.ask(["Good morning. It is late.", "It is late.", "Yes."])
    assert brick.offers.engines["opus-en-es"].asked == [["Good morning.", "It is late.", "Yes."]]


def test_where_no_model_goes_direct_texts_go_through_others(brick: Bench) -> None:
    reply = brick.ask(["Yes."], "pt-BR")
    assert texts(reply) == ["pt: ES: YES."]
    assert (reply["engines"], reply["route"], reply["draft"]) == (["opus-en-es", "apertium"], ["en", "es", "pt"], True)


def test_a_model_can_be_named(brick: Bench) -> None:
    assert brick.ask(["Yes."], engine="madlad")["engines"] == ["madlad"]
    answer = brick.ask(["Yes."], "pt", engine="madlad")
    assert answer["code"] == "unsupported"


def test_what_has_no_words_or_is_in_that_language_stays(brick: Bench) -> None:
    reply = brick.ask(["", "12:30", " … "], "en", "en")
    assert texts(reply) == ["", "12:30", " … "]
    reply = brick.ask(["Yes.", "Hello 3"], "en", "en")
    assert (texts(reply), reply["engines"], reply["route"]) == (["Yes.", "Hello 3"], [], ["en"])
    assert texts(brick.ask(["123"], "xx", "yy")) == ["123"]


def test_each_text_may_be_in_a_language_of_its_own(brick: Bench) -> None:
    reply = brick.ask([ENGLISH, FRENCH, "…", ENGLISH], source=None)
    assert [translation["source"] for translation in reply["translations"]] == ["en", "fr", "en", "en"]
    assert texts(reply) == [f"es: {ENGLISH.upper()}", f"es: {FRENCH.upper()}", "…", f"es: {ENGLISH.upper()}"]
    assert (reply["route"], reply["engines"], reply["draft"]) == (["en", "es"], ["opus-en-es", "apertium"], True)


def test_a_word_takes_the_language_of_what_is_around_it(brick: Bench) -> None:
    reply = brick.ask([FRENCH, "ok", FRENCH], source=None)
    assert [translation["source"] for translation in reply["translations"]] == ["fr", "fr", "fr"]


def test_a_long_text_goes_in_chunks_and_nothing_is_cut_off(brick: Bench) -> None:
    sentences = [f"This is sentence number {number} of a very long text." for number in range(300)]
    reply = brick.ask([" ".join(sentences)])
    assert texts(reply)[0] == " ".join(f"es: {sentence.upper()}" for sentence in sentences)
    assert max(map(len, brick.offers.engines["opus-en-es"].asked)) == CHUNK_SENTENCES


def test_glossary_and_addresses_survive_two_models(brick: Bench) -> None:
    text = "The net income is at https://example.org/a_b."
    reply = brick.ask([text], "fr", glossary=[{"source": "Net income", "target": "bénéfice net"}])
    assert texts(reply) == ["fr: ES: THE bénéfice net IS AT https://example.org/a_b."]


def test_tags_stay_where_they_are(brick: Bench) -> None:
    reply = brick.ask(["<p>Fish &amp; chips</p>"], form="html")
    assert texts(reply) == ["<p>es: FISH &amp; CHIPS</p>"]


def test_numbers_that_differ_are_told() -> None:
    with bench(spoils=lambda text: re.sub(r"\d", "", text)) as brick:
        reply = brick.ask(["It cost 1,250 euros.", "It is late."])
    assert [translation["numbers_differ"] for translation in reply["translations"]] == [True, False]


def test_no_room_is_met_with_a_smaller_batch(brick: Bench) -> None:
    assert texts(brick.ask(["This is too large."])) == ["es: THIS IS TOO LARGE."]
    assert len(brick.offers.engines["opus-en-es"].asked) > 1


@pytest.mark.parametrize(
    ("values", "status", "code", "words"),
    [
        ({"target": "ja"}, 422, "unsupported", ["'en' to 'ja'", "de, es, fr, pt", "apertium-", "opus-mt-en-ja", "LLM"]),
        ({"engine": "nope"}, 422, "unsupported", ["'nope'", "apertium, madlad, opus-en-es"]),
        ({"engine": "llm"}, 422, "unsupported", ["LLM server"]),
        ({"texts": ["a" * (LONGEST_TEXT + 1)]}, 413, "too_large", ["20,000", "20,001"]),
    ],
)
def test_what_goes_wrong_is_told_by_code(
    brick: Bench, values: dict[str, Any], status: int, code: str, words: list[str]
) -> None:
    answer = brick.client.post("/translate", json={"texts": ["Yes."], "source": "en", "target": "es", **values})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert all(word in answer.json()["message"] for word in words)


def test_a_language_model_serves_where_nothing_else_does() -> None:
    llm = Scripted("はい。")
    with bench(llm=llm) as brick:
        assert brick.ask(["Yes."])["engines"] == ["opus-en-es"]
        reply = brick.ask(["Yes."], "ja", tenant="ada", priority="batch")
    assert (texts(reply), reply["engines"], reply["route"]) == (["はい。"], ["llm"], ["en", "ja"])
    assert (reply["draft"], reply["computed_s"]) == (False, 0.5)
    assert (llm.requests[0].tenant, llm.requests[0].priority) == ("ada", "batch")


def test_a_language_model_serves_when_asked_for() -> None:
    with bench(llm=Scripted("Sí.")) as brick:
        reply = brick.ask(["Yes."], engine="llm")
    assert (texts(reply), reply["engines"]) == (["Sí."], ["llm"])


def test_without_a_model_on_the_servers_the_refusal_stands() -> None:
    with bench(llm=Scripted(models=[])) as brick:
        assert brick.ask(["Yes."], "ja")["code"] == "unsupported"
        assert brick.client.get("/languages").json()["llm"] is False


def test_languages_are_those_that_can_be_reached() -> None:
    with bench(llm=Scripted(models=[LlmModel(name="big", backend="one")])) as brick:
        reply = brick.client.get("/languages").json()
    pairs = {(pair["source"], pair["target"]): pair for pair in reply["pairs"]}
    assert pairs["en", "pt"] == {
        "source": "en",
        "target": "pt",
        "route": ["en", "es", "pt"],
        "draft": True,
        "engines": ["opus-en-es", "apertium"],
    }
    assert ("de", "pt") in pairs
    assert ("pt", "en") not in pairs
    assert reply["llm"] is True


def test_languages_are_detected(brick: Bench) -> None:
    reply = brick.client.post("/detect", json={"texts": [FRENCH, "12"]}).json()
    assert reply["guesses"][0][0]["language"] == "fr"
    assert 0.9 < reply["guesses"][0][0]["confidence"] <= 1
    assert reply["guesses"][1] == []


def test_health_names_what_there_is() -> None:
    with bench(llm=Scripted()) as brick:
        reply = brick.client.get("/health").json()
    assert (reply["brick"], reply["engine"]) == ("translate", "apertium, madlad, opus-en-es, llm")


def test_the_client_asks_over_the_socket(tmp_path: Path) -> None:
    socket = tmp_path / "brick.sock"

    async def ask() -> None:
        async with Translate(socket) as client:
            reply = await client.translate(TranslateRequest(texts=["Yes."], source="en", target="es"))
            assert reply.translations[0].text == "es: YES."
            assert len((await client.languages()).pairs) > 3
            assert (await client.detect(DetectRequest(texts=[FRENCH]))).guesses[0][0].language == "fr"

    with served(TranslateBrick(CARDS, Offers(), Compute("translate")).app(), socket):
        asyncio.run(ask())


@pytest.mark.skipif(("en", "es") not in installed_modes(), reason="needs the package apertium-eng-spa")
def test_apertium_translates_each_segment_of_a_transcript() -> None:
    cards = [model for model in installed(None) if model.engine == "apertium"]

    def offer(model: ModelCard) -> Offer[Translator]:
        return Offer(model.name, "cpu", Apertium, 1, lambda _: 1)

    segments = [f"We sold {number},250 of [them] on the {number}th day; ask bob_{number}@example.org!" for number in
                range(4, 4 + MOST_TEXTS)]  # fmt: skip
    with TestClient(TranslateBrick(cards, offer, Compute("translate")).app()) as client:
        reply = client.post("/translate", json={"texts": segments, "source": "en", "target": "es"}).json()
    assert len(reply["translations"]) == MOST_TEXTS
    for number, translation in enumerate(reply["translations"], 4):
        assert f"{number},250" in translation["text"]
        assert f"bob_{number}@example.org" in translation["text"]
        assert "Vendimos" in translation["text"]
        assert not translation["numbers_differ"]
    assert (reply["draft"], reply["engines"]) == (True, ["apertium"])
