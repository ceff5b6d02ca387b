from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import InvalidSpec, NotSupported, SandboxError
from sandbox.network.addresses import Address
from sandbox.network.host_ports import HostPorts, PublishedPort, published_ports, read, shown, written
from sandbox.network.provider import HostPort

BOTH = [ip_address("10.0.0.2"), ip_address("fd00::2")]


def published(*ports: HostPort, to: list[str] | None = None) -> list[str]:
    addresses = [ip_address(text) for text in to] if to is not None else BOTH
    return [f"{shown(port)} {port.pod} {port.pod_port}" for port in published_ports("pod a/b", ports, addresses)]


@pytest.mark.parametrize(
    ("host_ip", "where"),
    [
        ("", ["80/tcp 10.0.0.2 8080", "80/tcp fd00::2 8080"]),
        ("0.0.0.0", ["80/tcp 10.0.0.2 8080"]),
        ("::", ["80/tcp fd00::2 8080"]),
        ("192.0.2.1", ["192.0.2.1:80/tcp 10.0.0.2 8080"]),
        ("::ffff:192.0.2.1", ["192.0.2.1:80/tcp 10.0.0.2 8080"]),
        ("2001:db8::1", ["[2001:db8::1]:80/tcp fd00::2 8080"]),
    ],
)
def test_the_host_ip_says_where(host_ip: str, where: list[str]) -> None:
    assert published(HostPort(80, 8080, "tcp", host_ip)) == where


def test_a_port_that_is_wanted_twice_in_the_same_way_is_one() -> None:
    port = HostPort(80, 8080, "tcp", "")
    assert len(published(port, port)) == 2
    assert len(published(port, port._replace(protocol="udp"))) == 4
    with pytest.raises(InvalidSpec, match="pod a/b publishes host port 80/tcp twice"):
        published(port, port._replace(container_port=81))
    with pytest.raises(InvalidSpec, match="twice"):
        published(port, port._replace(host_ip="192.0.2.1"))


@pytest.mark.parametrize(
    ("port", "kind", "reason"),
    [
        (HostPort(80, 80, "sctp", ""), NotSupported, "host port 80 of pod a/b is one of SCTP, which wasmlet's own"),
        (HostPort(80, 80, "tcp", "::1"), InvalidSpec, "listen on ::1, from where the kernel sends nothing to pods"),
        (HostPort(80, 80, "tcp", "fe80::1"), InvalidSpec, "listen on fe80::1, which is an address within one"),
        (HostPort(80, 80, "tcp", "fe80::1%eth0"), InvalidSpec, "listen on fe80::1%eth0, which is an address"),
        (HostPort(80, 80, "tcp", "fd00::9"), InvalidSpec, "listen on fd00::9, but the pods of this node have no addr"),
    ],
)
def test_what_cannot_be_published_is_refused(port: HostPort, kind: type[SandboxError], reason: str) -> None:
    with pytest.raises(kind, match=reason):
        published(port, to=["10.0.0.2"])


def port_at(host: str, number: int = 80, protocol: str = "tcp") -> PublishedPort:
    return PublishedPort(protocol, ip_address(host), number, ip_address("10.0.0.2"), 8080)


@pytest.mark.parametrize(
    ("one", "other", "collide"),
    [
        (port_at("0.0.0.0"), port_at("0.0.0.0"), True),
        (port_at("0.0.0.0"), port_at("192.0.2.1"), True),
        (port_at("192.0.2.1"), port_at("0.0.0.0"), True),
        (port_at("192.0.2.1"), port_at("192.0.2.2"), False),
        (port_at("0.0.0.0"), port_at("::"), False),
        (port_at("0.0.0.0"), port_at("0.0.0.0", 81), False),
        (port_at("0.0.0.0"), port_at("0.0.0.0", protocol="udp"), False),
    ],
)
def test_a_port_is_one_pods(one: PublishedPort, other: PublishedPort, collide: bool) -> None:
    held = HostPorts()
    held.claim("id-a", "prod/a", [one])
    if not collide:
        held.claim("id-b", "prod/b", [other])
        return
    with pytest.raises(SandboxError, match=r"of pod prod/b is that of pod prod/a \(sandbox id-a\): choose another"):
        held.claim("id-b", "prod/b", [other])
    assert held.of("id-b") == []
    assert held.published() == [one]
    held.retire("id-a")
    assert held.published() == []
    with pytest.raises(SandboxError, match="is that of pod prod/a"):
        held.claim("id-b", "prod/b", [other])
    held.release("id-a")
    held.release("id-a")
    held.retire("id-a")
    held.claim("id-b", "prod/b", [other])
    assert held.published() == [other]


@given(
    st.sampled_from(["tcp", "udp"]),
    st.ip_addresses(),
    st.integers(1, 65535),
    st.ip_addresses(),
    st.integers(1, 65535),
)
def test_a_record_tells_what_was_published(protocol: str, host: Address, number: int, pod: Address, own: int) -> None:
    port = PublishedPort(protocol, host, number, pod, own)
    assert read(written(port)) == port
