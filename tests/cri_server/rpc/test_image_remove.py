import asyncio

from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_server.conftest import Node
from tests.cri_server.fakes import ARTIFACT
from tests.cri_server.rpc.test_pod_sandbox_run import Run


def test_an_image_is_gone_for_all_who_remove_it(node: Run) -> None:
    async def scenario(node: Node) -> None:
        image = cri.ImageSpec(image=ARTIFACT.id)
        await asyncio.gather(*(node.client("RemoveImage", image=image) for _ in range(5)))
        await node.client("RemoveImage", image=image)
        assert not (await node.client("ListImages")).images

    node(scenario)
