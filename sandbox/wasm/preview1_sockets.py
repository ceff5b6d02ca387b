"""The sockets of a guest of WASI preview 1: what the host's side of the shim does (see ``preview1_shim``).

All functions share one callback, and the data goes between the guest's memory and the kernel without a copy here. Every
address that a guest gives is checked against its memory. The types and numbers are those of the specification's witx.
"""

import ctypes
import errno
import fcntl
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from image_store import host_interface
from sandbox import network_access, read_only, socket_calls
from sandbox.wasm.host_calls import DATAGRAM, HostCalls
from sandbox.wasm.library import Library, RawHostFunction
from sandbox.wasm.preview1_functions import I32
from sandbox.wasm.preview1_shim import FIRST_LISTENER, FIRST_SOCKET, HOST_FUNCTIONS

_SUCCESS, _AGAIN, _BADF, _FAULT, _INVAL, _IO, _NOTSUP, _ROFS = 0, 6, 8, 21, 28, 29, 58, 69
_ERRNOS = {
    errno.EACCES: 2,
    errno.EADDRINUSE: 3,
    errno.EADDRNOTAVAIL: 4,
    errno.EAFNOSUPPORT: 5,
    errno.EAGAIN: _AGAIN,
    errno.EBADF: _BADF,
    errno.ECONNABORTED: 13,
    errno.ECONNREFUSED: 14,
    errno.ECONNRESET: 15,
    errno.EDQUOT: 19,
    errno.EEXIST: 20,
    errno.EFAULT: _FAULT,
    errno.EHOSTUNREACH: 23,
    errno.EINTR: 27,
    errno.EINVAL: _INVAL,
    errno.EMFILE: 33,
    errno.EMSGSIZE: 35,
    errno.ENETDOWN: 38,
    errno.ENETUNREACH: 40,
    errno.ENFILE: 41,
    errno.ENOBUFS: 42,
    errno.ENOMEM: 48,
    errno.ENOSPC: 51,
    errno.ENOTCONN: 53,
    errno.ENOTSUP: _NOTSUP,
    errno.EPERM: 63,
    errno.EPIPE: 64,
    errno.EPROTO: 65,
    errno.ELOOP: 32,
    errno.ENAMETOOLONG: 37,
    errno.ENOENT: 44,
    errno.ENOTDIR: 54,
    errno.EROFS: 69,
    errno.EINPROGRESS: 26,
    errno.ETIMEDOUT: 73,
}
_NO_DIRECTORY = b"\1" + bytes(7)
"""A preopen that is no directory: the libraries of C and of Go both step over it and find those behind."""
_SOCKET_STREAM = 6
_ALL_RIGHTS = (1 << 30) - 1
_NONBLOCK = 4
_PEEK, _WAIT_ALL = 1, 2
_READ, _WRITE = 1, 2
_STDIN, _OUTPUTS = 0, (1, 2)
_CLOCK, _READABLE, _WRITABLE = 0, 1, 2
_REALTIME, _MONOTONIC = 0, 1
_ABSOLUTE = 1
_HANGUP = 1
_FIRST_OF_FILES = FIRST_LISTENER
_UNKNOWN_KIND, _CHARACTER_DEVICE = 0, 2
_MILLISECOND = 1_000_000

_SLOT = 16
"""Bytes of an argument."""
_MOST_VECTORS = 1024
"""As many as the kernel itself looks at. What a guest says to have is not copied unseen."""
_MOST_SUBSCRIPTIONS = 1 << 17
"""To read and to write all descriptors that there can be. What is said of each takes memory here."""
_EXTENT = struct.Struct("<II")
_WORD = struct.Struct("<I")
_FDSTAT = struct.Struct("<BxHxxxxQQ")
_FILESTAT = struct.Struct("<QQBxxxxxxxQQQQQ")
_SUBSCRIPTION = struct.Struct("<QBxxxxxxxIxxxxQQHxxxxxx")
_EVENT = struct.Struct("<QHBxxxxxQHxxxxxx")


class GuestFault(Exception):
    """An address outside of the guest's memory."""


