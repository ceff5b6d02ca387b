"""ReopenContainerLog: the kubelet has rotated the log away; every later line goes into a new file.

CRI: the new file is there when this returns, and none is made when it fails.
"""

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import WrongState
from cri_server.runtime import Runtime


async def reopen_container_log(
    runtime: Runtime, request: cri.ReopenContainerLogRequest
) -> cri.ReopenContainerLogResponse:
    container = runtime.container(request.container_id)
    sandbox = runtime.sandboxes.get(container.record.sandbox_id)
    if container.state != cri.CONTAINER_RUNNING or sandbox is None or sandbox.process is None:
        raise WrongState(f"container {container.id} is not running: its log has no writer that could reopen it")
    await sandbox.process.reopen_log(container.id, container.guest.log_path)
    return cri.ReopenContainerLogResponse()
