"""A language model of half a megabyte with random weights, for llama.cpp: what it says makes no sense, but it is a
model that is loaded and computed like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

WIDTH, INNER, HEADS, CONTEXT = 64, 128, 4, 512
SPECIAL = ("<unk>", "<s>", "</s>")
LETTERS = "▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:?!"


def write(path: Path, gguf: Any) -> Path:
    """`gguf`: the package of that name. Raises what writing a file raises."""
    bytes_ = [f"<0x{number:02X}>" for number in range(256)]
    tokens = [*SPECIAL, *bytes_, *LETTERS]
    kinds = gguf.TokenType
    types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL] + [kinds.BYTE] * 256 + [kinds.NORMAL] * len(LETTERS)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([int(kind) for kind in types])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    for name, weights in _weights(len(tokens)):
        writer.add_tensor(name, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _weights(vocabulary: int) -> list[tuple[str, Any]]:
    chance = np.random.default_rng(7)

    def some(*shape: int) -> Any:
        return chance.normal(0, 0.1, shape).astype(np.float32)

    ones = np.ones(WIDTH, dtype=np.float32)
    block = {
        "attn_norm": ones,
        "attn_q": some(WIDTH, WIDTH),
        "attn_k": some(WIDTH, WIDTH),
        "attn_v": some(WIDTH, WIDTH),
        "attn_output": some(WIDTH, WIDTH),
        "ffn_norm": ones,
        "ffn_gate": some(INNER, WIDTH),
        "ffn_up": some(INNER, WIDTH),
        "ffn_down": some(WIDTH, INNER),
    }
    return [
        ("token_embd.weight", some(vocabulary, WIDTH)),
        *((f"blk.0.{name}.weight", weights) for name, weights in block.items()),
        ("output_norm.weight", ones),
        ("output.weight", some(vocabulary, WIDTH)),
    ]
