"""The filter is run here as the kernel would run it, for both machines; test_confine shows that the kernel agrees."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.media import seccomp

OWN, PARENT = 4321, 1234
ALLOWED, KILLED = "allowed", "killed"
COLUMNS = {name: column for name, (column, _) in seccomp.MACHINES.items()}
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def verdict(machine: str, number: int, first: int = 0, says: int | None = None) -> str:
    """Of the packet filter, which never goes back: what it answers to a call with this first argument."""
    column, own_name = seccomp.MACHINES[machine]
    steps = seccomp.program(column, own_name, OWN)
    memory = {0: number, 4: own_name if says is None else says, 16: first & 0xFFFFFFFF}
    at, held = 0, 0
    while True:
        code, yes, no, operand = steps[at]
        at += 1
        if code == 0x20:
            held = memory[operand]
        elif code == 0x06:
            return _answer(operand)
        else:
            holds = {0x15: held == operand, 0x35: held >= operand, 0x45: bool(held & operand)}[code]
            at += yes if holds else no


def _answer(operand: int) -> str:
    action, data = operand & 0xFFFF0000, operand & 0xFFFF
    return {0x7FFF0000: ALLOWED, 0x80000000: KILLED, 0x00050000: errno.errorcode.get(data, "?")}[action]


@pytest.mark.parametrize("machine", COLUMNS)
def test_what_is_named_is_refused(machine: str) -> None:
    for name, numbers in seccomp.REFUSED.items():
        number = numbers[COLUMNS[machine]]
        if number is not None:
            assert verdict(machine, number) == "EPERM", name


@pytest.mark.parametrize("machine", COLUMNS)
@given(number=st.integers(0, 500), first=st.integers(0, 2**32 - 1))
def test_all_else_is_allowed(machine: str, number: int, first: int) -> None:
    column = COLUMNS[machine]
    looked_at = (seccomp.CLONE, seccomp.CLONE3, seccomp.KILL, seccomp.TGKILL, seccomp.PRLIMIT, seccomp.PRCTL)
    refused = {numbers[column] for numbers in (*seccomp.REFUSED.values(), *looked_at)}
    if number not in refused:
        assert verdict(machine, number, first) == ALLOWED


@pytest.mark.parametrize("machine", COLUMNS)
def test_threads_but_no_processes(machine: str) -> None:
    column = COLUMNS[machine]
    assert verdict(machine, seccomp.CLONE[column], 0x3D0F00) == ALLOWED
    assert verdict(machine, seccomp.CLONE[column], 0x01200011) == "EPERM"
    assert verdict(machine, seccomp.CLONE3[column]) == "ENOSYS"


@pytest.mark.parametrize("machine", COLUMNS)
def test_signals_and_limits_concern_nobody_else(machine: str) -> None:
    column = COLUMNS[machine]
    for call in (seccomp.KILL, seccomp.TGKILL, seccomp.PRLIMIT):
        assert verdict(machine, call[column], OWN) == ALLOWED
        assert verdict(machine, call[column], PARENT) == "EPERM"
    assert verdict(machine, seccomp.PRLIMIT[column], 0) == ALLOWED
    for everybody in (0, -1):
        assert verdict(machine, seccomp.KILL[column], everybody) == "EPERM"


@pytest.mark.parametrize("machine", COLUMNS)
def test_what_keeps_it_down_cannot_be_taken_back(machine: str) -> None:
    prctl = seccomp.PRCTL[COLUMNS[machine]]
    assert verdict(machine, prctl, 15) == ALLOWED, "naming a thread"
    assert {verdict(machine, prctl, option) for option in (1, 4, seccomp.PR_SET_PTRACER)} == {"EPERM"}


def test_calls_by_other_numbers_are_none() -> None:
    assert verdict("x86_64", 59, says=0x40000003) == KILLED, "a 32-bit call"
    assert verdict("aarch64", 221, says=0x40000028) == KILLED
    assert verdict("x86_64", seccomp.X32 | 1) == "EPERM"


@pytest.mark.parametrize("machine", COLUMNS)
def test_the_filter_is_as_the_kernel_takes_it(machine: str) -> None:
    column, own_name = seccomp.MACHINES[machine]
    steps = seccomp.program(column, own_name, OWN)
    assert len(steps) <= 4096
    assert steps[-1][0] == steps[2][0], "it ends in an answer"
    assert all(max(yes, no) + at + 1 < len(steps) for at, (_, yes, no, _) in enumerate(steps[:-1]))
    assert all(max(yes, no) <= 255 for _, yes, no, _ in steps)


@pytest.mark.parametrize("machine", COLUMNS)
def test_numbers_are_those_of_the_kernel(machine: str) -> None:
    if not HEADERS[machine].is_file():
        pytest.skip(f"the kernel's headers are not installed: {HEADERS[machine]} is absent (linux-libc-dev)")
    known: dict[str, int] = {}
    for line in HEADERS[machine].read_text().splitlines():
        words = line.split()
        if len(words) == 3 and words[1].startswith("__NR") and words[2].isdigit():
            known[words[1].removeprefix("__NR3264_").removeprefix("__NR_")] = int(words[2])
    column = COLUMNS[machine]
    numbers = {name: both[column] for name, both in seccomp.REFUSED.items()}
    numbers |= {name.lower(): getattr(seccomp, name)[column] for name in ("CLONE", "CLONE3", "KILL", "TGKILL", "PRCTL")}
    compared = {name: number for name, number in numbers.items() if name in known}
    assert len(compared) > 80
    assert compared == {name: known[name] for name in compared}
