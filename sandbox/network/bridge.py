"""wasmlet's own pod network: a bridge on the host, a veth pair for each pod, masquerade for what leaves.

The kernel holds all of it, so bridge, pairs and masquerade outlive the server, as long as there is a pod. The range of
new pods is the one the kubelet announced, else the configured one, else a free one that is chosen once.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any, TypeVar

import structlog

from sandbox.errors import InvalidSpec, SandboxError
from sandbox.network import bridge_device, network_record, veth_pair
from sandbox.network.addresses import AddressBook, Lease
from sandbox.network.bridge_device import Device
from sandbox.network.host_bridge import HostBridge
from sandbox.network.host_lock import host_lock
from sandbox.network.names import bridge_name, host_interface, host_interface_alias
from sandbox.network.network_record import NetworkRecord
from sandbox.network.own_thread import in_own_thread
from sandbox.network.provider import NO_REQUEST, Attachment, PodRequest
from sandbox.network.subnets import free_subnet, parse_subnet, split_pod_cidr
from sandbox.network.veth_pair import BridgeGone, Pair

_RETRY_SECONDS = 10.0
_LEFTOVER_SECONDS = 2.0
"""By then a dead namespace has taken its end of the pair along, and the pair with it."""
_AT_A_TIME = 4
"""Threads that attach pods; the kernel changes one interface at a time."""

log = structlog.get_logger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True)
class BridgeSettings:
    bridge: str = ""
    """Name of the bridge; "": made of the path of the volatile state."""
    subnet: str = ""
    """Pods' range until the kubelet announces one; "": a free /24 of 10.88.0.0/16, chosen at the first start."""


