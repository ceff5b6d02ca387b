"""A network and mounts of its own for a test, as if it ran on a node of its own.

A kubelet refuses a node whose only address is loopback, and writes to places of the machine that no setting moves. So
the calling thread enters new namespaces, and with it all that it starts from then on, threads included. When the last
of these ends, the kernel removes interfaces, addresses, rules and mounts, however the test came to its end.
"""

import errno
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox import syscalls

ADDRESS = "192.0.2.10"
"""The node's, of the range for documentation: nothing else has it."""

INTERFACES = ("node0", "node1")
"""The node's, and its other end."""

_NETWORK = f"""
link set lo up
link add {INTERFACES[0]} type veth peer name {INTERFACES[1]}
address add {ADDRESS}/24 dev {INTERFACES[0]}
link set {INTERFACES[0]} up
link set {INTERFACES[1]} up
route add default via 192.0.2.1 dev {INTERFACES[0]}
"""
_HIDDEN = ("/var/lib", "/var/log")
"""Where a kubelet keeps things whatever its configuration says."""

_SECONDS_FOR_THREADS = 120

_KERNEL_SETTINGS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""Which a kubelet sets at its start, for the whole machine."""


@contextmanager
def node_namespaces(folder: Path) -> Iterator[None]:
    """``folder``: of its own, for what is shown in place of the machine's files. The caller is root."""
    former = {kind: os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY) for kind in ("net", "mnt")}
    working_directory = Path.cwd()
    try:
        syscalls.unshare(syscalls.CLONE_NEWNET | syscalls.CLONE_NEWNS)
        _make_network()
        _hide_the_machine(folder)
        yield
    finally:
        syscalls.setns(former["net"], syscalls.CLONE_NEWNET)
        _leave_mounts(former["mnt"])
        os.chdir(working_directory)
        for descriptor in former.values():
            os.close(descriptor)


def _leave_mounts(former: int) -> None:
    """The kernel refuses it as long as threads that were started meanwhile share the working directory: gRPC's and a
    registry's end soon after their last connection.
    """
    deadline = time.monotonic() + _SECONDS_FOR_THREADS
    while True:
        try:
            return syscalls.setns(former, syscalls.CLONE_NEWNS)
        except OSError as error:
            if error.errno != errno.EINVAL or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _make_network() -> None:
    subprocess.run(["ip", "-batch", "-"], input=_NETWORK.encode(), check=True)


def _hide_the_machine(folder: Path) -> None:
    syscalls.mount("", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
    for path in _HIDDEN:
        syscalls.mount("tmpfs", path, "tmpfs", 0)
    folder.mkdir(parents=True)
    for setting in _KERNEL_SETTINGS:
        original = Path("/proc/sys", setting)
        shown = folder / original.name
        shown.write_bytes(original.read_bytes())
        syscalls.mount(str(shown), str(original), "", syscalls.MS_BIND)
