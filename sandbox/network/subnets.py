"""The range of a node that nobody gave one, and the range in what the kubelet announces. No I/O."""

from collections.abc import Iterable
from ipaddress import IPv4Network, ip_network

from sandbox.errors import InvalidSpec, SandboxError
from sandbox.network.addresses import usable

POOL = IPv4Network("10.88.0.0/16")
_PREFIX = 24


def free_subnet(used: Iterable[IPv4Network]) -> IPv4Network:
    """The first /24 of the pool that overlaps none of the host's addresses and routes. Raises SandboxError."""
    taken = [network for network in used if network.overlaps(POOL)]
    for candidate in POOL.subnets(new_prefix=_PREFIX):
        if not any(candidate.overlaps(network) for network in taken):
            return candidate
    routes = ", ".join(sorted({str(network) for network in taken})[:3])
    raise SandboxError(f"no /{_PREFIX} of {POOL} is free for pods: this host routes {routes}; set network.subnet")


def parse_subnet(text: str) -> IPv4Network:
    """The range of pods written as in ``10.88.3.0/24``. Raises InvalidSpec."""
    try:
        network = ip_network(text.strip())
    except ValueError as error:
        raise InvalidSpec(f"{text} is no range of addresses: {error}; write it as in 10.88.3.0/24") from error
    if not isinstance(network, IPv4Network):
        raise InvalidSpec(
            f"{text} is an IPv6 range, which wasmlet's own network does not serve yet: name an IPv4 range"
        )
    if not usable(network):
        raise InvalidSpec(f"{text} has no room for a gateway and a pod: name a range of /30 or more")
    return network


def split_pod_cidr(cidr: str) -> tuple[IPv4Network | None, list[str]]:
    """The first IPv4 range of a comma-separated list, and what of it is left unused. Raises InvalidSpec."""
    ranges = [text.strip() for text in cidr.split(",") if text.strip()]
    ipv4 = next((text for text in ranges if ":" not in text), None)
    return (parse_subnet(ipv4) if ipv4 else None), [text for text in ranges if text != ipv4]
