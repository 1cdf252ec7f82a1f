import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pyannote.core import Annotation, Segment

from brickyard.engines.base import Turn
from brickyard.engines.pyannote import PyannoteDiarizer, observation_of, room
from brickyard.kit.errors import NotFound, OutOfMemory, Unsupported

INSTALLED = importlib.util.find_spec("pyannote.audio") is not None


def test_an_empty_folder_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"config\.yaml is missing"):
        PyannoteDiarizer(tmp_path)


@pytest.mark.skipif(INSTALLED, reason="pyannote.audio is installed here")
def test_the_missing_package_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    with pytest.raises(Unsupported, match=r"Install brickyard\[pyannote\], or use the diarizer 'onnx'"):
        PyannoteDiarizer(tmp_path, "cpu")


def test_a_full_device_is_our_error() -> None:
    class FullError(RuntimeError):
        pass

    with (
        pytest.raises(OutOfMemory, match="cuda had no room"),
        room(SimpleNamespace(OutOfMemoryError=FullError), "cuda"),
    ):
        raise FullError("tried to allocate 2 GiB")


def test_its_output_becomes_an_observation() -> None:
    diarization = Annotation()
    diarization[Segment(1.0, 4.0), 0] = "SPEAKER_00"
    diarization[Segment(3.5, 10.2), 1] = "SPEAKER_01"
    prints = np.array([[0.0, 5.0], [np.nan, 1.0]])
    output = SimpleNamespace(speaker_diarization=diarization, speaker_embeddings=prints)
    found = observation_of(output, 100.0, 110.0)
    assert found.turns == (Turn(101.0, 104.0, 0), Turn(103.5, 110.0, 1))
    assert found.voices == ((0.0, 3.0), ())
