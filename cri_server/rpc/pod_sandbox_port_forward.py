"""PortForward: an address at which a client reaches TCP ports on a pod's own loopback."""

from functools import partial

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest, WrongState
from cri_server.port_dial import dial
from cri_server.runtime import Runtime
from cri_server.streaming.target import PortTarget

_HIGHEST_PORT = 65535


async def port_forward(runtime: Runtime, request: cri.PortForwardRequest) -> cri.PortForwardResponse:
    sandbox = runtime.sandbox(request.pod_sandbox_id)
    if not sandbox.ready:
        raise WrongState(f"pod sandbox {sandbox.id} is not ready: nothing in it listens; make the pod anew")
    for port in request.port:
        if not 0 < port <= _HIGHEST_PORT:
            raise InvalidRequest(f"{port} is no port: name one from 1 to {_HIGHEST_PORT}")
    target = PortTarget(sandbox.id, tuple(request.port), partial(dial, sandbox))
    return cri.PortForwardResponse(url=runtime.streaming.url(target))
