"""The CRI log format, against a naive writer and a reader that puts the lines together again."""

import re

from hypothesis import given
from hypothesis import strategies as st

from sandbox.cri_log import PIECE_BYTES, LogEncoder

NOW = 1_790_000_000_123_456_789
RECORD = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) (stdout|stderr) ([FP]) ([^\n]*)\n", re.DOTALL)

texts = st.lists(
    st.sampled_from(
        [b"", b"a", b"\n", b"\r\n", b"\r", b"\0\xff", b"x" * (PIECE_BYTES - 1), b"y" * PIECE_BYTES, b"z" * 40_000]
    ),
    max_size=12,
).map(b"".join)


def encode(chunks: list[bytes]) -> bytes:
    encoder = LogEncoder(b"stdout")
    return b"".join([*(encoder.feed(chunk, NOW) for chunk in chunks), encoder.finish(NOW)])


def records(log: bytes) -> list[tuple[bytes, bytes]]:
    found = [(match[3], match[4]) for match in RECORD.finditer(log)]
    assert b"".join(match[0] for match in RECORD.finditer(log)) == log, "every byte belongs to a record"
    return found


def naive(text: bytes) -> list[tuple[bytes, bytes]]:
    """Line by line, piece by piece."""
    *lines, rest = text.split(b"\n")
    found = []
    for line in lines:
        content = line.removesuffix(b"\r")
        while len(content) > PIECE_BYTES:
            found.append((b"P", content[:PIECE_BYTES]))
            content = content[PIECE_BYTES:]
        found.append((b"F", content))
    while rest:
        found.append((b"P", rest[:PIECE_BYTES]))
        rest = rest[PIECE_BYTES:]
    return found


@given(texts, st.data())
def test_however_the_bytes_arrive_the_records_are_the_same(text: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    chunks = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert records(encode(chunks)) == naive(text)


@given(
    st.lists(st.integers(0, 3).flatmap(lambda pieces: st.integers(-2, 2).map(lambda by: 1 + pieces * PIECE_BYTES + by)))
)
def test_lines_of_about_whole_pieces(lengths: list[int]) -> None:
    text = b"".join(b"x" * length + b"\n" for length in lengths)
    assert records(encode([text])) == naive(text)


@given(st.lists(st.integers(0, 300), min_size=400, max_size=400))
def test_many_short_lines_at_once(lengths: list[int]) -> None:
    text = b"".join(b"y" * length + b"\n" for length in lengths)
    assert records(encode([text])) == naive(text)


@given(st.binary(max_size=300))
def test_any_bytes_come_back(text: bytes) -> None:
    joined = b"".join(content + (b"\n" if tag == b"F" else b"") for tag, content in records(encode([text])))
    assert joined == text.replace(b"\r\n", b"\n")


def test_a_line_of_exactly_one_piece_is_full() -> None:
    assert records(encode([b"x" * PIECE_BYTES + b"\n"])) == [(b"F", b"x" * PIECE_BYTES)]
    assert records(encode([b"x" * PIECE_BYTES + b"\r\n"])) == [(b"F", b"x" * PIECE_BYTES)]
    assert records(encode([b"x" * (PIECE_BYTES + 1) + b"\n"])) == [(b"P", b"x" * PIECE_BYTES), (b"F", b"x")]


def test_an_empty_line_keeps_its_trailing_space() -> None:
    assert encode([b"\n"]) == b"2026-09-21T14:13:20.123456789Z stdout F \n"


def test_an_unfinished_line_waits_for_its_end() -> None:
    encoder = LogEncoder(b"stderr")
    assert encoder.feed(b"prompt> ", NOW) == b""
    assert encoder.finish(NOW) == b"2026-09-21T14:13:20.123456789Z stderr P prompt> \n"
    assert encoder.finish(NOW) == b""


def test_what_is_held_back_is_bounded() -> None:
    encoder = LogEncoder(b"stdout")
    for _ in range(100):
        encoder.feed(b"x" * 65536, NOW)
    assert len(encoder.finish(NOW)) < 3 * PIECE_BYTES


def test_the_clock_follows_the_second() -> None:
    encoder = LogEncoder(b"stdout")
    assert encoder.feed(b"a\n", 0).startswith(b"1970-01-01T00:00:00.000000000Z ")
    assert encoder.feed(b"a\n", 86_400_000_000_001).startswith(b"1970-01-02T00:00:00.000000001Z ")
