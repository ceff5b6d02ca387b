"""StreamContainerStats: the same list in pieces."""

from collections.abc import AsyncIterator

from cri_server import filters, wire
from cri_server.container_stats import read_container_stats
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime


async def stream_container_stats(runtime: Runtime, request: cri.StreamContainerStatsRequest) -> AsyncIterator[bytes]:
    fields = await read_container_stats(runtime, filters.running_containers(runtime, request.filter))
    for chunk in wire.chunks(fields):
        yield chunk
