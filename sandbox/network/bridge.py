"""wasmlet's own pod network: a bridge on the host, a veth pair for each pod, masquerade for what leaves, host ports.

The kernel holds all of it, so it outlives the server, as long as there is a pod. The ranges of new pods, one of IPv4,
one of IPv6 or both, are those the kubelet announced, else the configured ones, else a free one that is chosen once.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_interface
from pathlib import Path
from typing import Any, TypeVar

import structlog

from sandbox.errors import InvalidSpec, SandboxError
from sandbox.network import bridge_device, host_ports, ipv6, listeners, network_record, veth_pair
from sandbox.network.addresses import Lease, Network
from sandbox.network.bandwidth import Bandwidth, wanted
from sandbox.network.bridge_device import Device
from sandbox.network.host_bridge import HostBridge
from sandbox.network.host_lock import host_lock
from sandbox.network.host_ports import HostPorts, PublishedPort
from sandbox.network.names import bridge_name, host_interface, host_interface_alias
from sandbox.network.network_record import NetworkRecord
from sandbox.network.own_thread import in_own_thread
from sandbox.network.pod_addresses import PodAddresses
from sandbox.network.pod_annotations import check_for_own_network
from sandbox.network.provider import NO_REQUEST, Attachment, PodRequest
from sandbox.network.subnets import free_subnet, parse_subnets, split_pod_cidr, written
from sandbox.network.translation_gone import TranslationGone
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
    """Pods' ranges until the kubelet announces some; "": a free /24 of 10.88.0.0/16, chosen at the first start."""


