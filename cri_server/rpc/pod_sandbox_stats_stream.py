"""StreamPodSandboxStats: the same list in pieces."""

from collections.abc import AsyncIterator

from cri_server import filters, wire
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime
from cri_server.sandbox_stats import read_sandbox_stats


async def stream_pod_sandbox_stats(runtime: Runtime, request: cri.StreamPodSandboxStatsRequest) -> AsyncIterator[bytes]:
    fields = await read_sandbox_stats(runtime, filters.ready_sandboxes(runtime, request.filter))
    for chunk in wire.chunks(fields):
        yield chunk
