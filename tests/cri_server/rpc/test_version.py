import re

import pytest

from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run


@pytest.mark.parametrize("asked", ["", "0.1.0", "v1"])
def test_the_kubelet_finds_what_it_demands(node: Run, asked: str) -> None:
    async def scenario(node: Node) -> None:
        answer = await node.client("Version", version=asked)
        assert (answer.version, answer.runtime_name, answer.runtime_api_version) == ("0.1.0", "wasmlet", "v1")
        assert re.fullmatch(r"\d+\.\d+\.\d+\S*", answer.runtime_version)

    node(scenario)
