"""ListPodSandbox: every second from each kubelet, so it joins what is ready."""

from cri_server import filters, wire
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime


async def list_pod_sandbox(runtime: Runtime, request: cri.ListPodSandboxRequest) -> bytes:
    return wire.joined(sandbox.list_field for sandbox in filters.sandboxes(runtime, request.filter))
