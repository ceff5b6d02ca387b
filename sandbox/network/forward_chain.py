"""Packets that pass through a machine whose iptables drop what no rule lets pass, as Docker and ufw set them up.

There two rules at the end of FORWARD let pass what comes from the bridge and what goes to it, found again by their
comment. What a rule before them refuses stays refused, and where nothing is dropped nothing is added.
"""

import shlex
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from sandbox.network import nftables_messages as nft
from sandbox.network.iptables import execute
from sandbox.network.netlink import NETLINK_NETFILTER, NetlinkSocket

_TABLE = "filter"
_DROPS = ["-P", "FORWARD", "DROP"]
_PROGRAMS = {4: "iptables", 6: "ip6tables"}
_NFT_FAMILIES = {4: 2, 6: 10}
_LEGACY_TABLES = {4: Path("/proc/thread-self/net/ip_tables_names"), 6: Path("/proc/thread-self/net/ip6_tables_names")}
_UNREADABLE = "is incompatible"
_WAIT_SECONDS = 5
"""For other programs that hold the lock of the tables."""


def let_pass(bridge: str, versions: Iterable[int]) -> None:
    """For these families of addresses. Idempotent. Blocks. Raises OSError."""
    for program in _programs(versions):
        listed = _listed(program)
        if _DROPS in listed:
            for rule in _rules(bridge):
                if ["-A", *rule] not in listed:
                    _run(program, "-A", *rule)


def forget(bridge: str) -> None:
    """Idempotent. Blocks. Raises OSError."""
    for program in _programs(_PROGRAMS):
        for words in _listed(program):
            if words[0] == "-A" and _comment(bridge) in words:
                _run(program, "-D", *words[1:])


def _rules(bridge: str) -> Iterator[list[str]]:
    """As they are listed."""
    for direction in ("-i", "-o"):
        yield ["FORWARD", direction, bridge, "-m", "comment", "--comment", _comment(bridge), "-j", "ACCEPT"]


def _comment(bridge: str) -> str:
    return f"wasmlet-{bridge}"


def _programs(versions: Iterable[int]) -> Iterator[str]:
    """Those whose table is there already: to ask another would make it."""
    for version in versions:
        for variant, is_there in (("nft", _is_in_nf_tables), ("legacy", _is_in_ip_tables)):
            name = _PROGRAMS[version]
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


def _listed(program: str) -> list[list[str]]:
    """Of a table that somebody filled by nft with what iptables cannot read, nothing: it is for nft alone to change."""
    try:
        lines = _run(program, "-S").splitlines()
    except OSError as error:
        if _UNREADABLE in str(error):
            return []
        raise
    return [shlex.split(line) for line in lines if line.startswith("-")]  # the others are remarks


def _run(program: str, *arguments: str) -> str:
    return execute([program, "-w", str(_WAIT_SECONDS), "-t", _TABLE, *arguments])
