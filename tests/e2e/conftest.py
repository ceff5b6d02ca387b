"""A server with a registry, for real clients."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real_node import RealNode, real_node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RealNode]:
    """With so few addresses that a lost one would be missed."""
    with real_node(tmp_path / "node", '[network]\nsubnet = "10.88.255.0/27"\n') as running:
        yield running
