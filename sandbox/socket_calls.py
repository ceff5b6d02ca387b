"""Calls for sockets that read from and write to memory by its address, which the standard library's do not.

Bound before any fork, as those of ``sandbox.syscalls``.
"""

import ctypes
import os
import socket

from sandbox.errors import StartFailure

_libc = ctypes.PyDLL(None, use_errno=True)
_BACKLOG = 4096
"""The kernel lowers it to ``net.core.somaxconn``."""
_FIONREAD = 0x541B

_int, _size, _address = ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p

_accept4 = _libc["accept4"]
_accept4.argtypes = (_int, _address, _address, _int)
_read = _libc["read"]
_read.argtypes, _read.restype = (_int, _address, _size), ctypes.c_ssize_t
_recv = _libc["recv"]
_recv.argtypes, _recv.restype = (_int, _address, _size, _int), ctypes.c_ssize_t
_write = _libc["write"]
_write.argtypes, _write.restype = (_int, _address, _size), ctypes.c_ssize_t
_shutdown = _libc["shutdown"]
_shutdown.argtypes = (_int, _int)
_ioctl = _libc["ioctl"]
_ioctl.argtypes = (_int, ctypes.c_ulong, _address)

_count = ctypes.c_int()
_count_address = ctypes.addressof(_count)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def accept(listener: int, nonblocking: bool) -> int:
    """Waits, unless the listener does not block."""
    return _checked(_accept4(listener, None, None, socket.SOCK_CLOEXEC | (socket.SOCK_NONBLOCK if nonblocking else 0)))


def receive(descriptor: int, address: int, size: int, flags: int) -> int:
    """How many bytes came; 0 at the end of the stream."""
    if flags:
        return _checked(_recv(descriptor, address, size, flags))
    return _checked(_read(descriptor, address, size))


def send(descriptor: int, address: int, size: int) -> int:
    """How many bytes went. SIGPIPE has to be ignored."""
    return _checked(_write(descriptor, address, size))


def shutdown(descriptor: int, how: int) -> None:
    """``how``: ``socket.SHUT_*``."""
    _checked(_shutdown(descriptor, how))


def readable_bytes(descriptor: int) -> int:
    """As far as the kernel can tell, which it cannot of a listener: then 1."""
    _count.value = 0
    return _count.value if _ioctl(descriptor, _FIONREAD, _count_address) == 0 else 1


def listen(port: int, container_id: str) -> int:
    """A descriptor that listens on the TCP port, at all addresses of the network namespace, IPv6 and IPv4.

    Raises StartFailure.
    """
    try:
        return _listener(port).detach()
    except OSError as error:
        raise StartFailure(
            f"container {container_id} cannot listen on its port {port}: {os.strerror(error.errno or 0)}; give each "
            "container of the pod ports of its own, or choose them by the annotations wasmlet.dev/listen and "
            "wasmlet.dev/http-port"
        ) from error


def _listener(port: int) -> socket.socket:
    try:
        made = socket.socket(socket.AF_INET6, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        address = "::"
    except OSError:  # a kernel without IPv6
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        address = ""
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it; a guest has no call to set it.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.bind((address, port))
        made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    return made
