"""What bench/gpu.py computes with: the real architectures with random weights, built from their configurations.

Nothing is fetched: speed and memory depend on shapes alone. Weights lie in a file as they do in a model store, so that
loading them costs what it costs the product.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from brickyard.kit.errors import Unsupported

BATCHES = (1, 2, 4, 8, 16, 32)
FRAMES_A_SECOND = 100
TOKENS = 100
"""Decoded for each window of 30 s: about as many as speech has in it."""


@dataclass(frozen=True, slots=True)
class Setup:
    """One model. `config` is what its configuration says; `published`: how many parameters its makers tell of;
    `frames`: of features in one window. `weights_mib`, and `working_mib` for each of a batch, are what it takes of a
    simulated card, and of no other."""

    name: str
    family: Literal["parakeet", "whisper"]
    config: Mapping[str, Any]
    published: int
    frames: int = 3000
    tokens: int = TOKENS
    weights_mib: int = 0
    working_mib: int = 0

    @property
    def window_s(self) -> float:
        return self.frames / FRAMES_A_SECOND


def _parakeet(layers: int, width: int = 1024, heads: int = 8) -> dict[str, Any]:
    encoder = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * width,
        "num_mel_bins": 80,
        "subsampling_conv_channels": width // 4,
        "conv_kernel_size": 9,
    }
    return {"vocab_size": 1025, "pad_token_id": 1024, "encoder_config": encoder}


def _whisper(layers: tuple[int, int], width: int, heads: int, positions: int, vocabulary: int) -> dict[str, Any]:
    sides = ("encoder", "decoder")
    return {
        "vocab_size": vocabulary,
        "num_mel_bins": 128,
        "d_model": width,
        "max_source_positions": positions,
        "max_target_positions": 448,
        **{f"{side}_layers": count for side, count in zip(sides, layers, strict=True)},
        **{f"{side}_attention_heads": heads for side in sides},
        **{f"{side}_ffn_dim": 4 * width for side in sides},
        **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 0),
    }


REAL = (
    Setup("parakeet-ctc-0.6b", "parakeet", _parakeet(24), 600_000_000),
    Setup("whisper-large-v3-turbo", "whisper", _whisper((32, 4), 1280, 20, 1500, 51866), 809_000_000),
    Setup("parakeet-ctc-1.1b", "parakeet", _parakeet(42), 1_100_000_000),
)
_SMALL_PARAKEET, _SMALL_WHISPER = _parakeet(2, 64, 2), _whisper((2, 1), 64, 2, 50, 128)
TINY = (
    Setup("parakeet-ctc-0.6b", "parakeet", _SMALL_PARAKEET, 0, 100, 5, weights_mib=600, working_mib=30),
    Setup("whisper-large-v3-turbo", "whisper", _SMALL_WHISPER, 0, 100, 5, weights_mib=800, working_mib=40),
    Setup("parakeet-ctc-1.1b", "parakeet", _SMALL_PARAKEET, 0, 100, 5, weights_mib=1100, working_mib=50),
)
"""In place of the real ones where there is no card: same names, same code, figures that mean nothing."""


def runtime() -> tuple[Any, Any]:
    """torch and transformers; raises Unsupported with what to install."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        torch, transformers = importlib.import_module("torch"), importlib.import_module("transformers")
        _ = transformers.ParakeetForCTC, transformers.WhisperForConditionalGeneration
    except (ImportError, AttributeError) as error:
        raise Unsupported(
            f"This benchmark needs PyTorch and transformers with Parakeet in it ({error}). Install both beside "
            "brickyard: pip install torch 'transformers>=5'. Weights are not needed."
        ) from error
    return torch, transformers


def parameters(setup: Setup) -> int:
    """Counted on torch's `meta` device, without any memory."""
    torch, _ = runtime()
    with torch.device("meta"):
        return sum(each.numel() for each in _built(setup).parameters())


def random_model(setup: Setup, device: str) -> Any:
    """With random weights, on its device, in the number type that it is to compute in."""
    torch, _ = runtime()
    with torch.device(device):
        model = _built(setup)
    return model.to(_number_type(torch, device)).eval()


def tensors_of(model: Any) -> dict[str, Any]:
    """Everything by name that a forward pass reads; also the buffers that a checkpoint of transformers leaves out."""
    return {name: tensor.detach() for name, tensor in (*model.named_parameters(), *model.named_buffers())}


def save(model: Any, file: Path) -> None:
    torch, _ = runtime()
    torch.save({name: tensor.cpu() for name, tensor in tensors_of(model).items()}, file)
    with file.open("rb+") as written:
        os.fsync(written.fileno())


def forget_pages(file: Path) -> None:
    """The system forgets what it has read of the file, as far as it can, so that the next reading is from the disk."""
    with file.open("rb") as opened:
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read(file: Path) -> dict[str, Any]:
    torch, _ = runtime()
    tensors: dict[str, Any] = torch.load(file, map_location="cpu", mmap=True, weights_only=True)
    return tensors


def loaded_model(setup: Setup, tensors: Mapping[str, Any], device: str) -> Any:
    """With these weights, copied to the device."""
    torch, _ = runtime()
    with torch.device("meta"):
        model = _built(setup)
    for name, tensor in tensors.items():
        folder, _, own = name.rpartition(".")
        module, there = model.get_submodule(folder), tensor.to(device, non_blocking=True)
        if own in module._parameters:
            module._parameters[own] = torch.nn.Parameter(there, requires_grad=False)
        else:
            module._buffers[own] = there
    model.tie_weights()
    if device != "cpu":
        torch.cuda.synchronize()
    return model.eval()


def features(setup: Setup, model: Any, batch: int) -> Any:
    """Random features of `batch` windows, in RAM, as the feature extractor would give them."""
    torch, _ = runtime()
    bins = setup.config["num_mel_bins"] if setup.family == "whisper" else 80
    shape = (batch, bins, setup.frames) if setup.family == "whisper" else (batch, setup.frames, bins)
    return torch.randn(shape, dtype=next(model.parameters()).dtype)


def decode(setup: Setup, model: Any, heard: Any) -> Any:
    """One pass: what would be the tokens, in RAM again. Whisper decodes greedily, one token after another."""
    torch, _ = runtime()
    with torch.inference_mode():
        heard = heard.to(model.device)
        if setup.family == "parakeet":
            return model(input_features=heard).logits.argmax(-1).cpu()
        encoded = model.model.encoder(heard)
        said = [torch.zeros((len(heard), 1), dtype=torch.long, device=model.device)]
        past = None
        for _ in range(setup.tokens):
            out = model(encoder_outputs=encoded, decoder_input_ids=said[-1], past_key_values=past, use_cache=True)
            past = out.past_key_values
            said.append(out.logits[:, -1:].argmax(-1))
        return torch.cat(said, dim=1).cpu()


def _built(setup: Setup) -> Any:
    _, transformers = runtime()
    if setup.family == "parakeet":
        return transformers.ParakeetForCTC(transformers.ParakeetCTCConfig(**setup.config))
    return transformers.WhisperForConditionalGeneration(transformers.WhisperConfig(**setup.config))


def _number_type(torch: Any, device: str) -> Any:
    return torch.float32 if device == "cpu" else torch.bfloat16
