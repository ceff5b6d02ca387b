"""The network that the settings choose for new pods, while pods of the other one are still there.

Whoever changes the setting has pods that plugins attached, and only plugins can take them off again. A pod on wasmlet's
own bridge takes its interfaces along when it ends.
"""

from typing import Any

from sandbox.network.bridge import BridgeNetwork
from sandbox.network.cni.network import CniNetwork
from sandbox.network.provider import NO_REQUEST, Attachment, NetworkProvider, PodRequest


class ChosenNetwork:
    """A ``NetworkProvider``. ``own``: None where the plugins attach new pods."""

    def __init__(self, plugins: CniNetwork, own: BridgeNetwork | None) -> None:
        self._plugins = plugins
        self._own = own
        self._chosen: NetworkProvider = own or plugins

    async def open(self) -> None:
        await self._plugins.open()
        if self._own is not None:
            await self._own.open()

    async def close(self) -> None:
        if self._own is not None:
            await self._own.close()
        await self._plugins.close()

    async def attach(self, sandbox_id: str, netns_path: str, request: PodRequest = NO_REQUEST) -> Attachment:
        return await self._chosen.attach(sandbox_id, netns_path, request)

    async def detach(self, sandbox_id: str, attachment_state: dict[str, Any]) -> None:
        """A pod whose record has no state may have been on its way to either."""
        await self._plugins.detach(sandbox_id, attachment_state)
        if self._own is not None:
            await self._own.detach(sandbox_id, attachment_state)

    def restore(self, sandbox_id: str, state: dict[str, Any]) -> None:
        self._chosen.restore(sandbox_id, state)

    async def sweep(self, live: set[str]) -> None:
        await self._plugins.sweep(live)
        if self._own is not None:
            await self._own.sweep(live)

    async def set_pod_cidr(self, cidr: str) -> None:
        await self._chosen.set_pod_cidr(cidr)

    def condition(self) -> tuple[bool, str, str]:
        return self._chosen.condition()
