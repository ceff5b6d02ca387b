"""Attach: an address at which a client sees what a container writes from then on, and types to it.

CRI: the terminal that is asked for is the one that the container has; standard input takes one that has it.
"""

from functools import partial

from cri_server.container_store import Container
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest
from cri_server.exec_session import Wanted, attach, check_streams, running_container
from cri_server.runtime import Runtime
from cri_server.streaming.target import ProcessTarget


async def attach_container(runtime: Runtime, request: cri.AttachRequest) -> cri.AttachResponse:
    container = running_container(runtime, request.container_id)
    wanted = Wanted(request.stdin, request.stdout, request.stderr, request.tty)
    check_streams(wanted)
    _check(container, wanted)
    sandbox = runtime.sandbox(container.record.sandbox_id)
    start = partial(attach, runtime, sandbox, container, wanted)
    return cri.AttachResponse(url=runtime.streaming.url(ProcessTarget("attach", *wanted, open=start)))


def _check(container: Container, wanted: Wanted) -> None:
    if wanted.tty != container.config.tty:
        has = "has a" if container.config.tty else "has no"
        raise InvalidRequest(f"container {container.id} {has} terminal: attach with tty={container.config.tty}")
    if wanted.stdin and not container.config.stdin:
        raise InvalidRequest(
            f"container {container.id} was made without standard input: attach without, or make it with stdin"
        )
