"""What the host's kernel has to be told to pass on packets, in the caller's network namespace. All raise OSError."""

from pathlib import Path

_IPV4 = Path("/proc/sys/net/ipv4")
_IPV6 = Path("/proc/sys/net/ipv6/conf")
_BRIDGE = Path("/proc/sys/net/bridge")


def enable_ipv4() -> None:
    _write(_IPV4 / "ip_forward", "1")


def enable_ipv6() -> None:
    """Interfaces that learn their routes from a router go on doing so, which forwarding alone would end."""
    if _read(_IPV6 / "all" / "forwarding") == "1":
        return
    for setting in _IPV6.glob("*/accept_ra"):
        if setting.parent.name != "all" and _read(setting) == "1":
            _write(setting, "2")
    _write(_IPV6 / "all" / "forwarding", "1")


def filters_bridges() -> bool:
    """Whether netfilter sees what passes within a bridge: the kernel has br_netfilter, and it is loaded."""
    return _BRIDGE.exists()


def route_loopback_sources(bridge: str) -> None:
    """Let what the host sends from 127.0.0.0/8 leave by the bridge, for its address there is translated.

    The kernel then takes from the bridge what is addressed to the host's loopback, too: see that it is dropped before.
    """
    _write(_IPV4 / "conf" / bridge / "route_localnet", "1")


def _read(setting: Path) -> str:
    return setting.read_text(encoding="ascii").strip()


def _write(setting: Path, value: str) -> None:
    """Only what is not so already: /proc/sys may be read-only, and set up by somebody else."""
    if _read(setting) != value:
        setting.write_text(value, encoding="ascii")
