"""Commands of an administrator's image in place of wasmlet's own toolbox, executed for real."""

import re
from collections.abc import Iterator

import grpc
import pytest

from tests.guests.compiled import guest
from tests.images import push_artifact, push_wasi_image
from tests.real_node import RealNode, real_node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    with real_node(tmp_path_factory.mktemp("toolbox") / "node") as running:
        yield running


@pytest.fixture(scope="module")
def container(node: RealNode) -> str:
    """Older than the toolboxes."""
    return node.start(node.run_pod(), "sleeper")


def choose(node: RealNode, setting: str) -> None:
    """And start the server again."""
    node.server.kill()
    chosen = re.sub('toolbox = ".*"', f'toolbox = "{setting}"', node.server.config.read_text())
    node.server.config.write_text(chosen)
    node.server.start()


def executed(node: RealNode, container: str, *words: str) -> tuple[int, list[bytes]]:
    """Status, and the first lines of the output: as many as there are words."""
    answer = node.call("ExecSync", container_id=container, cmd=words, timeout=240)
    return answer.exit_code, answer.stdout.splitlines()[: len(words)]


def refusal(node: RealNode, container: str, *words: str) -> str:
    with pytest.raises(grpc.RpcError) as refused:
        executed(node, container, *words)
    return str(refused.value.details())


def test_an_image_with_files_has_its_commands_on_its_path(node: RealNode, container: str) -> None:
    files = {"/tools/greet": guest("arguments"), "/tools/fail": guest("exit3"), "/other/hidden": guest("hello")}
    choose(node, push_wasi_image(node.registry.address, "tools", files, env=["PATH=/tools"]))
    assert executed(node, container, "greet", "all") == (0, [b"greet", b"all"])
    assert executed(node, container, "fail") == (3, [b"failing"])
    assert "executable file not found in $PATH" in refusal(node, container, "hidden")


def test_an_artifact_is_every_command(node: RealNode, container: str) -> None:
    choose(node, push_artifact(node.registry.address, "multi-call", guest("arguments")))
    for name in ("sh", "whatever"):
        assert executed(node, container, name, "-c") == (0, [name.encode(), b"-c"])


def test_switched_off_there_is_none(node: RealNode, container: str) -> None:
    choose(node, "off")
    assert "the toolbox is switched off (exec.toolbox)" in refusal(node, container, "sh")
