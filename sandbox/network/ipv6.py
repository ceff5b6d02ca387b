"""IPv6 on the machine and on the interfaces of the pod network, in the caller's network namespace."""

from pathlib import Path

VERSION = 6

_SETTINGS = Path("/proc/sys/net/ipv6/conf")
_FOR_POD_NETWORKS = {
    "disable_ipv6": "0",
    "accept_dad": "0",  # nobody else is there to have the address: it can be used at once
    "accept_ra": "0",  # only wasmlet says what is routed where: another pod must not
}


def available() -> bool:
    """Whether this machine has IPv6, and it is not switched off."""
    try:
        return (_SETTINGS / "all" / "disable_ipv6").read_text(encoding="ascii").strip() == "0"
    except FileNotFoundError:
        return False


def prepare(interface: str) -> None:
    """An interface of a pod network, before it gets an address. Raises OSError."""
    for setting, value in _FOR_POD_NETWORKS.items():
        (_SETTINGS / interface / setting).write_text(value, encoding="ascii")
