"""What interfaces of wasmlet's own network are called, so that whose they are can be told from outside."""

import hashlib
from ipaddress import IPv4Address
from pathlib import Path

from sandbox.network.addresses import Address

DEFAULT_STATE = Path("/run/wasmlet")
POD_INTERFACE = "eth0"


def bridge_name(state: Path) -> str:
    """Of the server that keeps its volatile state there: servers side by side have a bridge each."""
    if state.resolve() == DEFAULT_STATE:
        return "wasmlet0"
    return "wl" + hashlib.sha256(bytes(state.resolve())).hexdigest()[:8]


def host_interface(sandbox_id: str) -> str:
    """The host's end of a pod's pair; 13 of the 15 characters an interface name may have."""
    return "wl" + sandbox_id[:11]


def host_interface_alias(bridge: str, sandbox_id: str) -> str:
    """``ip link`` shows it. It outlives the bridge."""
    return f"{_alias_prefix(bridge)}{sandbox_id}"


def sandbox_of_alias(bridge: str, alias: str) -> str:
    """The sandbox id in the alias of one of this bridge's interfaces, "" in any other."""
    prefix = _alias_prefix(bridge)
    return alias.removeprefix(prefix) if alias.startswith(prefix) else ""


def bridge_mac(bridge: str) -> str:
    """Given, for else a bridge takes the lowest of its ports', and neighbours lose it as pods come and go."""
    return _local_mac(hashlib.sha256(bridge.encode()).digest()[:5])


def pod_mac(address: Address) -> str:
    """Made of the IP address, so that what neighbours remember stays true when the address goes to another pod."""
    packed = address.packed if isinstance(address, IPv4Address) else hashlib.sha256(address.packed).digest()[:4]
    return _local_mac(b"\x57" + packed)


def _local_mac(tail: bytes) -> str:
    return (b"\x02" + tail).hex(":")


def _alias_prefix(bridge: str) -> str:
    return f"wasmlet {bridge} pod "
