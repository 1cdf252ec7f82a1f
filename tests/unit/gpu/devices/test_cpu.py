from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from brickyard.gpu.devices import CpuDevice

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
    assert 0 < cpu.usage([]).used_mib < cpu.total_mib()


def test_what_a_process_holds_is_seen(tmp_path: Path) -> None:
    cpu = device(tmp_path, "0::/\n")
    me = os.getpid()
    before = cpu.usage([me])
    ballast = bytearray(os.urandom(1) * (300 * MIB))
    after = cpu.usage([me])
    assert after.by_pid[me] - before.by_pid[me] >= 250
    assert len(ballast) == 300 * MIB


def test_the_limit_of_a_container_holds(tmp_path: Path) -> None:
    group(tmp_path / "fs", 2, str(512 * MIB), used_mib=200, cache_mib=80)
    cpu = device(tmp_path, "0::/not/visible/here\n")
    assert cpu.total_mib() == 512
    assert cpu.usage([]).used_mib == 120


def test_the_limit_of_a_parent_holds_too(tmp_path: Path) -> None:
    group(tmp_path / "fs" / "slice", 2, str(256 * MIB), used_mib=10)
    group(tmp_path / "fs" / "slice" / "service", 2, "max", used_mib=5)
    assert device(tmp_path, "0::/slice/service\n").total_mib() == 256


@pytest.mark.parametrize(("limit", "total_mib"), [(str(300 * MIB), 300), ("9223372036854771712", None)])
def test_the_first_version_of_control_groups(tmp_path: Path, limit: str, total_mib: int | None) -> None:
    group(tmp_path / "fs" / "memory" / "docker", 1, limit, used_mib=50, cache_mib=20)
    cpu = device(tmp_path, "5:cpu,cpuacct:/\n4:memory:/docker\n0::/\n")
    assert cpu.total_mib() == (total_mib or psutil.virtual_memory().total // MIB)


GROWN_CHILD = f"ballast = b'x' * (200 * {MIB}); print('grown', flush=True); input()"


@contextmanager
def child() -> Iterator[int]:
    """A process with 200 MiB, and this one as its parent."""
    with subprocess.Popen([sys.executable, "-c", GROWN_CHILD], stdin=-1, stdout=-1) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"grown\n"
            yield process.pid
        finally:
            process.kill()


def test_what_children_use_is_their_parents(tmp_path: Path) -> None:
    cpu = device(tmp_path, "0::/\n")
    me = os.getpid()
    alone_mib = cpu.usage([me]).by_pid[me]
    with child():
        assert cpu.usage([me]).by_pid[me] - alone_mib >= 200


def test_a_child_with_a_lease_of_its_own_counts_once(tmp_path: Path) -> None:
    cpu = device(tmp_path, "0::/\n")
    me = os.getpid()
    with child() as pid:
        together_mib = cpu.usage([me]).by_pid[me]
        apart = cpu.usage([me, pid]).by_pid
        assert apart[pid] >= 200
        assert apart[me] <= together_mib - 200


def test_a_process_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    assert device(tmp_path, "0::/\n").usage([2**22 + 1]).by_pid == {}


def test_a_reserve_is_never_leased(tmp_path: Path) -> None:
    group(tmp_path / "fs", 2, str(512 * MIB), used_mib=0)
    (tmp_path / "own").write_text("0::/\n")
    assert CpuDevice("cpu", tmp_path / "fs", tmp_path / "own", reserve_mib=200).total_mib() == 312
    assert CpuDevice("cpu", tmp_path / "fs", tmp_path / "own", reserve_mib=600).total_mib() == 0


def cores(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(number)), raising=False)


@pytest.mark.parametrize(("threads", "slots"), [(1, 8), (3, 2), (8, 1), (9, 1)])
def test_a_chunk_for_every_so_many_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, slots: int
) -> None:
    cores(monkeypatch, 8)
    cpu = CpuDevice(cgroups=tmp_path / "fs", own_cgroups=tmp_path / "own", threads=threads)
    assert cpu.slots == slots


@pytest.mark.parametrize(("cpu_max", "slots"), [("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1)])
def test_a_container_has_the_cores_that_its_share_of_time_amounts_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpu_max: str, slots: int
) -> None:
    cores(monkeypatch, 8)
    (tmp_path / "fs" / "slice" / "service").mkdir(parents=True)
    (tmp_path / "fs" / "slice" / "cpu.max").write_text(cpu_max + "\n")
    (tmp_path / "fs" / "slice" / "service" / "cpu.max").write_text("600000 100000\n")
    assert device(tmp_path, "0::/slice/service\n").slots == min(slots, 6)


@pytest.mark.parametrize(("quota", "slots"), [("-1", 8), ("400000", 4)])
def test_cores_in_the_first_version_of_control_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, slots: int
) -> None:
    cores(monkeypatch, 8)
    folder = tmp_path / "fs" / "cpu" / "docker"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text(quota + "\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    assert device(tmp_path, "5:cpu,cpuacct:/docker\n4:memory:/docker\n").slots == slots
