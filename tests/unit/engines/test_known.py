from __future__ import annotations

import pytest
from faster_whisper.tokenizer import _LANGUAGE_CODES
from hypothesis import given
from hypothesis import strategies as st

from brickyard.engines import known
from brickyard.engines.known import MODELS, Known
from brickyard.engines.profiles import WHISPER_TURBO, Source
from brickyard.files.model_store import BRICKS, checked_name, checked_path
from brickyard.kit.errors import BadInput, NotFound

EACH = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)


@EACH
def test_every_model_may_be_used_for_business(model: Known) -> None:
    assert model.source.licence in {"MIT", "Apache-2.0", "CC-BY-4.0"}


@EACH
def test_every_model_can_be_pulled_by_what_is_written_of_it(model: Known) -> None:
    source = model.source
    assert source.brick in BRICKS
    assert checked_name(source.name) == source.name
    assert source.repo.count("/") == 1
    assert len(source.revision) == 40 or source.revision == "main"
    assert all(len(digest) == 64 for digest in source.sha256.values())
    assert set(source.needed) <= set(source.files)
    assert all(checked_path(to) for to in source.renamed.values())


@EACH
def test_what_is_pinned_is_pinned_at_a_commit(model: Known) -> None:
    assert not model.source.sha256 or model.source.revision != "main"


@EACH
def test_a_translator_says_where_it_goes(model: Known) -> None:
    card = model.source.card or {}
    codes = {*card.get("from", ()), *card.get("to", ())}
    assert codes == (set(model.source.languages) if model.source.brick == "translate" else set())


def test_names_are_given_once() -> None:
    names = [(model.source.brick, model.name) for model in MODELS]
    assert len(set(names)) == len(names)
    assert all(known.named(f"{brick}/{name}").name == name for brick, name in names)


def test_whispers_languages_are_those_of_its_tokens() -> None:
    assert {*known.WHISPER_LANGUAGES, "yue"} == set(_LANGUAGE_CODES)
    assert "yue" in known.named("large-v3-turbo").source.languages
    assert "yue" not in known.named("medium").source.languages


def test_an_unknown_model_is_answered_with_those_there_are_and_with_another_way() -> None:
    with pytest.raises(NotFound, match=r"large-v3-turbo(.|\n)*--repo"):
        known.named("huge")


def test_a_repository_of_ones_own_will_do() -> None:
    source = known.own("owner/name", "asr", "mine", revision="v2")
    assert (source.repo, source.revision, source.engine) == ("owner/name", "v2", "faster-whisper")
    assert "model.bin" in source.needed
    source = known.own("owner/name", "translate", "mine", pair="en, de>fr", files=["*.bin"])
    assert source.card == {"from": ["en", "de"], "to": ["fr"]}
    assert source.files == ("*.bin",)


@pytest.mark.parametrize(
    ("repo", "brick", "pair"),
    [
        ("name", "asr", None),
        ("a/b/c", "asr", None),
        ("/name", "asr", None),
        ("../x", "asr", None),
        ("owner/name", "llm", None),
        ("owner/name", "translate", None),
        ("owner/name", "translate", "en-fr"),
        ("owner/name", "translate", ">fr"),
    ],
)
def test_what_can_not_be_pulled_is_refused(repo: str, brick: str, pair: str | None) -> None:
    with pytest.raises(BadInput):
        known.own(repo, brick, "mine", pair=pair)


@pytest.mark.parametrize("licence", ["cc-by-nc-4.0", "CC-BY-NC-SA-4.0", "AGPL-3.0", "Non-Commercial use only"])
def test_licences_that_restrict_are_known_by_their_names(licence: str) -> None:
    assert known.is_restricted(licence)


def test_those_of_the_catalog_restrict_nothing() -> None:
    assert not any(known.is_restricted(model.source.licence) for model in MODELS)


def test_models_in_wheels_are_listed_once() -> None:
    cards = known.in_wheels()
    engines = [(card.brick, card.engine) for card in cards]
    assert {("asr", "moonshine"), ("diarize", "onnx"), ("speech", "silero"), ("ocr", "rapidocr")} <= set(engines)
    assert len(engines) == len(set(engines))
    assert all(card.path is None for card in cards)


def test_weights_take_what_was_published_unless_their_file_is_larger() -> None:
    card = known.named("large-v3-turbo").card
    assert known.weights(card, "cuda") == (WHISPER_TURBO.weights_mib, Source.PUBLISHED)
    assert known.weights(card, "cuda", 1_617_884_929) == (1543, Source.ASSUMED)


@given(st.integers(0, 10**12))
def test_weights_take_at_least_the_size_of_their_file(weights_bytes: int) -> None:
    mib, _ = known.weights(known.named("base").card, "cpu", weights_bytes)
    assert mib * (1 << 20) >= weights_bytes
