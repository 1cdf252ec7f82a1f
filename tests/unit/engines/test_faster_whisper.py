"""The engine over a tiny Whisper model of random weights, built here: what it says is nonsense, how it does is not."""

from __future__ import annotations

import json
from pathlib import Path

import ctranslate2
import numpy as np
import pytest
from ctranslate2.specs import WhisperSpec
from faster_whisper.tokenizer import _LANGUAGE_CODES
from tokenizers import AddedToken, Tokenizer, decoders, models

from brickyard.engines import faster_whisper
from brickyard.engines.base import SAMPLE_RATE, Span
from brickyard.engines.catalog import installed
from brickyard.engines.faster_whisper import FasterWhisper
from brickyard.kit.errors import BadInput, OutOfMemory, Unsupported

WIDTH = 8
TEXT_TOKENS = 300
SPECIAL = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{code}|>" for code in _LANGUAGE_CODES[:99]),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
    *(f"<|{step * 0.02:.2f}|>" for step in range(1501)),
]
LANGUAGE_IDS = range(TEXT_TOKENS + 2, TEXT_TOKENS + 2 + 99)


def _linear(spec: object, rows: int, columns: int, random: np.random.Generator) -> None:
    spec.weight = random.standard_normal((rows, columns)).astype(np.float32)
    spec.bias = np.zeros(rows, np.float32)


def _norm(spec: object) -> None:
    spec.gamma, spec.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)


def _attention(spec: object, random: np.random.Generator, shapes: list[int]) -> None:
    _norm(spec.layer_norm)
    for linear, rows in zip(spec.linear, shapes, strict=True):
        _linear(linear, rows, WIDTH, random)


def _feed_forward(spec: object, random: np.random.Generator) -> None:
    _norm(spec.layer_norm)
    _linear(spec.linear_0, WIDTH, WIDTH, random)
    _linear(spec.linear_1, WIDTH, WIDTH, random)


def _weights(random: np.random.Generator) -> WhisperSpec:
    spec = WhisperSpec(1, 2, 1, 2)
    for convolution, channels in ((spec.encoder.conv1, 80), (spec.encoder.conv2, WIDTH)):
        convolution.weight = random.standard_normal((WIDTH, channels, 3)).astype(np.float32)
        convolution.bias = np.zeros(WIDTH, np.float32)
    spec.encoder.position_encodings.encodings = np.zeros((1500, WIDTH), np.float32)
    spec.decoder.position_encodings.encodings = random.standard_normal((448, WIDTH)).astype(np.float32)
    spec.decoder.embeddings.weight = random.standard_normal((TEXT_TOKENS + len(SPECIAL), WIDTH)).astype(np.float32)
    spec.decoder.projection.weight = spec.decoder.embeddings.weight
    spec.decoder.scale_embeddings = False
    for side in (spec.encoder, spec.decoder):
        _norm(side.layer_norm)
        _attention(side.layer[0].self_attention, random, [3 * WIDTH, WIDTH])
        _feed_forward(side.layer[0].ffn, random)
    _attention(spec.decoder.layer[0].attention, random, [WIDTH, 2 * WIDTH, WIDTH])
    return spec


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store") / "asr" / "random"
    folder.mkdir(parents=True)
    # "Ġ" is how byte-level tokenizers write the blank before a word.
    # The empty token is by which CTranslate2 knows a multilingual model.
    tokens = [*(f"Ġword{number}" for number in range(TEXT_TOKENS - 1)), ""]
    spec = _weights(np.random.default_rng(3))
    spec.register_vocabulary(tokens + SPECIAL)
    spec.config.lang_ids = list(LANGUAGE_IDS)
    spec.config.alignment_heads = [[0, 0], [0, 1]]
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [TEXT_TOKENS]
    spec.validate()
    spec.save(str(folder))
    tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token=tokens[0]))
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": 80}))
    return folder


@pytest.fixture(scope="module")
def engine(model_dir: Path) -> FasterWhisper:
    return FasterWhisper(model_dir, compute_type="float32")


@pytest.fixture
def audio() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.1, 12 * SAMPLE_RATE).astype(np.float32)


SPANS = [Span(0.5, 3.0), Span(8.0, 11.5)]


def test_words_lie_in_order_within_the_spans_they_were_said_in(engine: FasterWhisper, audio: np.ndarray) -> None:
    segments = engine.transcribe(audio, SPANS, "fr")
    words = [word for segment in segments for word in segment.words]

    assert words
    assert all(any(s.start <= word.start <= word.end <= s.end for s in SPANS) for word in words)
    assert [word.start for word in words] == sorted(word.start for word in words)
    assert all(word.confidence is not None and 0 <= word.confidence <= 1 for word in words)
    assert not any(word.approximate for word in words)
    assert {segment.language for segment in segments} == {"fr"}


def test_careful_decoding_keeps_to_the_spans_too(engine: FasterWhisper, audio: np.ndarray) -> None:
    segments = engine.transcribe(audio, SPANS, "fr", careful=True)
    assert {segment.language for segment in segments} <= {"fr"}
    assert all(any(s.start <= word.start <= word.end <= s.end for s in SPANS) for seg in segments for word in seg.words)


