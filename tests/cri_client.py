"""A client of any CRI socket: methods by name, requests and responses as they are."""

from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from cri_server.cri_v1 import api_pb2 as cri

MOST_MESSAGE_BYTES = 16 << 20
_OPTIONS = [
    ("grpc.max_receive_message_length", MOST_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MOST_MESSAGE_BYTES),
]
_METHODS: dict[str, MethodDescriptor] = {
    method.name: method for service in cri.DESCRIPTOR.services_by_name.values() for method in service.methods
}


def _types(name: str) -> tuple[str, Any, Any]:
    """The path of a method with how to write its request and read its response."""
    method = _METHODS[name]
    request, response = (message_factory.GetMessageClass(each) for each in (method.input_type, method.output_type))
    return f"/{method.containing_service.full_name}/{name}", request.SerializeToString, response.FromString


class CriClient:
    """Blocking; any number of threads may share it. Raises grpc.RpcError."""

    def __init__(self, socket: Path) -> None:
        self._channel = grpc.insecure_channel(f"unix://{socket}", _OPTIONS)

    def __enter__(self) -> "CriClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()

    def call(self, name: str, request: Message, timeout: float = 120) -> Any:
        """The response of a method with a single one; ``timeout`` in seconds."""
        path, write, read = _types(name)
        return self._channel.unary_unary(path, write, read)(request, timeout=timeout)

    def stream(self, name: str, request: Message, timeout: float = 120) -> list[Any]:
        """All responses of a streaming method."""
        return list(self.open(name, request, timeout))

    def open(self, name: str, request: Message, timeout: float = 120) -> Any:
        """The call of a streaming method, to be read response by response or cancelled."""
        path, write, read = _types(name)
        return self._channel.unary_stream(path, write, read)(request, timeout=timeout)


class AsyncCriClient:
    """The same for asyncio. Raises grpc.aio.AioRpcError."""

    def __init__(self, socket: Path) -> None:
        self._channel = grpc.aio.insecure_channel(f"unix://{socket}", _OPTIONS)

    async def close(self) -> None:
        await self._channel.close(None)

    async def call(self, name: str, request: Message, timeout: float = 120) -> Any:
        path, write, read = _types(name)
        return await self._channel.unary_unary(path, write, read)(request, timeout=timeout)
