"""ListPodSandboxStats: what the ready sandboxes use now. One that ends meanwhile is left out."""

from cri_server import filters, wire
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime
from cri_server.sandbox_stats import read_sandbox_stats


async def list_pod_sandbox_stats(runtime: Runtime, request: cri.ListPodSandboxStatsRequest) -> bytes:
    return wire.joined(await read_sandbox_stats(runtime, filters.ready_sandboxes(runtime, request.filter)))
