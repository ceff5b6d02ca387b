"""The range of a node that nobody gave one, and the ranges in settings and in what the kubelet announces. No I/O."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, ip_network

from sandbox.errors import InvalidSpec, SandboxError
from sandbox.network.addresses import Network, usable

POOL = IPv4Network("10.88.0.0/16")
_PREFIX = 24


def free_subnet(used: Iterable[Network]) -> IPv4Network:
    """The first /24 of the pool that overlaps none of the host's addresses and routes. Raises SandboxError."""
    taken = [network for network in used if isinstance(network, IPv4Network) and network.overlaps(POOL)]
    for candidate in POOL.subnets(new_prefix=_PREFIX):
        if not any(candidate.overlaps(network) for network in taken):
            return candidate
    routes = ", ".join(sorted({str(network) for network in taken})[:3])
    raise SandboxError(f"no /{_PREFIX} of {POOL} is free for pods: this host routes {routes}; set network.subnet")


def parse_subnets(text: str) -> tuple[Network, ...]:
    """The ranges of pods written as in ``10.88.3.0/24`` or ``10.88.3.0/24,fd00:88::/64``. Raises InvalidSpec."""
    networks = tuple(_parse_subnet(part.strip()) for part in text.split(","))
    if len({network.version for network in networks}) < len(networks):
        raise InvalidSpec(f"{text} has several ranges of one family: name at most one of IPv4 and one of IPv6")
    return networks


def split_pod_cidr(cidr: str) -> tuple[tuple[Network, ...], list[str]]:
    """The first range of each family in a comma-separated list, and what of it is left unused. Raises InvalidSpec."""
    texts = [text.strip() for text in cidr.split(",") if text.strip()]
    used = _first_of_each_family(texts)
    return tuple(_parse_subnet(text) for text in used), [text for text in texts if text not in used]


def written(networks: Iterable[Network]) -> str:
    """As ``parse_subnets`` reads it."""
    return ",".join(map(str, networks))


def _first_of_each_family(texts: Sequence[str]) -> list[str]:
    first: dict[bool, str] = {}
    for text in texts:
        first.setdefault(":" in text, text)
    return list(first.values())


def _parse_subnet(text: str) -> Network:
    try:
        network = ip_network(text)
    except ValueError as error:
        raise InvalidSpec(f"{text} is no range of addresses: {error}; write it as in 10.88.3.0/24") from error
    if not usable(network):
        smallest = network.max_prefixlen - 2
        raise InvalidSpec(f"{text} has no room for a gateway and a pod: name a range of /{smallest} or more")
    return network