class BridgeNetwork:
    """A ``NetworkProvider``. What blocks runs in threads of its own; the rest belongs to one event loop."""

    def __init__(self, root: Path, state: Path, settings: BridgeSettings) -> None:
        """``root`` and ``state``: the server's lasting and volatile folders. Raises InvalidSpec for a wrong subnet."""
        self._root = root
        self._configured = parse_subnets(settings.subnet) if settings.subnet else ()
        self._host = HostBridge(settings.bridge or bridge_name(state))
        self._record = NetworkRecord()
        self._addresses = PodAddresses()
        self._ports = HostPorts()
        self._knows_all_ports = False
        self._device: Device | None = None
        self._served: set[Network] = set()
        self._warned = False
        self._failure = "it has not been started"
        self._closing = asyncio.Event()
        self._bringing_up = asyncio.Lock()
        self._attaching = asyncio.Semaphore(_AT_A_TIME)
        self._leftovers: set[str] = set()
        self._pending: dict[str, asyncio.Task[Attachment]] = {}
        self._withdrawing: dict[str, asyncio.Task[None]] = {}
        """By sandbox whose addresses and ports nobody else can have yet."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._retrying: asyncio.Task[None] | None = None
        self._cleaning: asyncio.Task[None] | None = None
        self._new_for_senders: list[PublishedPort] = []
        self._lost_to_senders: list[PublishedPort] = []
        self._redirecting: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._closing.clear()
        self._record = network_record.load(self._root)
        await self._try_to_bring_up()
        self._in_background(self._keep_up())

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

    @property
    def has_pods(self) -> bool:
        return bool(self._addresses.holders)

    async def remove_remains(self) -> None:
        """Of a network that is not to be opened any more and has no pod. A failure is logged."""
        if not await in_own_thread(lambda: bridge_device.exists(self._host.name)):
            return
        try:
            await self.teardown()
            log.info("removed the bridge of former pods", bridge=self._host.name)
        except SandboxError as error:
            log.warning("bridge of former pods stays", bridge=self._host.name, cause=str(error))
        self._host.release()

    async def teardown(self) -> None:
        """Remove bridge, ports and masquerade from a machine that keeps no pod. Idempotent. Raises SandboxError."""
        async with self._bringing_up:
            self._device, self._failure = None, "it has been removed"
            try:
                await in_own_thread(self._host.remove)
            except OSError as error:
                raise SandboxError(f"bridge {self._host.name} cannot be removed: {error}") from error

    async def attach(self, sandbox_id: str, netns_path: str, request: PodRequest = NO_REQUEST) -> Attachment:
        attaching = self._in_background(self._attach(sandbox_id, netns_path, request))
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
        self._begin_to_give_back(sandbox_id)
        self._leftovers.add(host_interface(sandbox_id))
        if self._cleaning is None or self._cleaning.done():
            self._cleaning = self._in_background(self._clean_leftovers())

    def restore(self, sandbox_id: str, state: dict[str, Any]) -> None:
        self._addresses.hold(sandbox_id, [ip_interface(text) for text in state.get("addresses", [])])
        ports = [host_ports.read(port) for port in state.get("host_ports", [])]
        self._ports.hold(sandbox_id, state.get("pod", sandbox_id), ports)

    async def sweep(self, live: set[str]) -> None:
        if self._device is None or not self._addresses.used_ranges <= self._served:
            await self._try_to_bring_up()
        self._knows_all_ports = True
        if self._device is not None:
            await self._publish()
        known = live | self._addresses.holders
        try:
            removed = await in_own_thread(lambda: bridge_device.delete_ports(self._host.name, known))
        except OSError as error:
            log.warning("interfaces of former pods cannot be removed", cause=error.strerror)
            return
        if removed:
            log.info("removed interfaces of former pods", sandbox_ids=removed)

    async def set_pod_cidr(self, cidr: str) -> None:
        networks = _announced_ranges(cidr)
        if not networks or networks == self._record.pod_cidr:
            return
        self._record = self._record._replace(pod_cidr=networks)
        log.info("new pods get addresses of the node's pod range", pod_cidr=written(networks))
        self._save_record()
        await self._try_to_bring_up()

    def condition(self) -> tuple[bool, str, str]:
        if self._device is None:
            return False, "BridgeNotReady", f"pod network is not ready: {self._failure}"
        return True, "BridgeReady", ""

    # ---- pods -------------------------------------------------------------------------------------------------------

    async def _attach(self, sandbox_id: str, netns_path: str, request: PodRequest) -> Attachment:
        async with self._attaching:
            if self._device is None:
                await self._bring_up()
            bandwidth = _bandwidth(request)
            leases = await self._reserve(sandbox_id, request)
            try:
                pair = self._pair(sandbox_id, leases)._replace(bandwidth=bandwidth)
                await self._connect(pair, _shown_name(request), netns_path)
            except OSError as error:
                await self._give_back(sandbox_id)
                raise _not_attached(sandbox_id, netns_path, error) from error
            except BaseException:
                await self._give_back(sandbox_id)
                raise
        self._redirect_senders(new=self._ports.of(sandbox_id))
        return self._attachment(sandbox_id, leases, request)

    async def _reserve(self, sandbox_id: str, request: PodRequest) -> Sequence[Lease]:
        """Addresses and ports. What is being withdrawn from a former pod is free in a moment. Raises SandboxError."""
        try:
            return self._reserved(sandbox_id, request)
        except SandboxError:
            if not self._withdrawing:
                raise
        await asyncio.wait(self._withdrawing.values())
        return self._reserved(sandbox_id, request)

    def _reserved(self, sandbox_id: str, request: PodRequest) -> Sequence[Lease]:
        leases = self._addresses.take(sandbox_id)
        try:
            self._claim_ports(sandbox_id, request, leases)
        except BaseException:
            self._addresses.release(sandbox_id)
            raise
        return leases

    def _claim_ports(self, sandbox_id: str, request: PodRequest, leases: Sequence[Lease]) -> None:
        """Raises SandboxError."""
        name, addresses = _shown_name(request), [lease.interface.ip for lease in leases]
        ports = host_ports.published_ports(f"pod {name}", request.host_ports, addresses)
        self._ports.claim(sandbox_id, name, ports)

    def _attachment(self, sandbox_id: str, leases: Sequence[Lease], request: PodRequest) -> Attachment:
        state: dict[str, Any] = {"addresses": [str(lease.interface) for lease in leases]}
        if ports := self._ports.of(sandbox_id):
            state |= {"pod": _shown_name(request), "host_ports": [host_ports.written(port) for port in ports]}
        return Attachment([str(lease.interface.ip) for lease in leases], state)

    def _pair(self, sandbox_id: str, leases: Sequence[Lease]) -> Pair:
        alias = host_interface_alias(self._host.name, sandbox_id)
        leftovers = {host_interface(lease.former) for lease in leases if lease.former}
        return Pair(sandbox_id, host_interface(sandbox_id), alias, leases, sorted(leftovers))

    async def _connect(self, pair: Pair, name: str, netns_path: str) -> None:
        """Bridge and masquerade are made anew where somebody has removed them."""
        if await in_own_thread(lambda: self._connected(pair, name, netns_path)):
            return
        self._tell_removed()
        await self._bring_up()
        if not await in_own_thread(lambda: self._connected(pair, name, netns_path)):
            raise SandboxError(f"bridge {self._host.name} is removed as soon as it is made: see who does it")

    def _connected(self, pair: Pair, name: str, netns_path: str) -> bool:
        """False if there is nothing to connect to. Blocks, and spoils its thread."""
        device = self._device
        if device is None:
            return False
        try:
            if ports := self._ports.of(pair.sandbox_id):
                self._knows_all_ports = True
                self._publish_new(name, ports)
            elif not self._host.lets_out():
                return False
            veth_pair.connect(pair, device, netns_path)
        except (BridgeGone, TranslationGone):
            return False
        return True

    def _publish_new(self, name: str, ports: Sequence[PublishedPort]) -> None:
        """Blocks. Raises SandboxError, OSError."""
        listeners.refuse_used(name, ports)
        self._host.publish(self._ports)

    def _redirect_senders(self, new: Iterable[PublishedPort] = (), former: Iterable[PublishedPort] = ()) -> None:
        """In the background: the kernel looks through all flows for it, once for all that come up meanwhile."""
        self._new_for_senders += [port for port in new if port.protocol == "udp"]
        self._lost_to_senders += [port for port in former if port.protocol == "udp"]
        if self._redirecting is None or self._redirecting.done():
            self._redirecting = self._in_background(self._redirect())

    async def _redirect(self) -> None:
        while self._new_for_senders or self._lost_to_senders:
            new, former = self._new_for_senders, self._lost_to_senders
            self._new_for_senders, self._lost_to_senders = [], []
            try:
                await in_own_thread(partial(self._host.redirect_senders, new, former))
            except OSError as error:
                log.warning(
                    "who has been sending to a host port by UDP may not reach the pod at once", cause=str(error)
                )

    def _begin_to_give_back(self, sandbox_id: str) -> None:
        """First the ports: whoever gets the address next has not published them."""
        if sandbox_id in self._withdrawing:
            return
        if not self._ports.of(sandbox_id) or not self._knows_all_ports:
            self._release(sandbox_id)
            return
        self._ports.retire(sandbox_id)
        withdrawing = self._in_background(self._publish())
        self._withdrawing[sandbox_id] = withdrawing
        withdrawing.add_done_callback(lambda done: self._withdrawn(sandbox_id))

    def _withdrawn(self, sandbox_id: str) -> None:
        del self._withdrawing[sandbox_id]
        self._release(sandbox_id)

    def _release(self, sandbox_id: str) -> None:
        self._ports.release(sandbox_id)
        self._addresses.release(sandbox_id)

    async def _give_back(self, sandbox_id: str) -> None:
        self._begin_to_give_back(sandbox_id)
        if withdrawing := self._withdrawing.get(sandbox_id):
            await asyncio.wait([withdrawing])

    async def _publish(self) -> None:
        """What is held now."""
        try:
            former = await in_own_thread(lambda: self._host.publish(self._ports))
            self._redirect_senders(former=former)
        except (OSError, SandboxError) as error:
            log.warning("host ports of pods are not as they should be: the next pod tries again", cause=str(error))

    async def _undo(self, attaching: "asyncio.Task[Attachment]", sandbox_id: str) -> None:
        """Who wanted the attachment has gone."""
        await asyncio.wait([attaching])
        if attaching.exception() is None:
            await self._delete([host_interface(sandbox_id)])
            await self._give_back(sandbox_id)

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

    async def _keep_up(self) -> None:
        """For the pods that are there: it may be long until another one comes."""
        while not await self._closes_within(_RETRY_SECONDS):
            device = self._device
            if device is None or not self.has_pods or await in_own_thread(partial(self._host.stands, device)):
                continue
            if self._device is device:
                self._tell_removed()
                await self._try_to_bring_up()

    def _tell_removed(self) -> None:
        log.warning("somebody has removed the bridge or its masquerade: made again", bridge=self._host.name)

    async def _closes_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)
        return self._closing.is_set()

    async def _bring_up(self) -> None:
        """Also one that is up, with the ranges as they are now. Raises SandboxError."""
        async with self._bringing_up:
            used = self._addresses.used_ranges
            try:
                networks, self._device = await in_own_thread(lambda: self._make(used))
            except SandboxError as error:
                self._device, self._failure = None, str(error)
                raise
            self._served = {*networks, *used}
            self._addresses.use(networks)
            self._remember(networks)

    def _make(self, used: set[Network]) -> tuple[tuple[Network, ...], Device]:
        """Servers that start together choose one after the other, each when the former's bridge stands. Blocks."""
        try:
            with host_lock("network"):
                networks = self._servable(self._record.pod_cidr or self._configured or self._chosen_range(used))
                device = self._host.up(_sorted({*networks, *(network for network in used if _servable(network))}))
                if self._knows_all_ports:
                    self._host.publish(self._ports)
                return networks, device
        except OSError as error:
            raise SandboxError(f"bridge {self._host.name} cannot be made: {error}") from error

    def _servable(self, networks: tuple[Network, ...]) -> tuple[Network, ...]:
        """Those of families that the machine has. Raises SandboxError if it has none. Blocks."""
        servable = tuple(network for network in networks if _servable(network))
        if not servable:
            raise SandboxError(
                f"pods cannot have addresses of {written(networks)}: this machine has no IPv6, or it is switched off; "
                "switch it on (net.ipv6.conf.all.disable_ipv6), or give pods an IPv4 range"
            )
        if servable != networks and not self._warned:
            self._warned = True
            log.warning("pods get IPv4 addresses only: this machine has no IPv6, or it is switched off")
        return servable

    def _chosen_range(self, used: set[Network]) -> tuple[Network, ...]:
        """The one chosen before, unless somebody took it while no pod used it. Blocks."""
        chosen, others = self._record.subnet, bridge_device.used_networks(without=self._host.name)
        if chosen and (set(chosen) <= used or not any(free.overlaps(network) for network in others for free in chosen)):
            return chosen
        return (free_subnet(others),)

    def _remember(self, networks: tuple[Network, ...]) -> None:
        if not (self._record.pod_cidr or self._configured) and networks != self._record.subnet:
            self._record = self._record._replace(subnet=networks)
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


