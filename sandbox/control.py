"""The messages between the server and the processes below it: one JSON object a packet, descriptors travel with it.

A request is ``{"version": 5, "id": N, "op": "…", …}``. Its answer is ``{"id": N, …}``, or ``{"id": N, "error": KIND,
"message": TEXT}`` where KIND names a class of ``sandbox.errors``. What happened unasked is ``{"event": "…", …}``.
Packets stay far below the size that a kernel lets through (some 200 KiB): anything large is a file and the message
names its path.
"""

import array
import os
import socket
from typing import Any

from sandbox import lean_json

VERSION = 5
"""1: a pod process opened what it needed by the paths that it was told, and took no descriptors. 2: it executed no
other guests beside those of its containers, and let nobody attach to these. 3: it read its guests' environment.
4: its guests made no symbolic links to absolute paths."""
HANDED_FILES = 2
"""The version from which on a pod process has no files of its own,"""
EXECUTES = 3
"""executes guests beside those of its containers,"""
TAKES_ENVIRONMENT_APART = 4
"""reads no guest's environment,"""
MAKES_LINKS = 5
"""and makes the symbolic links that wasmtime refuses, for guests that ask the host."""
PACKET_BYTES = 65536
_DESCRIPTOR_BYTES = 4
_ROOM = socket.CMSG_SPACE(48 * _DESCRIPTOR_BYTES)
"""Nobody sends more descriptors: ten and a container's listening sockets, of which there are 32 at most."""

Message = dict[str, Any]


def encode(message: Message) -> bytes:
    return lean_json.write(message).encode("ascii")


def decode(packet: bytes) -> Message:
    message: Message = lean_json.read(packet.decode("ascii"))
    return message


def send(connection: socket.socket, message: Message, descriptors: tuple[int, ...] = ()) -> None:
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    connection.sendmsg([encode(message)], rights)


def receive(connection: socket.socket) -> tuple[Message | None, list[int]]:
    """The next message with its descriptors; None when the peer is gone."""
    packet, descriptors = receive_packet(connection)
    return decode(packet) if packet else None, descriptors


def receive_packet(connection: socket.socket) -> tuple[bytes, list[int]]:
    """The next message as it travels, with its descriptors; empty when the peer is gone."""
    try:
        packet, ancillary, _, _ = connection.recvmsg(PACKET_BYTES, _ROOM, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return b"", []
    return packet, _descriptors(ancillary)


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    received: list[int] = []
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            whole = len(data) - len(data) % _DESCRIPTOR_BYTES
            received.extend(memoryview(data[:whole]).cast("i"))
    return received


def read(connection: int, descriptors: list[int]) -> Message | None:
    """The next message from a connection of which a forked process keeps no more than the descriptor, for an object
    would cost it memory; None when the peer is gone. What travelled with it is put into ``descriptors`` first.
    """
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, connection)
    try:
        packet, received = receive_packet(peer)
    finally:
        peer.detach()
    descriptors.extend(received)
    return decode(packet) if packet else None


def hand_over(connection: int, message: Message, descriptors: list[int]) -> None:
    """``send`` by one of which only the descriptor is kept."""
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, connection)
    try:
        send(peer, message, tuple(descriptors))
    finally:
        peer.detach()


def write(connection: int, message: Message) -> None:
    os.write(connection, encode(message))


def socket_address(folder: int, name: str) -> str:
    """An address for the socket ``name`` in the open directory ``folder``: paths may be longer than the kernel's
    108 bytes.
    """
    return os.path.join(f"/proc/self/fd/{folder}", name)
