"""A server whose disk is full: new things are refused with a clear error, what was acknowledged goes on."""

import errno
import os
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from tests.guests.compiled import guest
from tests.images import push_artifact
from tests.real_node import RealNode, container_config, eventually, real_node
from tests.small_disk import small_disk

_DISK_BYTES = 64 << 20


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RealNode]:
    """All that its server keeps is on a small disk of its own."""
    with small_disk(tmp_path / "disk", _DISK_BYTES) as disk, real_node(disk / "node") as running:
        yield running


def fill(node: RealNode) -> Path:
    """To the last byte, whoever writes there meanwhile."""
    filler = node.server.folder.parent / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        file.writelines(repeat(bytes(1 << 20)))
    return filler


def refused(node: RealNode, method: str, **fields: object) -> None:
    with pytest.raises(grpc.RpcError, match="no space is left") as refusal:
        node.call(method, **fields)
    assert refusal.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_full_disk_loses_nothing_that_was_acknowledged(node: RealNode) -> None:
    reference = node.pull("sleeper")
    sandbox_id = node.run_pod()
    running = node.start(sandbox_id, "sleeper", "running")
    before = node.status(running)
    other = push_artifact(node.registry.address, "other", guest("exit3"))
    eventually(lambda: bool(node.log(running)))  # it has no more to say
    filler = fill(node)
    refused(node, "RunPodSandbox", config=node.pod_config("late"))
    refused(node, "CreateContainer", pod_sandbox_id=sandbox_id, config=container_config("late", reference))
    refused(node, "PullImage", image=cri.ImageSpec(image=other))
    node.server.kill()
    node.server.start()
    assert node.status(running) == before
    node.call("StopContainer", container_id=running, timeout=60)
    assert node.status(running).exit_code == 143
    node.server.kill()
    node.server.start()
    assert node.status(running).exit_code == 143, "the end was recorded"
    filler.unlink()
    assert node.exited(node.start(node.run_pod("late"), "exit3", "late")).exit_code == 3
    assert len(node.call("ListPodSandbox").items) == 2
