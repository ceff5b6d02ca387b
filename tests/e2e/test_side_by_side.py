"""Two servers on one machine, with nothing in common but the machine."""

from pathlib import Path

from cri_server.cri_v1 import api_pb2 as cri
from tests.real_node import RealNode, real_node


def test_servers_with_paths_of_their_own_do_not_notice_each_other(tmp_path: Path) -> None:
    with real_node(tmp_path / "one") as one, real_node(tmp_path / "other") as other:
        ours, theirs = started(one), started(other)
        assert address(one) != address(other)
        assert [container.id for container in one.call("ListContainers").containers] == [ours]
        one.server.kill()
        assert other.status(theirs).state == cri.CONTAINER_RUNNING
        other.call("RemovePodSandbox", pod_sandbox_id=other.call("ListPodSandbox").items[0].id)
        one.server.start()
        assert one.status(ours).state == cri.CONTAINER_RUNNING
        assert other.call("ListImages").images, "its images are its own"


def started(node: RealNode) -> str:
    return node.start(node.run_pod(), "sleeper")


def address(node: RealNode) -> str:
    [pod] = node.call("ListPodSandbox").items
    return node.address(pod.id)
