"""NVIDIA cards, and the MIG instances of those that are divided, as NVML sees them.

NVML is asked through `pynvml`, or whatever is given in its place. It counts processes as the host does, so inside a
container the holders of leases can't be recognised by their numbers; `Usage.by_pid` then does not know them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pynvml

from brickyard.gpu.devices.device import MIB, Usage
from brickyard.kit.errors import Unavailable
from brickyard.kit.logs import get

log = get(__name__)

# One chunk computes while the host prepares the next; more at once share the card's time without adding to it.
SLOTS = 2

PID_NAMESPACE = Path("/proc/self/ns/pid")
# The number that Linux gives to the first namespace, which all processes of the host are in (PROC_PID_INIT_INO).
HOST_NAMESPACE = "pid:[4026531836]"

# What NVML says about a question that this card, driver or user does not get an answer to; the card itself is well.
UNANSWERED = (
    "NVML_ERROR_NOT_SUPPORTED",
    "NVML_ERROR_NO_PERMISSION",
    "NVML_ERROR_FUNCTION_NOT_FOUND",
    "NVML_ERROR_INVALID_ARGUMENT",
    "NVML_ERROR_NOT_FOUND",
    "NVML_ERROR_NO_DATA",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a card is. None: NVML does not tell. A MIG instance shows its card's temperature, power and errors; NVML
    tells no utilisation of it. Errors are those of the memory since the driver was loaded."""

    utilisation_percent: int | None
    temperature_c: int | None
    power_w: float | None
    corrected_errors: int | None
    uncorrected_errors: int | None