class Sockets:
    """To be made before the fork; the rest of a guest's own process."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._functions: list[tuple[struct.Struct, Callable[..., int]]] = [
            (_arguments(types), getattr(self, f"_{name}")) for name, types in HOST_FUNCTIONS.items()
        ]
        self._host_calls = HostCalls(self._read, self._write, self._adopt, self._open_descriptor)
        counts = host_interface.PARAMETERS.values()
        self._functions += [
            (_arguments((I32,) * count), function)
            for count, function in zip(counts, self._host_calls.functions, strict=True)
        ]
        self._callback = RawHostFunction(self._call)
        self.code = int(ctypes.cast(self._callback, ctypes.c_void_p).value or 0)
        """Address of the few instructions that ctypes made for it, in memory that it can write to."""
        self._context: Any = None
        self._memory = 0
        self._open: dict[int, int] = {}
        """The kernel's descriptor by the guest's."""
        self._untouched: set[int] = set()
        """Listening sockets of which the guest has neither asked for the flags nor set them."""
        self._datagrams: set[int] = set()
        self._input_waits = True

    def define(self, linker: Any, module: bytes) -> Any:
        """What the shim calls. An error of wasmtime's, or None."""
        library = self._library
        for place, (name, types) in enumerate(HOST_FUNCTIONS.items()):
            names = (module, len(module), name.encode(), len(name))
            kind = library.function_type(len(types) - types.count("i64"), types.count("i64"))
            if error := library.wasmtime_linker_define_func_unchecked(
                linker, *names, kind, self._callback, place, None
            ):
                return error
        return None

    def define_host(self, linker: Any) -> Any:
        """What a module may import from wasmlet itself. An error of wasmtime's, or None."""
        library, module = self._library, host_interface.MODULE.encode()
        for place, (name, count) in enumerate(host_interface.PARAMETERS.items(), len(HOST_FUNCTIONS)):
            names = (module, len(module), name.encode(), len(name))
            kind = library.function_type(count, 0)
            if error := library.wasmtime_linker_define_func_unchecked(
                linker, *names, kind, self._callback, place, None
            ):
                return error
        return None

    def attach(
        self,
        context: Any,
        memory: int,
        listeners: list[int],
        questions: int = -1,
        access: str = network_access.NONE,
    ) -> None:
        """Once the guest is there. ``memory``: address of its ``wasmtime_memory_t``; ``listeners``: descriptors; the
        others: see ``HostCalls``."""
        self._context, self._memory = context, memory
        numbers = range(FIRST_LISTENER, FIRST_LISTENER + len(listeners))
        self._open = {_STDIN: _STDIN, **dict(zip(numbers, listeners, strict=True))}
        self._untouched = set(numbers)
        self._host_calls.attach(questions, access)

    def _adopt(self, descriptor: int, kind: int) -> int:
        number = FIRST_SOCKET + descriptor
        while number in self._open:
            number += 1
        self._open[number] = descriptor
        if kind == DATAGRAM:
            self._datagrams.add(number)
        return number

    def _open_descriptor(self, number: int) -> int:
        """Of a socket alone. Raises KeyError."""
        return self._open[number] if number != _STDIN else self._open[-1]

    def _call(self, place: int | None, caller: Any, slots: int, count: int) -> Any:
        arguments, function = self._functions[place or 0]
        try:
            result = function(*arguments.unpack(ctypes.string_at(slots, arguments.size)))
        except GuestFault:
            result = _FAULT
        except KeyError:
            result = _BADF
        except OSError as error:
            result = _ERRNOS.get(error.errno or 0, _IO)
        except Exception as error:  # noqa: BLE001 - whoever called is WebAssembly
            return self._trap(error)
        ctypes.c_uint32.from_address(slots).value = result
        return None

    def _trap(self, error: Exception) -> Any:
        """Our fault: no errno says that."""
        text = f"wasmlet failed in a call of its guest ({type(error).__name__}: {error})".encode()
        return self._library.wasmtime_trap_new(text, len(text))

    def _at(self, pointer: int, size: int) -> int:
        """The address of so many bytes of the guest's memory."""
        if pointer + size > self._library.wasmtime_memory_data_size(self._context, self._memory):
            raise GuestFault
        return int(self._library.wasmtime_memory_data(self._context, self._memory)) + pointer

    def _read(self, pointer: int, size: int) -> bytes:
        return ctypes.string_at(self._at(pointer, size), size)

    def _write(self, pointer: int, data: bytes) -> None:
        ctypes.memmove(self._at(pointer, len(data)), data, len(data))

    def _extent(self, vectors: int, count: int) -> tuple[int, int]:
        """Address and size of the first buffer with room: a stream may always be read and written in parts."""
        vectors_of_guest = self._read(vectors, min(count, _MOST_VECTORS) * _EXTENT.size)
        for pointer, size in _EXTENT.iter_unpack(vectors_of_guest):
            if size:
                return self._at(pointer, size), size
        return self._at(0, 0), 0

    def _sock_accept(self, number: int, flags: int, result: int) -> int:
        self._at(result, _WORD.size)
        descriptor = socket_calls.accept(self._open[number], bool(flags & _NONBLOCK))
        self._write(result, _WORD.pack(self._adopt(descriptor, _SOCKET_STREAM)))
        return _SUCCESS

    def _fd_read(self, number: int, vectors: int, count: int, result: int) -> int:
        return self._receive(number, vectors, count, 0, result)

    def _sock_recv(self, number: int, vectors: int, count: int, flags: int, result: int, result_flags: int) -> int:
        self._write(result_flags, bytes(2))
        known = (socket.MSG_PEEK if flags & _PEEK else 0) | (socket.MSG_WAITALL if flags & _WAIT_ALL else 0)
        return self._receive(number, vectors, count, known, result)

    def _receive(self, number: int, vectors: int, count: int, flags: int, result: int) -> int:
        descriptor = self._open[number]
        self._at(result, _WORD.size)
        if number == _STDIN and not self._input_waits and not _poll({descriptor: select.POLLIN}, 0):
            return _AGAIN
        received = socket_calls.receive(descriptor, *self._extent(vectors, count), flags)
        self._write(result, _WORD.pack(received))
        return _SUCCESS

    def _sock_send(self, number: int, vectors: int, count: int, flags: int, result: int) -> int:
        return _INVAL if flags else self._fd_write(number, vectors, count, result)

    def _fd_write(self, number: int, vectors: int, count: int, result: int) -> int:
        descriptor = number if number in _OUTPUTS else self._open[number]
        self._at(result, _WORD.size)
        sent = socket_calls.send(descriptor, *self._extent(vectors, count))
        self._write(result, _WORD.pack(sent))
        return _SUCCESS

    def _sock_shutdown(self, number: int, how: int) -> int:
        if how not in (_READ, _WRITE, _READ | _WRITE):
            return _INVAL
        socket_calls.shutdown(self._open[number], how - 1)
        return _SUCCESS

    def _fd_close(self, number: int) -> int:
        os.close(self._open.pop(number))
        self._untouched.discard(number)
        self._datagrams.discard(number)
        return _SUCCESS

    def _fd_renumber(self, number: int, to: int) -> int:
        if number == to or to not in self._open:
            return _SUCCESS if number in self._open and number == to else _BADF
        descriptor = self._open.pop(number)
        os.close(self._open[to])
        self._open[to] = descriptor
        self._untouched.discard(to)
        if number in self._untouched:
            self._untouched.remove(number)
            self._untouched.add(to)
        return _SUCCESS

    def _fd_fdstat_get(self, number: int, result: int) -> int:
        """Go leaves the flags as they are, and cannot serve by a socket that blocks; a plain loop does not ask, and
        cannot serve by one that does not."""
        if number == _STDIN:
            waits = 0 if self._input_waits else _NONBLOCK
            self._write(result, _FDSTAT.pack(_kind_of_input(self._open[number]), waits, _ALL_RIGHTS, _ALL_RIGHTS))
            return _SUCCESS
        if number in self._untouched:
            self._fd_fdstat_set_flags(number, _NONBLOCK)
        flags = fcntl.fcntl(self._open[number], fcntl.F_GETFL)
        blocks = _NONBLOCK if flags & os.O_NONBLOCK else 0
        kind = DATAGRAM if number in self._datagrams else _SOCKET_STREAM
        self._write(result, _FDSTAT.pack(kind, blocks, _ALL_RIGHTS, _ALL_RIGHTS))
        return _SUCCESS

    def _fd_fdstat_set_flags(self, number: int, flags: int) -> int:
        if flags & ~_NONBLOCK:
            return _INVAL
        if number == _STDIN:  # others may hold the same open file: its own flag stays as it is
            self._input_waits = not flags
            return _SUCCESS
        os.set_blocking(self._open[number], not flags)
        self._untouched.discard(number)
        return _SUCCESS

    def _fd_filestat_get(self, number: int, result: int) -> int:
        found = os.fstat(self._open[number])
        times = (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)
        kind = _kind_of_input(self._open[number]) if number == _STDIN else _SOCKET_STREAM
        self._write(result, _FILESTAT.pack(found.st_dev, found.st_ino, kind, found.st_nlink, 0, *times))
        return _SUCCESS

    def _fd_prestat_get(self, number: int, result: int) -> int:
        if number in self._open and (number >= FIRST_SOCKET or number == _STDIN):
            return _BADF
        self._write(result, _NO_DIRECTORY)
        return _SUCCESS

    def _io_error(self, path: int, length: int, links: int, size: int, modified: int) -> int:
        """wasmtime's word for what a read-only file system refuses, too, which has one of its own."""
        place = os.fsdecode(self._read(path, length))
        return _ROFS if "\0" not in place and read_only.is_read_only(place, links, size, modified) else _IO

    def _root_symlink(self, target: int, target_length: int, path: int, length: int) -> int:
        return self._host_calls.make_link(target, target_length, path, length)

    def _root_readlink(self, path: int, length: int, buffer: int, capacity: int, result: int) -> int:
        return self._host_calls.read_link(path, length, buffer, capacity, result)

    def _poll_oneoff(self, subscriptions: int, events: int, count: int, result: int, now: int) -> int:
        if count > _MOST_SUBSCRIPTIONS:
            return _INVAL
        asked = list(_SUBSCRIPTION.iter_unpack(self._read(subscriptions, count * _SUBSCRIPTION.size)))
        self._at(events, count * _EVENT.size)
        self._at(result, _WORD.size)
        if any(each[1] == _CLOCK and each[2] not in (_REALTIME, _MONOTONIC) for each in asked):
            return _INVAL
        found = self._wait(asked, now)
        self._write(events, b"".join(found))
        self._write(result, _WORD.pack(len(found)))
        return _SUCCESS

    def _wait(self, asked: list[tuple[int, ...]], now: int) -> list[bytes]:
        ready, waits = self._sorted(asked)
        ends = [time.monotonic_ns() + _left(each, now) for each in asked if each[1] == _CLOCK]
        occurred = _poll(waits, 0 if ready else min(ends, default=None))
        found = ready + [
            event for each in asked if each[1] != _CLOCK and (event := self._event(each, waits, occurred)) is not None
        ]
        moment = time.monotonic_ns()
        clocks = [each for each in asked if each[1] == _CLOCK]
        return found + [
            _EVENT.pack(each[0], _SUCCESS, _CLOCK, 0, 0)
            for each, end in zip(clocks, ends, strict=True)
            if end <= moment
        ]

    def _sorted(self, asked: list[tuple[int, ...]]) -> tuple[list[bytes], dict[int, int]]:
        """Events that need no waiting; and for what the kernel is asked, by descriptor."""
        ready: list[bytes] = []
        waits: dict[int, int] = {}
        for userdata, kind, number, *_ in asked:
            if kind == _CLOCK:
                continue
            descriptor = self._descriptor(number)
            if descriptor is not None:
                waits[descriptor] = waits.get(descriptor, 0) | (select.POLLIN if kind == _READABLE else select.POLLOUT)
            elif number >= FIRST_SOCKET or kind not in (_READABLE, _WRITABLE):
                ready.append(_EVENT.pack(userdata, _BADF, kind, 0, 0))
            else:
                ready.append(_EVENT.pack(userdata, _SUCCESS, kind, 1, 0))  # a file never makes anyone wait
        return ready, waits

    def _descriptor(self, number: int) -> int | None:
        """Of a socket or a standard stream."""
        return number if number < _FIRST_OF_FILES else self._open.get(number)

    def _event(self, subscription: tuple[int, ...], waits: dict[int, int], occurred: dict[int, int]) -> bytes | None:
        userdata, kind, number = subscription[:3]
        descriptor = self._descriptor(number)
        if descriptor is None or descriptor not in waits:
            return None
        states = occurred.get(descriptor, 0)
        wanted = select.POLLIN if kind == _READABLE else select.POLLOUT
        if not states & (wanted | select.POLLHUP | select.POLLERR | select.POLLNVAL):
            return None
        size = socket_calls.readable_bytes(descriptor) if kind == _READABLE else 1
        return _EVENT.pack(userdata, _SUCCESS, kind, size, _HANGUP if states & select.POLLHUP else 0)


