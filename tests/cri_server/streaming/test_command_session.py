"""Exec and attach: the streams of a real process, over sockets, in each language that clients speak."""

import asyncio
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from cri_server.errors import WrongState
from cri_server.streaming import conversation
from cri_server.streaming.server import StreamingServer
from cri_server.streaming.spdy import frames
from cri_server.streaming.target import ProcessTarget
from tests.cri_server.streaming.clients import SPDY_HEADERS, SpdyClient, call, request, spdy, websocket
from tests.cri_server.streaming.conftest import Serve
from tests.cri_server.streaming.local_processes import LocalTarget

SUCCESS = {"metadata": {}, "status": "Success"}
MEBIBYTE = 1 << 20


async def opened(url: str, *roles: str, protocol: str = "v4.channel.k8s.io") -> tuple[SpdyClient, dict[str, int]]:
    client = await spdy(url, protocol)
    streams = {role: client.open(streamtype=role) for role in ("error", *roles)}
    await client.until_replied(len(streams))
    return client, streams


def failure(text: bytes | bytearray) -> str:
    status = json.loads(text)
    assert status["status"] == "Failure"
    assert (status["reason"], status["code"]) == ("InternalError", 500)
    assert status["message"] == f"Internal error occurred: {status['details']['causes'][0]['message']}"
    return str(status["details"]["causes"][0]["message"])


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
def test_both_outputs_and_an_exit_code(serve: Serve, protocol: str) -> None:
    async def scenario(server: StreamingServer) -> None:
        target = LocalTarget("sh", "-c", "echo out; echo err >&2; exit 3")
        client, streams = await opened(server.url(target.target()), "stdout", "stderr", protocol=protocol)
        await client.receive_all()
        assert client.received[streams["stdout"]] == b"out\n"
        assert client.received[streams["stderr"]] == b"err\n"
        assert json.loads(client.received[streams["error"]]) == {
            "metadata": {},
            "status": "Failure",
            "message": "command terminated with non-zero exit code: exit status 3",
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": "3"}]},
        }
        assert client.ended == set(streams.values())
        assert client.goodbye == 0

    serve(scenario)


@pytest.mark.parametrize("protocol", ["v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"])
@pytest.mark.parametrize(("command", "text"), [("true", b""), ("exit 9", b"exit status 9")])
def test_old_protocols_tell_failures_as_text(serve: Serve, protocol: str, command: str, text: bytes) -> None:
    async def scenario(server: StreamingServer) -> None:
        target = LocalTarget("sh", "-c", command).target()
        client, streams = await opened(server.url(target), "stdout", "stderr", protocol=protocol)
        await client.receive_all()
        assert client.received[streams["error"]].endswith(text)
        assert bool(client.received[streams["error"]]) == bool(text)

    serve(scenario)


