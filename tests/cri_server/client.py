"""A client of the CRI by method names: ``await client("StopContainer", container_id=…, timeout=0)``."""

from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor

from cri_server.cri_v1 import api_pb2 as cri

METHODS: dict[str, MethodDescriptor] = {
    method.name: method for service in cri.DESCRIPTOR.services_by_name.values() for method in service.methods
}


class Client:
    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    def __call__(self, method: str, timeout_of_call: float | None = None, **fields: Any) -> Any:
        """The call of a unary method, to be awaited or cancelled."""
        request = message_factory.GetMessageClass(METHODS[method].input_type)(**fields)
        return self._stub(method, self._channel.unary_unary)(request, timeout=timeout_of_call)

    async def stream(self, method: str, **fields: Any) -> list[Any]:
        """All responses of a stream."""
        return [response async for response in self.open(method, **fields)]

    def open(self, method: str, **fields: Any) -> Any:
        """The call of a stream, to be read response by response or cancelled."""
        request = message_factory.GetMessageClass(METHODS[method].input_type)(**fields)
        return self._stub(method, self._channel.unary_stream)(request)

    def _stub(self, method: str, kind: Any) -> Any:
        descriptor = METHODS[method]
        service = descriptor.containing_service.full_name
        response = message_factory.GetMessageClass(descriptor.output_type)
        return kind(
            f"/{service}/{method}",
            request_serializer=message_factory.GetMessageClass(descriptor.input_type).SerializeToString,
            response_deserializer=response.FromString,
        )
