"""The models that are known to serve a brick: where a hub has them, under which licence, what they take.

A catalog as data. Everything in it may be used for business: no weights for non-commercial use, none under the AGPL.
Revisions are commits, and hashes those of the weights, where these are known; "main" is whatever the hub has today, and
the manifest of the pulled model then says which commit that was.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from brickyard.engines import catalog
from brickyard.engines.catalog import FASTER_WHISPER, ModelCard
from brickyard.engines.profiles import MIB, DeviceKind, Source, profile_of
from brickyard.files.model_pull import ModelSource
from brickyard.kit.errors import BadInput, NotFound

_WHISPER_CODES = (
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id "
    "is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si "
    "sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo zh"
)
WHISPER_LANGUAGES = tuple(_WHISPER_CODES.split())
"""Of the multilingual models; those from large-v3 on know `yue` as well."""

_MADLAD_CODES = (
    "ar bg bn ca cs da de el en es et fa fi fr hi hu id it ja ko lt lv nl pl pt ro ru sk sl sv ta th tr uk vi zh"
)
MADLAD_LANGUAGES = tuple(_MADLAD_CODES.split())
"""Those offered, of the more than 400 that it was trained on."""

_WHISPER_FILES = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")
_WHISPER_NEEDED = ("config.json", "model.bin", "tokenizer.json", "vocabulary.*")
_MARIAN_FILES = ("config.json", "model.bin", "source.spm", "target.spm", "*vocabulary.json")
_PYANNOTE_FILES = ("config.yaml", "segmentation/*", "embedding/*", "plda/*", "README.md")

_OWN_ENGINES = {"asr": FASTER_WHISPER, "diarize": "pyannote", "translate": "ctranslate2", "ocr": "rapidocr"}
_OWN_FILES = {"asr": (_WHISPER_FILES, _WHISPER_NEEDED), "diarize": (("*",), ("config.yaml",))}
_FREE_FORM = (("*",), ())

NON_COMMERCIAL = ("-nc", "non-commercial", "noncommercial", "agpl")


@dataclass(frozen=True, slots=True)
class Known:
    """`weights_bytes` is None where the size of the weights is not known; `gated` where a hub wants a token."""

    source: ModelSource
    weights_bytes: int | None = None
    gated: bool = False
    note: str = ""

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def card(self) -> ModelCard:
        source = self.source
        languages = frozenset(source.languages)
        return ModelCard(source.name, source.brick, source.engine, languages, source.licence, source.repo)


def _whisper(name: str, repo: str, revision: str, weights_bytes: int, sha256: str, note: str = "") -> Known:
    languages = (*WHISPER_LANGUAGES, "yue") if "large-v3" in name else WHISPER_LANGUAGES
    source = ModelSource(
        name=name,
        brick="asr",
        engine=FASTER_WHISPER,
        repo=repo,
        revision=revision,
        licence="MIT",
        languages=languages,
        files=_WHISPER_FILES,
        needed=_WHISPER_NEEDED,
        sha256={"model.bin": sha256},
    )
    return Known(source, weights_bytes, note=note)


def _opus(source: str, target: str) -> Known:
    """A pair of OPUS-MT, which others converted to CTranslate2's format."""
    pull = ModelSource(
        name=f"opus-mt-{source}-{target}",
        brick="translate",
        engine="ctranslate2",
        repo=f"gaudi/opus-mt-{source}-{target}-ctranslate2",
        licence="CC-BY-4.0",
        languages=(source, target),
        files=_MARIAN_FILES,
        needed=_MARIAN_FILES,
        card={"from": [source], "to": [target]},
    )
    note = "By the Helsinki-NLP group: name them. The repository says Apache-2.0; the stricter of the two is given."
    return Known(pull, note=note)


