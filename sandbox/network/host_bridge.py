"""The host's side of the network as one thing: a claimed name, the bridge, forwarding, masquerade.

Blocks. While there are pods nothing of it is undone when the server ends, for they live on; only the claim on the name
goes with the server.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network

import structlog

from sandbox.network import bridge_device
from sandbox.network.bridge_device import Device
from sandbox.network.host_lock import HostLock
from sandbox.network.masquerade import Masquerade, enable_forwarding, find_masquerade
from sandbox.network.names import bridge_mac

log = structlog.get_logger(__name__)


class HostBridge:
    """One thread at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._claim = HostLock(f"bridge-{name}")
        self._masquerade: Masquerade | None = None
        self._warned = False

    def up(self, ranges: Sequence[IPv4Network]) -> Device:
        """Make what is missing. Raises SandboxError if pods cannot be attached; that they cannot get out is logged."""
        self._claim.claim(f"bridge {self.name}")
        device = bridge_device.ensure(self.name, bridge_mac(self.name), ranges)
        try:
            self._open_the_way_out(ranges)
        except OSError as error:
            self._warn(str(error), "give wasmlet the right to administer the network")
        return device

    def lets_out(self) -> bool:
        """Whether the masquerade is as it was made. Raises OSError."""
        return self._masquerade is None or self._masquerade.present()

    def remove(self) -> None:
        """The masquerade, all ports and the bridge, unless they are another server's. Idempotent.

        Raises OSError, SandboxError.
        """
        self._claim.claim(f"bridge {self.name}")
        masquerade = self._masquerade or find_masquerade(self.name)
        if masquerade is not None:
            masquerade.remove()
        self._masquerade = None
        bridge_device.delete_ports(self.name, set())
        bridge_device.delete_interfaces([self.name])

    def remove_if_unused(self, former: set[str]) -> None:
        """``former``: interfaces of pods that are gone, which the kernel may not have removed yet. Raises OSError."""
        if bridge_device.ports(self.name) <= former:
            self.remove()

    def release(self) -> None:
        """Let another server have the name."""
        self._claim.release()

    def _open_the_way_out(self, ranges: Sequence[IPv4Network]) -> None:
        enable_forwarding()
        self._masquerade = self._masquerade or find_masquerade(self.name)
        if self._masquerade is None:
            self._warn("the kernel has no nf_tables and there is no iptables", "install one of them")
        else:
            self._masquerade.apply(ranges)

    def _warn(self, cause: str, remedy: str) -> None:
        if not self._warned:
            self._warned = True
            log.warning("pods reach each other and this host only", bridge=self.name, cause=cause, remedy=remedy)
