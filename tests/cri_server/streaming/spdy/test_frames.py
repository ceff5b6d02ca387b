import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cri_server.streaming.errors import ProtocolViolation
from cri_server.streaming.spdy import frames

IDS = st.integers(1, 0x7FFFFFFF)
BYTES = st.binary(max_size=60)
NUMBERS = st.integers(0, 0xFFFFFFFF)


def sample() -> "st.SearchStrategy[tuple[frames.Frame, bytes]]":
    """Frames, and how they are written."""
    return st.one_of(
        st.tuples(IDS, BYTES, st.booleans()).map(
            lambda of: (
                frames.Data(of[0], memoryview(of[1]), of[2]),
                frames.data_head(of[0], len(of[1]), of[2]) + of[1],
            )
        ),
        st.tuples(IDS, BYTES, st.booleans()).map(
            lambda of: (frames.SynStream(of[0], of[1], of[2], False), frames.syn_stream(*of))
        ),
        st.tuples(IDS, BYTES).map(lambda of: (frames.Headers(of[1]), frames.syn_reply(*of))),
        st.tuples(IDS, NUMBERS).map(lambda of: (frames.RstStream(*of), frames.rst_stream(*of))),
        NUMBERS.map(lambda number: (frames.Ping(number), frames.ping(number))),
        st.tuples(IDS, NUMBERS).map(lambda of: (frames.GoAway(of[1]), frames.goaway(*of))),
    )


def joined(received: list[frames.Frame]) -> list[frames.Frame]:
    """Pieces of a data frame put together again; a frame of no bytes keeps its place."""
    whole: list[frames.Frame] = []
    for frame in received:
        before = whole[-1] if whole else None
        match before, frame:
            case frames.Data(stream_id, start, False), frames.Data(other_id, rest, fin) if stream_id == other_id:
                whole[-1] = frames.Data(stream_id, memoryview(bytes(start) + bytes(rest)), fin)
            case _:
                whole.append(frame)
    return whole


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(st.lists(sample(), max_size=8), st.lists(st.integers(0, 1 << 20), max_size=20))
def test_frames_come_out_as_they_went_in_however_they_are_cut(
    samples: list[tuple[frames.Frame, bytes]], places: list[int]
) -> None:
    reader = frames.FrameReader()
    received = [frame for data in cut(b"".join(raw for _, raw in samples), places) for frame in reader.receive(data)]
    assert joined(received) == joined([frame for frame, _ in samples])


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_garbage(pieces: list[bytes]) -> None:
    reader = frames.FrameReader()
    try:
        for piece in pieces:
            list(reader.receive(piece))
    except ProtocolViolation:
        pass


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (frames.data_head(0, 1), "stream 0"),
        (b"\x80\x02\0\x06\0\0\0\4", "version 2"),
        (frames.control(frames.PING, b"12345"), "type 6 has 5 bytes"),
        (frames.control(frames.RST_STREAM, b""), "type 3 has 0 bytes"),
        (frames.control(frames.SYN_STREAM, bytes(9)), "type 1 has 9 bytes"),
        (b"\x80\x03\0\x01\0\xff\xff\xff", "type 1 has 16777215 bytes"),
        (b"\x80\x03\0\x08\0\x01\0\0", "type 8 has 65536 bytes"),
    ],
)
def test_what_is_no_frame_is_told_from_its_head(raw: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolViolation, match=complaint):
        list(frames.FrameReader().receive(raw[:8]))


def test_a_long_data_frame_is_never_kept() -> None:
    reader = frames.FrameReader()
    assert list(reader.receive(frames.data_head(1, 0xFFFFFF, fin=True))) == []
    [first] = reader.receive(bytes(1000))
    assert first == frames.Data(1, memoryview(bytes(1000)), False)


def test_frames_of_other_types_are_skipped() -> None:
    reader = frames.FrameReader()
    others = b"".join(frames.control(kind, bytes(50_000)) for kind in (0, 4, 5, 9, 10, 0xFFFF))
    assert list(reader.receive(others + frames.ping(1))) == [frames.Ping(1)]
