"""StreamPodSandboxes: the same list in pieces, all of one moment."""

from collections.abc import AsyncIterator

from cri_server import filters, wire
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime


async def stream_pod_sandboxes(runtime: Runtime, request: cri.StreamPodSandboxesRequest) -> AsyncIterator[bytes]:
    fields = [sandbox.list_field for sandbox in filters.sandboxes(runtime, request.filter)]
    for chunk in wire.chunks(fields):
        yield chunk