class CudaDevice:
    """One card or MIG instance. `handle` is its own and `card` that of the card it is on, both from NVML, which has
    to be initialised. Every question raises Unavailable where the card is lost.

    `sees_holders`: whether process numbers mean the same to NVML and to those who ask, so that a process that NVML
    does not list is known to use nothing.
    """

    def __init__(
        self,
        name: str,
        handle: Any,
        card: Any,
        nvml: Any = pynvml,
        *,
        reserve_mib: int = 0,
        slots: int = SLOTS,
        sees_holders: bool = True,
    ) -> None:
        self.name = name
        self.slots = slots
        self._handle = handle
        self._card = card
        self._nvml = nvml
        self._reserve_mib = reserve_mib
        self._sees_holders = sees_holders

    def uuid(self) -> str:
        """What CUDA_VISIBLE_DEVICES takes to show a process this device and no other."""
        return str(self._ask(self._nvml.nvmlDeviceGetUUID, self._handle))

    def model(self) -> str:
        return str(self._ask(self._nvml.nvmlDeviceGetName, self._handle))

    def total_mib(self) -> int:
        return max(0, int(self._memory().total) // MIB - self._reserve_mib)

    def usage(self, pids: Collection[int]) -> Usage:
        """By process: everything that NVML tells, also about processes without a lease. What a child of a holder
        uses is the child's."""
        used_mib = int(self._memory().used) // MIB
        compute, graphics = self._processes("Compute"), self._processes("Graphics")
        listed: dict[int, int | None] = {}
        for pid, mib in [*(compute or {}).items(), *(graphics or {}).items()]:
            # A process that draws and computes is in both lists, with the same figure.
            before = listed.get(pid)
            listed[pid] = mib if before is None else max(before, mib or 0)
        known = {pid: mib for pid, mib in listed.items() if mib is not None}
        absent = set(pids) - listed.keys() if self._sees_holders and compute is not None else set()
        return Usage(used_mib, dict.fromkeys(absent, 0) | known)

    def reading(self) -> Reading:
        nvml, card = self._nvml, self._card
        utilisation = self._ask_maybe(nvml.nvmlDeviceGetUtilizationRates, self._handle)
        milliwatts = self._ask_maybe(nvml.nvmlDeviceGetPowerUsage, card)
        corrected, uncorrected = (
            self._ask_maybe(nvml.nvmlDeviceGetTotalEccErrors, card, kind, nvml.NVML_VOLATILE_ECC)
            for kind in (nvml.NVML_MEMORY_ERROR_TYPE_CORRECTED, nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED)
        )
        return Reading(
            utilisation_percent=None if utilisation is None else int(utilisation.gpu),
            temperature_c=self._ask_maybe(nvml.nvmlDeviceGetTemperature, card, nvml.NVML_TEMPERATURE_GPU),
            power_w=None if milliwatts is None else milliwatts / 1000,
            corrected_errors=corrected,
            uncorrected_errors=uncorrected,
        )

    def _memory(self) -> Any:
        return self._ask(self._nvml.nvmlDeviceGetMemoryInfo, self._handle)

    def _processes(self, kind: str) -> dict[int, int | None] | None:
        """MiB by process, None for one of which NVML does not tell; None in all where it lists no processes."""
        listed = self._ask_maybe(getattr(self._nvml, f"nvmlDeviceGet{kind}RunningProcesses"), self._handle)
        if listed is None:
            return None
        found: dict[int, int | None] = {}
        for process in listed:
            used, before = process.usedGpuMemory, found.get(process.pid, 0)
            found[process.pid] = None if used is None or before is None else before + used // MIB
        return found

    def _ask(self, question: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return question(*arguments)
        except (self._nvml.NVMLError, self._nvml.NVMLLibraryMismatchError) as error:
            raise Unavailable(
                f"NVML answers {str(error)!r} about {self.name}. See `nvidia-smi` and the kernel's log: a card that is "
                "lost needs a reset or a restart of the machine, and then a restart of the broker."
            ) from error

    def _ask_maybe(self, question: Callable[..., Any], *arguments: Any) -> Any:
        """None where the card is well but there is no answer."""
        try:
            return self._ask(question, *arguments)
        except Unavailable as unavailable:
            if _is_unanswered(self._nvml, unavailable.__cause__):
                return None
            raise


def found(
    nvml: Any = pynvml, reserve_mib: int = 0, slots: int = SLOTS, namespace: Path = PID_NAMESPACE
) -> list[CudaDevice]:
    """Every card of this host as `cuda:0`, `cuda:1` …, and in place of one that is divided its MIG instances as
    `cuda:0/mig-0` …, with NVML's own numbers. None where there is no driver or no card. What can't be asked for its
    memory is left out, with a line in the log."""
    try:
        nvml.nvmlInit()
        count = nvml.nvmlDeviceGetCount()
    except nvml.NVMLError as error:
        log.info("no NVIDIA cards", nvml=str(error))
        return []
    sees_holders = _counts_as_the_host(namespace)
    devices = []
    for name, handle, card in _handles(nvml, count):
        device = CudaDevice(name, handle, card, nvml, reserve_mib=reserve_mib, slots=slots, sees_holders=sees_holders)
        try:
            device.total_mib()
        except Unavailable as error:
            log.warning("device left out", device=name, error=error.message)
            continue
        devices.append(device)
    return devices


def _handles(nvml: Any, count: int) -> Iterator[tuple[str, Any, Any]]:
    """Name, own handle and the card's handle of each."""
    for index in range(count):
        name = f"cuda:{index}"
        try:
            card = nvml.nvmlDeviceGetHandleByIndex(index)
            if not _is_divided(nvml, card):
                yield name, card, card
                continue
            instances = list(_instances(nvml, card))
        except nvml.NVMLError as error:
            log.warning("device left out", device=name, error=str(error))
            continue
        yield from ((f"{name}/mig-{number}", instance, card) for number, instance in instances)


def _is_divided(nvml: Any, card: Any) -> bool:
    try:
        mode, _ = nvml.nvmlDeviceGetMigMode(card)
    except nvml.NVMLError as error:
        if _is_unanswered(nvml, error):
            return False
        raise
    return bool(mode == nvml.NVML_DEVICE_MIG_ENABLE)


def _instances(nvml: Any, card: Any) -> Iterator[tuple[int, Any]]:
    """Number and handle of each instance that has memory of its own: of compute instances that share one GPU
    instance, and so its memory, only the first."""
    seen = set()
    for number in range(nvml.nvmlDeviceGetMaxMigDeviceCount(card)):
        try:
            handle = nvml.nvmlDeviceGetMigDeviceHandleByIndex(card, number)
        except nvml.NVMLError as error:
            if _is_unanswered(nvml, error):
                continue  # a card may have fewer instances than it has room for
            raise
        memory = nvml.nvmlDeviceGetGpuInstanceId(handle)
        if memory not in seen:
            seen.add(memory)
            yield number, handle


def _is_unanswered(nvml: Any, error: BaseException | None) -> bool:
    if isinstance(error, nvml.NVMLLibraryMismatchError):
        return True  # the driver is older than the question
    return isinstance(error, nvml.NVMLError) and error.value in {getattr(nvml, name) for name in UNANSWERED}


def _counts_as_the_host(namespace: Path) -> bool:
    try:
        return str(namespace.readlink()) == HOST_NAMESPACE
    except OSError:
        return False
