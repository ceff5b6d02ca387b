"""A DNS server of a test's own: A and AAAA records, by UDP and TCP, on port 53 of a loopback address in some network
namespace."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address

from sandbox import syscalls

_PORT = 53
_TYPES = {4: 1, 6: 28}
"""A and AAAA, by the version of the address."""
_ANSWER, _TRUNCATED, _UNKNOWN = 0x8580, 0x0200, 3
_IN = 1
_MOST_BYTES = 512


class NameServer:
    def __init__(self, records: dict[str, list[str]], truncates: bool) -> None:
        self._records = records
        self._truncates = truncates
        self.asked: list[str] = []
        """Names, in the order of the questions, each as often as it was asked for by whatever type."""

    def answer(self, query: bytes, by_udp: bool = True) -> bytes:
        name, kind, question = _question(query)
        self.asked.append(name)
        known = self._records.get(name)
        flags = _ANSWER | (0 if known is not None else _UNKNOWN)
        if self._truncates and by_udp:
            return struct.pack(">HHHHHH", *struct.unpack_from(">H", query), flags | _TRUNCATED, 1, 0, 0, 0) + question
        found = [address for text in known or [] if _TYPES[(address := ip_address(text)).version] == kind]
        records = [
            struct.pack(">HHHIH", 0xC00C, kind, _IN, 1, len(address.packed)) + address.packed for address in found
        ]
        header = struct.pack(">HHHHHH", *struct.unpack_from(">H", query), flags, 1, len(records), 0, 0)
        return header + question + b"".join(records)


@contextmanager
def serving(
    network: str, records: dict[str, list[str]], address: str = "127.0.0.1", truncates: bool = False
) -> Iterator[NameServer]:
    """``network``: path of the namespace; ``records``: addresses by names with no dot at the end; ``truncates``:
    answers by TCP alone."""
    server = NameServer(records, truncates)
    datagrams, listener = _sockets(network, address)
    for target in (_serve_datagrams, _serve_streams):
        threading.Thread(
            target=target, args=(server, datagrams if target is _serve_datagrams else listener), daemon=True
        ).start()
    try:
        yield server
    finally:
        for each in (datagrams, listener):
            _close(each)


def _sockets(network: str, address: str) -> tuple[socket.socket, socket.socket]:
    made: list[socket.socket] = []

    def make() -> None:
        with open(network) as namespace:
            syscalls.setns(namespace.fileno(), syscalls.CLONE_NEWNET)
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            made.append(socket.socket(socket.AF_INET, kind))
            made[-1].bind((address, _PORT))
        made[1].listen()

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    datagrams, listener = made
    return datagrams, listener


def _close(each: socket.socket) -> None:
    """Wakes who waits for it."""
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    each.close()


def _serve_datagrams(server: NameServer, datagrams: socket.socket) -> None:
    while True:
        try:
            query, peer = datagrams.recvfrom(_MOST_BYTES)
            if not query:
                return  # it was shut down
        except OSError:
            return
        with suppress(OSError):  # who asked may have gone
            datagrams.sendto(server.answer(query), peer)


def _serve_streams(server: NameServer, listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with suppress(OSError), connection, connection.makefile("rwb") as stream:
            while size := stream.read(2):
                answer = server.answer(stream.read(struct.unpack(">H", size)[0]), by_udp=False)
                stream.write(struct.pack(">H", len(answer)) + answer)
                stream.flush()


def _question(query: bytes) -> tuple[str, int, bytes]:
    place, labels = 12, []
    while size := query[place]:
        labels.append(query[place + 1 : place + 1 + size].decode())
        place += 1 + size
    kind, _ = struct.unpack_from(">HH", query, place + 1)
    return ".".join(labels).lower(), kind, query[12 : place + 5]
