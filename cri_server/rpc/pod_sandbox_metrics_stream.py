"""StreamPodSandboxMetrics: the same list in pieces."""

from collections.abc import AsyncIterator

from cri_server import wire
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime
from cri_server.sandbox_metrics import read_sandbox_metrics


async def stream_pod_sandbox_metrics(
    runtime: Runtime, request: cri.StreamPodSandboxMetricsRequest
) -> AsyncIterator[bytes]:
    for chunk in wire.chunks(await read_sandbox_metrics(runtime)):
        yield chunk
