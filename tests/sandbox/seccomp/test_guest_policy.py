"""The table itself: whole, without contradiction, and without what nobody may add by mistake."""

import re
from collections import Counter
from pathlib import Path

import pytest

from sandbox.seccomp import pod_policy
from sandbox.seccomp.guest_policy import ABSENT, ALLOWED, CONDITIONAL, HOSTILE, NEWEST
from sandbox.seccomp.socket_policy import ALL, TO_SERVE, SocketPolicy, serving
from sandbox.seccomp.syscall_numbers import NUMBERS
from tests.prerequisites import require_file

X86_64_ALONE = {"poll", "epoll_wait", "fork", "vfork", "iopl", "ioperm", "modify_ldt"}
"""Older than aarch64."""

NEVER_ALLOWED = {
    *("execve", "execveat", "fork", "vfork", "clone3", "ptrace", "process_vm_readv", "process_vm_writev"),
    *("mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "move_mount", "open_tree", "fsopen"),
    *("bpf", "keyctl", "add_key", "request_key", "init_module", "finit_module", "delete_module", "perf_event_open"),
    *("io_uring_setup", "userfaultfd", "pidfd_getfd", "pidfd_send_signal", "open_by_handle_at"),
}
"""What gives away the kernel, the node or a neighbour, whatever its arguments."""


OF_SOCKETS = {name for policy in ALL for name in (*policy.allowed, *policy.conditional)}


@pytest.mark.parametrize("policy", [*ALL, *map(serving, ALL)])
def test_each_name_has_one_answer(policy: SocketPolicy) -> None:
    names = Counter([*ALLOWED, *policy.allowed, *policy.conditional, *ABSENT, *HOSTILE, *CONDITIONAL])
    assert [name for name, times in names.items() if times > 1] == []
    assert not NEVER_ALLOWED & {*ALLOWED, *OF_SOCKETS, *CONDITIONAL}


@pytest.mark.parametrize("machine", sorted(NUMBERS))
def test_each_name_has_a_number(machine: str) -> None:
    names = {*ALLOWED, *OF_SOCKETS, *TO_SERVE, *ABSENT, *HOSTILE, *CONDITIONAL}
    assert names - set(NUMBERS[machine]) == (X86_64_ALONE if machine == "aarch64" else set())
    assert set(NUMBERS[machine]) <= names | {*pod_policy.REFUSED, *pod_policy.CONDITIONAL}
    numbers = list(NUMBERS[machine].values())
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) <= NEWEST


@pytest.mark.parametrize("machine", sorted(NUMBERS))
def test_what_a_pod_process_is_refused_has_a_number(machine: str) -> None:
    names = {*pod_policy.REFUSED, *pod_policy.CONDITIONAL}
    assert names - set(NUMBERS[machine]) == ({*X86_64_ALONE, "mknod"} & names if machine == "aarch64" else set())


@pytest.mark.parametrize(
    ("machine", "header"),
    [
        ("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        ("aarch64", "/usr/include/asm-generic/unistd.h"),
    ],
)
def test_the_numbers_are_those_of_the_kernels_headers(machine: str, header: str) -> None:
    text = require_file(Path(header), "install the package linux-libc-dev").read_text()
    defined = re.findall(r"#define (?:__NR|__NR3264)_(\w+)\s+(\d+)$", text, re.MULTILINE)
    theirs = {name: int(number) for name, number in defined}
    theirs |= {"newfstatat": theirs["fstatat"]} if "fstatat" in theirs else {}
    known = {name: number for name, number in NUMBERS[machine].items() if name in theirs}
    assert len(known) > 100
    assert known == {name: theirs[name] for name in known}
