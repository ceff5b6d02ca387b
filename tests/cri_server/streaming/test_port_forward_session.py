"""Ports of this machine, over sockets, in each language that clients speak."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cri_server.errors import WrongState
from cri_server.streaming import port_forward_session
from cri_server.streaming.server import StreamingServer
from cri_server.streaming.spdy import frames
from cri_server.streaming.target import PortTarget
from tests.cri_server.streaming.clients import SpdyClient, WebSocketClient, spdy, websocket
from tests.cri_server.streaming.conftest import Serve
from tests.cri_server.streaming.local_processes import port_target

MEBIBYTE = 1 << 20
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[int]:
    """The port of a server that closes each connection when ``answer`` returns."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.write(b" and that is all")
    await writer.drain()


async def forwarded(server: StreamingServer, *ports: int) -> SpdyClient:
    return await spdy(server.url(port_target(*ports)), "portforward.k8s.io")


def pair(client: SpdyClient, port: int, request: int | None = None) -> tuple[int, int]:
    named = {} if request is None else {"requestid": str(request)}
    error = client.open(streamtype="error", port=str(port), **named)
    client.caller.send(frames.data_head(error, 0, fin=True))
    return error, client.open(streamtype="data", port=str(port), **named)


async def until(client: SpdyClient | WebSocketClient, condition: Callable[[], bool]) -> None:
    while not condition():
        assert await client.receive(), "the server has closed"


