from dataclasses import replace

import pytest

from cri_server.cri_v1 import api_pb2 as cri
from image_store.image import ImageConfig
from tests.cri_server.conftest import Node
from tests.cri_server.fakes import ARTIFACT
from tests.cri_server.rpc.test_pod_sandbox_run import Run

OTHER = replace(ARTIFACT, id="sha256:" + "c" * 64, repo_tags=(), repo_digests=("registry.test/other@sha256:e",))


async def ids(node: Node, image: str = "") -> list[str]:
    wanted = cri.ImageFilter(image=cri.ImageSpec(image=image))
    listed = [item.id for item in (await node.client("ListImages", filter=wanted)).images]
    chunks = await node.client.stream("StreamImages", filter=wanted)
    assert [item.id for chunk in chunks for item in chunk.images] == listed
    return listed


def test_all_images_or_the_one_that_is_asked_for(node: Run) -> None:
    async def scenario(node: Node) -> None:
        node.images.present[OTHER.id] = OTHER
        assert await ids(node) == [ARTIFACT.id, OTHER.id]
        assert await ids(node, ARTIFACT.repo_tags[0]) == [ARTIFACT.id]
        assert await ids(node, "registry.test/unknown") == []

    node(scenario)


def test_a_changed_image_is_shown_changed(node: Run) -> None:
    async def scenario(node: Node) -> None:
        assert (await node.client("ListImages")).images[0].repo_tags == list(ARTIFACT.repo_tags)
        node.images.present[ARTIFACT.id] = replace(ARTIFACT, repo_tags=("registry.test/hello:2",))
        assert (await node.client("ListImages")).images[0].repo_tags == ["registry.test/hello:2"]

    node(scenario)


@pytest.mark.parametrize(
    ("user", "uid", "name"),
    [
        ("1003", 1003, ""),
        ("1003:5", 1003, ""),
        ("www-data", None, "www-data"),
        ("www:www", None, "www"),
        ("", None, ""),
    ],
)
def test_the_images_user_is_told_by_number_or_name(node: Run, user: str, uid: int | None, name: str) -> None:
    async def scenario(node: Node) -> None:
        node.images.present[ARTIFACT.id] = replace(ARTIFACT, config=ImageConfig(user=user))
        [image] = (await node.client("ListImages")).images
        assert (image.uid.value if image.HasField("uid") else None, image.username) == (uid, name)

    node(scenario)
