"""What a model takes of a device's memory on one runtime, and how fast it goes there. Imports no model runtime.

Each figure is marked by where it comes from; a profile bears the weakest mark of its figures. On a CPU memory is RAM
and "batch" is the number of chunks computed at once; of a language model it is thousands of tokens of context.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil
from pathlib import Path
from typing import Literal

from brickyard.engines.apertium import APERTIUM
from brickyard.engines.catalog import FASTER_WHISPER, ModelCard
from brickyard.kit.errors import NotFound

DeviceKind = Literal["cuda", "cpu"]

MIB = 1 << 20
CUDA_CONTEXT_MIB = 300
CPU_CONTEXT_MIB = 160
"""Of a process with this program and its runtimes imported; the largest that was measured."""
LEAST_ASSUMED_WEIGHTS_MIB = 256
LEAST_ASSUMED_WORKING_MIB = 512
WEIGHT_FILES = frozenset({".bin", ".onnx", ".ort", ".safetensors", ".gguf", ".pt", ".pth", ".ckpt", ".data"})


class Source(StrEnum):
    """How far a figure may be trusted: seen here, printed by others for their machine, or merely supposed."""

    MEASURED = "measured"
    PUBLISHED = "published"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Profile:
    """One model on one runtime. Memory in MiB, speed in hours of audio an hour (× real time).

    `context_mib` is what the process holds before any weights; `working_mib` what a chunk adds at its peak, by batch
    size; `x_realtime` the speed by batch size, empty where it is not known or no audio is heard. `reload_s` is None
    where nobody has measured it.
    """

    name: str
    brick: str
    context_mib: int
    weights_mib: int
    working_mib: Mapping[int, int]
    x_realtime: Mapping[int, float]
    reload_s: float | None
    source: Source
    note: str

    @property
    def resident_mib(self) -> int:
        """What it holds between two chunks."""
        return self.context_mib + self.weights_mib

    def working_at(self, batch: int) -> int:
        """MiB that one chunk adds at this batch size: the figure of the next larger size that is known.

        Beyond the largest known size it grows in proportion. 0 for what does no chunks, such as a notebook.
        """
        if not self.working_mib:
            return 0
        largest = max(self.working_mib)
        if batch > largest:
            return ceil(self.working_mib[largest] * batch / largest)
        return self.working_mib[min(known for known in self.working_mib if known >= batch)]


_A6000 = "published by OpenTranscribe for an RTX A6000"

WHISPER_TURBO = Profile(
    name="whisper-large-v3-turbo/ctranslate2-int8_float16",
    brick="asr",
    context_mib=CUDA_CONTEXT_MIB,
    weights_mib=1332,
    working_mib={2: 530, 4: 970, 8: 1900, 16: 3750, 32: 7470},
    x_realtime={2: 77, 4: 95, 8: 109, 16: 112, 32: 115},
    reload_s=None,
    source=Source.PUBLISHED,
    note=f"Memory and speed {_A6000}; loading was not measured.",
)
WHISPER_MEDIUM = Profile(
    name="whisper-medium/ctranslate2-int8_float16",
    brick="asr",
    context_mib=CUDA_CONTEXT_MIB,
    weights_mib=1172,
    working_mib={batch: 2 * mib for batch, mib in WHISPER_TURBO.working_mib.items()},
    x_realtime={},
    reload_s=None,
    source=Source.ASSUMED,
    note=f"Weights {_A6000}; working memory assumed as twice that of turbo, whose decoder has a sixth of the layers.",
)
WHISPER_SMALL = Profile(
    name="whisper-small/ctranslate2-int8_float16",
    brick="asr",
    context_mib=CUDA_CONTEXT_MIB,
    weights_mib=564,
    working_mib=WHISPER_TURBO.working_mib,
    x_realtime={},
    reload_s=None,
    source=Source.ASSUMED,
    note=f"Weights {_A6000}; working memory assumed as that of turbo.",
)
PARAKEET = Profile(
    name="parakeet-0.6b/cuda",
    brick="asr",
    context_mib=CUDA_CONTEXT_MIB,
    weights_mib=2500,
    working_mib={batch: 60 * batch for batch in (1, 2, 4, 8, 16, 32)},
    x_realtime={},
    reload_s=None,
    source=Source.ASSUMED,
    note="2,500 MiB and 60 for each batched chunk of 30 s are assumed; no speed is known for this runtime.",
)
PYANNOTE = Profile(
    name="pyannote-community-1/torch-fp32",
    brick="diarize",
    context_mib=CUDA_CONTEXT_MIB,
    weights_mib=40,
    working_mib={1: 300, 8: 300, 16: 614, 32: 1606, 64: 4228},
    x_realtime={1: 30, 8: 71, 16: 77, 64: 79},
    reload_s=None,
    source=Source.PUBLISHED,
    note=f"The whole process (640, 954, 1,946, 4,568 MiB at batch 8, 16, 32, 64) and the speed {_A6000}, from 2.2 h of "
    "audio; that 40 MiB of it are weights is assumed.",
)
LLM_27B = Profile(
    name="llm-27b/4-bit",
    brick="llm",
    context_mib=CUDA_CONTEXT_MIB,
    weights_mib=17000,
    working_mib={thousands: 160 * thousands for thousands in (8, 16, 32, 64)},
    x_realtime={},
    reload_s=None,
    source=Source.ASSUMED,
    note="17,000 MiB and 160 for 1,000 tokens of context are assumed. Batch is thousands of tokens of context.",
)
OCR_VLM = Profile(
    name="ocr-vlm-1b/cuda",
    brick="ocr",
    context_mib=CUDA_CONTEXT_MIB,
    weights_mib=2700,
    working_mib={1: 1000},
    x_realtime={},
    reload_s=None,
    source=Source.ASSUMED,
    note="4,000 MiB in all are assumed, and so is how they divide.",
)
TRANSLATION = Profile(
    name="translation-3b/ctranslate2-int8",
    brick="translate",
    context_mib=CUDA_CONTEXT_MIB,
    weights_mib=2700,
    working_mib={1: 500},
    x_realtime={},
    reload_s=None,
    source=Source.ASSUMED,
    note="3,500 MiB in all are assumed, and so is how they divide.",
)
NOTEBOOK = Profile(
    name="notebook",
    brick="notebook",
    context_mib=0,
    weights_mib=20000,
    working_mib={},
    x_realtime={},
    reload_s=None,
    source=Source.ASSUMED,
    note="A reserved share of 20,000 MiB is assumed.",
)

_HERE = (
    "Measured on 2 cores of a server without a GPU, by the resident set of the process, with chunks of 60 s that hold "
    "53 s of speech; batch is chunks at once, each on a core"
)

MOONSHINE_CPU = Profile(
    name="moonshine-tiny-en/onnxruntime-cpu",
    brick="asr",
    context_mib=CPU_CONTEXT_MIB,
    weights_mib=100,
    working_mib={1: 145, 2: 215},
    x_realtime={1: 62, 2: 121},
    reload_s=0.2,
    source=Source.MEASURED,
    note=f"{_HERE}. 29 MiB of the context are voice detection. Much of a chunk's memory stays with the process.",
)
ONNX_DIARIZER_CPU = Profile(
    name="community-1/onnxruntime-cpu",
    brick="diarize",
    context_mib=148,
    weights_mib=41,
    working_mib={1: 127, 2: 181},
    x_realtime={1: 61, 2: 112},
    reload_s=0.1,
    source=Source.MEASURED,
    note=f"{_HERE}. Much of a chunk's memory stays with the process.",
)
RAPIDOCR_CPU = Profile(
    name="pp-ocr-v6-small/onnxruntime-cpu",
    brick="ocr",
    context_mib=200,
    weights_mib=80,
    working_mib={1: 480, 2: 790},
    x_realtime={},
    reload_s=0.1,
    source=Source.MEASURED,
    note="Measured on 2 cores of a server without a GPU, by the resident set of the process, with pages at 150 dpi; "
    "frames of video take less than half of that. Batch is chunks at once, each on a core.",
)

APERTIUM_CPU = Profile(
    name="apertium/cpu",
    brick="translate",
    context_mib=CPU_CONTEXT_MIB,
    weights_mib=600,
    working_mib={1: 4},
    x_realtime={},
    reload_s=0.8,
    source=Source.MEASURED,
    note="Measured on 2 cores of a server without a GPU. Four chains of programs, 143 MiB each in the mean of 16 pairs "
    "(shared pages counted once): most take 40 to 160, ca→fr takes 619 and fr→ca 308. A chain's "
    "first text comes after 0.8 s, in the middle of pairs.",
)

ON_CARDS = (
    WHISPER_TURBO,
    WHISPER_MEDIUM,
    WHISPER_SMALL,
    PARAKEET,
    PYANNOTE,
    LLM_27B,
    OCR_VLM,
    TRANSLATION,
    NOTEBOOK,
)
ON_CPU = (MOONSHINE_CPU, ONNX_DIARIZER_CPU, RAPIDOCR_CPU, APERTIUM_CPU)
KNOWN = (*ON_CARDS, *ON_CPU)

_WHISPER = {
    "large-v3-turbo": WHISPER_TURBO,
    "turbo": WHISPER_TURBO,
    "medium": WHISPER_MEDIUM,
    "small": WHISPER_SMALL,
}

_ON_CPU = {
    ("diarize", "onnx"): ONNX_DIARIZER_CPU,
    ("ocr", "rapidocr"): RAPIDOCR_CPU,
    ("translate", APERTIUM): APERTIUM_CPU,
}


def profile_of(card: ModelCard, device_kind: DeviceKind) -> Profile:
    """The figures for an installed model. Where none are known, a cautious assumption by the size of its files.

    What `card.json` says in memory_mib goes before the weights known or assumed here. Files larger than the known
    weights hold another precision than was measured, and count as they are.
    """
    profile = _known(card, device_kind)
    if card.memory_mib is not None:
        found = profile or assumed(card, device_kind)
        return replace(found, weights_mib=card.memory_mib, note=f"Weights as stated in card.json. {found.note}")
    if profile is None:
        return assumed(card, device_kind)
    size_mib = _weight_files_mib(card.path)
    if size_mib <= profile.weights_mib:
        return profile
    note = f"Weights by the size of their files, {size_mib} MiB, since these are larger. {profile.note}"
    return replace(profile, weights_mib=size_mib, source=Source.ASSUMED, note=note)


def named(name: str, among: Sequence[Profile] = KNOWN) -> Profile:
    """The profile of that name, or of the one whose name begins so. Raises NotFound with those there are."""
    exact = [profile for profile in among if profile.name == name]
    found = exact or [profile for profile in among if profile.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    wrong = f"{name!r} is the beginning of several profiles" if found else f"There is no memory profile {name!r}"
    raise NotFound(f"{wrong}. Name one of: {', '.join(profile.name for profile in found or among)}.")


def assumed(card: ModelCard, device_kind: DeviceKind) -> Profile:
    """As much as the weight files for the weights, and as much again for a chunk; never less than a small engine."""
    size_mib = _weight_files_mib(card.path)
    weights_mib = max(LEAST_ASSUMED_WEIGHTS_MIB, size_mib)
    return Profile(
        name=f"{card.name}/{card.engine}-{device_kind}",
        brick=card.brick,
        context_mib=CUDA_CONTEXT_MIB if device_kind == "cuda" else CPU_CONTEXT_MIB,
        weights_mib=weights_mib,
        working_mib={1: max(LEAST_ASSUMED_WORKING_MIB, weights_mib)},
        x_realtime={},
        reload_s=None,
        source=Source.ASSUMED,
        note=f"Not measured; assumed from {size_mib} MiB of weight files.",
    )


def _known(card: ModelCard, device_kind: DeviceKind) -> Profile | None:
    if (card.brick, card.engine) == ("asr", "moonshine"):
        return MOONSHINE_CPU  # it runs on the CPU, whatever else the machine has
    if device_kind == "cpu":
        return _ON_CPU.get((card.brick, card.engine))
    if card.engine == FASTER_WHISPER:
        return _WHISPER.get(card.name.removeprefix("faster-").removeprefix("whisper-").removesuffix(".en"))
    return PYANNOTE if card.engine == "pyannote" else None


def _weight_files_mib(folder: Path | None) -> int:
    """All weight files in the folder and below, rounded up; 0 for a model inside a wheel."""
    if folder is None:
        return 0
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.suffix in WEIGHT_FILES and file.is_file()]
    return ceil(sum(sizes) / MIB)
