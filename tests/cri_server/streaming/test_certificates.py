"""TLS: what clients are shown, also after the files have changed."""

import asyncio
import os
import ssl
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from cri_server.config import StreamingSettings
from cri_server.errors import UnusableSetting
from cri_server.streaming.server import StreamingServer, open_streaming
from tests.cri_server.streaming.clients import SPDY_HEADERS, SpdyClient, call, request
from tests.cri_server.streaming.conftest import Serve
from tests.cri_server.streaming.local_processes import LocalTarget
from tests.image_store.certificates import Certificate, self_signed


def trusting(certificate: Certificate, own: Certificate | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificate.path))
    if own is not None:
        context.load_cert_chain(own.path, own.key)
    return context


async def status(server: StreamingServer, tls: ssl.SSLContext) -> int:
    url = server.url(LocalTarget("true").target())
    assert url.startswith("https://127.0.0.1:")
    caller = await call(url, tls)
    try:
        caller.send(request(url, {**SPDY_HEADERS, "X-Stream-Protocol-Version": "v4.channel.k8s.io"}))
        return (await caller.answer()).status
    finally:
        caller.vanish()


def test_a_renewed_certificate_is_shown_from_then_on(serve: Serve, tmp_path: Path) -> None:
    first, second = self_signed(tmp_path, "127.0.0.1", "first"), self_signed(tmp_path, "127.0.0.1", "second")
    path, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def install(certificate: Certificate) -> None:
        for source, place in ((certificate.path, path), (certificate.key, key)):
            (tmp_path / "new").write_bytes(source.read_bytes())
            os.replace(tmp_path / "new", place)

    async def scenario(server: StreamingServer) -> None:
        assert await status(server, trusting(first)) == 101
        install(second)
        assert await status(server, trusting(second)) == 101
        with pytest.raises(ssl.SSLCertVerificationError):
            await status(server, trusting(first))
        key.write_text("half a key")
        assert await status(server, trusting(second)) == 101, "what worked last is shown"

    install(first)
    serve(scenario, tls_certificate=str(path), tls_key=str(key))


def test_only_clients_of_an_authority(serve: Serve, tmp_path: Path) -> None:
    shown, friend, stranger = (self_signed(tmp_path, "127.0.0.1", name) for name in ("shown", "friend", "stranger"))

    async def scenario(server: StreamingServer) -> None:
        assert await status(server, trusting(shown, friend)) == 101
        for unwelcome in (stranger, None):
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                await status(server, trusting(shown, unwelcome))

    serve(scenario, tls_certificate=str(shown.path), tls_key=str(shown.key), tls_client_ca=str(friend.path))


def test_a_client_that_speaks_no_tls(serve: Serve, tmp_path: Path) -> None:
    shown = self_signed(tmp_path, "127.0.0.1")

    async def scenario(server: StreamingServer) -> None:
        caller = await call(server.address)
        caller.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert not (await caller.reader.read()).startswith(b"HTTP")
        await caller.close()

    serve(scenario, tls_certificate=str(shown.path), tls_key=str(shown.key))


def test_a_client_that_stalls_in_its_handshake_is_sent_away(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cri_server.streaming.server._SECONDS_FOR_TLS", 0.2)
    shown = self_signed(tmp_path, "127.0.0.1")

    async def scenario(server: StreamingServer) -> None:
        for first_words in (b"", b"\x16\x03\x01\x02"):
            caller = await call(server.address)
            caller.send(first_words)
            with suppress(ConnectionResetError):  # where they came too late to be read
                assert await caller.reader.read() == b""
            await caller.close()

    serve(scenario, tls_certificate=str(shown.path), tls_key=str(shown.key))


def test_much_over_tls(serve: Serve, tmp_path: Path) -> None:
    shown = self_signed(tmp_path, "127.0.0.1")
    data = os.urandom(1 << 20) * 16

    async def scenario(server: StreamingServer) -> None:
        url = server.url(LocalTarget("cat").target(stdin=True, stderr=False))
        caller = await call(url, trusting(shown))
        caller.send(request(url, {**SPDY_HEADERS, "X-Stream-Protocol-Version": "v4.channel.k8s.io"}))
        assert (await caller.answer()).status == 101
        client = SpdyClient(caller)
        _, stdin, stdout = (client.open(streamtype=role) for role in ("error", "stdin", "stdout"))
        client.send(stdin, data[: 8 << 20])
        client.send(stdin, data[8 << 20 :], fin=True)
        await client.receive_all()
        assert client.received[stdout] == data

    serve(scenario, tls_certificate=str(shown.path), tls_key=str(shown.key))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"tls_key": "/key.pem"}, "of no use without a tls_certificate"),
        ({"tls_client_ca": "/ca.pem"}, "of no use without a tls_certificate"),
        ({"tls_certificate": "/nowhere.pem"}, "TLS cannot be served: .*No such file"),
        ({"tls_certificate": "/etc/passwd"}, "TLS cannot be served"),
        ({"address": "192.0.2.1:0"}, "port 0 of 192.0.2.1 cannot be listened on: .*; choose another"),
        ({"address": "host.invalid:0"}, "port 0 of host.invalid cannot be listened on"),
    ],
)
def test_settings_of_no_use(settings: dict[str, str], complaint: str) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            await open_streaming(StreamingSettings(**settings), stack)  # type: ignore[arg-type]

    with pytest.raises(UnusableSetting, match=complaint):
        asyncio.run(scenario())
