from pathlib import Path

import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from image_store.errors import RegistryUnavailable
from tests.cri_server.conftest import Node
from tests.cri_server.fakes import ARTIFACT, PROGRAM
from tests.cri_server.rpc.test_pod_sandbox_run import Run, until
from tests.guests.compiled import guest
from tests.images import push_artifact
from tests.real_node import real_node

IMAGE = cri.ImageSpec(image="registry.test/hello:1")


def test_the_answer_is_the_images_id_and_the_zygote_learns_its_program(node: Run) -> None:
    async def scenario(node: Node) -> None:
        assert (await node.client("PullImage", image=IMAGE)).image_ref == ARTIFACT.id
        assert node.images.pulled == [("registry.test/hello:1", None)]
        await until(lambda: bool(node.pods.loaded))
        assert node.pods.loaded[0].compiled == str(PROGRAM.compiled)

    node(scenario)


def test_credentials_reach_the_store(node: Run) -> None:
    async def scenario(node: Node) -> None:
        await node.client("PullImage", image=IMAGE, auth=cri.AuthConfig(username="u", password="p"))
        [(_, credentials)] = node.images.pulled
        assert (credentials.username, credentials.password) == ("u", "p")

    node(scenario)


def test_an_empty_auth_is_anonymous(node: Run) -> None:
    async def scenario(node: Node) -> None:
        await node.client("PullImage", image=IMAGE, auth=cri.AuthConfig())
        assert node.images.pulled[0][1] is None

    node(scenario)


def test_a_client_that_gives_up_ends_the_pull(node: Run) -> None:
    async def scenario(node: Node) -> None:
        node.gate.hold("pull")
        with pytest.raises(grpc.aio.AioRpcError) as expired:
            await node.client("PullImage", image=IMAGE, timeout_of_call=0.05)
        assert expired.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED

    node(scenario)


def test_an_unreachable_registry_is_told_in_the_kubelets_words(node: Run) -> None:
    async def scenario(node: Node) -> None:
        node.gate.fail["pull"] = RegistryUnavailable("registry.test does not answer: check the network")
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await node.client("PullImage", image=IMAGE)
        assert str(failed.value.details()).startswith("RegistryUnavailable: registry.test")

    node(scenario)


def test_an_image_for_another_handler_is_refused(node: Run) -> None:
    async def scenario(node: Node) -> None:
        with pytest.raises(grpc.aio.AioRpcError, match='runtime handler "kata"'):
            await node.client("PullImage", image=cri.ImageSpec(image="x", runtime_handler="kata"))

    node(scenario)


def test_by_way_of_a_mirror(tmp_path: Path) -> None:
    """What an operator writes is followed by the next pull, and what is wrong in it is told."""
    hosts = tmp_path / "certs.d" / "registry.invalid" / "hosts.toml"
    hosts.parent.mkdir(parents=True)
    image = cri.ImageSpec(image="registry.invalid/hello:1")
    with real_node(tmp_path / "node", f'[images]\nregistry_config = "{tmp_path}/certs.d"\n') as node:
        push_artifact(node.registry.address, "hello", guest("hello"), tag="1")
        hosts.write_text("[host.")
        with pytest.raises(grpc.RpcError) as refused:
            node.call("PullImage", image=image)
        assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert str(refused.value.details()).startswith(f"{hosts}: is not TOML: ")
        hosts.write_text(f'[host."http://{node.registry.address}"]\n')
        pulled = node.call("PullImage", image=image).image_ref
        [listed] = node.call("ListImages").images
        assert (listed.id, list(listed.repo_tags)) == (pulled, ["registry.invalid/hello:1"])