class BridgeNetwork:
    """A ``NetworkProvider``. What blocks runs in threads of its own; the rest belongs to one event loop."""

    publishes_host_ports = False

    def __init__(self, root: Path, state: Path, settings: BridgeSettings) -> None:
        """``root`` and ``state``: the server's lasting and volatile folders. Raises InvalidSpec for a wrong subnet."""
        self._root = root
        self._configured = parse_subnet(settings.subnet) if settings.subnet else None
        self._host = HostBridge(settings.bridge or bridge_name(state))
        self._record = NetworkRecord()
        self._addresses = AddressBook()
        self._device: Device | None = None
        self._served: set[IPv4Network] = set()
        self._failure = "it has not been started"
        self._closing = asyncio.Event()
        self._bringing_up = asyncio.Lock()
        self._attaching = asyncio.Semaphore(_AT_A_TIME)
        self._leftovers: set[str] = set()
        self._pending: dict[str, asyncio.Task[Attachment]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._retrying: asyncio.Task[None] | None = None
        self._cleaning: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._closing.clear()
        self._record = network_record.load(self._root)
        await self._try_to_bring_up()

    async def close(self) -> None:
        self._closing.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._device is not None:
            await self._remove_if_unused()
        self._host.release()

    async def _remove_if_unused(self) -> None:
        """A server that ends without a pod leaves the host as it found it."""
        try:
            await in_own_thread(lambda: self._host.remove_if_unused(self._leftovers))
        except OSError as error:
            log.warning("bridge stays: it cannot be removed", bridge=self._host.name, cause=error.strerror)

    async def teardown(self) -> None:
        """Remove bridge, ports and masquerade from a machine that keeps no pod. Idempotent. Raises SandboxError."""
        async with self._bringing_up:
            self._device, self._failure = None, "it has been removed"
            try:
                await in_own_thread(self._host.remove)
            except OSError as error:
                raise SandboxError(f"bridge {self._host.name} cannot be removed: {error}") from error

    async def attach(self, sandbox_id: str, netns_path: str, request: PodRequest = NO_REQUEST) -> Attachment:
        attaching = self._in_background(self._attach(sandbox_id, netns_path))
        self._pending[sandbox_id] = attaching
        attaching.add_done_callback(lambda done: self._pending.pop(sandbox_id, None))
        try:
            return await asyncio.shield(attaching)
        except asyncio.CancelledError:
            self._in_background(self._undo(attaching, sandbox_id))
            raise

    async def detach(self, sandbox_id: str, attachment_state: dict[str, Any]) -> None:
        if pending := self._pending.get(sandbox_id):
            await asyncio.wait([pending])  # its caller was cancelled: the address is in use until it is undone
        self._addresses.release(sandbox_id)
        self._leftovers.add(host_interface(sandbox_id))
        if self._cleaning is None or self._cleaning.done():
            self._cleaning = self._in_background(self._clean_leftovers())

    def restore(self, sandbox_id: str, state: dict[str, Any]) -> None:
        if "address" in state:
            self._addresses.hold(sandbox_id, IPv4Interface(state["address"]))

    async def sweep(self, live: set[str]) -> None:
        if self._device is None or not self._addresses.used_ranges <= self._served:
            await self._try_to_bring_up()
        known = live | self._addresses.holders
        try:
            removed = await in_own_thread(lambda: bridge_device.delete_ports(self._host.name, known))
        except OSError as error:
            log.warning("interfaces of former pods cannot be removed", cause=error.strerror)
            return
        if removed:
            log.info("removed interfaces of former pods", sandbox_ids=removed)

    async def set_pod_cidr(self, cidr: str) -> None:
        network = _announced_range(cidr)
        if network is None or network == self._record.pod_cidr:
            return
        self._record = self._record._replace(pod_cidr=network)
        log.info("new pods get addresses of the node's pod range", pod_cidr=str(network))
        self._save_record()
        await self._try_to_bring_up()

    def condition(self) -> tuple[bool, str, str]:
        if self._device is None:
            return False, "BridgeNotReady", f"pod network is not ready: {self._failure}"
        return True, "BridgeReady", ""

    # ---- pods -------------------------------------------------------------------------------------------------------

    async def _attach(self, sandbox_id: str, netns_path: str) -> Attachment:
        async with self._attaching:
            if self._device is None:
                await self._bring_up()
            lease = self._addresses.take(sandbox_id)
            try:
                await self._connect(self._pair(sandbox_id, lease), netns_path)
            except OSError as error:
                self._addresses.release(sandbox_id)
                raise _not_attached(sandbox_id, netns_path, error) from error
            except BaseException:
                self._addresses.release(sandbox_id)
                raise
        return Attachment([str(lease.interface.ip)], {"address": str(lease.interface)})

    def _pair(self, sandbox_id: str, lease: Lease) -> Pair:
        alias = host_interface_alias(self._host.name, sandbox_id)
        leftover = host_interface(lease.former) if lease.former else ""
        return Pair(host_interface(sandbox_id), alias, lease.interface, lease.gateway, leftover)

    async def _connect(self, pair: Pair, netns_path: str) -> None:
        """Bridge and masquerade are made anew where somebody has removed them."""
        if await in_own_thread(lambda: self._connected(pair, netns_path)):
            return
        log.warning("somebody has removed the bridge or its masquerade: made again", bridge=self._host.name)
        await self._bring_up()
        if not await in_own_thread(lambda: self._connected(pair, netns_path)):
            raise SandboxError(f"bridge {self._host.name} is removed as soon as it is made: see who does it")

    def _connected(self, pair: Pair, netns_path: str) -> bool:
        """False if there is nothing to connect to. Blocks, and spoils its thread."""
        device = self._device
        if device is None or not self._host.lets_out():
            return False
        try:
            veth_pair.connect(pair, device, netns_path)
        except BridgeGone:
            return False
        return True

    async def _undo(self, attaching: "asyncio.Task[Attachment]", sandbox_id: str) -> None:
        """Who wanted the attachment has gone."""
        await asyncio.wait([attaching])
        if attaching.exception() is None:
            await self._delete([host_interface(sandbox_id)])
            self._addresses.release(sandbox_id)

    async def _clean_leftovers(self) -> None:
        """Pairs whose namespace lives on, held by somebody, though the pod is gone."""
        while self._leftovers and not await self._closes_within(_LEFTOVER_SECONDS):
            names, self._leftovers = self._leftovers, set()
            await self._delete(sorted(names))

    async def _delete(self, names: list[str]) -> None:
        try:
            await in_own_thread(lambda: bridge_device.delete_interfaces(names))
        except OSError as error:
            log.warning("interfaces of former pods cannot be removed", interfaces=names, cause=error.strerror)

    # ---- the host's side --------------------------------------------------------------------------------------------

    async def _try_to_bring_up(self) -> None:
        try:
            await self._bring_up()
        except SandboxError as error:
            log.warning("pod network is not ready", cause=str(error))
            if self._retrying is None or self._retrying.done():
                self._retrying = self._in_background(self._retry())

    async def _retry(self) -> None:
        """Without a ready network the kubelet sends no pod that would be a reason to try."""
        while self._device is None and not await self._closes_within(_RETRY_SECONDS):
            with suppress(SandboxError):  # condition() tells it
                await self._bring_up()
                log.info("pod network is ready")

    async def _closes_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)
        return self._closing.is_set()

    async def _bring_up(self) -> None:
        """Also one that is up, with the ranges as they are now. Raises SandboxError."""
        async with self._bringing_up:
            used = self._addresses.used_ranges
            try:
                network, self._device = await in_own_thread(lambda: self._make(used))
            except SandboxError as error:
                self._device, self._failure = None, str(error)
                raise
            self._served = {network, *used}
            self._addresses.use(network)
            self._remember(network)

    def _make(self, used: set[IPv4Network]) -> tuple[IPv4Network, Device]:
        """Servers that start together choose one after the other, each when the former's bridge stands. Blocks."""
        try:
            with host_lock("network"):
                network = self._record.pod_cidr or self._configured or self._chosen_range(used)
                return network, self._host.up(sorted({network, *used}))
        except OSError as error:
            raise SandboxError(f"bridge {self._host.name} cannot be made: {error}") from error

    def _chosen_range(self, used: set[IPv4Network]) -> IPv4Network:
        """The one chosen before, unless somebody took it while no pod used it. Blocks."""
        chosen, others = self._record.subnet, bridge_device.used_networks(without=self._host.name)
        if chosen and (chosen in used or not any(chosen.overlaps(network) for network in others)):
            return chosen
        return free_subnet(others)

    def _remember(self, network: IPv4Network) -> None:
        if network not in (self._record.pod_cidr, self._configured, self._record.subnet):
            self._record = self._record._replace(subnet=network)
            self._save_record()

    def _save_record(self) -> None:
        try:
            network_record.save(self._root, self._record)
        except SandboxError as error:
            log.warning("pods may get addresses of another range after a restart", cause=str(error))

    def _in_background(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _announced_range(cidr: str) -> IPv4Network | None:
    """None if there is nothing to use in it, which is logged: the kubelet has no use for an error."""
    try:
        network, unused = split_pod_cidr(cidr)
    except InvalidSpec as error:
        log.warning("announced pod range cannot be used", cause=str(error))
        return None
    if unused:
        log.info("pods get addresses of one IPv4 range only", unused=unused)
    return network


def _not_attached(sandbox_id: str, netns_path: str, error: OSError) -> SandboxError:
    cause = f"{error.filename or netns_path}: {error.strerror or error}"
    return SandboxError(
        f"pod sandbox {sandbox_id} cannot be attached to the network: {cause}; see that its process lives"
    )