def test_careful_decoding_samples_anew_and_the_usual_does_not(
    engine: FasterWhisper, audio: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    whole = engine._whisper.generate_with_fallback

    def seeing(encoded: object, prompt: object, tokenizer: object, options: object) -> object:
        seen.append(options.temperatures)
        return whole(encoded, prompt, tokenizer, options)

    monkeypatch.setattr(engine._whisper, "generate_with_fallback", seeing)
    engine.transcribe(audio, SPANS, "fr")
    assert seen == []
    engine.transcribe(audio, SPANS, "fr", careful=True)
    assert seen
    assert all(len(temperatures) > 1 for temperatures in seen)


def test_the_same_audio_gives_the_same_result(engine: FasterWhisper, audio: np.ndarray) -> None:
    assert engine.transcribe(audio, SPANS, "de") == engine.transcribe(audio, SPANS, "de")


def test_without_a_language_one_is_detected_and_named(engine: FasterWhisper, audio: np.ndarray) -> None:
    languages = {segment.language for segment in engine.transcribe(audio, SPANS, None)}
    assert len(languages) == 1
    assert languages <= engine.languages


def test_samples_that_are_not_numbers_count_as_silence(engine: FasterWhisper, audio: np.ndarray) -> None:
    broken, silent = audio.copy(), audio.copy()
    broken[20_000:24_000], silent[20_000:24_000] = np.nan, 0
    assert engine.transcribe(broken, SPANS, "en") == engine.transcribe(silent, SPANS, "en")


def test_no_spans_no_words(engine: FasterWhisper, audio: np.ndarray) -> None:
    assert engine.transcribe(audio, [], None) == []


def test_an_unknown_language_is_refused_by_name(engine: FasterWhisper, audio: np.ndarray) -> None:
    with pytest.raises(Unsupported, match="'tlh'"):
        engine.transcribe(audio, SPANS, "tlh")


class _FullDevice:
    """Stands for CTranslate2 on a device that has room for a certain batch."""

    def __init__(self, room: int, error: Exception) -> None:
        self.room, self.error, self.seen = room, error, []

    def transcribe(self, audio: np.ndarray, *, batch_size: int, **_: object) -> tuple[list[object], object]:
        self.seen.append(batch_size)
        if batch_size > self.room:
            raise self.error
        return [], type("Info", (), {"language": "en"})


@pytest.mark.parametrize("message", ["CUDA failed with error out of memory", "CUBLAS_STATUS_ALLOC_FAILED"])
def test_a_full_device_is_our_own_error_and_nothing_is_tried_again(
    model_dir: Path, audio: np.ndarray, message: str
) -> None:
    engine = FasterWhisper(model_dir)
    engine._pipeline = device = _FullDevice(2, RuntimeError(message))
    with pytest.raises(OutOfMemory, match="no room"):
        engine.transcribe(audio, SPANS, "en", 8)
    engine.transcribe(audio, SPANS, "en", 2)
    assert device.seen == [8, 2]


def test_the_batch_size_changes_nothing_that_is_said(engine: FasterWhisper, audio: np.ndarray) -> None:
    assert engine.transcribe(audio, SPANS, "de", 1) == engine.transcribe(audio, SPANS, "de", 4)


def test_unloaded_weights_come_back_for_the_next_chunk(model_dir: Path, audio: np.ndarray) -> None:
    """As after dropping the caches of a card."""
    engine = FasterWhisper(model_dir, compute_type="float32")
    before = engine.transcribe(audio, SPANS, "de")
    engine._unload(to_cpu=False)
    assert not engine._model.model_is_loaded
    assert engine.transcribe(audio, SPANS, "de") == before
    engine.close()


def test_other_errors_of_the_runtime_are_not_taken_for_a_full_device(model_dir: Path, audio: np.ndarray) -> None:
    engine = FasterWhisper(model_dir)
    engine._pipeline = _FullDevice(0, RuntimeError("Invalid shape"))
    with pytest.raises(RuntimeError, match="Invalid shape"):
        engine.transcribe(audio, SPANS, "en")


@pytest.mark.parametrize("name", ["model.bin", "tokenizer.json", "config.json"])
def test_an_incomplete_folder_is_refused_rather_than_completed_from_the_network(
    model_dir: Path, tmp_path: Path, name: str
) -> None:
    for file in model_dir.iterdir():
        if file.name != name:
            (tmp_path / file.name).symlink_to(file)
    with pytest.raises(BadInput, match=name):
        FasterWhisper(tmp_path)


def test_the_file_that_tells_the_mel_bands_is_needed_only_where_they_are_unusual(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in model_dir.iterdir():
        if file.name != "preprocessor_config.json":
            (tmp_path / file.name).symlink_to(file)
    FasterWhisper(tmp_path).close()
    monkeypatch.setattr(faster_whisper, "_USUAL_MELS", 128)
    with pytest.raises(BadInput, match=r"preprocessor_config\.json"):
        FasterWhisper(tmp_path)


@pytest.mark.skipif(ctranslate2.get_cuda_device_count() > 0, reason="this machine has a GPU")
def test_a_missing_gpu_is_our_own_error(model_dir: Path) -> None:
    with pytest.raises(Unsupported, match=r"device|GPU"):
        FasterWhisper(model_dir, device="cuda")


def test_an_impossible_number_type_is_our_own_error(model_dir: Path) -> None:
    with pytest.raises(Unsupported, match="compute type"):
        FasterWhisper(model_dir, compute_type="float3")


def test_the_catalog_reads_its_languages_from_the_folder(model_dir: Path) -> None:
    card = installed(model_dir.parents[1])[0]
    assert (card.name, card.engine, card.path) == ("random", faster_whisper.FASTER_WHISPER, model_dir)
    assert {"en", "fr", "yue"} - card.languages == {"yue"}
    assert len(card.languages) == 99
