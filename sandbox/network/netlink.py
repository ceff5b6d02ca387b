"""Requests to the kernel over netlink(7): several in one go, each acknowledged, and dumps.

Messages are encoded and decoded by pyroute2. Its sockets are not used, for each brings an event loop and takes a
millisecond to make; one of these takes 40 µs, so that every request can have its own, in the namespace it is about.
"""

import os
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

NETLINK_ROUTE = 0
NETLINK_NETFILTER = 12

NLM_F_REQUEST = 0x001
NLM_F_ACK = 0x004
NLM_F_CREATE_NEW = 0x600
"""NLM_F_CREATE | NLM_F_EXCL"""
NLM_F_CREATE = 0x400
NLM_F_DUMP = 0x300

Message = Any
"""A message object of pyroute2, which has no types, or an ``EncodedMessage``."""

_HEADER = struct.Struct("=IHHII")
_ERROR, _DONE = 2, 3
_NLM_F_DUMP_INTR = 0x10
_NLM_F_ACK_TLVS = 0x200
_NLMSGERR_ATTR_MSG = 1
_SOL_NETLINK = 270
_NETLINK_CAP_ACK, _NETLINK_EXT_ACK = 10, 11
_RECEIVE_BYTES = 1 << 17
_SO_SNDBUFFORCE = 32
_USUAL_SEND_BYTES = 1 << 16


def message(kind: Any, number: int, flags: int, fields: dict[str, Any], attributes: Sequence[Any] = ()) -> Message:
    """A message of pyroute2's class ``kind``, with the fields of its fixed part and its attributes, name and value."""
    made = kind()
    made["header"]["type"] = number
    made["header"]["flags"] = flags | NLM_F_REQUEST
    for name, value in fields.items():
        made[name] = value
    made["attrs"] = list(attributes)
    return made


class EncodedMessage:
    """A message whose body, the fixed part and the attributes, is encoded already. Sent as those of pyroute2 are."""

    def __init__(self, number: int, flags: int, body: bytes) -> None:
        self._header = {"type": number, "flags": flags | NLM_F_REQUEST, "sequence_number": 0, "pid": 0}
        self._body = body
        self.data = b""

    def __getitem__(self, name: str) -> dict[str, int]:
        return {"header": self._header}[name]

    def reset(self) -> None:
        self.data = b""

    def encode(self) -> None:
        length = _HEADER.size + len(self._body)
        self.data = _HEADER.pack(length, *self._header.values()) + self._body + bytes(-length % 4)


class NetlinkSocket:
    """Belongs for good to the network namespace that the calling thread is in. Calls block."""

    def __init__(self, family: int = NETLINK_ROUTE) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        self._sequence = 0

    def __enter__(self) -> "NetlinkSocket":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def request(self, *messages: Message) -> None:
        """Have all done, in order. The kernel goes on behind one it refuses; the first refusal is raised as OSError."""
        for refusal in self.attempt(*messages):
            if refusal is not None:
                raise refusal

    def attempt(self, *messages: Message) -> list[OSError | None]:
        """The refusal of each, or None."""
        for each in messages:
            each["header"]["flags"] |= NLM_F_ACK
        first = self._send(messages)
        answers = self._acknowledgements(set(range(first, first + len(messages))))
        return [answers[first + position] for position in range(len(messages))]

    def transact(self, begin: Message, messages: Sequence[Message], end: Message) -> None:
        """Have all done or none. Raises OSError."""
        messages[-1]["header"]["flags"] |= NLM_F_ACK  # refusals of the others are told all the same
        last = self._send([begin, *messages, end]) + len(messages)
        for refusal in self._acknowledgements({last}).values():
            if refusal is not None:
                raise refusal

    def dump(self, request: Message) -> list[Message]:
        """All objects of the request's kind, decoded. Raises OSError."""
        found = [type(request)(data) for data in self.dump_encoded(request)]
        for each in found:
            each.decode()
        return found

    def dump_encoded(self, request: Message) -> list[bytes]:
        """All objects of the request's kind, each as a whole message. Raises OSError."""
        request["header"]["flags"] |= NLM_F_DUMP
        while True:
            found = self._dump_once(request)
            if found is not None:
                return found

    def _dump_once(self, request: Message) -> list[bytes] | None:
        """None if it was changed meanwhile."""
        self._send([request])
        found, interrupted = [], False
        for kind, flags, _, data in self._received():
            interrupted |= bool(flags & _NLM_F_DUMP_INTR)
            if kind == _DONE:
                break
            if kind == _ERROR and (refusal := _refusal(flags, data)):
                raise refusal
            found.append(data)
        return None if interrupted else found

    def _send(self, messages: Sequence[Message]) -> int:
        """The sequence number of the first."""
        first = self._sequence + 1
        for each in messages:
            self._sequence += 1
            each["header"]["sequence_number"] = self._sequence
            each["header"]["pid"] = 0
            each.reset()
            each.encode()
        data = b"".join(each.data for each in messages)
        if len(data) > _USUAL_SEND_BYTES:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, 2 * len(data))
        self._socket.sendto(data, (0, 0))
        return first

    def _acknowledgements(self, expected: set[int]) -> dict[int, OSError | None]:
        """An error of a message that is not expected to be answered ends a transaction that cannot even begin."""
        answers: dict[int, OSError | None] = {}
        for kind, flags, sequence, data in self._received() if expected else ():
            if kind != _ERROR:
                continue
            answers[sequence] = _refusal(flags, data)
            if sequence not in expected or not expected - answers.keys():
                break
        return answers

    def _received(self) -> Iterator[tuple[int, int, int, bytes]]:
        """Type, flags, sequence number and all bytes of each message."""
        while True:
            data = self._socket.recv(_RECEIVE_BYTES)
            offset = 0
            while offset < len(data):
                length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
                yield kind, flags, sequence, data[offset : offset + length]
                offset += (length + 3) & ~3


class KeptSocket:
    """A socket that stays open between uses, each by one thread at a time, and is made where it is used first.

    For netfilter: when one is closed, the kernel waits until nobody looks any more at what was removed of nf_tables.
    """

    def __init__(self, family: int) -> None:
        self._family = family
        self._lock = threading.Lock()
        self._kept: NetlinkSocket | None = None

    def __enter__(self) -> NetlinkSocket:
        self._lock.acquire()
        try:
            self._kept = self._kept or NetlinkSocket(self._family)
        except BaseException:
            self._lock.release()
            raise
        return self._kept

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is not None:  # answers that nobody has read may be left
                self._close()
        finally:
            self._lock.release()

    def close(self) -> None:
        """Idempotent; it is made again when it is used."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None


def _refusal(flags: int, data: bytes) -> OSError | None:
    """What an NLMSG_ERROR message says; None if it is an acknowledgement."""
    (code,) = struct.unpack_from("=i", data, _HEADER.size)
    if code == 0:
        return None
    explanation = _explanation(data[_HEADER.size + 4 + _HEADER.size :]) if flags & _NLM_F_ACK_TLVS else ""
    return OSError(-code, os.strerror(-code) + (f" ({explanation})" if explanation else ""))


def _explanation(attributes: bytes) -> str:
    """The kernel's own words among the attributes of an error."""
    while len(attributes) >= 4:
        length, kind = struct.unpack_from("=HH", attributes)
        if kind == _NLMSGERR_ATTR_MSG:
            return attributes[4:length].rstrip(b"\0").decode(errors="replace")
        attributes = attributes[(length + 3) & ~3 :]
    return ""
