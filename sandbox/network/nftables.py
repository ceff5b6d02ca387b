"""Masquerading by an nftables table of the bridge's own, in one transaction (nfnetlink)."""

import errno
from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import Any

from pyroute2.netlink.nfnetlink import nfgen_msg
from pyroute2.netlink.nfnetlink.nftsocket import nft_chain_msg, nft_rule_msg, nft_table_msg

from sandbox.network.netlink import NETLINK_NETFILTER, NLM_F_CREATE, Message, NetlinkSocket, message

_SUBSYSTEM = 10
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_NEWTABLE, _GETTABLE, _DELTABLE, _NEWCHAIN, _NEWRULE = (_SUBSYSTEM << 8 | number for number in (0, 1, 2, 3, 6))
_NLM_F_APPEND = 0x800

_FAMILY_IPV4 = 2
_HOOK_POSTROUTING, _PRIORITY_SOURCE_NAT = 4, 100
_REGISTER = 1
_NETWORK_HEADER, _SOURCE_OFFSET, _DESTINATION_OFFSET = 1, 12, 16
_META_OUTPUT_NAME = 7
_EQUAL, _NOT_EQUAL = 0, 1
_INTERFACE_NAME_BYTES = 16
_CHAIN = "postrouting"
_MULTICAST = IPv4Network("224.0.0.0/4")

_MISSING = (errno.EPROTONOSUPPORT, errno.EOPNOTSUPP, errno.ENOENT)


class Nftables:
    """What leaves a pod range by another interface than the bridge gets the host's address there."""

    def __init__(self, bridge: str) -> None:
        self._bridge = bridge
        self._table = f"wasmlet-{bridge}"

    def apply(self, ranges: Sequence[IPv4Network]) -> None:
        """Make the table, or replace it. Raises OSError."""
        rules = [self._rule(network) for network in ranges]
        # Deleting needs a table that is there.
        self._transact(self._add_table(), self._delete_table(), self._add_table(), self._add_chain(), *rules)

    def present(self) -> bool:
        """Raises OSError."""
        with NetlinkSocket(NETLINK_NETFILTER) as netlink:
            (refusal,) = netlink.attempt(self._message(nft_table_msg, _GETTABLE, 0, NFTA_TABLE_NAME=self._table))
        if refusal is not None and refusal.errno != errno.ENOENT:
            raise refusal
        return refusal is None

    def remove(self) -> None:
        """Idempotent. Raises OSError."""
        self._transact(self._add_table(), self._delete_table())

    def _transact(self, *messages: Message) -> None:
        begin, end = (message(nfgen_msg, number, 0, {"res_id": _SUBSYSTEM}) for number in (_BATCH_BEGIN, _BATCH_END))
        with NetlinkSocket(NETLINK_NETFILTER) as netlink:
            netlink.transact(begin, messages, end)

    def _message(self, kind: Any, number: int, flags: int, **attributes: Any) -> Message:
        return message(kind, number, flags, {"nfgen_family": _FAMILY_IPV4}, list(attributes.items()))

    def _add_table(self) -> Message:
        return self._message(nft_table_msg, _NEWTABLE, NLM_F_CREATE, NFTA_TABLE_NAME=self._table)

    def _delete_table(self) -> Message:
        return self._message(nft_table_msg, _DELTABLE, 0, NFTA_TABLE_NAME=self._table)

    def _add_chain(self) -> Message:
        where = [("NFTA_HOOK_HOOKNUM", _HOOK_POSTROUTING), ("NFTA_HOOK_PRIORITY", _PRIORITY_SOURCE_NAT)]
        return self._message(
            nft_chain_msg,
            _NEWCHAIN,
            NLM_F_CREATE,
            NFTA_CHAIN_TABLE=self._table,
            NFTA_CHAIN_NAME=_CHAIN,
            NFTA_CHAIN_HOOK={"attrs": where},
            NFTA_CHAIN_TYPE="nat",
        )

    def _rule(self, network: IPv4Network) -> Message:
        expressions = [
            *_address_is(_SOURCE_OFFSET, _EQUAL, network),
            *_address_is(_DESTINATION_OFFSET, _NOT_EQUAL, _MULTICAST),
            *_leaves_by_another_interface(self._bridge),
            _expression("masq"),
        ]
        return self._message(
            nft_rule_msg,
            _NEWRULE,
            NLM_F_CREATE | _NLM_F_APPEND,
            NFTA_RULE_TABLE=self._table,
            NFTA_RULE_CHAIN=_CHAIN,
            NFTA_RULE_EXPRESSIONS=expressions,
        )


def unsupported(error: OSError) -> bool:
    """Whether the kernel has no nf_tables, or not what masquerading needs of it."""
    return error.errno in _MISSING


def _address_is(offset: int, comparison: int, network: IPv4Network) -> list[dict[str, Any]]:
    mask, value = network.netmask.packed, network.network_address.packed
    return [
        _expression("payload", DREG=_REGISTER, BASE=_NETWORK_HEADER, OFFSET=offset, LEN=4),
        _expression("bitwise", SREG=_REGISTER, DREG=_REGISTER, LEN=4, MASK=_data(mask), XOR=_data(bytes(4))),
        _expression("cmp", SREG=_REGISTER, OP=comparison, DATA=_data(value)),
    ]


def _leaves_by_another_interface(bridge: str) -> list[dict[str, Any]]:
    name = bridge.encode().ljust(_INTERFACE_NAME_BYTES, b"\0")
    return [
        _expression("meta", DREG=_REGISTER, KEY=_META_OUTPUT_NAME),
        _expression("cmp", SREG=_REGISTER, OP=_NOT_EQUAL, DATA=_data(name)),
    ]


def _expression(name: str, **settings: Any) -> dict[str, Any]:
    data = [(f"NFTA_{name.upper()}_{key}", value) for key, value in settings.items()]
    return {"attrs": [("NFTA_EXPR_NAME", name), ("NFTA_EXPR_DATA", {"attrs": data})]}


def _data(value: bytes) -> dict[str, Any]:
    return {"attrs": [("NFTA_DATA_VALUE", value)]}
