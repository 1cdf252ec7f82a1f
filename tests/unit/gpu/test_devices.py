from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from brickyard.gpu.devices import CpuDevice, SimulatedDevice

MIB = 1 << 20


def group(folder: Path, version: int, limit: str, used_mib: int, cache_mib: int = 0) -> None:
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(limit + "\n")
    (folder / names[1]).write_text(f"{used_mib * MIB}\n")
    prefix = "" if version == 2 else "total_"
    (folder / "memory.stat").write_text(f"anon 1\n{prefix}inactive_file {cache_mib * MIB}\n")


def device(tmp_path: Path, own: str) -> CpuDevice:
    (tmp_path / "own").write_text(own)
    return CpuDevice(cgroups=tmp_path / "fs", own_cgroups=tmp_path / "own")


def test_without_a_limit_it_is_the_machine(tmp_path: Path) -> None:
    cpu = device(tmp_path, "0::/\n")
    assert cpu.total_mib() == psutil.virtual_memory().total // MIB
    assert 0 < cpu.used_without_lease_mib([]) < cpu.total_mib()


def test_what_lease_holders_use_is_not_counted_twice(tmp_path: Path) -> None:
    cpu = device(tmp_path, "0::/\n")
    ballast = bytearray(os.urandom(1) * (300 * MIB))
    with_us, without_us = cpu.used_without_lease_mib([]), cpu.used_without_lease_mib([os.getpid()])
    assert with_us - without_us > 200
    assert len(ballast) == 300 * MIB


def test_a_process_that_is_gone_uses_nothing(tmp_path: Path) -> None:
    cpu = device(tmp_path, "0::/\n")
    group(tmp_path / "fs", 2, str(512 * MIB), used_mib=100)
    assert cpu.used_without_lease_mib([2**22 + 1]) == 100


def test_the_limit_of_a_container_holds(tmp_path: Path) -> None:
    group(tmp_path / "fs", 2, str(512 * MIB), used_mib=200, cache_mib=80)
    cpu = device(tmp_path, "0::/not/visible/here\n")
    assert cpu.total_mib() == 512
    assert cpu.used_without_lease_mib([]) == 120


def test_the_limit_of_a_parent_holds_too(tmp_path: Path) -> None:
    group(tmp_path / "fs" / "slice", 2, str(256 * MIB), used_mib=10)
    group(tmp_path / "fs" / "slice" / "service", 2, "max", used_mib=5)
    assert device(tmp_path, "0::/slice/service\n").total_mib() == 256


@pytest.mark.parametrize(("limit", "total_mib"), [(str(300 * MIB), 300), ("9223372036854771712", None)])
def test_the_first_version_of_control_groups(tmp_path: Path, limit: str, total_mib: int | None) -> None:
    group(tmp_path / "fs" / "memory" / "docker", 1, limit, used_mib=50, cache_mib=20)
    cpu = device(tmp_path, "5:cpu,cpuacct:/\n4:memory:/docker\n0::/\n")
    assert cpu.total_mib() == (total_mib or psutil.virtual_memory().total // MIB)


def test_simulated() -> None:
    gpu = SimulatedDevice("gpu", 1000, elsewhere_mib=30)
    assert (gpu.total_mib(), gpu.used_without_lease_mib([1])) == (1000, 30)
