import json
from typing import Any

import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_server.conftest import Node
from tests.cri_server.fakes import ARTIFACT
from tests.cri_server.rpc.test_pod_sandbox_run import Run


def test_an_unknown_container_is_not_found(node: Run) -> None:
    async def scenario(node: Node) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await node.status("unknown")
        assert unknown.value.code() == grpc.StatusCode.NOT_FOUND

    node(scenario)


def test_verbose_tells_what_scripts_pick_out(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        envs = [cri.KeyValue(key="A", value=b"text"), cri.KeyValue(key="RAW", value=b"\xff")]
        container_id = await node.start_container(sandbox_id, args=["x"], envs=envs)
        response = await node.client("ContainerStatus", container_id=container_id, verbose=True)
        assert response.status == await node.status(container_id)
        info = json.loads(response.info["info"])
        assert info["pid"] == 4343
        assert info["sandboxID"] == sandbox_id
        assert info["config"]["envs"][0] == {"key": "A", "value": "text"}
        assert info["runtimeSpec"]["process"]["args"] == ["hello.wasm", "x"]
        assert info["removing"] is False

    node(scenario)


def test_verbose_tells_limits_and_namespaces_in_the_words_of_oci(node: Run) -> None:
    limits = cri.LinuxContainerResources(
        cpu_shares=512,
        memory_limit_in_bytes=1 << 26,
        cpuset_cpus="0",
        hugepage_limits=[cri.HugepageLimit(page_size="2MB", limit=1 << 21)],
    )

    async def scenario(node: Node) -> None:
        config = cri.LinuxContainerConfig(resources=limits)
        container_id = await node.start_container(await node.run_pod(), linux=config)
        spec = await _runtime_spec(node, container_id)
        assert spec["linux"]["resources"] == {
            "cpu": {"shares": 512, "cpus": "0"},
            "memory": {"limit": 1 << 26},
            "hugepageLimits": [{"pageSize": "2MB", "limit": 1 << 21}],
        }
        assert {"type": "network", "path": "/proc/4242/ns/net"} in spec["linux"]["namespaces"]
        assert {"type": "mount"} in spec["linux"]["namespaces"]
        assert spec["hostname"] == "web"

    node(scenario)


async def _runtime_spec(node: Node, container_id: str) -> dict[str, Any]:
    response = await node.client("ContainerStatus", container_id=container_id, verbose=True)
    spec: dict[str, Any] = json.loads(response.info["info"])["runtimeSpec"]
    return spec


def test_a_container_keeps_its_image_when_that_is_removed(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await node.create(await node.run_pod())
        await node.client("RemoveImage", image=cri.ImageSpec(image=ARTIFACT.id))
        await node.restart()
        status = await node.status(container_id)
        assert (status.image.image, status.image_id) == ("registry.test/hello:1", ARTIFACT.id)
        [(image, _)] = node.images.held.values()
        assert image.id == ARTIFACT.id

    node(scenario)


def test_an_exit_that_nobody_could_tell_the_server_is_found(node: Run) -> None:
    """The pod process cuts off a server that is too slow for it; the exit is on disk."""

    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.start_container(sandbox_id)
        process = node.pods.processes[sandbox_id]
        process.on_exit = lambda container_id, run: None
        process.exit(container_id, 7)
        assert (await node.status(container_id)).state == cri.CONTAINER_RUNNING
        process.on_return()
        status = await node.status(container_id)
        assert (status.state, status.exit_code) == (cri.CONTAINER_EXITED, 7)

    node(scenario)
