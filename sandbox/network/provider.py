"""What a pod network has to offer.

wasmlet's own is ``bridge.BridgeNetwork``; ``cni.network.CniNetwork`` uses plugins.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol


class HostPort(NamedTuple):
    host_port: int
    container_port: int
    protocol: str
    """``tcp``, ``udp`` or ``sctp``."""
    host_ip: str
    """"": every address of the host."""


class Dns(NamedTuple):
    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class PodRequest(NamedTuple):
    """What a network may have to know of a pod."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    annotations: Mapping[str, str] = MappingProxyType({})
    host_ports: tuple[HostPort, ...] = ()
    dns: Dns = Dns()
    cgroup_parent: str = ""


NO_REQUEST = PodRequest()


class Attachment(NamedTuple):
    ips: list[str]
    """The pod's addresses; the first is the one its status shows (CRI: PodSandboxNetworkStatus)."""
    state: dict[str, Any]
    """JSON values that the caller keeps in the pod's record and hands back to ``detach`` and ``restore``."""


class NetworkProvider(Protocol):
    """Serves the pods that have a network namespace of their own. A pod is named by its sandbox id."""

    async def open(self) -> None:
        """Make the network ready. A failure is told by ``condition`` and tried again in the background, not raised."""

    async def close(self) -> None:
        """End all background work. Attached pods stay attached."""

    async def attach(self, sandbox_id: str, netns_path: str, request: PodRequest = NO_REQUEST) -> Attachment:
        """Give the namespace its interfaces, addresses and routes; all of it stands on return.

        Raises SandboxError; InvalidSpec or NotSupported for a request that cannot be granted. Undoes itself on failure
        and when it is cancelled.
        """

    async def detach(self, sandbox_id: str, attachment_state: dict[str, Any]) -> None:
        """Give everything back. Idempotent. The pod's processes must be dead; its namespace may be gone."""

    def restore(self, sandbox_id: str, state: dict[str, Any]) -> None:
        """When the server starts: this pod lives, and keeps what its record says, if that is anything."""

    async def sweep(self, live: set[str]) -> None:
        """When the server has started and restored: remove what is left of pods that are no more."""

    async def set_pod_cidr(self, cidr: str) -> None:
        """Take over the node's pod range (CRI: UpdateRuntimeConfig) for new pods, for good. Never raises."""

    def condition(self) -> tuple[bool, str, str]:
        """CRI's NetworkReady condition: whether it is, the reason in one word, the message."""
