"""Messages, in the pieces in which they come: none is ever kept whole."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError

from cri_server.streaming.errors import ProtocolViolation


class Piece(NamedTuple):
    """Of a message, binary or text."""

    data: bytes
    is_first: bool
    is_last: bool


class Closed(NamedTuple):
    """The client has said goodbye, and is answered."""


class MessageConnection:
    """The server's side."""

    def __init__(self) -> None:
        self._frames = Connection(ConnectionType.SERVER)
        self._answers = bytearray()
        self._within_message = False

    def receive(self, data: bytes) -> Iterator[Piece | Closed]:
        """Raises ProtocolViolation, after which it is of no more use, but for ``goodbye``."""
        if self._frames.state not in (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING):
            return
        self._frames.receive_data(data)
        for event in self._frames.events():
            match event:
                case BytesMessage() | TextMessage():
                    yield self._piece(event)
                case Ping():
                    self._answers += self._sent(event.response())
                case CloseConnection():
                    yield self._closed(event)

    def _piece(self, event: Message[Any]) -> Piece:
        is_first, self._within_message = not self._within_message, not event.message_finished
        data = event.data.encode() if isinstance(event.data, str) else bytes(event.data)
        return Piece(data, is_first, event.message_finished)

    def _closed(self, event: CloseConnection) -> Closed:
        """The library tells of a client's mistake in the same way as of its goodbye."""
        if self._frames.state is ConnectionState.OPEN:
            raise ProtocolViolation(f"what the client sends is not WebSocket: {event.reason}")
        self._answers += self._sent(event.response())
        return Closed()

    def answers(self) -> bytes:
        """What is to be written because of what was received."""
        answers = bytes(self._answers)
        self._answers.clear()
        return answers

    def message(self, data: bytes | str) -> bytes:
        return self._sent(BytesMessage(data) if isinstance(data, bytes) else TextMessage(data))

    def pong(self) -> bytes:
        """RFC 6455, 5.5.3: one that nobody asked for is a sign of life."""
        return self._sent(Pong())

    def goodbye(self, broken: bool = False) -> bytes:
        """``broken``: because of a ProtocolViolation."""
        code = CloseReason.PROTOCOL_ERROR if broken else CloseReason.NORMAL_CLOSURE
        return self._sent(CloseConnection(code))

    def _sent(self, event: Message[Any] | Ping | Pong | CloseConnection) -> bytes:
        """Nothing when goodbye was said."""
        try:
            return self._frames.send(event)
        except LocalProtocolError:
            return b""
