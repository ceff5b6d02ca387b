"""Sockets of a network namespace for processes outside: one belongs to the namespace that it was made in."""

import os
import socket
from collections.abc import Sequence

from sandbox import syscalls
from sandbox.errors import PodProcessGone


def sockets_inside(namespace: str, families: Sequence[socket.AddressFamily]) -> list[socket.socket | None]:
    """TCP sockets that do not block, None for a family that the kernel lacks. ``namespace``: its path.

    By a thread of its own, which is there then. Raises PodProcessGone.
    """
    try:
        descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise PodProcessGone(f"network namespace {namespace} is gone with its pod: make the pod anew") from error
    try:
        syscalls.setns(descriptor, syscalls.CLONE_NEWNET)
    finally:
        os.close(descriptor)
    return [_socket(family) for family in families]


def _socket(family: socket.AddressFamily) -> socket.socket | None:
    try:
        made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    except OSError:
        return None
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made
