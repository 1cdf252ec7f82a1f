"""No card is here, nor is a driver: the bindings are real, and what is below them is not; see `nvml.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pynvml
import pytest

from brickyard.gpu.devices import used_without_lease_mib
from brickyard.gpu.devices.cuda import HOST_NAMESPACE, CudaDevice, Reading, found
from brickyard.kit.errors import Unavailable
from tests.unit.gpu.devices.nvml import MIB, FakeCard, FakeLibrary

HOLDER, CONTAINED, STRANGER = 11, 12, 13
COMPUTE = "nvmlDeviceGetComputeRunningProcesses_v3"
GRAPHICS = "nvmlDeviceGetGraphicsRunningProcesses_v3"


@pytest.fixture(autouse=True)
def without_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the tests run on a machine that has one."""
    FakeLibrary([], pynvml.NVML_ERROR_DRIVER_NOT_LOADED).install(monkeypatch)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """How /proc shows that a process is counted as the host counts."""
    (tmp_path / "host").symlink_to(HOST_NAMESPACE)
    return tmp_path / "host"


@pytest.fixture
def container(tmp_path: Path) -> Path:
    (tmp_path / "container").symlink_to("pid:[4026532561]")
    return tmp_path / "container"


def devices(monkeypatch: pytest.MonkeyPatch, *cards: FakeCard, **options: Any) -> list[CudaDevice]:
    FakeLibrary(cards).install(monkeypatch)
    return found(**options)


def names(devices: list[CudaDevice]) -> list[str]:
    return [device.name for device in devices]


def test_every_card_is_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = devices(monkeypatch, FakeCard(total=80 << 30), FakeCard(total=24 << 30), reserve_mib=1024)
    assert (first.name, first.total_mib(), first.slots) == ("cuda:0", 79 << 10, 2)
    assert (second.name, second.total_mib(), second.uuid(), second.model()) == (
        "cuda:1",
        23 << 10,
        "GPU-1",
        "NVIDIA Stand-in",
    )


@pytest.mark.parametrize(
    "answer",
    [
        pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
        pynvml.NVML_ERROR_LIBRARY_NOT_FOUND,
        pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
        pynvml.NVML_ERROR_NO_PERMISSION,
        pynvml.NVML_ERROR_UNKNOWN,
    ],
)
def test_without_a_driver_there_is_none(monkeypatch: pytest.MonkeyPatch, answer: int) -> None:
    FakeLibrary([FakeCard()], answer).install(monkeypatch)
    assert found() == []


def test_without_the_library_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(pynvml, "nvmlLib", None)
    monkeypatch.setattr(pynvml, "CDLL", absent)
    assert found() == []


def test_a_driver_without_a_card_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices(monkeypatch) == []


def test_what_cannot_be_asked_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = (
        FakeCard(refuses={"nvmlDeviceGetHandleByIndex_v2": pynvml.NVML_ERROR_GPU_IS_LOST}),
        FakeCard(refuses={"nvmlDeviceGetMigMode": pynvml.NVML_ERROR_UNKNOWN}),
        FakeCard(refuses={"nvmlDeviceGetMemoryInfo": pynvml.NVML_ERROR_NOT_SUPPORTED}),
        FakeCard(refuses={"nvmlDeviceGetMigMode": pynvml.NVML_ERROR_NOT_SUPPORTED}),
    )
    assert names(devices(monkeypatch, *cards)) == ["cuda:3"]


def test_a_divided_card_is_its_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    divided = FakeCard(
        instances={
            0: FakeCard(total=40 << 30, gpu_instance=1, uuid="MIG-1"),
            2: FakeCard(total=20 << 30, gpu_instance=5, uuid="MIG-5a"),
            3: FakeCard(total=20 << 30, gpu_instance=5, uuid="MIG-5b"),
        }
    )
    instances = devices(monkeypatch, divided, FakeCard())
    assert names(instances) == ["cuda:0/mig-0", "cuda:0/mig-2", "cuda:1"]
    assert [device.total_mib() for device in instances] == [40 << 10, 20 << 10, 80 << 10]
    assert instances[1].uuid() == "MIG-5a"


