import os
from pathlib import Path

import pytest

from cri_server import etc_files
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest


def test_resolv_conf_follows_the_pods_dns_config() -> None:
    dns = cri.DNSConfig(servers=["10.10.10.10", "10.10.10.11"], searches=["google.com", "a.b"], options=["ndots:8"])
    assert etc_files.resolv_conf(dns, "nameserver 1.1.1.1\n").splitlines() == [
        "search google.com a.b",
        "nameserver 10.10.10.10",
        "nameserver 10.10.10.11",
        "options ndots:8",
    ]


def test_without_a_dns_config_the_hosts_file_is_taken() -> None:
    assert etc_files.resolv_conf(cri.DNSConfig(), "nameserver 1.1.1.1\n") == "nameserver 1.1.1.1\n"


@pytest.mark.parametrize("word", ["10.0.0.1\nnameserver 6.6.6.6", "a b", "", "x\0"])
def test_a_dns_entry_cannot_smuggle_in_another_line(word: str) -> None:
    with pytest.raises(InvalidRequest):
        etc_files.resolv_conf(cri.DNSConfig(servers=[word]), "")


def test_a_pod_with_an_address_finds_itself_in_its_hosts(tmp_path: Path) -> None:
    etc_files.write(str(tmp_path), cri.PodSandboxConfig(hostname="web-0"), ["10.85.0.7"], host_network=False)
    assert "10.85.0.7\tweb-0\n" in (tmp_path / "hosts").read_text()
    assert (tmp_path / "hostname").read_text() == "web-0\n"
    assert (tmp_path / "resolv.conf").stat().st_mode & 0o777 == 0o644


def test_a_pod_in_the_hosts_network_has_the_hosts_names(tmp_path: Path) -> None:
    etc_files.write(str(tmp_path), cri.PodSandboxConfig(), [], host_network=True)
    assert (tmp_path / "hosts").read_bytes() == Path("/etc/hosts").read_bytes()
    assert (tmp_path / "hostname").read_text() == os.uname().nodename + "\n"
