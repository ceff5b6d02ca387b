"""What belongs to one instance of a component that serves one request."""

import ctypes
from typing import Any

from sandbox.wasm.http_client import Client, ClientComponent
from sandbox.wasm.http_exchange import Exchange
from sandbox.wasm.http_streams import Streams

_Word = ctypes.c_uint64


class HttpScope:
    """``context``: of the store."""

    __slots__ = (
        *("_calls", "_client", "_next", "_room"),
        *("context", "exchange", "network", "resources", "room", "streams"),
    )

    def __init__(
        self, context: int, exchange: Exchange, streams: Streams, calls: ClientComponent, network: str
    ) -> None:
        self.context = context
        self.exchange = exchange
        self.streams = streams
        self._calls = calls
        self._client: Client | None = None
        self.network = network
        """What the pod lets it do, one of ``network_access.ALL``."""
        self.resources: dict[int, Any] = {}
        self._room = _Word()
        self.room = ctypes.addressof(self._room)
        self._next = 0

    @property
    def client(self) -> Client:
        """Most guests call nobody."""
        if self._client is None:
            self._client = Client(self._calls, self.context)
        return self._client

    def close(self) -> None:
        """Before its store is."""
        if self._client is not None:
            self._client.close()

    def represent(self, thing: Any) -> int:
        self._next += 1
        self.resources[self._next] = thing
        return self._next
