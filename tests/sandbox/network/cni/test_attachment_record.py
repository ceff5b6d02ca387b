from pathlib import Path

import pytest

from sandbox.network.cni.attachment_record import AttachmentRecords
from sandbox.network.cni.chain import CniAttachment
from sandbox.network.cni.invocation import Target
from sandbox.network.cni.network_config import NetworkConfig
from sandbox.records import TornRecord

CONFIG = NetworkConfig("pods", "1.0.0", [{"type": "bridge", "mtu": 1400}], disable_check=True)
ATTACHMENT = CniAttachment(CONFIG, Target("abc", "/n", "IgnoreUnknown=1", {"ips": ["10.0.0.9"]}), {"ips": []})


@pytest.fixture
def records(tmp_path: Path) -> AttachmentRecords:
    made = AttachmentRecords(tmp_path)
    made.open()
    made.open()
    return made


@pytest.mark.parametrize("result", [None, {"ips": [{"address": "10.0.0.9/24"}]}])
def test_an_attachment_comes_back_as_it_was(records: AttachmentRecords, result: dict[str, object] | None) -> None:
    records.save(ATTACHMENT._replace(result=result))
    assert records.load("abc") == ATTACHMENT._replace(result=result)
    assert records.all() == {"abc"}


def test_there_is_none_before_and_after(records: AttachmentRecords) -> None:
    assert records.load("abc") is None
    records.save(ATTACHMENT)
    records.remove("abc")
    records.remove("abc")
    assert records.load("abc") is None
    assert records.all() == set()


def test_a_torn_one_is_told_and_set_aside(records: AttachmentRecords, tmp_path: Path) -> None:
    records.save(ATTACHMENT)
    file = tmp_path / "cni" / "abc"
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(TornRecord, match="is torn"):
        records.load("abc")
    assert Path(records.set_aside("abc")).parent == tmp_path / "set-aside"
    assert records.load("abc") is None
