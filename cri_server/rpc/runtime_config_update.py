"""UpdateRuntimeConfig: the kubelet announces the node's pod CIDR. It may come after the first pods, and again and
again.

CRI: an error would only be logged and the call repeated, so the answer is OK always and the reason is in our log.
"""

import structlog

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime

log = structlog.get_logger()


async def update_runtime_config(
    runtime: Runtime, request: cri.UpdateRuntimeConfigRequest
) -> cri.UpdateRuntimeConfigResponse:
    cidr = request.runtime_config.network_config.pod_cidr
    try:
        await runtime.network.set_pod_cidr(cidr)
    except Exception as error:
        log.exception("pod CIDR cannot be used", pod_cidr=cidr, error=str(error))
    return cri.UpdateRuntimeConfigResponse()