def test_each_way_ends_for_itself(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        async with listening(echo) as port:
            client = await forwarded(server)
            error, data = pair(client, port, 0)
            client.send(data, b"what is said")
            client.send(data, b"", fin=True)
            await until(client, lambda: {error, data} <= client.ended)
            assert client.received[data] == b"what is said and that is all"
            assert client.received[error] == b""
            client.caller.vanish()

    serve(scenario)


def test_a_client_that_names_no_requests(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        async with listening(echo) as port:
            client = await forwarded(server)
            pairs = [pair(client, port) for _ in range(3)]
            for _, data in pairs:
                client.send(data, str(data).encode(), fin=True)
            await until(client, lambda: {stream for both in pairs for stream in both} <= client.ended)
            for _, data in pairs:
                assert client.received[data] == f"{data} and that is all".encode()
            client.caller.vanish()

    serve(scenario)


def test_the_pod_says_all_and_the_client_resets(serve: Serve) -> None:
    """As the clients of Kubernetes do."""

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")

    async def scenario(server: StreamingServer) -> None:
        async with listening(greet) as port:
            client = await forwarded(server)
            error, data = pair(client, port, 0)
            await until(client, lambda: {error, data} <= client.ended)
            client.caller.send(frames.rst_stream(data, 5))
            again = pair(client, port, 1)
            await until(client, lambda: set(again) <= client.ended)
            assert client.received[again[1]] == b"hello"
            client.caller.vanish()

    serve(scenario)


def test_a_client_that_resets_leaves_nothing_of_a_silent_pod(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        over = asyncio.Event()

        async def say_nothing(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await over.wait()

        async with listening(say_nothing) as port:
            client = await forwarded(server)
            error, data = pair(client, port, 0)
            client.caller.send(frames.rst_stream(data, 5))
            await until(client, lambda: error in client.ended)
            over.set()
            client.caller.vanish()

    serve(scenario)


def test_a_port_that_nobody_listens_on(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            client = await forwarded(server)
            error, data = pair(client, port, 0)
            await until(client, lambda: error in client.ended and data in client.refused)
        text = client.received[error].decode()
        assert text.startswith(f"error forwarding port {port} to pod sandbox, uid : [Errno 111]")
        client.caller.vanish()

    serve(scenario)


@pytest.mark.parametrize(
    ("failure", "text"), [(WrongState("pod sandbox is not ready"), "not ready"), (KeyError("secret"), "unexpected")]
)
def test_a_pod_that_cannot_be_dialled(serve: Serve, failure: Exception, text: str) -> None:
    async def fail(_port: int) -> Any:
        raise failure

    async def scenario(server: StreamingServer) -> None:
        client = await spdy(server.url(PortTarget("sandbox", (), fail)), "portforward.k8s.io")
        error, _ = pair(client, 80, 0)
        await until(client, lambda: error in client.ended)
        assert text in client.received[error].decode()
        client.caller.vanish()

    serve(scenario)


def test_streams_that_are_of_no_pair_are_refused(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        client = await forwarded(server)
        wrong = [
            client.open(streamtype="data"),
            client.open(streamtype="data", port="0"),
            client.open(streamtype="data", port="65536"),
            client.open(streamtype="error", port="+80"),
            client.open(streamtype="stdin", port="80"),
            client.open(port="80"),
        ]
        await until(client, lambda: client.refused == set(wrong))
        twice = [client.open(streamtype="error", port="80", requestid="1") for _ in range(2)]
        await until(client, lambda: twice[1] in client.refused)
        client.caller.vanish()

    serve(scenario)


def test_half_a_pair_is_given_up(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        client = await forwarded(server)
        error = client.open(streamtype="error", port="80", requestid="1")
        data = client.open(streamtype="data", port="80", requestid="2")
        await until(client, lambda: error in client.ended and data in client.refused)
        assert client.received[error] == b"the client has opened one stream of two within 1 s"
        client.caller.vanish()

    serve(scenario, creation_seconds=1)


def test_streams_that_are_given_up_at_once_are_not_served_without_end(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_forward_session, "_MOST_PAIRS", 3)

    async def scenario(server: StreamingServer) -> None:
        client = await forwarded(server)
        half = [client.open(streamtype="error", port="80", requestid=str(number)) for number in range(3)]
        for stream in half[:-1]:
            client.caller.send(frames.rst_stream(stream, 5))
        beyond = client.open(streamtype="error", port="80", requestid="3")
        await until(client, lambda: beyond in client.refused)
        async with listening(echo) as port:
            await until(client, lambda: half[-1] in client.ended)  # the last of them is given up
            _, data = pair(client, port, 4)
            client.send(data, b"hello", fin=True)
            await until(client, lambda: data in client.ended)
            assert client.received[data] == b"hello and that is all"
            client.caller.vanish()

    serve(scenario, creation_seconds=1)


def test_a_client_that_opens_streams_without_end_is_sent_away(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_forward_session, "_MOST_PAIRS", 3)

    async def scenario(server: StreamingServer) -> None:
        client = await forwarded(server)
        for number in range(7):
            client.open(streamtype="error", port="80", requestid=str(number))
        await client.receive_all()
        assert len(client.refused) == 4

    serve(scenario)


def test_a_client_that_vanishes_closes_what_it_had_open(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        connected, closed = asyncio.Event(), asyncio.Event()

        async def wait(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            connected.set()
            await reader.read()
            closed.set()

        async with listening(wait) as port:
            client = await forwarded(server)
            _, data = pair(client, port, 0)
            client.send(data, b"x")
            await client.until_replied(2)
            await connected.wait()
            client.caller.vanish()
            await closed.wait()

    serve(scenario)


def test_the_server_s_end_is_told(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        async with listening(echo) as port:
            client = await forwarded(server)
            error, data = pair(client, port, 0)
            client.send(data, b"x")
            await until(client, lambda: client.received[data] == b"x")
            closing = asyncio.create_task(server.close())
            await client.receive_all()
            await closing
            assert b"about to end" in client.received[error]
            assert data in client.refused
            assert client.goodbye == 0

    serve(scenario)


def test_a_pod_that_takes_nothing_does_not_stop_the_others_for_ever(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_forward_session, "_SECONDS_TO_TAKE_SOMETHING", 0.3)

    async def scenario(server: StreamingServer) -> None:
        given_up = asyncio.Event()

        async def deaf(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await given_up.wait()

        async with listening(deaf) as deaf_port, listening(echo) as port:
            client = await forwarded(server)
            error, stuck = pair(client, deaf_port, 0)
            other_error, other = pair(client, port, 1)
            for _ in range(32):
                client.send(stuck, bytes(MEBIBYTE))
            client.send(other, b"behind it", fin=True)
            await until(client, lambda: {other, other_error} <= client.ended)
            assert client.received[other] == b"behind it and that is all"
            assert b"has taken nothing" in client.received[error]
            given_up.set()
            client.caller.vanish()

    serve(scenario)


@pytest.mark.parametrize("over", ["spdy", "tunnel"])
def test_many_pairs_with_much_both_ways(serve: Serve, over: str) -> None:
    count, size = 50, MEBIBYTE

    async def scenario(server: StreamingServer) -> None:
        async with listening(echo) as port:
            url = server.url(port_target())
            client = await (spdy(url, "portforward.k8s.io") if over == "spdy" else tunnelled(url))
            pairs = [pair(client, port, number) for number in range(count)]
            for number, (_, data) in enumerate(pairs):
                client.send(data, bytes([number]) * size, fin=True)
            await until(client, lambda: {data for _, data in pairs} <= client.ended)
            for number, (error, data) in enumerate(pairs):
                assert client.received[data] == bytes([number]) * size + b" and that is all"
                assert not client.received[error]
            client.caller.vanish()

    serve(scenario)


class _TunnelCaller:
    """A connection whose bytes are the payload of WebSocket messages."""

    def __init__(self, outer: WebSocketClient) -> None:
        self.outer = outer
        self.reader = self
        self.vanish = outer.caller.vanish

    def send(self, data: bytes) -> None:
        self.outer.send(data)

    async def read(self, _most: int) -> bytes:
        while not self.outer.messages:
            if self.outer.close_code is not None or not await self.outer.receive():
                return b""
        data = b"".join(message for message in self.outer.messages if isinstance(message, bytes))
        self.outer.messages.clear()
        return data


async def tunnelled(url: str) -> SpdyClient:
    caller: Any = _TunnelCaller(await websocket(url, "SPDY/3.1+portforward.k8s.io"))
    return SpdyClient(caller)


def test_the_tunnel_ends_when_the_client_says_goodbye(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        outer = await websocket(server.url(port_target()), "SPDY/3.1+portforward.k8s.io")
        outer.ping(b"1")
        await until(outer, lambda: outer.pongs == [b"1"])
        outer.goodbye()
        await outer.receive_all()
        assert outer.close_code == 1000

    serve(scenario)


def test_channels(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello " + await reader.read(100))

        async with listening(greet) as port, listening(greet) as other_port:
            client = await websocket(server.url(port_target(port, other_port)), "v4.channel.k8s.io")
            marks = [bytes([channel]) + place.to_bytes(2, "little") for channel, place in enumerate((port,) * 2)]
            await until(client, lambda: len(client.messages) >= 4)
            assert client.messages[:2] == marks
            assert client.messages[2:4] == [bytes([channel]) + other_port.to_bytes(2, "little") for channel in (2, 3)]
            client.send(b"\0first")
            client.send(b"\2second")
            await until(client, lambda: len(client.messages) == 6)
            assert sorted(map(bytes, client.messages[4:])) == [b"\0hello first", b"\2hello second"]  # type: ignore[arg-type]
            client.goodbye()
            await client.receive_all()

    serve(scenario)
