"""A pod's network namespace as a file, which outlives the pod process: plugins find there what they have to undo, and
no process of the pod can put another namespace in its place."""

import errno
import os
from pathlib import Path

from sandbox import syscalls
from sandbox.errors import SandboxError
from sandbox.network import route_messages as route
from sandbox.network.netlink import NetlinkSocket

_LOOPBACK_INDEX = 1
_OWN = "/proc/thread-self/ns/net"


def hold(path: Path, namespace: str) -> None:
    """Have the namespace of a living process at ``path``, with loopback up. Raises OSError, SandboxError.

    The calling thread is in that namespace afterwards and must do nothing else.
    """
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if os.path.samestat(os.fstat(descriptor), os.stat(_OWN)):
            raise SandboxError(f"{namespace} is the network of the host, which no plugin may change: make the pod anew")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        release(path)
        path.touch(0o600)
        syscalls.mount(f"/proc/self/fd/{descriptor}", str(path), "", syscalls.MS_BIND)
        syscalls.setns(descriptor, syscalls.CLONE_NEWNET)
        with NetlinkSocket() as pod:
            pod.request(route.set_up(_LOOPBACK_INDEX))
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Not after a boot, for one."""
    try:
        return path.stat().st_dev == os.stat(_OWN).st_dev
    except OSError:
        return False


def release(path: Path) -> None:
    """Idempotent. Raises OSError."""
    while is_held(path):
        try:
            syscalls.unmount(str(path), syscalls.MNT_DETACH)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOENT):
                raise
            break
    path.unlink(missing_ok=True)
