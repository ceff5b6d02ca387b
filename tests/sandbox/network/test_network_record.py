from pathlib import Path

import pytest

from sandbox import records
from sandbox.network.network_record import NetworkRecord, load, save
from sandbox.network.subnets import parse_subnets


@pytest.mark.parametrize("pod_cidr", ["", "10.244.0.0/24", "10.244.0.0/24,fd00::/64"])
def test_what_is_saved_is_loaded(tmp_path: Path, pod_cidr: str) -> None:
    record = NetworkRecord(parse_subnets("10.88.1.0/24"), parse_subnets(pod_cidr) if pod_cidr else ())
    save(tmp_path, record)
    assert load(tmp_path) == record


def test_there_is_none_at_first(tmp_path: Path) -> None:
    assert load(tmp_path) == NetworkRecord()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        records.encode("network", {"subnet": ""}),
        records.encode("network", {"subnet": "x", "pod_cidr": ""}),
        records.encode("network", {"subnet": 7, "pod_cidr": ""}),
    ],
)
def test_what_cannot_be_read_is_set_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "network.record").write_bytes(content)
    assert load(tmp_path) == NetworkRecord()
    assert [file.read_bytes() for file in (tmp_path / "set-aside").iterdir()] == [content]
    save(tmp_path, NetworkRecord())
