import json

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
