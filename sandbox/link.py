"""The server's end of a connection to a process below it: requests with their answers, and events, in the asyncio
loop.
"""

import asyncio
import itertools
import socket
from collections.abc import Callable
from typing import Any

from sandbox import control, errors
from sandbox.errors import PodProcessGone, SandboxError


class Link:
    """Requests may overlap. When the peer is gone every open request raises PodProcessGone and ``on_lost`` is
    called once.
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
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(connection.fileno(), self._process_readable)

    @property
    def is_open(self) -> bool:
        return self._connection.fileno() >= 0

    async def request(self, operation: str, descriptors: tuple[int, ...] = (), **fields: Any) -> control.Message:
        """The answer. Raises what the peer answered as an error, or PodProcessGone."""
        number = next(self._numbers)
        answer: asyncio.Future[control.Message] = self._loop.create_future()
        self._waiting[number] = answer
        try:
            await self._send({"version": control.VERSION, "id": number, "op": operation, **fields}, descriptors)
            return _without_error(await answer)
        finally:
            self._waiting.pop(number, None)
            answer.cancel()  # nobody waits for it any more

    def close(self) -> None:
        """Let the peer go; ``on_lost`` is not called."""
        if self.is_open:
            self._loop.remove_reader(self._connection.fileno())
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
        writable = asyncio.Event()
        descriptor = self._connection.fileno()
        self._loop.add_writer(descriptor, writable.set)
        try:
            await writable.wait()
        finally:
            self._loop.remove_writer(descriptor)

    def _process_readable(self) -> None:
        try:
            message, _ = control.receive(self._connection)
        except BlockingIOError:
            return
        if message is None:
            self._lose()
        elif "event" in message:
            self._on_event(message)
        else:
            self._process_answer(message)

    def _lose(self) -> None:
        self.close()
        self._on_lost()

    def _process_answer(self, message: control.Message) -> None:
        answer = self._waiting.get(message["id"])
        if answer is not None and not answer.done():  # else whoever asked was cancelled
            answer.set_result(message)

    def _gone(self) -> PodProcessGone:
        return PodProcessGone(f"{self._name} is gone")


def _without_error(answer: control.Message) -> control.Message:
    if "error" not in answer:
        return answer
    kind = getattr(errors, answer["error"], SandboxError)
    raise kind(answer["message"])
