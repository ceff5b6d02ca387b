"""Exec: an address at which a client can execute a command in a container, with streams.

CRI: that the container runs and what is asked for is checked now; what the command itself comes to, the stream tells.
"""

from functools import partial

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.exec_session import Wanted, check_command, check_streams, execute_for_client, running_container
from cri_server.runtime import Runtime
from cri_server.streaming.target import ProcessTarget


async def exec_(runtime: Runtime, request: cri.ExecRequest) -> cri.ExecResponse:
    container = running_container(runtime, request.container_id)
    wanted = Wanted(request.stdin, request.stdout, request.stderr, request.tty)
    check_streams(wanted)
    check_command(container, request.cmd)
    start = partial(execute_for_client, runtime, container, list(request.cmd), wanted)
    return cri.ExecResponse(url=runtime.streaming.url(ProcessTarget("exec", *wanted, open=start)))
