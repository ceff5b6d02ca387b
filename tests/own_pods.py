"""The pods that a test runs on a real node; they go with it."""

import re
from types import TracebackType
from typing import Any, Self

from tests.real_node import RealNode

_LONGEST_NAME = 50


class Pods:
    """``test``: its name."""

    def __init__(self, node: RealNode, test: str) -> None:
        self.node = node
        self.name = re.sub("[^a-z]", "-", test.lower())[:_LONGEST_NAME].strip("-")
        self._made: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sandbox_id in self._made:
            self.node.call("RemovePodSandbox", pod_sandbox_id=sandbox_id)

    def run(self, **fields: Any) -> str:
        """Id of the sandbox."""
        self._made.append(self.node.run_pod(f"{self.name}-{len(self._made)}", **fields))
        return self._made[-1]

    def address(self, sandbox_id: str) -> str:
        return self.node.address(sandbox_id)
