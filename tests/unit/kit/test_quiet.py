from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest

from brickyard.kit.quiet import QUIET, quiet_environment, silence

MODEL = Path(onnxruntime.__file__).parent / "datasets" / "sigmoid.onnx"

LEAVES_TRACES = """
import os, sys
if "silent" in sys.argv:
    from brickyard.kit.quiet import silence
    silence()
import onnxruntime
onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
"""


def test_what_children_get_is_what_this_process_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in QUIET:
        monkeypatch.setenv(name, "something else")
    silence()
    assert {name: os.environ[name] for name in QUIET} == quiet_environment()


def test_the_model_hub_is_switched_off_whatever_the_environment_says() -> None:
    told = "from brickyard.kit.quiet import silence; silence(); import huggingface_hub.constants as c; "
    asked = "print(c.HF_HUB_OFFLINE, c.HF_HUB_DISABLE_TELEMETRY, c.HF_HUB_DISABLE_UPDATE_CHECK)"
    environment = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "0"}
    done = subprocess.run(
        [sys.executable, "-c", told + asked], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "True", "True"]


def test_the_runtime_keeps_no_number_of_this_machine(tmp_path: Path) -> None:
    """ONNX Runtime makes one for its telemetry as soon as a model is loaded; with the switch set it makes none."""
    environment = {name: value for name, value in os.environ.items() if name not in QUIET and "XDG" not in name}
    environment["HOME"] = str(tmp_path)
    subprocess.run([sys.executable, "-c", LEAVES_TRACES, str(MODEL), "silent"], env=environment, check=True)
    assert list(tmp_path.rglob("*")) == []
