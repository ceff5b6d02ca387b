"""The pair of interfaces that connects a pod: one end on the bridge, the other, eth0, in the pod's namespace."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sandbox import syscalls
from sandbox.network import ipv6
from sandbox.network import route_messages as route
from sandbox.network.addresses import Lease
from sandbox.network.bandwidth import Bandwidth, limit
from sandbox.network.bridge_device import Device, delete_link
from sandbox.network.names import POD_INTERFACE, pod_mac
from sandbox.network.netlink import NetlinkSocket

_LOOPBACK_INDEX = 1


class Pair(NamedTuple):
    sandbox_id: str
    host_interface: str
    alias: str
    leases: Sequence[Lease]
    leftovers: Sequence[str]
    """Interfaces of the pods that had the addresses before, in case they are still there."""
    bandwidth: Bandwidth = Bandwidth()


class BridgeGone(OSError):
    """Somebody has removed the bridge."""


def connect(pair: Pair, device: Device, namespace: str) -> None:
    """Make the pair with its addresses and routes, all or nothing. Raises OSError, BridgeGone, NotSupported.

    The calling thread is in the pod's namespace afterwards and must do nothing else.
    """
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with NetlinkSocket() as host:
            unnamed = _make(host, pair, device, descriptor)
            with _undone_on_error(host, pair.host_interface):
                if unnamed is not None:
                    raise unnamed
                if pair.bandwidth.ingress is not None:
                    limit(host, socket.if_nametoindex(pair.host_interface), pair.bandwidth.ingress, device.mtu)
                syscalls.setns(descriptor, syscalls.CLONE_NEWNET)
                with NetlinkSocket() as pod:
                    _configure(pod, pair, device)
    finally:
        os.close(descriptor)


def _make(host: NetlinkSocket, pair: Pair, device: Device, namespace: int) -> OSError | None:
    """Why the pair could not get its alias, if so. In one call to the kernel: a pair without alias is nobody's."""
    for leftover in pair.leftovers:
        delete_link(host, leftover)
    mac = pod_mac(pair.leases[0].interface.ip)
    not_made, not_named = host.attempt(
        route.add_pair(pair.host_interface, device.ifindex, device.mtu, POD_INTERFACE, mac, namespace),
        route.set_port(pair.host_interface, pair.alias),
    )
    if not_made is not None:
        raise _gone(device) or not_made
    return not_named


def _gone(device: Device) -> BridgeGone | None:
    try:
        socket.if_indextoname(device.ifindex)
    except OSError as error:
        return BridgeGone(*error.args)
    return None


def _configure(pod: NetlinkSocket, pair: Pair, device: Device) -> None:
    index = socket.if_nametoindex(POD_INTERFACE)
    if any(lease.interface.version == ipv6.VERSION for lease in pair.leases):
        ipv6.prepare(POD_INTERFACE)
    if pair.bandwidth.egress is not None:
        limit(pod, index, pair.bandwidth.egress, device.mtu)
    pod.request(
        route.set_up(_LOOPBACK_INDEX),
        route.set_up(index),
        *(route.add_address(index, lease.interface) for lease in pair.leases),
        *(route.add_default_route(index, lease.gateway) for lease in pair.leases),
    )


@contextmanager
def _undone_on_error(host: NetlinkSocket, interface: str) -> Iterator[None]:
    """The socket acts in the host's namespace wherever the thread has gone."""
    try:
        yield
    except BaseException:
        delete_link(host, interface)
        raise