def test_processes_of_both_kinds_are_seen(monkeypatch: pytest.MonkeyPatch, host: Path) -> None:
    card = FakeCard(
        used=5000 * MIB,
        compute=[(HOLDER, 2000 * MIB), (HOLDER, 100 * MIB), (STRANGER, 900 * MIB)],
        graphics=[(STRANGER, 900 * MIB), (14, 300 * MIB)],
    )
    (gpu,) = devices(monkeypatch, card, namespace=host)
    usage = gpu.usage([HOLDER, CONTAINED])
    assert usage.used_mib == 5000
    assert usage.by_pid == {HOLDER: 2100, STRANGER: 900, 14: 300, CONTAINED: 0}


def test_a_lease_that_is_not_used_yet_hides_nobody(monkeypatch: pytest.MonkeyPatch, host: Path) -> None:
    (gpu,) = devices(monkeypatch, FakeCard(used=5000 * MIB, compute=[(STRANGER, 5000 * MIB)]), namespace=host)
    assert used_without_lease_mib(gpu.usage([HOLDER]), {HOLDER: 4000}, {}) == 5000


def test_holders_that_the_system_counts_otherwise_are_believed(
    monkeypatch: pytest.MonkeyPatch, container: Path
) -> None:
    (gpu,) = devices(monkeypatch, FakeCard(used=5000 * MIB, compute=[(70_001, 5000 * MIB)]), namespace=container)
    usage = gpu.usage([CONTAINED])
    assert CONTAINED not in usage.by_pid
    assert used_without_lease_mib(usage, {CONTAINED: 4000}, {CONTAINED: 3000}) == 2000


def test_figures_that_are_withheld_are_unknown(monkeypatch: pytest.MonkeyPatch, host: Path) -> None:
    hidden = FakeCard(used=900 * MIB, compute=[(HOLDER, None)], graphics=[(STRANGER, None), (14, 5 * MIB)])
    (gpu,) = devices(monkeypatch, hidden, namespace=host)
    assert gpu.usage([HOLDER]).by_pid == {14: 5}


@pytest.mark.parametrize("code", [pynvml.NVML_ERROR_NO_PERMISSION, pynvml.NVML_ERROR_FUNCTION_NOT_FOUND])
def test_without_a_list_of_processes_none_is_known(monkeypatch: pytest.MonkeyPatch, host: Path, code: int) -> None:
    (gpu,) = devices(monkeypatch, FakeCard(used=900 * MIB, refuses={COMPUTE: code, GRAPHICS: code}), namespace=host)
    assert (gpu.usage([HOLDER]).used_mib, gpu.usage([HOLDER]).by_pid) == (900, {})


@pytest.mark.parametrize("code", [pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED])
def test_a_card_that_is_lost_is_unavailable(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    card = FakeCard()
    (gpu,) = devices(monkeypatch, card)
    card.refuses["all"] = code
    for question in (gpu.total_mib, lambda: gpu.usage([]), gpu.reading, gpu.uuid):
        with pytest.raises(Unavailable, match=r"cuda:0.*restart of the broker"):
            question()
    card.refuses.clear()
    assert gpu.total_mib() == 80 << 10


def test_a_card_that_is_lost_while_its_processes_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    (gpu,) = devices(monkeypatch, FakeCard(refuses={COMPUTE: pynvml.NVML_ERROR_GPU_IS_LOST}))
    with pytest.raises(Unavailable, match="GPU is lost"):
        gpu.usage([HOLDER])


def test_how_a_card_is(monkeypatch: pytest.MonkeyPatch) -> None:
    (gpu,) = devices(monkeypatch, FakeCard())
    assert gpu.reading() == Reading(87, 61, 287.5, corrected_errors=3, uncorrected_errors=4)


def test_what_a_card_does_not_tell_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = ("UtilizationRates", "Temperature", "PowerUsage", "TotalEccErrors")
    refuses = {f"nvmlDeviceGet{what}": pynvml.NVML_ERROR_NOT_SUPPORTED for what in silent}
    (gpu,) = devices(monkeypatch, FakeCard(refuses=refuses))
    assert gpu.reading() == Reading(None, None, None, None, None)


def test_an_instance_is_as_warm_as_its_card(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = {"nvmlDeviceGetUtilizationRates", "nvmlDeviceGetTemperature", "nvmlDeviceGetPowerUsage"}
    instance = FakeCard(refuses=dict.fromkeys(refused, pynvml.NVML_ERROR_NOT_SUPPORTED))
    (gpu,) = devices(monkeypatch, FakeCard(instances={0: instance}))
    assert gpu.reading() == Reading(None, 61, 287.5, corrected_errors=3, uncorrected_errors=4)