def _announced_ranges(cidr: str) -> tuple[Network, ...]:
    """Empty if there is nothing to use in it, which is logged: the kubelet has no use for an error."""
    try:
        networks, unused = split_pod_cidr(cidr)
    except InvalidSpec as error:
        log.warning("announced pod range cannot be used", cause=str(error))
        return ()
    if unused:
        log.info("pods get addresses of one range of each family only", unused=unused)
    return networks


def _servable(network: Network) -> bool:
    """Blocks."""
    return network.version != ipv6.VERSION or ipv6.available()


def _sorted(networks: set[Network]) -> list[Network]:
    return sorted(networks, key=lambda network: (network.version, network.network_address.packed, network.prefixlen))


def _bandwidth(request: PodRequest) -> Bandwidth:
    """Raises InvalidSpec, and NotSupported if the annotations ask for anything else."""
    check_for_own_network(_shown_name(request), request.annotations)
    return wanted(request.annotations)


def _shown_name(request: PodRequest) -> str:
    return f"{request.namespace}/{request.name}"


def _not_attached(sandbox_id: str, netns_path: str, error: OSError) -> SandboxError:
    cause = f"{error.filename or netns_path}: {error.strerror or error}"
    return SandboxError(
        f"pod sandbox {sandbox_id} cannot be attached to the network: {cause}; see that its process lives"
    )
