"""Version: the first call of every client. The version that the request carries does not matter (CRI)."""

from cri_server import version as versions
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime


async def version(runtime: Runtime, request: cri.VersionRequest) -> cri.VersionResponse:
    return cri.VersionResponse(
        version=versions.KUBELET_API_VERSION,
        runtime_name=versions.RUNTIME_NAME,
        runtime_version=versions.wasmlet_version(),
        runtime_api_version=versions.RUNTIME_API_VERSION,
    )
