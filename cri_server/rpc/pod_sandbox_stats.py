"""PodSandboxStats: what a ready sandbox and its running containers use now. NOT_FOUND for an unknown one."""

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import WrongState
from cri_server.runtime import Runtime
from cri_server.sandbox_stats import read_sandbox_stats


async def pod_sandbox_stats(runtime: Runtime, request: cri.PodSandboxStatsRequest) -> bytes:
    sandbox = runtime.sandbox(request.pod_sandbox_id)
    fields = await read_sandbox_stats(runtime, [sandbox]) if sandbox.ready else []
    if not fields:
        raise WrongState(f"pod sandbox {sandbox.id} is not ready and uses nothing: ask for one that is")
    return fields[0]
