import secrets
from ipaddress import IPv4Address
from pathlib import Path

from sandbox.network import names


def test_the_usual_server_has_the_plain_name() -> None:
    assert names.bridge_name(Path("/run/wasmlet")) == names.bridge_name(Path("/run/../run/wasmlet/")) == "wasmlet0"


def test_servers_elsewhere_have_names_of_their_own(tmp_path: Path) -> None:
    one, other = (names.bridge_name(tmp_path / name) for name in ("a", "b"))
    assert one != other
    assert one == names.bridge_name(tmp_path / "a")
    assert len(one) <= 15


def test_a_host_interface_fits_the_kernels_limit_and_differs_from_any_bridge() -> None:
    name = names.host_interface(secrets.token_hex(32))
    assert name.startswith("wl")
    assert len(names.bridge_name(Path("/x"))) < len(name) <= 15


def test_the_alias_tells_bridge_and_pod() -> None:
    alias = names.host_interface_alias("wasmlet0", "abc")
    assert names.sandbox_of_alias("wasmlet0", alias) == "abc"
    assert names.sandbox_of_alias("wasmlet", alias) == ""
    assert names.sandbox_of_alias("wasmlet0", "eth uplink") == ""


def test_mac_addresses_are_local_and_of_one_station() -> None:
    for mac in (names.bridge_mac("wasmlet0"), names.pod_mac(IPv4Address("10.88.3.7"))):
        first = int(mac.split(":")[0], 16)
        assert len(mac) == 17
        assert first & 0b11 == 0b10
    assert names.pod_mac(IPv4Address("10.88.3.7")).endswith("0a:58:03:07")
