import pytest

from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run


@pytest.mark.parametrize(("driver", "number"), [("cgroupfs", cri.CGROUPFS), ("systemd", cri.SYSTEMD)])
def test_the_kubelet_learns_the_driver_in_use(node: Run, driver: str, number: int) -> None:
    async def scenario(node: Node) -> None:
        node.runtime.cgroup_driver = driver
        answer = await node.client("RuntimeConfig")
        assert answer.HasField("linux")
        assert answer.linux.cgroup_driver == number

    node(scenario)
