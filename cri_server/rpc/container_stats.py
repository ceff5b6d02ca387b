"""ContainerStats: what a running container uses now. NOT_FOUND for an unknown one."""

from cri_server.container_stats import read_container_stats
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import WrongState
from cri_server.runtime import Runtime


async def container_stats(runtime: Runtime, request: cri.ContainerStatsRequest) -> bytes:
    container = runtime.container(request.container_id)
    running = container.state == cri.CONTAINER_RUNNING
    fields = await read_container_stats(runtime, [container]) if running else []
    if not fields:
        state = cri.ContainerState.Name(container.state)
        raise WrongState(f"container {container.id} is {state} and uses nothing: ask for one that runs")
    return fields[0]
