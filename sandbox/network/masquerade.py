"""Pods reach the world behind the host's address: by nftables, by iptables where there is none, or not at all."""

import shutil
from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import Protocol

from sandbox.network.iptables import Iptables
from sandbox.network.nftables import Nftables, unsupported

FORWARDING = "/proc/sys/net/ipv4/ip_forward"


class Masquerade(Protocol):
    """Its methods block and raise OSError."""

    def apply(self, ranges: Sequence[IPv4Network]) -> None:
        """For these ranges and no others."""

    def present(self) -> bool:
        """Whether what was applied is still there."""

    def remove(self) -> None:
        """Idempotent."""


def find_masquerade(bridge: str) -> Masquerade | None:
    """What this machine offers, tried out; None if nothing. Raises OSError, as for lack of rights."""
    nftables = Nftables(bridge)
    try:
        if not nftables.present():
            nftables.apply([])
    except OSError as error:
        if not unsupported(error):
            raise
        program = shutil.which("iptables")
        return Iptables(bridge, program) if program else None
    return nftables


def enable_forwarding() -> None:
    """Let the host pass on what is not for itself, in the caller's network namespace. Raises OSError."""
    with open(FORWARDING, encoding="ascii") as file:
        if file.read().strip() == "1":
            return
    with open(FORWARDING, "w", encoding="ascii") as file:
        file.write("1")
