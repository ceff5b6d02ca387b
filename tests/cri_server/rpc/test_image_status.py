import json

import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_server.conftest import Node
from tests.cri_server.fakes import ARTIFACT
from tests.cri_server.rpc.test_pod_sandbox_run import Run


def spec(image: str) -> cri.ImageSpec:
    return cri.ImageSpec(image=image)


def test_the_same_image_by_each_of_its_names(node: Run) -> None:
    async def scenario(node: Node) -> None:
        names = (ARTIFACT.id, *ARTIFACT.repo_tags, *ARTIFACT.repo_digests)
        answers = [(await node.client("ImageStatus", image=spec(name))).image for name in names]
        assert answers[0].id == ARTIFACT.id
        assert answers[0].size == ARTIFACT.size
        assert all(answer == answers[0] for answer in answers)

    node(scenario)


def test_an_image_that_is_not_there_is_not_an_error(node: Run) -> None:
    async def scenario(node: Node) -> None:
        assert not (await node.client("ImageStatus", image=spec("registry.test/unknown"))).HasField("image")

    node(scenario)


def test_a_request_without_an_image_is_refused(node: Run) -> None:
    async def scenario(node: Node) -> None:
        for method in ("ImageStatus", "RemoveImage", "PullImage"):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await node.client(method)
            assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT

    node(scenario)


def test_verbose_shows_the_images_own_configuration(node: Run) -> None:
    async def scenario(node: Node) -> None:
        info = (await node.client("ImageStatus", image=spec(ARTIFACT.id), verbose=True)).info
        assert json.loads(info["info"]) == {"chainID": "", "imageSpec": {"architecture": "wasm"}}

    node(scenario)