MODELS = (
    _whisper(
        "large-v3-turbo",
        "dropbox-dash/faster-whisper-large-v3-turbo",
        "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf",
        1_617_884_929,
        "e76620f83d5f5b69efd3d87e3dc180c1bd21df9fbebacfd4335e5e1efcc018da",
        "The one for a card. Called mobiuslabsgmbh/faster-whisper-large-v3-turbo before, which mirrors may still do.",
    ),
    _whisper(
        "medium",
        "Systran/faster-whisper-medium",
        "08e178d48790749d25932bbc082711ddcfdfbc4f",
        1_527_906_378,
        "9b45e1009dcc4ab601eff815b61d80e60ce3fd8c74c1a14f4a282258286b51ae",
    ),
    _whisper(
        "small",
        "Systran/faster-whisper-small",
        "536b0662742c02347bc0e980a01041f333bce120",
        483_546_902,
        "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671",
    ),
    _whisper(
        "base",
        "Systran/faster-whisper-base",
        "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
        145_217_532,
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    ),
    Known(
        ModelSource(
            name="community-1",
            brick="diarize",
            engine="pyannote",
            repo="pyannote/speaker-diarization-community-1",
            revision="3533c8cf8e369892e6b79ff1bf80f7b0286a54ee",
            licence="CC-BY-4.0",
            files=_PYANNOTE_FILES,
            needed=("config.yaml", "segmentation/*", "embedding/*", "plda/*"),
        ),
        gated=True,
        note="For a card, with brickyard[pyannote]. Accept its conditions on the hub and give a token.",
    ),
    Known(
        ModelSource(
            name="madlad400-3b",
            brick="translate",
            engine="ctranslate2",
            repo="santhosh/madlad400-3b-ct2",
            revision="c32ad0cf118807ea6258d14be137547155842723",
            licence="Apache-2.0",
            languages=MADLAD_LANGUAGES,
            files=("config.json", "model.bin", "sentencepiece.model", "*vocabulary.json"),
            needed=("config.json", "model.bin", "sentencepiece.model", "*vocabulary.json"),
            sha256={"model.bin": "f3c87256a2c888100c179d7dcd7f41df17c767469546c59d32c7dde86c740a6b"},
            renamed={"sentencepiece.model": "sentencepiece.spm"},
            card={"from": list(MADLAD_LANGUAGES), "to": list(MADLAD_LANGUAGES)},
        ),
        weights_bytes=2_950_208_251,
        note="Any of its languages to any other, with 8-bit weights; for a card.",
    ),
    _opus("en", "fr"),
    _opus("fr", "en"),
    _opus("en", "de"),
    _opus("de", "en"),
    _opus("en", "es"),
    _opus("es", "en"),
    _opus("en", "it"),
    _opus("it", "en"),
    _opus("en", "ru"),
    _opus("ru", "en"),
    _opus("zh", "en"),
    _opus("ar", "en"),
)


def named(name: str) -> Known:
    """Raises NotFound with the names there are."""
    for model in MODELS:
        if name in (model.name, f"{model.source.brick}/{model.name}"):
            return model
    names = ", ".join(model.name for model in MODELS)
    raise NotFound(
        f"The catalog has no model {name}; it has {names}. Any repository will do with "
        "`brickyard models pull --repo OWNER/NAME --brick BRICK --as NAME`."
    )


def own(
    repo: str, brick: str, name: str, *, revision: str = "main", files: Sequence[str] = (), pair: str | None = None
) -> ModelSource:
    """A repository that the catalog does not know. `pair`: from which languages to which, as in `en,fr>de`.

    Raises BadInput.
    """
    if brick not in _OWN_ENGINES:
        raise BadInput(f"There are no models for a brick {brick!r}; there are for {', '.join(_OWN_ENGINES)}.")
    if repo.count("/") != 1 or not all(repo.split("/")) or ".." in repo:
        raise BadInput(f"{repo!r} is no repository; name one as OWNER/NAME.")
    if brick == "translate" and pair is None:
        raise BadInput("Say with --pair from which languages to which the model goes, such as --pair 'en>fr'.")
    usual, needed = _OWN_FILES.get(brick, _FREE_FORM)
    return ModelSource(
        name=name,
        brick=brick,
        engine=_OWN_ENGINES[brick],
        repo=repo,
        revision=revision,
        files=tuple(files) or usual,
        needed=needed,
        card=None if pair is None else _pair(pair),
    )


def _pair(text: str) -> dict[str, list[str]]:
    source, arrow, target = text.partition(">")
    sides = [[code.strip() for code in side.split(",") if code.strip()] for side in (source, target)]
    if not arrow or not all(sides):
        raise BadInput(f"--pair is {text!r}; write the languages it goes from, `>`, and those it goes to: 'en,fr>de'.")
    return {"from": sides[0], "to": sides[1]}


def is_restricted(licence: str) -> bool:
    """Whether a licence, by its name, forbids business use or reaches over the network."""
    return any(part in licence.lower() for part in NON_COMMERCIAL)


def in_wheels() -> list[ModelCard]:
    """What came with the Python packages, the small models beside the bricks' own among them."""
    cards = catalog.installed(None)
    if catalog.silero_file() is not None:
        cards.append(ModelCard("silero-vad", "speech", "silero", frozenset(), "MIT", "the wheel of faster-whisper"))
    reader = _rapidocr_models()
    if reader is not None and not any(card.engine == "rapidocr" for card in cards):
        cards.append(
            ModelCard("pp-ocr-v6-small", "ocr", "rapidocr", frozenset(), "Apache-2.0", "the wheel of rapidocr")
        )
    return cards


def _rapidocr_models() -> Path | None:
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "models"
    return folder if any(folder.glob("*.onnx")) else None


def weights(card: ModelCard, kind: DeviceKind, weights_bytes: int | None = None) -> tuple[int, Source]:
    """MiB that the weights take, and how far that may be trusted. `weights_bytes`: of a model that is not here yet."""
    profile = profile_of(card, kind)
    size_mib = ceil((weights_bytes or 0) / MIB)
    if size_mib > profile.weights_mib:
        return size_mib, Source.ASSUMED
    return profile.weights_mib, profile.source
