"""What a client sends, read in any pieces."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.http.request_reader import Refusal, Request, RequestReader

_MOST_HEADERS, _MOST_BODY = 1000, 5000
_CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

_token = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20).filter(
    lambda name: name not in ("content-length", "expect", "te", "trailer", "cookie")
)
_value = st.text("abcXYZ019 ;,=/", max_size=30).map(lambda text: text.strip().encode())
_pieces = st.lists(st.binary(min_size=1, max_size=300), max_size=6)


def read(*pieces: bytes) -> list[Request]:
    reader = RequestReader(_MOST_HEADERS, _MOST_BODY)
    for piece in pieces:
        reader.feed(piece)
    return list(reader.requests)


def refusal(*pieces: bytes) -> int:
    with pytest.raises(Refusal) as refused:
        read(*pieces)
    return refused.value.status


def chunked(pieces: list[bytes], trailers: bytes = b"") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailers + b"\r\n"


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(st.lists(st.tuples(_token, _value), max_size=8), _pieces, st.integers(1, 40), st.booleans())
def test_a_request_is_the_same_however_it_is_cut(
    headers: list[tuple[str, bytes]], pieces: list[bytes], size: int, in_chunks: bool
) -> None:
    body = b"".join(pieces)
    framing = b"Transfer-Encoding: chunked\r\n" if in_chunks else b"Content-Length: %d\r\n" % len(body)
    lines = b"".join(b"%b: %b\r\n" % (name.encode(), value) for name, value in headers)
    sent = chunked(pieces) if in_chunks else body
    requests = read(*cut(b"POST /a?b=c HTTP/1.1\r\nHost: here\r\n" + lines + framing + b"\r\n" + sent, size))
    assert len(requests) == 1
    request = requests[0]
    assert (request.method, request.target, request.authority) == ("POST", "/a?b=c", "here")
    expected = [item for item in headers if item[0] not in ("connection", "keep-alive", "upgrade", "host")]
    assert [item for item in request.headers if item[0] != "content-length"] == expected
    assert request.take_body() == body
    assert request.is_complete


@given(st.binary(max_size=200))
def test_nonsense_is_refused_or_waited_for(data: bytes) -> None:
    reader = RequestReader(_MOST_HEADERS, _MOST_BODY)
    with contextlib.suppress(Refusal):
        reader.feed(data)
    assert not any(request.is_complete for request in reader.requests)


def test_pipelined_requests_are_all_there() -> None:
    one = b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy"
    requests = read(b"".join(one % number for number in range(5)))
    assert [request.target for request in requests] == [f"/{number}" for number in range(5)]
    assert all(request.take_body() == b"xy" for request in requests)


def test_trailers_are_apart_from_headers() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    request = read(head + chunked([b"abc"], b"X-Sum: 6\r\nHost: b\r\n"))[0]
    assert request.trailers == [("x-sum", b"6")]
    assert request.headers == []
    assert request.authority == "a"


def test_what_belongs_to_the_connection_is_not_for_guests() -> None:
    request = read(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nKeep-Alive: 5\r\nA: b\r\n\r\n")[0]
    assert request.headers == [("a", b"b")]
    assert not request.keeps_alive


def test_a_url_as_target_names_the_host() -> None:
    request = read(b"GET http://there:1/x?y HTTP/1.1\r\nHost: a\r\n\r\n")[0]
    assert (request.authority, request.target) == ("there:1", "/x?y")


def test_an_offer_of_another_protocol_is_ignored() -> None:
    first = b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    requests = read(first + b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert [request.target for request in requests] == ["/1", "/2"]


def test_a_client_may_wait_for_leave_to_send() -> None:
    request = read(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")[0]
    assert request.expects_continue
    assert not request.is_complete


def test_a_client_of_the_first_version_is_not_given_leave_to_send() -> None:
    (request,) = read(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert not request.expects_continue


def test_another_expectation_is_for_the_handler_to_heed() -> None:
    (request,) = read(b"GET / HTTP/1.1\r\nHost: a\r\nExpect: rain\r\n\r\n")
    assert not request.expects_continue
    assert request.headers == [("expect", b"rain")]


@pytest.mark.parametrize("method", ["BREW", "M-SEARCH", "PROPFIND", "DESCRIBE", "get", "GETS"])
@pytest.mark.parametrize("before", [b"", b"\r\n"])
def test_a_method_may_be_any_word(method: str, before: bytes) -> None:
    text = b"%b%b / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n" % (before, method.encode())
    first, second, third = read(text + b"xy", text, b"xy", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert [each.method for each in (first, second, third)] == [method, method, "GET"]
    assert first.take_body() == second.take_body() == b"xy"


def test_a_method_that_comes_in_pieces_is_one_of_those_that_the_parser_knows() -> None:
    rest = b" / HTTP/1.1\r\nHost: a\r\n\r\n"
    (request,) = read(b"\r\n", b"\r", b"\nPAT", b"CH" + rest)
    assert request.method == "PATCH"
    assert refusal(b"BR", b"EW" + rest) == 501
    assert refusal(b"GET" + rest + b"BREW" + rest) == 501


def test_what_begins_with_no_method_is_no_request() -> None:
    assert refusal(b"\x16\x03\x01\x02") == refusal(b"nonsense\r\n\r\n") == 400


def test_who_asks_for_what_the_server_offers_as_a_whole_names_nothing() -> None:
    (request,) = read(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (request.method, request.target) == ("OPTIONS", "*")


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        _CHUNKED + b"2\nab\r\n0\r\n\r\n",
        _CHUNKED + b"2 ;a\r\nab\r\n0\r\n\r\n",
        _CHUNKED + b"2\r\nabc\r\n0\r\n\r\n",
        _CHUNKED + b"0x2\r\nab\r\n0\r\n\r\n",
        _CHUNKED + b"fffffffffffffffff\r\nab",
        _CHUNKED + b"0\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nA: b\nc: d\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nA: b\rc: d\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nA: b\0c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\xc3\xa4: b\r\n\r\n",
        b"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a/#b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://me@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\n\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_a_bad_request(data: bytes) -> None:
    assert refusal(data) == 400


def test_too_many_headers_are_refused() -> None:
    assert refusal(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 200) == 431


def test_one_endless_header_is_refused_before_its_end() -> None:
    assert refusal(b"GET / HTTP/1.1\r\nHost: a\r\nA: ", *[b"b" * 500] * 10) == 431


def test_endless_trailers_are_refused() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    assert refusal(head + b"A: b\r\n" * 500) == 431


def test_too_large_a_body_is_refused_when_it_is_announced() -> None:
    assert refusal(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5001\r\n\r\n") == 413


def test_too_large_a_body_is_refused_when_it_has_come() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert refusal(head, chunked([b"x" * 1000] * 6)) == 413


def test_the_body_of_a_request_that_offers_another_protocol_is_no_request() -> None:
    inner = b"GET /inner HTTP/1.1\r\nHost: a\r\n\r\n"
    offer = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
    next_one = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
    for framing, body in (
        (b"Content-Length: %d\r\n" % len(inner), inner),
        (b"Transfer-Encoding: chunked\r\n", chunked([inner])),
    ):
        sent = b"POST /outer HTTP/1.1\r\nHost: a\r\n" + offer + framing + b"\r\n" + body + next_one
        for size in (1, 7, len(sent)):
            outer, following = read(*cut(sent, size))
            assert (outer.target, outer.take_body(), outer.is_complete) == ("/outer", inner, True)
            assert (following.target, following.is_complete) == ("/next", True)


def test_offers_of_other_protocols_may_be_many() -> None:
    offer = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    assert len(read(offer * 2000)) == 2000


@pytest.mark.parametrize("unending", [b"0\r\nA: ", b"1;", b"0\r\n"])
def test_what_never_ends_behind_a_body_is_refused(unending: bytes) -> None:
    assert refusal(_CHUNKED, unending, *[b"a" * 500] * 20) == 431


def test_a_body_does_not_count_as_headers() -> None:
    assert read(_CHUNKED + chunked([b"a" * 4000]))[0].is_complete
    assert len(read(_CHUNKED + chunked([b"a" * 4000]) + b"GET / HTTP/1.1\r\nHo", b"st: a\r\n\r\n")) == 2


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"gzip", b"identity", b"xchunked"])
def test_no_transfer_encoding_but_chunked_is_understood(coding: bytes) -> None:
    assert refusal(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + coding + b"\r\n\r\n0\r\n\r\n") == 400


@pytest.mark.parametrize(
    "host", [b"a b", b"a/b", b'"', b"a\xff", b"a@b c", b"me@a", b"a:b", b"a:1:2", b"[::1", b"a, b"]
)
def test_a_host_that_is_none_is_refused(host: bytes) -> None:
    assert refusal(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n") == 400


@pytest.mark.parametrize(
    "host", [b"", b"a", b"a:", b"a:80", b"127.0.0.1:8080", b"[::1]", b"[fe80::1%25eth0]:80", b"a_b.c"]
)
def test_a_host_that_is_one_is_told(host: bytes) -> None:
    (request,) = read(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    assert request.authority == host.decode()


def test_a_target_with_a_host_may_have_no_path() -> None:
    (request,) = read(b"GET http://b?c=/d HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (request.authority, request.target) == ("b", "/?c=/d")
