"""docs/rpcs.md has one row for each RPC of the contract."""

import re
from pathlib import Path

from cri_server.cri_v1 import api_pb2

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rpcs.md"


def documented() -> list[tuple[str, str]]:
    return re.findall(r"^\| ([A-Z][a-z]\w+) \| (\w+) \|", PAGE.read_text(), re.MULTILINE)


def test_every_rpc_has_a_row() -> None:
    methods = [method.name for service in api_pb2.DESCRIPTOR.services_by_name.values() for method in service.methods]
    assert sorted(name for name, _ in documented()) == sorted(methods)


def test_every_state_is_one_of_two() -> None:
    assert {state for _, state in documented()} == {"built", "UNIMPLEMENTED"}
