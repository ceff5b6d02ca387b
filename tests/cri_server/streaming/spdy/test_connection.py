"""The server's side, spoken to by frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cri_server.streaming.errors import ProtocolViolation
from cri_server.streaming.spdy import frames
from cri_server.streaming.spdy.connection import Aborted, Ended, Event, Left, Opened, Received, SpdyConnection
from cri_server.streaming.spdy.headers import HeaderReader, HeaderWriter


class Client:
    def __init__(self) -> None:
        self.server = SpdyConnection()
        self.headers = HeaderWriter()

    def opens(self, stream_id: int, fin: bool = False, **headers: str) -> list[Event]:
        return self.sends(frames.syn_stream(stream_id, self.headers.write(headers), fin))

    def sends(self, *raw: bytes) -> list[Event]:
        return list(self.server.receive(b"".join(raw)))


def test_a_stream_from_its_beginning_to_its_end() -> None:
    client = Client()
    assert client.opens(1, streamtype="stdin") == [Opened(1, {"streamtype": "stdin"})]
    [reply] = frames.FrameReader().receive(client.server.accept(1))
    assert isinstance(reply, frames.Headers)
    assert HeaderReader().read(reply.block) == {}
    assert client.sends(frames.data_head(1, 2), b"hi", frames.data_head(1, 0, fin=True)) == [
        Received(1, memoryview(b"hi")),
        Ended(1),
    ]
    assert client.server.can_send(1)
    assert client.server.end(1) == frames.data_head(1, 0, fin=True)
    assert not client.server.can_send(1)
    assert client.server.end(1) == b""


def test_a_client_may_have_nothing_to_send() -> None:
    client = Client()
    assert client.opens(1, fin=True) == [Opened(1, {}), Ended(1)]


def test_either_side_resets() -> None:
    client = Client()
    client.opens(1)
    client.opens(3)
    assert client.sends(frames.rst_stream(1, 5)) == [Aborted(1)]
    assert client.server.reset(1) == b""
    assert client.server.reset(3, 3) == frames.rst_stream(3, 3)
    assert client.sends(frames.data_head(1, 1), b"x", frames.data_head(3, 1), b"x", frames.rst_stream(3, 5)) == []
    assert client.server.answers() == b"", "it was on its way"


def test_a_stream_that_is_reset_between_its_data_and_its_end() -> None:
    client = Client()
    client.opens(1)
    events = client.server.receive(frames.data_head(1, 1, fin=True) + b"x")
    assert next(events) == Received(1, memoryview(b"x"))
    client.server.reset(1)
    assert list(events) == []


def test_the_first_word_for_a_stream_that_was_never_opened() -> None:
    client = Client()
    assert client.sends(frames.data_head(7, 1), b"x") == []
    assert client.server.answers() == frames.rst_stream(7, 2)


def test_pings_are_answered_and_answers_are_not() -> None:
    client = Client()
    assert client.sends(frames.ping(1), frames.ping(2), frames.ping(0xFFFFFFFF)) == []
    assert client.server.answers() == frames.ping(1) + frames.ping(0xFFFFFFFF)
    assert client.server.answers() == b""
    assert [client.server.ping(), client.server.ping()] == [frames.ping(2), frames.ping(4)]


def test_headers_that_nobody_reads_are_inflated_nevertheless() -> None:
    client = Client()
    ignored = client.headers.write({"some": "header"})
    assert client.sends(frames.control(frames.HEADERS, bytes(4) + ignored)) == []
    assert client.opens(1, streamtype="error") == [Opened(1, {"streamtype": "error"})]
    assert client.sends(frames.syn_reply(1, client.headers.write({"a": "b"}))) == []
    assert client.opens(3, streamtype="data") == [Opened(3, {"streamtype": "data"})]


def test_a_client_that_leaves() -> None:
    assert Client().sends(frames.goaway(0, 0)) == [Left()]


@pytest.mark.parametrize("stream_id", [1, 2, 4, 0])
def test_ids_are_odd_and_grow(stream_id: int) -> None:
    client = Client()
    client.opens(1)
    with pytest.raises(ProtocolViolation, match="ids are odd, and grow"):
        client.opens(stream_id)


def test_nothing_comes_after_the_end() -> None:
    client = Client()
    client.opens(1, fin=True)
    with pytest.raises(ProtocolViolation, match="goes on after its end"):
        client.sends(frames.data_head(1, 1), b"x")


def test_more_streams_than_anybody_needs() -> None:
    client = Client()
    for number in range(4096):
        client.opens(2 * number + 1)
    assert client.opens(9001) == []
    assert client.server.answers() == frames.rst_stream(9001, 3)
    client.sends(frames.rst_stream(1, 5))
    assert client.opens(9003) == [Opened(9003, {})]


def test_a_stream_of_one_way_only_is_refused() -> None:
    client = Client()
    block = client.headers.write({})
    assert client.sends(frames.control(frames.SYN_STREAM, b"\0\0\0\1" + bytes(6) + block, 2)) == []
    assert client.server.answers() == frames.rst_stream(1, 3)


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_garbage(pieces: list[bytes]) -> None:
    server = SpdyConnection()
    try:
        for piece in pieces:
            list(server.receive(piece))
    except ProtocolViolation:
        assert server.goodbye(broken=True) == frames.goaway(0, 1)
