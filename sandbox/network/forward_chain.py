"""Packets that pass through a machine whose iptables drop what no rule lets pass, as Docker and ufw set them up.

There two rules at the end of FORWARD let pass what comes from the bridge and what goes to it, found again by their
comment. What a rule before them refuses stays refused, and where nothing is dropped nothing is added.
"""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from sandbox.network import nftables_messages as nft
from sandbox.network.iptables import FAMILIES, listed, marked, run
from sandbox.network.netlink import NETLINK_NETFILTER, NetlinkSocket

_TABLE = "filter"
_DROPS = ["-P", "FORWARD", "DROP"]
_NFT_FAMILIES = {4: 2, 6: 10}
_LEGACY_TABLES = {4: Path("/proc/thread-self/net/ip_tables_names"), 6: Path("/proc/thread-self/net/ip6_tables_names")}
_UNREADABLE = "is incompatible"


def let_pass(bridge: str, versions: Iterable[int]) -> None:
    """For these families of addresses. Idempotent. Blocks. Raises OSError."""
    for program in _programs(versions):
        there = _readable(program)
        if _DROPS in there:
            for rule in _rules(bridge):
                if ["-A", *rule] not in there:
                    run(program, _TABLE, "-A", *rule)


def forget(bridge: str) -> None:
    """Idempotent. Blocks. Raises OSError."""
    for program in _programs(FAMILIES):
        for words in _readable(program):
            if words[0] == "-A" and marked(bridge)[-1] in words:
                run(program, _TABLE, "-D", *words[1:])


def _rules(bridge: str) -> Iterator[list[str]]:
    """As they are listed."""
    for direction in ("-i", "-o"):
        yield ["FORWARD", direction, bridge, *marked(bridge), "-j", "ACCEPT"]


def _programs(versions: Iterable[int]) -> Iterator[str]:
    """Those whose table is there already: to ask another would make it."""
    for version in versions:
        for variant, is_there in (("nft", _is_in_nf_tables), ("legacy", _is_in_ip_tables)):
            name = FAMILIES[version]
            program = shutil.which(f"{name}-{variant}") or shutil.which(name)
            if program and is_there(version):
                yield program


def _is_in_nf_tables(version: int) -> bool:
    try:
        with NetlinkSocket(NETLINK_NETFILTER) as netlink:
            return netlink.attempt(nft.Table(_NFT_FAMILIES[version], _TABLE).get()) == [None]
    except OSError:
        return False  # a kernel without netfilter's messages


def _is_in_ip_tables(version: int) -> bool:
    try:
        return _TABLE in _LEGACY_TABLES[version].read_text(encoding="ascii").split()
    except FileNotFoundError:
        return False


def _readable(program: str) -> list[list[str]]:
    """Of a table that somebody filled by nft with what iptables cannot read, nothing: it is for nft alone to change."""
    try:
        return listed(program, _TABLE)
    except OSError as error:
        if _UNREADABLE in str(error):
            return []
        raise
