import json

import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run

RESOURCES = cri.LinuxContainerResources(cpu_shares=512, memory_limit_in_bytes=1 << 26)


def test_it_is_recorded_and_shown(node: Run) -> None:
    async def scenario(node: Node) -> None:
        overhead = cri.LinuxContainerResources(cpu_shares=2)
        sandbox_id = await node.run_pod(linux=cri.LinuxPodSandboxConfig(overhead=overhead))
        await node.client("UpdatePodSandboxResources", pod_sandbox_id=sandbox_id, resources=RESOURCES)
        await node.restart()
        response = await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id, verbose=True)
        linux = json.loads(response.info["info"])["config"]["linux"]
        assert linux["resources"] == {"cpu_shares": "512", "memory_limit_in_bytes": str(1 << 26)}
        assert linux["overhead"] == {"cpu_shares": "2"}
        assert response.status.state == cri.SANDBOX_READY
        less = cri.LinuxContainerResources(cpu_shares=1)
        await node.client("UpdatePodSandboxResources", pod_sandbox_id=sandbox_id, overhead=less)
        response = await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id, verbose=True)
        changed = json.loads(response.info["info"])["config"]["linux"]
        assert changed == linux | {"overhead": {"cpu_shares": "1"}}

    node(scenario)


def test_of_a_sandbox_that_is_stopped_or_unknown(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        await node.client("StopPodSandbox", pod_sandbox_id=sandbox_id)
        for each, code in (
            (sandbox_id, grpc.StatusCode.FAILED_PRECONDITION),
            ("unknown", grpc.StatusCode.NOT_FOUND),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await node.client("UpdatePodSandboxResources", pod_sandbox_id=each, resources=RESOURCES)
            assert refused.value.code() == code

    node(scenario)
