import json

import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run


def test_an_unknown_sandbox_is_not_found_and_an_empty_id_is_refused(node: Run) -> None:
    async def scenario(node: Node) -> None:
        codes = {"unknown": grpc.StatusCode.NOT_FOUND, "": grpc.StatusCode.INVALID_ARGUMENT}
        for sandbox_id, code in codes.items():
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id)
            assert refused.value.code() == code

    node(scenario)


def test_a_beginning_of_the_id_is_enough(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        assert (await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id[:13])).status.id == sandbox_id

    node(scenario)


@pytest.mark.parametrize("verbose", [False, True])
def test_the_pods_containers_are_shown_as_they_are_at_the_timestamp(node: Run, verbose: bool) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        await node.start_container(await node.run_pod(name="other"))
        containers = [await node.start_container(sandbox_id, name=name) for name in ("a", "b")]
        first = await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id, verbose=verbose)
        newest_first = [await node.status(container) for container in reversed(containers)]
        assert list(first.containers_statuses) == newest_first
        await node.client("StopContainer", container_id=containers[0])
        await node.client("RemoveContainer", container_id=containers[1])
        second = await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id, verbose=verbose)
        assert [status.state for status in second.containers_statuses] == [cri.CONTAINER_EXITED]
        assert second.timestamp > first.timestamp > 0
        assert first.status == second.status

    node(scenario)


def test_the_newest_container_is_the_first_also_after_a_restart_of_the_server(node: Run) -> None:
    """Of several attempts of a container the kubelet takes the first."""

    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        containers = [await node.create(sandbox_id, attempt=attempt) for attempt in range(5)]
        for _ in range(2):
            response = await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id)
            assert [status.id for status in response.containers_statuses] == containers[::-1]
            await node.restart()

    node(scenario)


def test_verbose_tells_pid_and_config(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        response = await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id, verbose=True)
        info = json.loads(response.info["info"])
        assert info["pid"] == 4242
        assert info["config"]["metadata"]["name"] == "web"
        await node.client("StopPodSandbox", pod_sandbox_id=sandbox_id)
        response = await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id, verbose=True)
        assert json.loads(response.info["info"])["pid"] == 0

    node(scenario)


def test_verbose_tells_the_namespaces_that_are_the_pods_own(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        assert await _namespaces(node, sandbox_id) == {
            "pid": "/proc/4242/ns/pid",
            "ipc": "/proc/4242/ns/ipc",
            "uts": "/proc/4242/ns/uts",
            "network": "/proc/4242/ns/net",
        }
        await node.client("StopPodSandbox", pod_sandbox_id=sandbox_id)
        assert set((await _namespaces(node, sandbox_id)).values()) == {""}, "the process id may be another's by now"

    node(scenario)


def test_namespaces_of_the_host_are_not_among_them(node: Run) -> None:
    options = cri.NamespaceOption(network=cri.NODE, ipc=cri.NODE)
    linux = cri.LinuxPodSandboxConfig(security_context=cri.LinuxSandboxSecurityContext(namespace_options=options))

    async def scenario(node: Node) -> None:
        assert list(await _namespaces(node, await node.run_pod(linux=linux))) == ["pid"]

    node(scenario)


async def _namespaces(node: Node, sandbox_id: str) -> dict[str, str]:
    response = await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id, verbose=True)
    spec = json.loads(response.info["info"])["runtimeSpec"]
    return {namespace["type"]: namespace.get("path", "") for namespace in spec["linux"]["namespaces"]}
