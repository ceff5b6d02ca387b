"""What belongs to one instance of a component that serves one request."""

from typing import Any

from sandbox.wasm.http_client import Client
from sandbox.wasm.http_exchange import Exchange
from sandbox.wasm.http_streams import Streams


class HttpScope:
    """``context``: of the store. ``failure``: what went wrong in a function of the host, for the log."""

    __slots__ = ("_next", "client", "context", "exchange", "failure", "network", "resources", "streams")

    def __init__(self, context: int, exchange: Exchange, streams: Streams, client: Client, network: str) -> None:
        self.context = context
        self.exchange = exchange
        self.streams = streams
        self.client = client
        self.network = network
        """What the pod lets it do, one of ``network_access.ALL``."""
        self.failure: BaseException | None = None
        self.resources: dict[int, Any] = {}
        self._next = 0

    def represent(self, thing: Any) -> int:
        self._next += 1
        self.resources[self._next] = thing
        return self._next
