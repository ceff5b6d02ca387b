import pytest
from hypothesis import given
from hypothesis import strategies as st

from cri_server.streaming.errors import ProtocolViolation
from cri_server.streaming.websocket.channels import Channels, Ended, Received
from cri_server.streaming.websocket.messages import Piece
from tests.cri_server.streaming.spdy.test_frames import cut


def pieces(message: bytes | str, places: list[int]) -> list[Piece]:
    raw = message.encode() if isinstance(message, str) else message
    parts = cut(raw, places) or [b""]
    return [Piece(part, number == 0, number == len(parts) - 1) for number, part in enumerate(parts)]


@given(st.booleans(), st.integers(0, 9), st.binary(max_size=100_000), st.lists(st.integers(0, 1 << 20), max_size=9))
def test_data_comes_out_as_it_went_in(is_base64: bool, channel: int, data: bytes, places: list[int]) -> None:
    codec = Channels(is_base64, has_ends=True)
    received = b""
    for message in codec.encode(channel, memoryview(data)):
        assert len(message) <= 32 << 10
        for piece in pieces(message, places):
            decoded = codec.decode(piece)
            if decoded is not None:
                assert isinstance(decoded, Received)
                assert decoded.channel == channel
                received += decoded.data
    assert received == data


def test_text_is_base64_behind_a_digit() -> None:
    codec = Channels(is_base64=True, has_ends=False)
    assert list(codec.encode(1, b"hello")) == ["1aGVsbG8="]
    assert codec.mark(2) == "2"
    assert codec.decode(Piece(b"0aGVsbG8=", True, True)) == Received(0, b"hello")


def test_a_mark_is_a_channels_number_alone() -> None:
    codec = Channels(is_base64=False, has_ends=False)
    assert codec.mark(1) == b"\1"
    assert codec.decode(Piece(b"\0", True, True)) == Received(0, b"")


@pytest.mark.parametrize("places", [[], [1]])
def test_the_end_of_a_channel(places: list[int]) -> None:
    codec = Channels(is_base64=False, has_ends=True)
    assert [codec.decode(piece) for piece in pieces(b"\xff\0", places)][-1] == Ended(0)
    assert codec.decode(Piece(b"\0x", True, True)) == Received(0, b"x")


def test_a_protocol_without_ends_has_a_channel_255() -> None:
    assert Channels(is_base64=False, has_ends=False).decode(Piece(b"\xff\0", True, True)) == Received(255, b"\0")


def test_messages_without_anything() -> None:
    codec = Channels(is_base64=False, has_ends=True)
    assert codec.decode(Piece(b"", True, True)) is None
    assert codec.decode(Piece(b"\xff", True, True)) is None
    assert codec.decode(Piece(b"\0x", True, True)) == Received(0, b"x")


@pytest.mark.parametrize("text", [b"0a", b"0a\xffbc", b"0====", b"0aGVsbG8=aGVsbG8="])
def test_what_is_no_base64(text: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="not base64"):
        Channels(is_base64=True, has_ends=False).decode(Piece(text, True, True))


@given(st.booleans(), st.booleans(), st.lists(st.tuples(st.binary(max_size=20), st.booleans(), st.booleans())))
def test_garbage(is_base64: bool, has_ends: bool, played: list[tuple[bytes, bool, bool]]) -> None:
    codec = Channels(is_base64, has_ends)
    try:
        for piece in played:
            codec.decode(Piece(*piece))
    except ProtocolViolation:
        pass
