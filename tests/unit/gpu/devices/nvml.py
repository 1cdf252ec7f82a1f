"""A stand-in for NVIDIA's library, below its real Python bindings.

`pynvml` itself runs: its ctypes structures, its handles and its exceptions. Only what it would load from the driver,
`libnvidia-ml.so.1`, is this. So the tests show that the bindings are used as they are meant to be, and that what NVML
documents is dealt with. No card is behind it: that a real driver answers as documented is not shown here.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pynvml
import pytest

MIB = 1 << 20
OK, NOT_FOUND, INSUFFICIENT_SIZE = 0, 6, 7

ProcessList = Sequence[tuple[int, int | None]]
"""Process number and bytes; None where NVML does not tell."""


@dataclass
class FakeCard:
    """A card or a MIG instance. `refuses`: functions of the library with the code that they answer instead."""

    total: int = 80 << 30
    used: int = 0
    compute: ProcessList = ()
    graphics: ProcessList = ()
    uuid: str = "GPU-1"
    instances: dict[int, FakeCard] = field(default_factory=dict)
    gpu_instance: int = 0
    refuses: dict[str, int] = field(default_factory=dict)


class FakeLibrary:
    """Has a function for each that is asked for; `driver` is what initialising answers."""

    def __init__(self, cards: Sequence[FakeCard], driver: int = OK) -> None:
        self._cards = cards
        self._driver = driver
        self._known: list[FakeCard] = []

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pynvml, "nvmlLib", self)
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        monkeypatch.setattr(pynvml, "_nvmlLib_refcount", 0)

    def nvmlInitWithFlags(self, flags: int) -> int:  # noqa: N802
        return self._driver

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:  # noqa: N802
        count._obj.value = len(self._cards)
        return OK

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, handle: Any) -> int:  # noqa: N802
        card = self._cards[index.value]
        refusal = card.refuses.get("nvmlDeviceGetHandleByIndex_v2")
        return refusal or self._hand_out(card, handle)

    def __getattr__(self, name: str) -> Callable[..., int]:
        """Functions whose first argument is a handle."""
        answer = ANSWERS.get(name)
        if answer is None:
            raise AttributeError(name)  # so ctypes says that a library has no such function

        def function(handle: Any, *arguments: Any) -> int:
            card = self._known[(ctypes.cast(handle, ctypes.c_void_p).value or 0) - 1]
            refusal = card.refuses.get(name) or card.refuses.get("all")
            return refusal or answer(self, card, *arguments)

        return function

    def _hand_out(self, card: FakeCard, handle: Any) -> int:
        self._known.append(card)
        ctypes.c_void_p.from_buffer(handle._obj).value = len(self._known)
        return OK


def _memory(library: FakeLibrary, card: FakeCard, memory: Any) -> int:
    memory._obj.total, memory._obj.used, memory._obj.free = card.total, card.used, card.total - card.used
    return OK


def _list(processes: ProcessList, count: Any, array: Any) -> int:
    """NVML is called twice: for how many there are, and with room for them."""
    room, count._obj.value = count._obj.value, len(processes)
    if room < len(processes):
        return INSUFFICIENT_SIZE
    for entry, (pid, used) in zip(array or (), processes, strict=False):
        entry.pid = pid
        entry.usedGpuMemory = pynvml.NVML_VALUE_NOT_AVAILABLE_ulonglong.value if used is None else used
    return OK


def _text(text: str, buffer: Any) -> int:
    buffer.value = text.encode()
    return OK


def _number(number: int, *outputs: Any) -> int:
    for output in outputs:
        output._obj.value = number
    return OK


def _utilisation(library: FakeLibrary, card: FakeCard, utilisation: Any) -> int:
    utilisation._obj.gpu, utilisation._obj.memory = 87, 40
    return OK


def _instance(library: FakeLibrary, card: FakeCard, index: Any, handle: Any) -> int:
    if index.value not in card.instances:
        return NOT_FOUND
    return library._hand_out(card.instances[index.value], handle)


# Codes of both kinds of memory errors are 0 and 1, which makes the counts 3 and 4.
ANSWERS: dict[str, Callable[..., int]] = {
    "nvmlDeviceGetMemoryInfo": _memory,
    "nvmlDeviceGetComputeRunningProcesses_v3": lambda _, card, *out: _list(card.compute, *out),
    "nvmlDeviceGetGraphicsRunningProcesses_v3": lambda _, card, *out: _list(card.graphics, *out),
    "nvmlDeviceGetUUID": lambda _, card, buffer, size: _text(card.uuid, buffer),
    "nvmlDeviceGetName": lambda _, card, buffer, size: _text("NVIDIA Stand-in", buffer),
    "nvmlDeviceGetUtilizationRates": _utilisation,
    "nvmlDeviceGetTemperature": lambda _, card, sensor, out: _number(61, out),
    "nvmlDeviceGetPowerUsage": lambda _, card, out: _number(287_500, out),
    "nvmlDeviceGetTotalEccErrors": lambda _, card, kind, counter, out: _number(kind.value + 3, out),
    "nvmlDeviceGetMigMode": lambda _, card, *out: _number(int(bool(card.instances)), *out),
    "nvmlDeviceGetMaxMigDeviceCount": lambda _, card, out: _number(7, out),
    "nvmlDeviceGetMigDeviceHandleByIndex": _instance,
    "nvmlDeviceGetGpuInstanceId": lambda _, card, out: _number(card.gpu_instance, out),
}
