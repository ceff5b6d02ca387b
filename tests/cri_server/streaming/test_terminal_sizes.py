import pytest
from hypothesis import given
from hypothesis import strategies as st

from cri_server.streaming.errors import ProtocolViolation
from cri_server.streaming.terminal_sizes import TerminalSizes
from tests.cri_server.streaming.spdy.test_frames import cut

CELLS = st.integers(0, 65535)


@given(st.lists(st.tuples(CELLS, CELLS)), st.sampled_from(["", "\n", " "]), st.lists(st.integers(0, 1 << 20)))
def test_sizes_come_out_as_they_went_in(sizes: list[tuple[int, int]], between: str, places: list[int]) -> None:
    text = between.join(f'{{"Width":{width},"Height":{height}}}' for width, height in sizes)
    codec = TerminalSizes()
    assert [size for data in cut(text.encode(), places) for size in codec.receive(data)] == sizes


@pytest.mark.parametrize(
    "text",
    [
        b"}",
        b"[]}",
        b'{"Width":80}',
        b'{"Width":-1,"Height":1}',
        b'{"Width":65536,"Height":1}',
        b'{"Width":"80","Height":1}',
        b'{"Width":true,"Height":1}',
        b'{"Width":1.5,"Height":1}',
        b"x" * 5000,
        b"\xff}",
        b'{"Width":{"a":1}',
    ],
)
def test_what_is_no_size(text: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        list(TerminalSizes().receive(text))


@given(st.lists(st.binary(max_size=60)))
def test_garbage(pieces: list[bytes]) -> None:
    codec = TerminalSizes()
    try:
        for piece in pieces:
            list(codec.receive(piece))
    except ProtocolViolation:
        pass
