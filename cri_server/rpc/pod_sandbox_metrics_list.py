"""ListPodSandboxMetrics: the metrics of all ready sandboxes and their running containers, for ``/metrics/cadvisor`` of
the kubelet."""

from cri_server import wire
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import AnswerTooLarge
from cri_server.runtime import Runtime
from cri_server.sandbox_metrics import read_sandbox_metrics

MOST_BYTES = 16 << 20
"""CRI: larger messages are not received."""


async def list_pod_sandbox_metrics(runtime: Runtime, request: cri.ListPodSandboxMetricsRequest) -> bytes:
    response = wire.joined(await read_sandbox_metrics(runtime))
    if len(response) > MOST_BYTES:
        raise AnswerTooLarge(
            f"metrics of all pods take {len(response)} bytes and a message at most {MOST_BYTES}: "
            "ask for them by StreamPodSandboxMetrics"
        )
    return response
