"""What a client has to ask, and what it is told when it asks for something else."""

import asyncio

import pytest

from cri_server.errors import TooManyStreams
from cri_server.streaming import reception
from cri_server.streaming.server import StreamingServer
from tests.cri_server.streaming.clients import (
    SPDY_HEADERS,
    WEBSOCKET_HEADERS,
    SpdyClient,
    asked,
    call,
    request,
    spdy,
)
from tests.cri_server.streaming.conftest import Serve
from tests.cri_server.streaming.local_processes import LocalTarget, port_target

V4 = {**SPDY_HEADERS, "X-Stream-Protocol-Version": "v4.channel.k8s.io"}


def url_of_an_exec(server: StreamingServer) -> str:
    return server.url(LocalTarget("true").target())


def test_a_url_is_good_once(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        url = url_of_an_exec(server)
        assert url.startswith("http://127.0.0.1:")
        assert len(url.rpartition("/")[2]) == 32
        client = await spdy(url)
        answer = await asked(url, V4)
        assert answer.status == 404
        assert "used up" in answer.body
        client.caller.vanish()

    serve(scenario)


def test_a_token_is_of_one_kind(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        url = url_of_an_exec(server)
        for kind in ("attach", "portforward"):
            assert (await asked(url.replace("/exec/", f"/{kind}/"), V4)).status == 404
        assert (await asked(f"{url}x", V4)).status == 404
        client = await spdy(url)
        client.caller.vanish()

    serve(scenario)


@pytest.mark.parametrize(
    "path", ["/", "/exec", "/exec/", "/exec/unknown", "/exec/a/b", "/metrics", "//", "/portforward/x"]
)
def test_unknown_places(serve: Serve, path: str) -> None:
    async def scenario(server: StreamingServer) -> None:
        assert (await asked(server.address + path, V4)).status == 404

    serve(scenario)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS", "BREW"])
def test_other_methods_do_not_use_a_token_up(serve: Serve, method: str) -> None:
    async def scenario(server: StreamingServer) -> None:
        url = url_of_an_exec(server)
        answer = await asked(url, V4, method)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")
        client = await spdy(url)
        client.caller.vanish()

    serve(scenario)


@pytest.mark.parametrize(
    ("headers", "method", "status", "text"),
    [
        ({}, "POST", 400, "missing upgrade headers"),
        ({"Upgrade": "SPDY/3.1"}, "POST", 400, "missing upgrade headers"),
        ({"Connection": "Upgrade", "Upgrade": "h2c"}, "POST", 400, "missing upgrade headers"),
        (SPDY_HEADERS, "POST", 400, "X-Stream-Protocol-Version does not exist"),
        ({**SPDY_HEADERS, "X-Stream-Protocol-Version": "v9.channel.k8s.io"}, "POST", 403, "the client offers v9"),
        ({**V4, "Content-Length": "3"}, "POST", 400, "no body"),
        ({**V4, "Transfer-Encoding": "chunked"}, "POST", 400, "no body"),
        ({**WEBSOCKET_HEADERS, "Sec-WebSocket-Protocol": "chat"}, "GET", 403, "the client offers chat"),
        ({**WEBSOCKET_HEADERS, "Sec-WebSocket-Version": "8"}, "GET", 426, "version 13"),
        ({**WEBSOCKET_HEADERS, "Sec-WebSocket-Key": ""}, "GET", 400, "Sec-WebSocket-Key does not exist"),
        (WEBSOCKET_HEADERS, "POST", 405, "GET"),
    ],
)
def test_what_is_no_upgrade(serve: Serve, headers: dict[str, str], method: str, status: int, text: str) -> None:
    async def scenario(server: StreamingServer) -> None:
        answer = await asked(url_of_an_exec(server), headers, method)
        assert answer.status == status
        assert text in answer.body
        if status == 403:
            assert "v4.channel.k8s.io" in answer.headers["X-Accepted-Stream-Protocol-Versions"]

    serve(scenario)


@pytest.mark.parametrize(
    "offered", ["v9.x, v5.channel.k8s.io,v4.channel.k8s.io", "v9.x\r\nX-Stream-Protocol-Version: v5.channel.k8s.io"]
)
def test_the_client_s_first_choice_that_is_spoken_here(serve: Serve, offered: str) -> None:
    async def scenario(server: StreamingServer) -> None:
        url = url_of_an_exec(server)
        caller = await call(url)
        caller.send(
            request(
                url, {"connection": "keep-alive, UPGRADE", "upgrade": "spdy/3.1", "X-Stream-Protocol-Version": offered}
            )
        )
        answer = await caller.answer()
        assert (answer.status, answer.headers["X-Stream-Protocol-Version"]) == (101, "v5.channel.k8s.io")
        caller.vanish()

    serve(scenario)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_frames_may_come_together_with_the_request(serve: Serve, method: str) -> None:
    async def scenario(server: StreamingServer) -> None:
        url = server.url(LocalTarget("echo", "hello").target(stderr=False))
        caller = await call(url)
        caller.send(request(url, V4, method))
        client = SpdyClient(caller)
        _, stdout = (client.open(streamtype=role) for role in ("error", "stdout"))
        assert (await caller.answer()).status == 101
        await client.receive_all()
        assert client.received[stdout] == b"hello\n"

    serve(scenario)


def test_ports_without_numbers_have_no_channels(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        headers = {**WEBSOCKET_HEADERS, "Sec-WebSocket-Protocol": "v4.channel.k8s.io"}
        answer = await asked(server.url(port_target()), headers, "GET")
        assert (answer.status, answer.headers["X-Accepted-Stream-Protocol-Versions"]) == (
            403,
            "SPDY/3.1+portforward.k8s.io",
        )

    serve(scenario)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00 a TLS client's first word\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"y" * 400_000, 431),
    ],
)
def test_what_is_hardly_http(serve: Serve, raw: bytes, status: int) -> None:
    async def scenario(server: StreamingServer) -> None:
        caller = await call(server.address)
        caller.send(raw)
        assert (await caller.answer()).status == status
        await caller.close()

    serve(scenario)


def test_a_client_that_stalls_in_its_request_is_sent_away(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "_SECONDS_FOR_A_REQUEST", 0.1)

    async def scenario(server: StreamingServer) -> None:
        silent, slow = await call(server.address), await call(server.address)
        slow.send(b"POST /exec/x HTTP/1.1\r\nHost: lo")
        for caller in (silent, slow):
            assert (await caller.answer()).status == 408
            await caller.close()

    serve(scenario)


def test_a_client_that_leaves_before_it_has_asked(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        for caller in [await call(server.address) for _ in range(20)]:
            caller.send(b"POST /exec/x HTTP/1.1\r\nHost: lo")
            caller.vanish()

    serve(scenario)


def test_more_urls_than_clients_come_for(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        urls = [url_of_an_exec(server) for _ in range(3)]
        with pytest.raises(
            TooManyStreams, match=r"exec: 3 streams wait for their client already; .* streaming\.pending"
        ):
            url_of_an_exec(server)
        client = await spdy(urls[1])
        url_of_an_exec(server)
        client.caller.vanish()

    serve(scenario, pending=3)


def test_those_who_never_ask_keep_nobody_out(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cri_server.streaming.server._MOST_STRANGERS", 2)

    async def scenario(server: StreamingServer) -> None:
        silent = [await call(server.address) for _ in range(2)]
        while len(server._strangers) < len(silent):
            await asyncio.sleep(0.01)
        assert (await asked(f"{server.address}/", {})).status == 404
        assert await silent[0].reader.read() == b""  # who had waited longest
        for caller in silent:
            await caller.close()

    serve(scenario)


def test_a_server_of_both_families(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        assert server.address.startswith("http://[::1]:")
        assert (await asked(f"{server.address}/", {})).status == 404

    serve(scenario, address="[::1]:0")
    serve(scenario, address="[::]:0")
