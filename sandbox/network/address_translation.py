"""Addresses translated between pods and the world: by nftables, by iptables where there is none, or not at all.

Pods reach the world behind the host's address (masquerade), and the world reaches the ports they publish on the host.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from sandbox.network.addresses import Network
from sandbox.network.host_ports import PublishedPort
from sandbox.network.iptables import find_iptables
from sandbox.network.nftables import Nftables, unsupported


class AddressTranslation(Protocol):
    """Its methods block and raise OSError."""

    def apply(self, ranges: Sequence[Network]) -> None:
        """Masquerade these ranges and no others. Published ports stay, if all of it is still there."""

    def publish(self, ports: Iterable[PublishedPort]) -> set[PublishedPort]:
        """These and no others. Returns those that were published before, as far as it is known which were.

        Raises TranslationGone if what was applied is not there any more.
        """

    def present(self) -> bool:
        """Whether what was applied is still there."""

    def remove(self) -> None:
        """Idempotent."""

    def close(self) -> None:
        """All stays as it is in the kernel. Idempotent."""


def find_translation(bridge: str) -> AddressTranslation | None:
    """What this machine offers, tried out; None if nothing. Raises OSError, as for lack of rights."""
    nftables = Nftables(bridge)
    try:
        nftables.try_out()
    except OSError as error:
        if not unsupported(error):
            raise
        return find_iptables(bridge)
    return nftables
