"""The network that the settings choose for new pods, while pods of the other one are still there.

Whoever changes the setting has pods that plugins attached, and only plugins can take them off again; or pods on
wasmlet's own bridge, which is served as long as there is one, for their ports of the host, and then removed.
"""

from typing import Any

from sandbox.network.bridge import BridgeNetwork
from sandbox.network.cni.network import CniNetwork
from sandbox.network.provider import NO_REQUEST, Attachment, NetworkProvider, PodRequest


class ChosenNetwork:
    """A ``NetworkProvider``. ``by_plugins``: they attach new pods."""

    def __init__(self, plugins: CniNetwork, own: BridgeNetwork, by_plugins: bool) -> None:
        self._plugins = plugins
        self._own = own
        self._chosen: NetworkProvider = plugins if by_plugins else own
        self._own_serves = not by_plugins

    async def open(self) -> None:
        await self._plugins.open()
        if self._own_serves:
            await self._own.open()

    async def close(self) -> None:
        if self._own_serves:
            await self._own.close()
        await self._plugins.close()

    async def attach(self, sandbox_id: str, netns_path: str, request: PodRequest = NO_REQUEST) -> Attachment:
        return await self._chosen.attach(sandbox_id, netns_path, request)

    async def detach(self, sandbox_id: str, attachment_state: dict[str, Any]) -> None:
        """A pod whose record has no state may have been on its way to either."""
        await self._plugins.detach(sandbox_id, attachment_state)
        if self._own_serves:
            await self._own.detach(sandbox_id, attachment_state)

    def restore(self, sandbox_id: str, state: dict[str, Any]) -> None:
        self._plugins.restore(sandbox_id, state)
        self._own.restore(sandbox_id, state)

    async def sweep(self, live: set[str]) -> None:
        await self._plugins.sweep(live)
        if not self._own_serves and self._own.has_pods:
            await self._own.open()
            self._own_serves = True
        if self._own_serves:
            await self._own.sweep(live)
        else:
            await self._own.remove_remains()

    async def set_pod_cidr(self, cidr: str) -> None:
        await self._chosen.set_pod_cidr(cidr)

    def condition(self) -> tuple[bool, str, str]:
        return self._chosen.condition()
