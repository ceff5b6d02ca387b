"""crictl against a server with real pods and a real registry: what people at a node's terminal see."""

from collections.abc import Iterator

import pytest

from tests.docker_registry import docker_registry
from tests.e2e.terminal import Terminal
from tests.real_node import real_node


@pytest.fixture(scope="package")
def shared_terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    folder = tmp_path_factory.mktemp("crictl")
    with real_node(folder / "node") as node, docker_registry(folder / "registry") as registry:
        yield Terminal(node, registry, folder / "terminal")


@pytest.fixture
def terminal(shared_terminal: Terminal) -> Iterator[Terminal]:
    """Without a pod. Images may be there, of other tests."""
    yield shared_terminal
    shared_terminal.remove_pods()
