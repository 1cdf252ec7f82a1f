"""Translation models of a few kilobytes with random weights, for the real runtimes. What they say means nothing."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
from ctranslate2.specs import TransformerSpec

DIMENSION = 8
TEXT = """the house is big and the garden is small
a meeting begins at ten and everybody speaks about the budget of the project
she saw the red car near the river before the rain came down
we will see what happens when the train arrives tomorrow in the morning""".splitlines()


def opus(folder: Path) -> Path:
    """As Opus-MT is stored: a processor for each side."""
    processor = _train()
    for name in ("source.spm", "target.spm"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(processor)
    _save(folder, _vocabulary(processor))
    return folder


def madlad(folder: Path, languages: list[str]) -> Path:
    """As MADLAD is stored: one processor, and tags for the languages to translate to."""
    processor = _train()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sentencepiece.spm").write_bytes(processor)
    _save(folder, [*_vocabulary(processor), *(f"<2{code}>" for code in languages)])
    return folder


def _train() -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT), model_writer=model, vocab_size=80, minloglevel=2, hard_vocab_limit=False
    )
    return model.getvalue()


def _vocabulary(processor: bytes) -> list[str]:
    pieces = sentencepiece.SentencePieceProcessor(model_proto=processor)
    return [pieces.id_to_piece(number) for number in range(pieces.get_piece_size())]


def _save(folder: Path, vocabulary: list[str]) -> None:
    spec = TransformerSpec.from_config((1, 1), 2)
    random = np.random.default_rng(3)

    def weights(*shape: int) -> Any:
        return random.normal(0, 0.5, shape).astype(np.float32)

    def norm(layer: Any) -> None:
        layer.gamma, layer.beta = np.ones(DIMENSION, np.float32), np.zeros(DIMENSION, np.float32)

    def linear(layer: Any, outputs: int, inputs: int = DIMENSION) -> None:
        layer.weight, layer.bias = weights(outputs, inputs), np.zeros(outputs, np.float32)

    def attention(layer: Any, sizes: list[int]) -> None:
        norm(layer.layer_norm)
        for part, outputs in zip(layer.linear, sizes, strict=True):
            linear(part, outputs)

    def feed_forward(layer: Any) -> None:
        norm(layer.layer_norm)
        linear(layer.linear_0, 2 * DIMENSION)
        linear(layer.linear_1, DIMENSION, 2 * DIMENSION)

    own, across = [3 * DIMENSION, DIMENSION], [DIMENSION, 2 * DIMENSION, DIMENSION]
    spec.encoder.embeddings[0].weight = weights(len(vocabulary), DIMENSION)
    spec.decoder.embeddings.weight = weights(len(vocabulary), DIMENSION)
    linear(spec.decoder.projection, len(vocabulary))
    for side in (spec.encoder, spec.decoder):
        norm(side.layer_norm)
        for layer in side.layer:
            attention(layer.self_attention, own)
            feed_forward(layer.ffn)
    for layer in spec.decoder.layer:
        attention(layer.attention, across)
    for side in (spec.encoder, spec.decoder):
        if side.position_encodings is not None:
            side.position_encodings.encodings = weights(512, DIMENSION)
    spec.register_source_vocabulary(vocabulary)
    spec.register_target_vocabulary(vocabulary)
    spec.validate()
    spec.save(str(folder))
