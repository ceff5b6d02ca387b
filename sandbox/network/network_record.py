"""What a server's network keeps for good: the range it once chose, and those the kubelet announced."""

from pathlib import Path
from typing import NamedTuple

import structlog

from sandbox import records
from sandbox.errors import InvalidSpec
from sandbox.network.addresses import Network
from sandbox.network.subnets import parse_subnets, written

_FILE, _KIND = "network.record", "network"

log = structlog.get_logger(__name__)


class NetworkRecord(NamedTuple):
    subnet: tuple[Network, ...] = ()
    pod_cidr: tuple[Network, ...] = ()


def load(root: Path) -> NetworkRecord:
    """Empty if there is none; one that cannot be read is set aside."""
    path = root / _FILE
    try:
        fields = records.read_record(str(path), _KIND)
        texts = [str(fields[name]) for name in NetworkRecord._fields]
        return NetworkRecord(*(parse_subnets(text) if text else () for text in texts))
    except FileNotFoundError:
        return NetworkRecord()
    except (records.TornRecord, InvalidSpec, KeyError) as error:
        aside = records.set_aside(str(path), str(root / "set-aside"))
        log.warning("network record set aside: a pod range is chosen anew", cause=str(error), moved_to=aside)
        return NetworkRecord()


def save(root: Path, record: NetworkRecord) -> None:
    """Raises DiskFull."""
    fields = {name: written(value) for name, value in record._asdict().items()}
    records.write_record(str(root / _FILE), _KIND, fields)
