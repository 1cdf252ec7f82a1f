import hashlib
from pathlib import Path

import pytest

from brickyard.engines import wheel_models
from brickyard.engines.wheel_models import EMBEDDING, SEGMENTATION, WheelModel
from brickyard.kit.errors import Unavailable


def blob(content: bytes) -> bytes:
    return b"\x18\x00\x00\x00ORTM" + content


def model_of(content: bytes) -> WheelModel:
    return WheelModel("segmentation", len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("model", [SEGMENTATION, EMBEDDING])
def test_the_installed_wheel_holds_the_model(model: WheelModel) -> None:
    content = wheel_models.load(model)
    assert len(content) == model.size
    assert hashlib.sha256(content).hexdigest() == model.sha256
    assert wheel_models.available()


def test_the_blob_is_told_from_others_by_its_hash(tmp_path: Path) -> None:
    wanted = blob(b"the right one")
    library = tmp_path / "lib.so"
    library.write_bytes(b"code" + blob(b"the wrong one") + b"ORTM" + b"padding" + wanted + b"more")
    assert wheel_models.read(model_of(wanted), library) == wanted


def test_a_changed_blob_is_refused(tmp_path: Path) -> None:
    wanted = blob(b"the right one")
    library = tmp_path / "lib.so"
    library.write_bytes(b"code" + blob(b"the wrong one") + b"more")
    with pytest.raises(Unavailable, match=r"'segmentation' was not found: lib\.so does not hold it"):
        wheel_models.read(model_of(wanted), library)


def test_a_blob_cut_short_at_the_end_of_the_file_is_refused(tmp_path: Path) -> None:
    wanted = blob(b"the right one")
    library = tmp_path / "lib.so"
    library.write_bytes(b"code" + wanted[:-1])
    with pytest.raises(Unavailable):
        wheel_models.read(model_of(wanted), library)


def test_the_store_comes_before_the_wheel(tmp_path: Path) -> None:
    (tmp_path / "diarize").mkdir()
    (tmp_path / "diarize" / "segmentation.onnx").write_bytes(b"an operator's own model")
    assert wheel_models.load(SEGMENTATION, tmp_path) == b"an operator's own model"
    assert len(wheel_models.load(EMBEDDING, tmp_path)) == EMBEDDING.size
