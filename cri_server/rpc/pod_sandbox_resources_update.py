"""UpdatePodSandboxResources: what a pod as a whole may use has changed. Recorded, and shown in verbose status.

The group that holds a pod to it is the one above the sandbox's (``cgroup_parent``). It is the kubelet's, which has
changed it when it calls, and which gives a resize up if this fails. The sandbox's own group has no limits.
"""

from dataclasses import replace

from cri_server.blocking import in_thread
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import WrongState
from cri_server.runtime import Runtime


async def update_pod_sandbox_resources(
    runtime: Runtime, request: cri.UpdatePodSandboxResourcesRequest
) -> cri.UpdatePodSandboxResourcesResponse:
    sandbox = runtime.sandbox(request.pod_sandbox_id)
    async with sandbox.lock:
        if not sandbox.accepts:
            raise WrongState(f"pod sandbox {sandbox.id} is not ready: its resources do not matter any more")
        config = cri.PodSandboxConfig()
        config.CopyFrom(sandbox.config)
        for field in ("overhead", "resources"):
            if request.HasField(field):
                getattr(config.linux, field).CopyFrom(getattr(request, field))
        record = replace(sandbox.record, config=config.SerializeToString())
        await in_thread(record.save, runtime.paths.sandbox_record(sandbox.id))
        sandbox.change(record, config)
    return cri.UpdatePodSandboxResourcesResponse()
