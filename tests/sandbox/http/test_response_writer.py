"""What a client is sent."""

import io
from http.client import HTTPResponse
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.http.response_writer import ResponseWriter, refusal


class _Socket(io.BytesIO):
    def makefile(self, *arguments: Any) -> io.BytesIO:
        return self


def parsed(data: bytes, method: str = "GET") -> HTTPResponse:
    """As another implementation reads it."""
    response = HTTPResponse(cast("Any", _Socket(data)), method=method)
    response.begin()
    return response


def writer(method: str = "GET", is_http_1_1: bool = True, keeps_alive: bool = True) -> ResponseWriter:
    return ResponseWriter(method, is_http_1_1, keeps_alive)


@given(st.lists(st.tuples(st.binary(max_size=200), st.booleans()), max_size=8), st.booleans())
def test_a_body_arrives_however_it_was_written(pieces: list[tuple[bytes, bool]], is_http_1_1: bool) -> None:
    made, sent = writer(is_http_1_1=is_http_1_1), b""
    assert made.start(200, [("a", b"b")])
    for piece, is_sent in pieces:
        assert made.write(piece)
        sent += made.take() if is_sent else b""
    response = parsed(sent + (made.end([]) or b""))
    assert response.status == 200
    assert response.getheader("a") == "b"
    assert response.read() == b"".join(piece for piece, _ in pieces)


def test_a_short_body_has_a_length() -> None:
    made = writer()
    made.start(200, [])
    made.write(b"hello")
    response = parsed(made.end([]) or b"")
    assert response.getheader("content-length") == "5"
    assert response.getheader("date")
    assert made.keeps_alive


def test_trailers_follow_chunks() -> None:
    made = writer()
    made.start(200, [])
    made.write(b"hello")
    assert (made.end([("x-sum", b"5")]) or b"").endswith(b"\r\n5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n")


def test_a_client_of_the_first_version_reads_to_the_end() -> None:
    made = writer(is_http_1_1=False)
    made.start(200, [])
    made.write(b"a")
    head = made.take()
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert not made.keeps_alive


def test_a_head_is_answered_without_a_body() -> None:
    made = writer("HEAD")
    made.start(200, [("content-length", b"5")])
    made.write(b"hello")
    head = made.end([]) or b""
    assert b"content-length: 5\r\n" in head
    assert head.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("status", "sent"), [(204, []), (205, [b"content-length: 0"]), (304, [b"content-length: 7"])])
def test_a_status_has_the_length_that_it_may_have(method: str, status: int, sent: list[bytes]) -> None:
    made = writer(method)
    assert made.start(status, [("content-length", b"7"), ("a", b"b")])
    assert made.write(b"ignored")
    text = made.end([]) or b""
    assert text.endswith(b"\r\n\r\n")
    assert [line for line in text.splitlines() if line.startswith(b"content-length")] == sent
    assert b"a: b\r\n" in text


def test_a_length_that_is_told_twice_is_sent_once() -> None:
    made = writer()
    assert made.start(200, [("content-length", b"5"), ("a", b"b"), ("content-length", b"5")])
    made.write(b"hello")
    text = made.end([]) or b""
    assert [line for line in text.splitlines() if line.startswith(b"content-length")] == [b"content-length: 5"]


def test_no_trailer_is_about_the_framing() -> None:
    made = writer()
    made.start(200, [])
    text = made.end([("content-length", b"7"), ("x-sum", b"5"), ("trailer", b"a")]) or b""
    assert text.endswith(b"\r\n\r\n0\r\nx-sum: 5\r\n\r\n")


def test_some_statuses_have_no_body() -> None:
    for status in (204, 304):
        made = writer()
        made.start(status, [])
        made.write(b"ignored")
        text = made.end([]) or b""
        assert text.endswith(b"\r\n\r\n")
        assert b"content-length" not in text
        assert b"chunked" not in text


def test_more_than_was_promised_is_not_taken() -> None:
    made = writer()
    made.start(200, [("content-length", b"3")])
    assert made.write(b"abc")
    assert not made.write(b"d")


def test_less_than_was_promised_is_no_end() -> None:
    made = writer()
    made.start(200, [("content-length", b"3")])
    made.write(b"ab")
    assert made.end([]) is None


def test_lengths_that_contradict_each_other_are_refused() -> None:
    assert not writer().start(200, [("content-length", b"3"), ("content-length", b"4")])
    assert not writer().start(200, [("content-length", b"-3")])


def test_a_refusal_ends_the_connection() -> None:
    response = parsed(refusal(503, "too many"))
    assert (response.status, response.getheader("retry-after")) == (503, "1")
    assert response.getheader("connection") == "close"
    assert response.read() == b"503 Service Unavailable: too many\n"
