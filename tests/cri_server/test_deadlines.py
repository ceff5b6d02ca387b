"""Clients of a real server that give up at every moment of a creation: nothing of it is left, and its name is free."""

from contextlib import suppress
from functools import partial
from pathlib import Path

import grpc

from cri_server.cri_v1 import api_pb2 as cri
from sandbox.cgroup import tree as cgroup
from sandbox.network.names import bridge_name
from tests.guests.compiled import guest
from tests.images import push_artifact
from tests.real_node import RealNode, container_config, eventually

DEADLINES = [milliseconds / 1000 for milliseconds in range(1, 21)]


class Deadline(Exception):
    pass


def attempt(server: RealNode, method: str, seconds: float, **fields: object) -> object:
    """The response, unless the deadline comes first."""
    with server.client as client:
        try:
            return client.call(method, getattr(cri, f"{method}Request")(**fields), timeout=seconds)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise Deadline from error
            raise


def is_free(server: RealNode, method: str, **fields: object) -> bool:
    """Whether the same can be made again. What was made is taken back meanwhile."""
    with server.client as client:
        try:
            client.call(method, getattr(cri, f"{method}Request")(**fields))
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.ALREADY_EXISTS:
                raise
            return False
        return True


def test_a_pod_sandbox_is_made_for_its_client_or_not_at_all(server: RealNode) -> None:
    config = server.pod_config("hasty")
    missed = 0
    for seconds in DEADLINES:
        try:
            attempt(server, "RunPodSandbox", seconds, config=config)
        except Deadline:
            missed += 1
            eventually(lambda: remove_pods(server) and is_free(server, "RunPodSandbox", config=config))
        remove_pods(server)
    assert missed
    eventually(lambda: not left_of_pods(server))


def test_a_container_is_made_for_its_client_or_not_at_all(server: RealNode) -> None:
    sandbox_id = server.run_pod()
    request = {"pod_sandbox_id": sandbox_id, "config": container_config("hasty", server.pull("sleeper"))}
    for seconds in DEADLINES:
        with suppress(Deadline):
            attempt(server, "CreateContainer", seconds / 10, **request)
        eventually(lambda: remove_containers(server) and is_free(server, "CreateContainer", **request))
        remove_containers(server)
    eventually(lambda: not list((server.server.root / "pods" / sandbox_id / "containers").iterdir()))


def test_starts_and_stops_go_on_without_their_clients(server: RealNode) -> None:
    sandbox_id = server.run_pod()
    image = server.pull("sleeper")
    for number, seconds in enumerate(DEADLINES[:10]):
        config = container_config(f"main{number}", image)
        container_id = server.call("CreateContainer", pod_sandbox_id=sandbox_id, config=config).container_id
        with suppress(Deadline):
            attempt(server, "StartContainer", seconds / 4, container_id=container_id)
        with suppress(Deadline):
            attempt(server, "StopContainer", seconds / 4, container_id=container_id)
        eventually(partial(is_stopped, server, container_id))


def test_an_image_is_pulled_whole_or_not_at_all(server: RealNode) -> None:
    for number, seconds in enumerate(DEADLINES[::2]):
        wasm = guest("hello") + bytes((0, 3, 1, 110, number))  # a custom section of its own makes it another module
        image = cri.ImageSpec(image=push_artifact(server.registry.address, f"hasty{number}", wasm))
        with suppress(Deadline):
            attempt(server, "PullImage", seconds * 4, image=image)
        eventually(partial(is_listed_if_it_is_there, server, image))
        server.call("PullImage", image=image)
        server.start(server.run_pod(f"pod{number}"), "hello")
    eventually(lambda: not list((server.server.root / "images" / "ingest").iterdir()))


def is_stopped(server: RealNode, container_id: str) -> bool:
    """False also where a start that was asked for before is heard after this stop."""
    server.call("StopContainer", container_id=container_id)
    return server.status(container_id).state != cri.CONTAINER_RUNNING


def is_listed_if_it_is_there(server: RealNode, image: cri.ImageSpec) -> bool:
    """False also where it comes to be there between the questions: a pull may be finished as its client gives up."""
    listed = {tag for item in server.call("ListImages").images for tag in item.repo_tags}
    is_there: bool = server.call("ImageStatus", image=image).HasField("image")
    return (image.image in listed) == is_there


def remove_pods(server: RealNode) -> bool:
    """A sandbox may be finished at the very moment its client gives up: then it is there, as a whole."""
    for sandbox in server.call("ListPodSandbox").items:
        server.call("RemovePodSandbox", pod_sandbox_id=sandbox.id)
    return True


def remove_containers(server: RealNode) -> bool:
    for container in server.call("ListContainers").containers:
        server.call("RemoveContainer", container_id=container.id)
    return True


def left_of_pods(server: RealNode) -> list[Path]:
    """On disk, in the cgroup tree and on the bridge."""
    folders = [server.server.root / "pods", server.server.root / "trash", server.server.state / "pods"]
    groups = [Path(mount + server.server.cgroup_parent) for mount in cgroup.detect().mounts]
    ports = Path(f"/sys/class/net/{bridge_name(server.server.state)}/brif")
    left = [path for folder in (*folders, ports) for path in folder.iterdir()]
    return left + [path for group in groups if group.is_dir() for path in group.iterdir() if path.is_dir()]
