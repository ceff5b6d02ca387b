"""The host's side of the network as one thing: a claimed name, the bridge, forwarding, translated addresses.

Blocks. While there are pods nothing of it is undone when the server ends, for they live on; only the claim on the name
goes with the server.
"""

import threading
from collections.abc import Iterable, Sequence

import structlog

from sandbox.errors import NotSupported
from sandbox.network import bridge_device, forward_chain, forwarding, ipv6
from sandbox.network.address_translation import AddressTranslation, find_translation
from sandbox.network.addresses import Network
from sandbox.network.bridge_device import Device
from sandbox.network.conntrack import Flows
from sandbox.network.host_lock import HostLock
from sandbox.network.host_ports import HostPorts, PublishedPort
from sandbox.network.names import bridge_mac

log = structlog.get_logger(__name__)


class HostBridge:
    """One thread at a time, but for ``publish``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._claim = HostLock(f"bridge-{name}")
        self._translation: AddressTranslation | None = None
        self._publishing = threading.Lock()
        self._flows = Flows()
        self._warned = False

    def up(self, ranges: Sequence[Network]) -> Device:
        """Make what is missing. Raises SandboxError if pods cannot be attached; that they cannot get out is logged."""
        self._claim.claim(f"bridge {self.name}")
        device = bridge_device.ensure(self.name, bridge_mac(self.name), ranges)
        if not forwarding.filters_bridges():
            log.warning("pods do not reach each other by Services: run 'modprobe br_netfilter'", bridge=self.name)
        try:
            self._open_the_way_out(ranges)
        except OSError as error:
            self._warn(str(error), "give wasmlet the right to administer the network")
        return device

    def lets_out(self) -> bool:
        """Whether addresses are translated as they were. Raises OSError."""
        return self._translation is None or self._translation.present()

    def stands(self, device: Device) -> bool:
        """Whether nobody has removed it, as far as it can be told now."""
        try:
            return bridge_device.is_there(device, self.name) and self.lets_out()
        except OSError:
            return True

    def publish(self, ports: HostPorts) -> set[PublishedPort]:
        """All that are now to lead to pods and no others: who comes first does it for all that wait.

        Returns what was published before.

        Raises OSError, TranslationGone among them, and NotSupported.
        """
        with self._publishing:
            wanted = ports.published()
            if self._translation is not None:
                return self._translation.publish(wanted)
            if wanted:
                raise NotSupported(
                    f"host port {wanted[0].host_port} cannot be published: this machine translates no addresses for "
                    "pods; install nftables or iptables, and see the log for what is missing"
                )
            return set()

    def redirect_senders(self, new: Iterable[PublishedPort], former: Iterable[PublishedPort]) -> None:
        """Who sends to a port by UDP already finds who has it now. Raises OSError."""
        self._flows.forget_direct(new)
        self._flows.forget_translated(former)

    def remove(self) -> None:
        """The translation, all ports and the bridge, unless they are another server's. Idempotent.

        Raises OSError, SandboxError.
        """
        self._claim.claim(f"bridge {self.name}")
        translation = self._translation or find_translation(self.name)
        if translation is not None:
            translation.remove()
            translation.close()
        self._translation = None
        bridge_device.delete_ports(self.name, set())
        bridge_device.delete_interfaces([self.name])
        forward_chain.forget(self.name)

    def remove_if_unused(self, former: set[str]) -> None:
        """``former``: interfaces of pods that are gone, which the kernel may not have removed yet. Raises OSError."""
        if bridge_device.ports(self.name) <= former:
            self.remove()

    def release(self) -> None:
        """Let another server have the name."""
        if self._translation is not None:
            self._translation.close()
        self._flows.close()
        self._claim.release()

    def _open_the_way_out(self, ranges: Sequence[Network]) -> None:
        forwarding.enable_ipv4()
        if any(network.version == ipv6.VERSION for network in ranges):
            forwarding.enable_ipv6()
        self._translation = self._translation or find_translation(self.name)
        if self._translation is None:
            self._warn("the kernel has no nf_tables and there is no iptables", "install one of them")
        else:
            self._translation.apply(ranges)
        forward_chain.let_pass(self.name, sorted({network.version for network in ranges}))

    def _warn(self, cause: str, remedy: str) -> None:
        if not self._warned:
            self._warned = True
            log.warning("pods reach each other and this host only", bridge=self.name, cause=cause, remedy=remedy)