def _kind_of_input(descriptor: int) -> int:
    return _CHARACTER_DEVICE if os.isatty(descriptor) else _UNKNOWN_KIND


def _arguments(types: tuple[str, ...]) -> struct.Struct:
    """How they lie in the slots."""
    return struct.Struct("<" + "".join("I12x" if kind == I32 else "Q8x" for kind in types))


def _left(subscription: tuple[int, ...], now: int) -> int:
    """Nanoseconds. ``now``: of the guest's monotonic clock."""
    _, _, clock, timeout, _, flags = subscription
    if not flags & _ABSOLUTE:
        return timeout
    return max(0, timeout - (time.time_ns() if clock == _REALTIME else now))


def _poll(waits: dict[int, int], end: int | None) -> dict[int, int]:
    """What has become of the descriptors until ``end`` (of the monotonic clock, in nanoseconds; None: for ever)."""
    poll = select.poll()
    for descriptor, events in waits.items():
        poll.register(descriptor, events)
    while True:
        left = None if end is None else max(0, end - time.monotonic_ns())
        occurred = poll.poll(None if left is None else -(-min(left, _LONGEST) // _MILLISECOND))
        if occurred or (left is not None and left <= _LONGEST):
            return dict(occurred)


_LONGEST = 1_000_000 * _MILLISECOND
"""Nanoseconds. The kernel takes no more than 31 bits of milliseconds."""
