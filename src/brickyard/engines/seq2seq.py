"""Translation models on CTranslate2: Opus-MT, one model a pair, and MADLAD, one model for many. CPU or GPU.

The weights come from a folder and from nowhere else. No text is ever cut short: one that is too long for a model goes
through it in parts, and so does one whose translation was not finished.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import ctranslate2
import sentencepiece

from brickyard.engines import heap
from brickyard.engines.base import MemoryUse
from brickyard.kit.errors import BadInput, OutOfMemory, Unsupported

SEQ2SEQ = "ctranslate2"

LONGEST_PIECES = 200
"""Of a text that goes through the model in one part; these models were trained on sentences."""
SHORTEST_PIECES = 16
"""What has come to no end even so is taken as it is."""
_ROOM = 4
"""A translation may have so many times the pieces of its text before it counts as one that does not end."""
_MORE_ROOM = 32
_MOST_ROOM = 500
"""Opus-MT knows 512 places in a sentence, and fails beyond."""
_UNLOADS_WITHIN_S = 2.0


class Seq2Seq:
    """Not for use by two threads at once. `pairs` and `draft` are those of the model's card."""

    name = SEQ2SEQ
    parallel = False
    batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)

    def __init__(
        self,
        folder: Path,
        pairs: frozenset[tuple[str, str]],
        device: str = "cpu",
        threads: int = 1,
        *,
        compute_type: str = "default",
        draft: bool = False,
        beam: int = 4,
    ) -> None:
        """Raises BadInput for an incomplete folder, Unsupported for a device or number type not to be had."""
        source, target, self._tags = _pieces_of(folder)
        with _translated():
            self._model = ctranslate2.Translator(
                str(folder), device=device, compute_type=compute_type, intra_threads=threads, inter_threads=1
            )
        self._source, self._target = source, target
        self._adds_end = _adds_end(folder)
        self._beam = beam
        self._device = device
        self.pairs = pairs
        self.draft = draft
        self.frees_memory = device == "cpu"

    def translate(self, texts: Sequence[str], source: str, target: str, batch: int = 8) -> list[str]:
        if (source, target) not in self.pairs:
            offered = ", ".join(sorted(f"{one}→{other}" for one, other in self.pairs))
            raise Unsupported(f"This model does not translate {source}→{target}; it has {offered}.")
        parts = [_parts(self._source.encode(text, out_type=str)) for text in texts]
        done = iter(self._run([part for each in parts for part in each], target, batch))
        return [" ".join(filter(None, (next(done) for _ in each))) for each in parts]

    def drop_caches(self) -> None:
        """CTranslate2 gives its cache back only as it unloads: the weights go to RAM until the next text."""
        if self._device != "cpu":
            self._unload(to_cpu=True)
        heap.trim()

    def memory(self) -> MemoryUse | None:
        """CTranslate2 has no such figures."""
        return None

    def close(self) -> None:
        self._unload(to_cpu=False)
        del self._model
        heap.trim()

    def _run(self, parts: Sequence[list[str]], target: str, batch: int) -> list[str]:
        """Each part's translation. One that came to no end is halved and tried again."""
        if not parts:
            return []
        before = [f"<2{target}>"] if self._tags else []
        after = [] if self._adds_end else ["</s>"]
        room = min(_MOST_ROOM, _ROOM * max(map(len, parts)) + _MORE_ROOM)
        with _translated():
            self._model.load_model()
            found = self._model.translate_batch(
                [[*before, *part, *after] for part in parts],
                max_batch_size=batch,
                beam_size=self._beam,
                max_input_length=0,
                max_decoding_length=room,
                return_end_token=True,
            )
        texts: list[str] = []
        for part, result in zip(parts, found, strict=True):
            pieces = result.hypotheses[0]
            if pieces[-1:] == ["</s>"] or len(part) <= SHORTEST_PIECES:
                texts.append(self._text(pieces))
            else:
                middle = len(part) // 2
                texts.append(" ".join(self._run([part[:middle], part[middle:]], target, batch)))
        return texts

    def _text(self, pieces: Sequence[str]) -> str:
        return str(self._target.decode([piece for piece in pieces if not _SPECIAL.fullmatch(piece)])).strip()

    def _unload(self, to_cpu: bool) -> None:
        """CTranslate2 counts a batch as at work for a moment after its result is there, and meanwhile does nothing."""
        give_up = time.monotonic() + _UNLOADS_WITHIN_S
        while self._model.model_is_loaded and time.monotonic() < give_up:
            self._model.unload_model(to_cpu=to_cpu)
            time.sleep(0.005)


_SPECIAL = re.compile(r"</?s>|<pad>|<unk>|<2\w+>")


def _pieces_of(
    folder: Path,
) -> tuple[sentencepiece.SentencePieceProcessor, sentencepiece.SentencePieceProcessor, bool]:
    """How texts are divided into pieces, and put together; and whether a tag names the language to translate to."""
    if not (folder / "model.bin").is_file():
        raise BadInput(f"The translation model in {folder} lacks model.bin. Copy it again.")
    both = folder / "source.spm", folder / "target.spm"
    if all(path.is_file() for path in both):
        return _processor(both[0]), _processor(both[1]), False
    alone = [path for pattern in ("*.spm", "*.model") for path in sorted(folder.glob(pattern))]
    if len(alone) != 1:
        raise BadInput(
            f"The translation model in {folder} should have source.spm and target.spm (Opus-MT), or one other .spm "
            f"file (MADLAD); it has {', '.join(path.name for path in alone) or 'none'}. Copy it again."
        )
    processor = _processor(alone[0])
    return processor, processor, True


def _processor(file: Path) -> sentencepiece.SentencePieceProcessor:
    try:
        return sentencepiece.SentencePieceProcessor(model_file=str(file))
    except (OSError, RuntimeError) as error:
        raise BadInput(f"{file} is no sentencepiece model ({error}). Copy it again.") from error


def _adds_end(folder: Path) -> bool:
    """Whether CTranslate2 ends each text by itself; it does where the model was converted from Marian's own files."""
    file = folder / "config.json"
    return file.is_file() and bool(json.loads(file.read_bytes()).get("add_source_eos"))


def _parts(pieces: Sequence[str]) -> list[list[str]]:
    """Parts that the model was made for, cut before a word where one begins in their second half."""
    parts: list[list[str]] = []
    rest = list(pieces)
    while len(rest) > LONGEST_PIECES:
        starts = [at for at in range(LONGEST_PIECES // 2, LONGEST_PIECES + 1) if rest[at].startswith("▁")]
        cut = starts[-1] if starts else LONGEST_PIECES
        parts.append(rest[:cut])
        rest = rest[cut:]
    return [*parts, rest] if rest else parts


@contextmanager
def _translated() -> Iterator[None]:
    """CTranslate2 tells its errors apart by their text alone."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if heap.says_no_room(error):
            raise OutOfMemory(f"{SEQ2SEQ}: the device had no room for the chunk ({error}).") from error
        if "CUDA" in str(error):
            raise Unsupported(f"{SEQ2SEQ} cannot use the GPU here: {error}. Set the device to cpu.") from error
        raise
    except ValueError as error:
        if "compute type" not in str(error) and "CUDA" not in str(error) and "device" not in str(error):
            raise
        raise Unsupported(f"{SEQ2SEQ} cannot run like this here: {error}.") from error