def test_the_end_of_stdin_is_not_the_end(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        target = LocalTarget("sh", "-c", "cat; echo done")
        client, streams = await opened(server.url(target.target(stdin=True, stderr=False)), "stdin", "stdout")
        client.send(streams["stdin"], b"some ")
        client.send(streams["stdin"], b"input\n", fin=True)
        await client.receive_all()
        assert client.received[streams["stdout"]] == b"some input\ndone\n"
        assert json.loads(client.received[streams["error"]]) == SUCCESS

    serve(scenario)


def test_a_client_that_resets_its_stdin_has_ended_it(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        target = LocalTarget("cat").target(stdin=True, stderr=False)
        client, streams = await opened(server.url(target), "stdin", "stdout")
        client.caller.send(frames.rst_stream(streams["stdin"], 5))
        await client.receive_all()
        assert json.loads(client.received[streams["error"]]) == SUCCESS

    serve(scenario)


def test_a_client_that_resets_an_output_closes_the_process_s(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        client, streams = await opened(server.url(LocalTarget("yes").target(stderr=False)), "stdout")
        client.caller.send(frames.rst_stream(streams["stdout"], 5))
        await client.receive_all()
        assert b"exit status 1" in client.received[streams["error"]]

    serve(scenario)


def test_input_that_the_process_does_not_read(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        target = LocalTarget("sh", "-c", "exec <&-; echo closed; sleep 0.2").target(stdin=True, stderr=False)
        client, streams = await opened(server.url(target), "stdin", "stdout")
        while not client.received[streams["stdout"]]:
            await client.receive()
        for _ in range(32):
            client.send(streams["stdin"], bytes(MEBIBYTE))
        await client.receive_all()
        assert json.loads(client.received[streams["error"]]) == SUCCESS

    serve(scenario)


def test_what_a_client_sends_where_nothing_is_expected_of_it(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        target = LocalTarget("cat").target(stdin=True, stderr=False)
        client, streams = await opened(server.url(target), "stdin", "stdout")
        for role in ("error", "stdout"):
            client.send(streams[role], bytes(MEBIBYTE))
        client.send(streams["stdin"], b"hello", fin=True)
        await client.receive_all()
        assert client.received[streams["stdout"]] == b"hello"

    serve(scenario)


def test_a_client_that_does_not_want_to_hear_how_it_ended(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        target = LocalTarget("sh", "-c", "read x; echo heard").target(stdin=True, stderr=False)
        client, streams = await opened(server.url(target), "stdin", "stdout")
        client.caller.send(frames.rst_stream(streams["error"], 5))
        client.send(streams["stdin"], b"x\n")
        await client.receive_all()
        assert client.received[streams["stdout"]] == b"heard\n"
        assert client.goodbye == 0

    serve(scenario)


def test_a_client_that_leaves_before_the_process_is_there(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        local = LocalTarget("sleep", "4321")
        start = local.target(stdin=True)
        opening = asyncio.Event()

        async def start_slowly() -> Any:
            opening.set()
            await asyncio.sleep(0.1)
            return await start.open()

        client, _ = await opened(server.url(start._replace(open=start_slowly)), "stdin", "stdout", "stderr")
        await opening.wait()
        client.caller.vanish()
        while local.process is None or not local.process.has_ended:
            await asyncio.sleep(0.01)

    serve(scenario)


def test_a_terminal(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        local = LocalTarget("sh", "-c", "read line; stty size; echo $line; exit 4")
        client, streams = await opened(server.url(local.target(stdin=True, tty=True)), "stdin", "stdout", "resize")
        client.send(streams["resize"], b'{"Width":132,"Height":43}\n{"Width":99,')
        client.send(streams["resize"], b'"Height":44}\n')
        while local.process is None or len(local.process.sizes) < 2:
            await asyncio.sleep(0.01)
        client.send(streams["stdin"], b"hello\n")
        await client.receive_all()
        assert client.received[streams["stdout"]] == b"hello\r\n44 99\r\nhello\r\n"
        assert b"exit status 4" in client.received[streams["error"]]
        assert local.process.sizes == [(132, 43), (99, 44)]

    serve(scenario)


def test_nonsense_as_a_window_size_is_not_heard(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        local = LocalTarget("cat")
        client, streams = await opened(server.url(local.target(stdin=True, tty=True)), "stdin", "stdout", "resize")
        client.send(streams["resize"], b"[]}" + bytes(MEBIBYTE))
        client.send(streams["stdin"], b"\x04")
        await client.receive_all()
        assert json.loads(client.received[streams["error"]]) == SUCCESS

    serve(scenario)


def test_more_streams_than_were_asked_for_are_refused(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        client = await spdy(server.url(LocalTarget("true").target(stderr=False)))
        error = client.open(streamtype="error")
        refused = [client.open(streamtype=role) for role in ("error", "stdin", "stderr", "resize", "", "x")]
        client.open(streamtype="stdout")
        await client.receive_all()
        assert client.refused == set(refused)
        assert json.loads(client.received[error]) == SUCCESS

    serve(scenario)


def test_a_client_that_opens_too_few_streams_is_told(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        local = LocalTarget("true")
        url = server.url(local.target())
        client = SpdyClient(await call(url))
        client.caller.send(request(url, {**SPDY_HEADERS, "X-Stream-Protocol-Version": "v4.channel.k8s.io"}))
        error, _ = (client.open(streamtype=role) for role in ("error", "stdout"))
        assert (await client.caller.answer()).status == 101
        await client.receive_all()
        assert failure(client.received[error]) == "the client has not opened its streams within 1 s"
        assert local.process is None

    serve(scenario, creation_seconds=1)


def test_what_cannot_be_opened(serve: Serve) -> None:
    async def refuse() -> Any:
        raise WrongState("container abc is not running")

    async def scenario(server: StreamingServer) -> None:
        target = ProcessTarget("exec", False, True, False, False, refuse)
        client, streams = await opened(server.url(target), "stdout")
        await client.receive_all()
        assert failure(client.received[streams["error"]]) == "container abc is not running"

    serve(scenario)


def test_what_fails_unexpectedly(serve: Serve) -> None:
    async def fail() -> Any:
        raise KeyError("secret")

    async def scenario(server: StreamingServer) -> None:
        target = ProcessTarget("attach", False, True, False, False, fail)
        client, streams = await opened(server.url(target), "stdout")
        await client.receive_all()
        assert failure(client.received[streams["error"]]).startswith("attach failed unexpectedly; the log")

    serve(scenario)


@pytest.mark.parametrize("leave", ["vanish", "close"])
def test_the_process_of_a_client_that_leaves_is_ended(serve: Serve, leave: str) -> None:
    async def scenario(server: StreamingServer) -> None:
        local = LocalTarget("sh", "-c", "echo ready; exec sleep 4321")
        client, streams = await opened(server.url(local.target(stdin=True)), "stdin", "stdout", "stderr")
        while not client.received[streams["stdout"]]:
            await client.receive()
        if leave == "vanish":
            client.caller.vanish()
        else:
            await client.caller.close()
        while local.process is None or not local.process.has_ended:
            await asyncio.sleep(0.01)

    serve(scenario)


def test_a_client_that_leaves_while_it_is_not_read_from(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it is received any more, its end neither."""
    monkeypatch.setattr(conversation, "_SECONDS_BETWEEN_SIGNS_OF_LIFE", 0.1)

    async def scenario(server: StreamingServer) -> None:
        local = LocalTarget("sh", "-c", "echo ready; exec sleep 4321")
        client, streams = await opened(server.url(local.target(stdin=True)), "stdin", "stdout", "stderr")
        while not client.pings:
            client.send(streams["stdin"], bytes(MEBIBYTE))
            await client.receive()
        client.caller.vanish()
        while local.process is None or not local.process.has_ended:
            await asyncio.sleep(0.01)

    serve(scenario)


def test_a_job_in_the_background_ends_with_the_exec(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cri_server.streaming.process_joint._SECONDS_OF_SILENCE", 0.2)

    async def scenario(server: StreamingServer) -> None:
        target = LocalTarget("sh", "-c", "sleep 4321 & echo started").target()
        client, streams = await opened(server.url(target), "stdout", "stderr")
        await client.receive_all()
        assert client.received[streams["stdout"]] == b"started\n"
        assert json.loads(client.received[streams["error"]]) == SUCCESS

    serve(scenario)


def test_a_stream_over_which_nothing_goes(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        local = LocalTarget("sleep", "4321")
        client, streams = await opened(server.url(local.target()), "stdout", "stderr")
        await client.receive_all()
        assert failure(client.received[streams["error"]]) == "nothing was sent or received for 1 s"
        assert local.process
        assert local.process.has_ended

    serve(scenario, idle_seconds=1)


def test_a_client_that_listens_to_nothing(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be told of the end either."""
    monkeypatch.setattr(conversation, "_SECONDS_TO_HEAR_OF_THE_END", 0.2)

    async def scenario(server: StreamingServer) -> None:
        local = LocalTarget("yes")
        client, _ = await opened(server.url(local.target()), "stdout", "stderr")
        while local.process is None or not local.process.has_ended:
            await asyncio.sleep(0.01)
        await client.receive_all()

    serve(scenario, idle_seconds=1)


def test_the_server_s_end_is_told(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        local = LocalTarget("sleep", "4321")
        client, streams = await opened(server.url(local.target()), "stdout", "stderr")
        other = await websocket(server.url(local.target()), "v5.channel.k8s.io")
        closing = asyncio.create_task(server.close())
        await client.receive_all()
        await other.receive_all()
        await closing
        assert "about to end" in failure(client.received[streams["error"]])
        assert "about to end" in failure(other.channel(3))

    serve(scenario)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x80\x02\0\x06\0\0\0\4",
        frames.data_head(0, 1),
        frames.control(frames.HEADERS, bytes(4) + b"garbage"),
        b"\x80\x03\0\x01\0\xff\xff\xff",
        frames.syn_stream(2, b""),
    ],
    ids=["version", "stream 0", "header block", "long frame", "even id"],
)
def test_what_is_no_spdy_ends_the_stream(serve: Serve, raw: bytes) -> None:
    async def scenario(server: StreamingServer) -> None:
        local = LocalTarget("sleep", "4321")
        client, _ = await opened(server.url(local.target()), "stdout", "stderr")
        client.caller.send(raw)
        await client.receive_all()
        assert client.goodbye == 1
        assert local.process is None or local.process.has_ended

    serve(scenario)


def test_pings_are_answered_while_a_process_runs(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        client, _ = await opened(server.url(LocalTarget("sleep", "4321").target()), "stdout", "stderr")
        client.caller.send(frames.ping(77))
        while client.pings != [77]:
            await client.receive()
        client.caller.vanish()

    serve(scenario)


def test_a_client_that_asks_more_than_it_listens_does_not_fill_memory(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        client, _ = await opened(server.url(LocalTarget("sleep", "4321").target()), "stdout", "stderr")
        for _ in range(1000):
            client.caller.send(frames.ping(1) * 100_000)
            drained = asyncio.create_task(client.caller.writer.drain())
            if (await asyncio.wait([drained], timeout=0.5))[1]:
                drained.cancel()
                return client.caller.vanish()
        raise AssertionError("a gigabyte of pings was taken")

    serve(scenario)


# ---- WebSocket ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
def test_channels(serve: Serve, protocol: str) -> None:
    async def scenario(server: StreamingServer) -> None:
        target = LocalTarget("sh", "-c", "echo out; echo err >&2; exit 127").target()
        client = await websocket(server.url(target), protocol)
        client.send(b"\0what nobody has asked for")
        await client.receive_all()
        assert client.messages[0] == b"\1", "the client is told that it is connected"
        assert (client.channel(1), client.channel(2)) == (b"out\n", b"err\n")
        assert json.loads(client.channel(3))["details"]["causes"] == [{"reason": "ExitCode", "message": "127"}]
        assert client.close_code == 1000

    serve(scenario)


def test_a_channel_can_be_ended_in_v5(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        client = await websocket(server.url(LocalTarget("cat").target(stdin=True)), "v5.channel.k8s.io")
        client.send(b"\0hello")
        client.send(b"\7ignored")
        client.send(b"\xff\7")
        client.send(b"\xff\0")
        await client.receive_all()
        assert client.channel(1) == b"hello"
        assert json.loads(client.channel(3)) == SUCCESS

    serve(scenario)


@pytest.mark.parametrize("protocol", ["base64.channel.k8s.io", "v4.base64.channel.k8s.io"])
def test_channels_in_text(serve: Serve, protocol: str) -> None:
    async def scenario(server: StreamingServer) -> None:
        client = await websocket(server.url(LocalTarget("head", "-c", "5").target(stdin=True)), protocol)
        client.send("0aGVsbG8=")
        await client.receive_all()
        status = ["3eyJtZXRhZGF0YSI6e30sInN0YXR1cyI6IlN1Y2Nlc3MifQ=="] if protocol.startswith("v4") else []
        assert client.messages == ["1", "1aGVsbG8=", *status]

    serve(scenario)


@pytest.mark.parametrize("protocols", [(), ("channel.k8s.io",)])
def test_channels_of_the_first_version(serve: Serve, protocols: tuple[str, ...]) -> None:
    async def scenario(server: StreamingServer) -> None:
        client = await websocket(server.url(LocalTarget("sh", "-c", "echo x; exit 5").target()), *protocols)
        await client.receive_all()
        assert client.messages == [b"\1", b"\1x\n", b"\3command terminated with non-zero exit code: exit status 5"]

    serve(scenario)


def test_window_sizes_over_a_channel(serve: Serve) -> None:
    async def scenario(server: StreamingServer) -> None:
        local = LocalTarget("sh", "-c", "read line; stty size")
        client = await websocket(server.url(local.target(stdin=True, tty=True)), "v5.channel.k8s.io")
        client.send(b'\4{"Width":132,"Height":43}')
        while local.process is None or not local.process.sizes:
            await asyncio.sleep(0.01)
        client.send(b"\0\n")
        await client.receive_all()
        assert client.channel(1) == b"\r\n43 132\r\n"

    serve(scenario)


@pytest.mark.parametrize("leave", ["goodbye", "vanish", "nonsense"])
def test_the_process_of_a_websocket_client_that_leaves_is_ended(serve: Serve, leave: str) -> None:
    async def scenario(server: StreamingServer) -> None:
        local = LocalTarget("sh", "-c", "echo ready; exec sleep 4321")
        client = await websocket(server.url(local.target(stdin=True)), "v5.channel.k8s.io")
        while not client.channel(1):
            await client.receive()
        match leave:
            case "goodbye":
                client.goodbye()
                await client.receive_all()
                assert client.close_code == 1000
            case "vanish":
                client.caller.vanish()
            case "nonsense":
                client.caller.send(b"\x83\x80mask")
                await client.receive_all()
                assert client.close_code == 1002
        while local.process is None or not local.process.has_ended:
            await asyncio.sleep(0.01)

    serve(scenario)


def test_signs_of_life_for_a_client_whose_input_waits(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It takes a minute without a pong for the end, and its pings are behind what waits."""
    monkeypatch.setattr(conversation, "_SECONDS_BETWEEN_SIGNS_OF_LIFE", 0.1)

    async def scenario(server: StreamingServer) -> None:
        script = f"until [ -e {tmp_path}/told ]; do sleep 0.1; done; exec sha256sum"
        target = LocalTarget("sh", "-c", script).target(stdin=True)
        client = await websocket(server.url(target), "v5.channel.k8s.io")
        for _ in range(32):
            client.send(b"\0" + bytes(MEBIBYTE))
        client.ping(b"behind it")
        client.send(b"\xff\0")
        while not client.pongs:
            assert await client.receive()
        (tmp_path / "told").touch()
        await client.receive_all()
        assert client.pongs[0] == b""
        assert client.pongs[-1] == b"behind it"
        assert client.channel(1).startswith(b"83ee47245398adee79bd9c0a8bc57b821e92aba10f5f9ade8a5d1fae4d8c4302")

    serve(scenario)


# ---- Much -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("over", ["spdy", "websocket"])
def test_a_slow_reader_stops_the_process(serve: Serve, over: str) -> None:
    async def scenario(server: StreamingServer) -> None:
        script = "head -c 67108864 /dev/zero; echo all is written >&2"
        target = LocalTarget("sh", "-c", script).target()
        url = server.url(target)
        if over == "spdy":
            client, streams = await opened(url, "stdout", "stderr")
            await asyncio.sleep(0.5)
            while len(client.received[streams["stdout"]]) < 1 << 20:
                await client.receive()
            assert not client.received[streams["stderr"]]
            await client.receive_all()
            assert client.received[streams["stdout"]] == bytes(64 * MEBIBYTE)
            assert client.received[streams["stderr"]] == b"all is written\n"
        else:
            other = await websocket(url, "v4.channel.k8s.io")
            await asyncio.sleep(0.5)
            while len(other.channel(1)) < 1 << 20:
                await other.receive()
            assert not other.channel(2)
            await other.receive_all()
            assert other.channel(1) == bytes(64 * MEBIBYTE)
            assert max(map(len, other.messages)) == 32 << 10

    serve(scenario)


def test_fifty_at_a_time(serve: Serve) -> None:
    async def one(server: StreamingServer, number: int) -> None:
        target = LocalTarget("sh", "-c", f"cat; exit {number}").target(stdin=True, stderr=False)
        client, streams = await opened(server.url(target), "stdin", "stdout")
        data = struct.pack(">I", number) * 50_000
        client.send(streams["stdin"], data, fin=True)
        await client.receive_all()
        assert client.received[streams["stdout"]] == data
        status = json.loads(client.received[streams["error"]])
        assert status["details"]["causes"][0]["message"] == str(number) if number else status == SUCCESS

    async def scenario(server: StreamingServer) -> None:
        await asyncio.gather(*(one(server, number) for number in range(50)))

    serve(scenario)
