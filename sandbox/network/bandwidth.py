"""How fast a pod may receive and send, by a token bucket (tc-tbf(8)) at the end of its pair that sends what is limited.

What a pod sends is limited at its own end, which its guests cannot change, and what it receives at the host's.
"""

import errno
import struct
from collections.abc import Mapping
from typing import NamedTuple

from sandbox.errors import NotSupported
from sandbox.network.netlink import NLM_F_CREATE_NEW, EncodedMessage, NetlinkSocket
from sandbox.network.netlink_attributes import attribute, nested, text
from sandbox.network.pod_annotations import EGRESS, INGRESS, rate

_NEWQDISC = 36
_ROOT = 0xFFFFFFFF
_KIND, _OPTIONS = 1, 2
_PARAMETERS, _RATE64, _BURST = 1, 4, 6
_ETHERNET = 1
_LARGEST_32 = (1 << 32) - 1
_BURST_SECONDS = 0.01
_SMALLEST_BURST = 1 << 14
"""Bytes."""
_LATENCY_SECONDS = 0.1
"""How long a packet may wait before one more is dropped."""


class Bandwidth(NamedTuple):
    """Bits per second; None: as much as there is."""

    ingress: int | None = None
    egress: int | None = None


def wanted(annotations: Mapping[str, str]) -> Bandwidth:
    """Raises InvalidSpec."""
    return Bandwidth(rate(annotations, INGRESS), rate(annotations, EGRESS))


def limit(netlink: NetlinkSocket, interface: int, bits_per_second: int, mtu: int) -> None:
    """What the interface sends, in the namespace of ``netlink``. Raises OSError, NotSupported."""
    try:
        netlink.request(_token_bucket(interface, bits_per_second, mtu))
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EOPNOTSUPP):
            raise
        raise NotSupported(
            "the pod's bandwidth cannot be limited: this kernel has no token bucket filter; load its module sch_tbf, "
            f"or remove the annotations {INGRESS} and {EGRESS}"
        ) from error


def _token_bucket(interface: int, bits_per_second: int, mtu: int) -> EncodedMessage:
    fixed = struct.pack("=BxxxiIII", 0, interface, 0, _ROOT, 0)
    return EncodedMessage(_NEWQDISC, NLM_F_CREATE_NEW, fixed + text(_KIND, "tbf") + _options(bits_per_second // 8, mtu))


def _options(rate: int, mtu: int) -> bytes:
    """``rate``: bytes per second."""
    burst = min(max(int(rate * _BURST_SECONDS), _SMALLEST_BURST, 2 * mtu), _LARGEST_32)
    limit = min(int(rate * _LATENCY_SECONDS) + burst, _LARGEST_32)
    parameters = _rate_of(min(rate, _LARGEST_32)) + _rate_of(0) + struct.pack("=III", limit, 0, 0)
    found = attribute(_PARAMETERS, parameters) + attribute(_BURST, struct.pack("=I", burst))
    return nested(_OPTIONS, found, attribute(_RATE64, struct.pack("=Q", rate)) if rate > _LARGEST_32 else b"")


def _rate_of(rate: int) -> bytes:
    return struct.pack("=BBHhHI", 0, _ETHERNET, 0, 0, 0, rate)
