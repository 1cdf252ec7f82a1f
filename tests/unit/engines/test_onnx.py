from __future__ import annotations

import subprocess
import sys

import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

from brickyard.engines import wheel_models
from brickyard.engines.onnx import room, session
from brickyard.kit.errors import OutOfMemory, Unsupported

FULL = """
import resource, numpy, psutil
from brickyard.engines import wheel_models
from brickyard.engines.onnx import room, session
from brickyard.kit.errors import OutOfMemory
embedding = session(wheel_models.load(wheel_models.EMBEDDING))
feeds = {"fbank": numpy.zeros((64, 500, 80), numpy.float32), "weights": numpy.ones((64, 500), numpy.float32)}
resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + (100 << 20), -1))
try:
    with room("onnx"):
        embedding.run(None, feeds)
except OutOfMemory as error:
    print(error.message)
"""


@pytest.mark.slow
def test_a_process_without_memory_left_says_so_in_our_words() -> None:
    if not wheel_models.available():
        pytest.skip("the diarization models are neither in a store nor in the installed moonshine-voice wheel")
    done = subprocess.run([sys.executable, "-c", FULL], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.startswith("onnx: the device cpu had no room for the chunk"), done.stderr


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeException, match="Invalid shape"), room("onnx"):
        raise RuntimeException("Invalid shape")
    with pytest.raises(OutOfMemory), room("onnx"):
        raise MemoryError


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(Unsupported, match="allowed are 'cpu' and 'cuda'"):
        session(b"", device="tpu")
