import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from cri_server.streaming.errors import ProtocolViolation
from cri_server.streaming.websocket.messages import Closed, MessageConnection, Piece
from tests.cri_server.streaming.spdy.test_frames import cut


def client() -> Connection:
    return Connection(ConnectionType.CLIENT)


@given(
    st.lists(st.one_of(st.binary(max_size=300), st.text(max_size=100)), max_size=6), st.lists(st.integers(0, 1 << 20))
)
def test_messages_come_in_pieces_however_they_are_cut(messages: list[bytes | str], places: list[int]) -> None:
    other, server = client(), MessageConnection()
    raw = b"".join(
        bytes(other.send(BytesMessage(message) if isinstance(message, bytes) else TextMessage(message)))
        for message in messages
    )
    whole: list[bytes] = []
    for data in cut(raw, places):
        for piece in server.receive(data):
            assert isinstance(piece, Piece)
            if piece.is_first:
                whole.append(b"")
            whole[-1] += piece.data
    assert whole == [message.encode() if isinstance(message, str) else message for message in messages]


def test_a_message_of_several_frames_has_one_beginning() -> None:
    other, server = client(), MessageConnection()
    raw = [other.send(BytesMessage(part, message_finished=part == b"c")) for part in (b"a", b"b", b"c")]
    assert list(server.receive(b"".join(map(bytes, raw)))) == [
        Piece(b"a", True, False),
        Piece(b"b", False, False),
        Piece(b"c", False, True),
    ]


def test_pings_are_answered_with_what_they_hold() -> None:
    other, server = client(), MessageConnection()
    assert list(server.receive(bytes(other.send(Ping(b"1234"))))) == []
    other.receive_data(server.answers())
    [answer] = other.events()
    assert isinstance(answer, Pong)
    assert answer.payload == b"1234"


def test_a_goodbye_is_answered() -> None:
    other, server = client(), MessageConnection()
    assert list(server.receive(bytes(other.send(CloseConnection(1000))))) == [Closed()]
    other.receive_data(server.answers())
    [answer] = other.events()
    assert isinstance(answer, CloseConnection)
    assert answer.code == 1000
    assert server.message(b"too late") == b""
    assert list(server.receive(b"anything")) == []


def test_a_goodbye_from_here() -> None:
    other, server = client(), MessageConnection()
    other.receive_data(server.goodbye())
    [goodbye] = other.events()
    assert isinstance(goodbye, CloseConnection)
    assert goodbye.code == 1000
    assert server.goodbye() == server.pong() == server.message("x") == b""


@pytest.mark.parametrize(
    "raw", [b"\x82\x01x", b"\x83\x80mask", b"\xc2\x80mask", b"\x89\xfe\x00\x7fmask", b"\x81\x81\0\0\0\0\xff"]
)
def test_what_is_no_websocket(raw: bytes) -> None:
    server = MessageConnection()
    with pytest.raises(ProtocolViolation):
        list(server.receive(raw))
    assert server.goodbye(broken=True)


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_garbage(pieces: list[bytes]) -> None:
    server = MessageConnection()
    try:
        for piece in pieces:
            list(server.receive(piece))
    except ProtocolViolation:
        pass
