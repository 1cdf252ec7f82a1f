"""The one place that makes ONNX Runtime sessions, so that threads, logging and memory are set alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, RuntimeException

from brickyard.engines.heap import says_no_room
from brickyard.kit.errors import OutOfMemory, Unsupported

_ONLY_ERRORS = 3


def session(model: Path | bytes, threads: int = 1, device: str = "cpu") -> onnxruntime.InferenceSession:
    """A session over an .onnx or .ort model, from a file or from its bytes.

    Raises Unsupported where `device` is neither "cpu" nor "cuda", or is "cuda" and this ONNX Runtime has
    none.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ONLY_ERRORS
    # Both keep something for every new shape they meet; speech is never twice of one length, so they would
    # grow.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    if threads > 1:
        # Spinning workers burn the cores that other processes need while this one waits for its next chunk.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=_providers(device))


@contextmanager
def room(engine: str, device: str = "cpu") -> Iterator[None]:
    """Turns every way in which ONNX Runtime and NumPy say that there was no memory into OutOfMemory."""
    try:
        yield
    except (MemoryError, Fail, RuntimeException) as error:
        if not says_no_room(error):
            raise
        raise OutOfMemory(f"{engine}: the device {device} had no room for the chunk ({error}).") from error


def _providers(device: str) -> list[str]:
    if device == "cpu":
        return ["CPUExecutionProvider"]
    if device != "cuda":
        raise Unsupported(f"There is no device {device!r} for ONNX models; allowed are 'cpu' and 'cuda'.")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise Unsupported(
            "CUDA was asked for, but this ONNX Runtime is the CPU build: "
            "install onnxruntime-gpu or set the device to 'cpu'."
        )
    return ["CUDAExecutionProvider", "CPUExecutionProvider"]
