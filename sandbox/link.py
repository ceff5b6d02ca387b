"""The server's end of a connection to a process below it: requests with their answers, and events, in the asyncio
loop.

The process at the other end may have been taken over. What it sends is looked at accordingly, its descriptors are
closed, and it is cut off for what makes no sense.
"""

import asyncio
import itertools
import os
import socket
from collections.abc import Callable
from typing import Any

import structlog

from sandbox import control, errors
from sandbox.errors import Garbled, PodProcessGone, SandboxError

log = structlog.get_logger()


class Link:
    """Requests may overlap. When the peer is gone every open request raises PodProcessGone and ``on_lost`` is
    called once. ``on_event`` raises Garbled for what is no event.
    """

    def __init__(
        self,
        connection: socket.socket,
        name: str,
        on_event: Callable[[control.Message], None],
        on_lost: Callable[[], None],
    ) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._name = name
        self._on_event = on_event
        self._on_lost = on_lost
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[control.Message]] = {}
        self._blocked: list[asyncio.Future[None]] = []
        """Requests that the peer has no room for yet."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(connection.fileno(), self._process_readable)

    @property
    def is_open(self) -> bool:
        return self._connection.fileno() >= 0

    async def request(
        self,
        operation: str,
        descriptors: tuple[int, ...] = (),
        on_sent: Callable[[], None] = lambda: None,
        **fields: Any,
    ) -> control.Message:
        """The answer. Raises what the peer answered as an error, or PodProcessGone.

        ``on_sent``: called when the peer has the descriptors, of whose ends it may wait for ours to be closed.
        """
        number = next(self._numbers)
        answer: asyncio.Future[control.Message] = self._loop.create_future()
        self._waiting[number] = answer
        try:
            await self._send({"version": control.VERSION, "id": number, "op": operation, **fields}, descriptors)
            on_sent()
            return _without_error(await answer)
        finally:
            self._waiting.pop(number, None)
            answer.cancel()  # nobody waits for it any more

    def close(self) -> None:
        """Let the peer go; ``on_lost`` is not called."""
        if self.is_open:
            self._loop.remove_reader(self._connection.fileno())
            self._unblock()
            self._connection.close()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(self._gone())

    async def _send(self, message: control.Message, descriptors: tuple[int, ...]) -> None:
        while True:
            if not self.is_open:
                raise self._gone()
            try:
                return control.send(self._connection, message, descriptors)
            except BlockingIOError:  # the peer has not yet read what was sent before
                await self._writable()
            except OSError as error:
                self._lose()
                raise self._gone() from error

    async def _writable(self) -> None:
        """Or closed."""
        if not self._blocked:
            self._loop.add_writer(self._connection.fileno(), self._unblock)
        self._blocked.append(self._loop.create_future())
        await self._blocked[-1]

    def _unblock(self) -> None:
        self._loop.remove_writer(self._connection.fileno())
        blocked, self._blocked = self._blocked, []
        for each in blocked:
            if not each.done():
                each.set_result(None)

    def _process_readable(self) -> None:
        try:
            packet, descriptors = control.receive_packet(self._connection)
        except BlockingIOError:
            return
        for descriptor in descriptors:
            os.close(descriptor)  # none is ever asked for
        try:
            if packet:
                self._process_message(_message(packet))
            else:
                self._lose()
        except Garbled as error:
            log.warning("a process below the server is cut off", process=self._name, error=str(error))
            self._lose()

    def _process_message(self, message: control.Message) -> None:
        if "event" in message:
            self._on_event(message)
        else:
            self._process_answer(message)

    def _lose(self) -> None:
        self.close()
        self._on_lost()

    def _process_answer(self, message: control.Message) -> None:
        number = message.get("id")
        answer = self._waiting.get(number) if type(number) is int else None
        if answer is not None and not answer.done():  # else whoever asked was cancelled
            answer.set_result(message)

    def _gone(self) -> PodProcessGone:
        return PodProcessGone(f"{self._name} is gone")


def _message(packet: bytes) -> control.Message:
    try:
        message = control.decode(packet)
    except (ValueError, RecursionError) as error:
        raise Garbled(f"what it sent is no message ({type(error).__name__})") from error
    if type(message) is not dict:
        raise Garbled("what it sent is no message")
    return message


def _without_error(answer: control.Message) -> control.Message:
    if "error" not in answer:
        return answer
    raise _kind(str(answer["error"]))(str(answer.get("message")))


def _kind(name: str) -> type[SandboxError]:
    found = getattr(errors, name, None)
    return found if isinstance(found, type) and issubclass(found, SandboxError) else SandboxError
