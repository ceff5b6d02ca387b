"""Listens for the clients of exec, attach and port-forward, and knows which URL was given out for what.

url(target) ─▶ token ─▶ client: request ─▶ token taken ─▶ upgrade to SPDY or WebSocket ─▶ session ─▶ closed
                                  └─ refused with a status, closed
"""

import asyncio
import socket
import ssl
from contextlib import AsyncExitStack

import structlog

from cri_server.config import StreamingSettings
from cri_server.errors import UnusableSetting
from cri_server.listen_address import parse_address
from cri_server.streaming.certificates import open_certificates
from cri_server.streaming.connection import Connection
from cri_server.streaming.conversation import Conversation, Target
from cri_server.streaming.errors import ClientGone, RequestRefused
from cri_server.streaming.http_handshake import HttpHandshake
from cri_server.streaming.reception import receive_request, refuse
from cri_server.streaming.target import ProcessTarget
from cri_server.streaming.tasks import stop
from cri_server.streaming.tokens import PendingTokens
from cri_server.streaming.upgrade import Upgrade, negotiate, place

_SECONDS_FOR_TLS = 10.0
_SECONDS_TO_SAY_GOODBYE = 3.0
_FAREWELL = "the server of the node's containers is about to end; try again when it is back"
_MOST_STRANGERS = 1000
"""Clients whose request has not been read yet."""
_BACKLOG = 512
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Who listens on all addresses is reached from the same machine on these."""

log = structlog.get_logger()


async def open_streaming(settings: StreamingSettings, stack: AsyncExitStack) -> "StreamingServer":
    """Serves until the stack is closed; then its streams end with a failure. Raises UnusableSetting."""
    certificates = open_certificates(settings)
    server = StreamingServer(settings)
    stack.push_async_callback(server.close)
    await server.listen(certificates)
    return server


class StreamingServer:
    def __init__(self, settings: StreamingSettings) -> None:
        self._settings = settings
        self._tokens: PendingTokens[Target] = PendingTokens(settings.pending)
        self._listener: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._strangers: dict[Connection, None] = {}  # in the order of their coming
        self._conversations: set[Conversation] = set()
        self.address = ""
        """``http://host:port`` that clients are sent to; https with TLS."""

    async def listen(self, certificates: ssl.SSLContext | None) -> None:
        """Raises UnusableSetting."""
        host, port = parse_address(self._settings.address, lowest_port=0)
        listening = _bind(host, port)
        self._listener = await asyncio.get_running_loop().create_server(
            lambda: Connection(self._begin),
            sock=listening,
            ssl=certificates,
            ssl_handshake_timeout=_SECONDS_FOR_TLS if certificates else None,
            backlog=_BACKLOG,
        )
        self.address = _address(host, listening.getsockname()[1], certificates is not None)
        log.info("streams are served", address=self.address)

    def url(self, target: Target) -> str:
        """Where the client of a stream is to go, once, within a minute. Raises TooManyStreams."""
        kind = target.kind if isinstance(target, ProcessTarget) else "portforward"
        return f"{self.address}/{kind}/{self._tokens.issue(kind, target)}"

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        ending = [conversation.end(_FAREWELL) for conversation in self._conversations]
        if ending:
            await asyncio.wait(ending, timeout=_SECONDS_TO_SAY_GOODBYE)
        await stop(*self._clients)

    def _begin(self, connection: Connection) -> None:
        task = asyncio.create_task(self._serve(connection))
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)
        task.add_done_callback(lambda _: connection.abort())

    async def _serve(self, connection: Connection) -> None:
        handshake = HttpHandshake()
        try:
            target, upgrade = await self._received(connection, handshake)
        except RequestRefused as refusal:
            await refuse(connection, handshake, refusal)
        except ClientGone as error:
            log.debug("a client of a stream has left", reason=str(error))
        else:
            await self._converse(connection, handshake, target, upgrade)

    async def _received(self, connection: Connection, handshake: HttpHandshake) -> tuple[Target, Upgrade]:
        """A token is used up by whoever shows it, whatever else is wrong with the request but its method."""
        self._admit(connection)
        try:
            request = await receive_request(connection, handshake)
        finally:
            self._strangers.pop(connection, None)
        kind, token = place(request)
        target = self._tokens.take(kind, token)
        if target is None:
            raise RequestRefused(404, "not found: the URL was never given out, is used up or expired; ask for another")
        return target, negotiate(request, target)

    def _admit(self, stranger: Connection) -> None:
        """Whoever means it asks at once: too many that do not must not keep them out."""
        if len(self._strangers) >= _MOST_STRANGERS:
            longest = next(iter(self._strangers))
            del self._strangers[longest]
            longest.abort()
        self._strangers[stranger] = None

    async def _converse(
        self, connection: Connection, handshake: HttpHandshake, target: Target, upgrade: Upgrade
    ) -> None:
        answer, early = handshake.switch(upgrade.headers)
        connection.write(answer)
        conversation = Conversation(connection, target, upgrade, self._settings)
        connection.data_received(early)
        self._conversations.add(conversation)
        try:
            await conversation.run()
        finally:
            self._conversations.discard(conversation)


def _bind(host: str, port: int) -> socket.socket:
    try:
        [(family, _, _, _, place), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return socket.create_server(place[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise UnusableSetting(
            "streaming.address",
            f"port {port} of {host} cannot be listened on: {error.strerror}; choose another, or 127.0.0.1:0",
        ) from error


def _address(host: str, port: int, has_tls: bool) -> str:
    host = _ANY.get(host, host)
    return f"{'https' if has_tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
