"""A client's stream after its upgrade: the carrier that it has asked for, and the session that its URL was for."""

import asyncio

import structlog

from cri_server.config import StreamingSettings
from cri_server.streaming.channel_carrier import ChannelCarrier
from cri_server.streaming.command_session import CommandSession, WantedStreams
from cri_server.streaming.connection import Connection
from cri_server.streaming.errors import ClientGone
from cri_server.streaming.port_forward_session import PortForwardSession, admit
from cri_server.streaming.spdy_carrier import SpdyCarrier
from cri_server.streaming.target import PortTarget, ProcessTarget
from cri_server.streaming.tasks import stop
from cri_server.streaming.transport import Carrier
from cri_server.streaming.tunnel import Tunnel
from cri_server.streaming.upgrade import TUNNEL, Upgrade
from cri_server.streaming.websocket.channels import Channels

Target = ProcessTarget | PortTarget
Session = CommandSession | PortForwardSession

_CHANNELS = {"stdin": 0, "stdout": 1, "stderr": 2, "error": 3, "resize": 4}
_SECONDS_BETWEEN_SIGNS_OF_LIFE = 5.0
_SECONDS_TO_HEAR_OF_THE_END = 10.0

log = structlog.get_logger()


class Conversation:
    def __init__(self, connection: Connection, target: Target, upgrade: Upgrade, settings: StreamingSettings) -> None:
        self._connection = connection
        self._settings = settings
        loop = asyncio.get_running_loop()
        self._ending: asyncio.Future[str] = loop.create_future()
        self._over: asyncio.Future[None] = loop.create_future()
        if isinstance(target, ProcessTarget):
            self._carrier, self._session = self._command(target, upgrade)
        else:
            self._carrier, self._session = self._port_forward(target, upgrade)

    def end(self, reason: str) -> "asyncio.Future[None]":
        """The client is told, if it can be. Done when that is over."""
        if not self._ending.done():
            self._ending.set_result(reason)
        return self._over

    async def run(self) -> None:
        """Until the client has left, or has been told of the end."""
        watch = asyncio.create_task(self._watch())
        try:
            await self._session.run(self._settings.creation_seconds)
        except ClientGone as error:
            log.debug("a stream has ended", reason=str(error))
        except Exception as error:
            log.exception("a stream failed unexpectedly", exc_info=error)
        finally:
            await stop(watch)
            self._over.set_result(None)

    async def _watch(self) -> None:
        """Writing to a client that is not read from is also how its death is noticed."""
        loop = asyncio.get_running_loop()
        while loop.time() < self._connection.last_used + self._settings.idle_seconds:
            await asyncio.sleep(min(_SECONDS_BETWEEN_SIGNS_OF_LIFE, self._settings.idle_seconds))
            if self._connection.is_held:
                self._carrier.show_life()
        self.end(f"nothing was sent or received for {self._settings.idle_seconds} s")
        await asyncio.sleep(_SECONDS_TO_HEAR_OF_THE_END)
        self._connection.abort()

    def _command(self, target: ProcessTarget, upgrade: Upgrade) -> tuple[Carrier, Session]:
        wanted = WantedStreams(target, upgrade.protocol)
        carrier: Carrier
        if upgrade.websocket:
            channels = {_CHANNELS[role]: {"streamtype": role} for role in wanted.roles}
            carrier = _channel_carrier(self._connection, upgrade, channels)
            carrier.mark(min(_CHANNELS[role] for role in wanted.roles if role not in ("stdin", "resize")))
        else:
            carrier = SpdyCarrier(self._connection, wanted.admit)
        return carrier, CommandSession(carrier, target, upgrade.protocol, wanted.roles, self._ending)

    def _port_forward(self, target: PortTarget, upgrade: Upgrade) -> tuple[Carrier, Session]:
        carrier: Carrier
        if upgrade.protocol == TUNNEL:
            carrier = SpdyCarrier(Tunnel(self._connection), admit)
        elif upgrade.websocket:
            carrier = _port_channels(self._connection, upgrade, target.ports)
        else:
            carrier = SpdyCarrier(self._connection, admit)
        return carrier, PortForwardSession(carrier, target, self._ending)


def _port_channels(connection: Connection, upgrade: Upgrade, ports: tuple[int, ...]) -> ChannelCarrier:
    """Two channels for each port: data, then errors. The first message of each is the port."""
    channels = {
        2 * number + place: {"streamtype": role, "port": str(port), "requestid": str(number)}
        for number, port in enumerate(ports)
        for place, role in enumerate(("data", "error"))
    }
    carrier = _channel_carrier(connection, upgrade, channels)
    for channel, headers in channels.items():
        carrier.mark(channel, int(headers["port"]).to_bytes(2, "little"))
    return carrier


def _channel_carrier(connection: Connection, upgrade: Upgrade, channels: dict[int, dict[str, str]]) -> ChannelCarrier:
    codec = Channels(is_base64="base64" in upgrade.protocol, has_ends=upgrade.protocol.startswith("v5."))
    return ChannelCarrier(connection, codec, channels)
