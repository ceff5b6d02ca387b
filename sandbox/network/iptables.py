"""Addresses translated where the kernel has no nf_tables: chains of the bridge's own, filled in one go each, and rules
that lead there, found again by their comment. What they do is what ``nftables`` says.

A program costs some 2 ms to run, as much as all else that a pod's network needs: what is done for each pod is done by
programs that are kept.
"""

import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence

from sandbox.network import forwarding
from sandbox.network.addresses import Network
from sandbox.network.host_ports import MARK, PublishedPort
from sandbox.network.kept_restore import KeptRestore
from sandbox.network.translation_gone import TranslationGone

_PROGRAMS = ("iptables-legacy", "iptables")
"""The second is a front end of nf_tables as a rule, which is of no use, or little, to a kernel that comes here."""
FAMILIES = {4: "iptables", 6: "ip6tables"}
"""Names of the programs, less that of a variant."""
_MULTICAST = {4: "224.0.0.0/4", 6: "ff00::/8"}
_LOOPBACK, _LOOPBACK_IPV6 = "127.0.0.0/8", "::1/128"
_TABLES = ("nat", "raw")
_MARK = f"{MARK:#x}/{MARK:#x}"
_WAIT_SECONDS = 5
"""For other programs that hold the lock of the tables."""

Rule = Sequence[str]
"""Arguments behind ``-A``, the chain first."""


class Iptables:
    """An ``AddressTranslation``."""

    def __init__(self, bridge: str, program: str) -> None:
        """``program``: path of iptables, or of one of its variants; the others are beside it."""
        self._bridge = bridge
        self._folder, _, name = program.rpartition("/")
        self._variant = name.removeprefix(FAMILIES[4])
        self._comment = marked(bridge)
        self._ports_chain, self._masquerade_chain = f"WL-PORTS-{bridge}", f"WL-MASQ-{bridge}"
        self._kept = {version: KeptRestore(self._restore(version), _WAIT_SECONDS) for version in FAMILIES}
        self._ranges: dict[int, list[Network]] = {}
        self._published: frozenset[PublishedPort] | None = None
        """None: not known."""

    def works(self) -> bool:
        try:
            self._listed(4, "nat")
        except OSError:
            return False
        return True

    def apply(self, ranges: Sequence[Network]) -> None:
        wanted = {version: [each for each in ranges if each.version == version] for version in (4, 6)}
        for version in self._versions():
            if version == 4 or wanted[version]:
                self._apply(version, wanted[version])
            else:
                self._remove(version)
        self._published = None
        self._ranges = {version: own for version, own in wanted.items() if version == 4 or own}

    def publish(self, ports: Iterable[PublishedPort]) -> set[PublishedPort]:
        wanted, former = frozenset(ports), self._published
        if any(port.host.version == 4 for port in wanted):
            forwarding.route_loopback_sources(self._bridge)
        if wanted != former:
            self._published = None
            self._fill_ports(wanted)
        self._published = wanted
        return set(former - wanted) if former else set()

    def _fill_ports(self, ports: Iterable[PublishedPort]) -> None:
        for version in self._ranges:
            own = [port for port in ports if port.host.version == version]
            # The first rule that fits counts.
            own.sort(key=lambda port: port.host.is_unspecified)
            rules = [rule for port in own for rule in self._port_rules(version, port)]
            if version == 6:
                rules.insert(0, [self._ports_chain, "-d", _LOOPBACK_IPV6, "-j", "RETURN"])
            self._fill_if_present(version, rules)

    def _fill_if_present(self, version: int, rules: Iterable[Rule]) -> None:
        """The chain of the ports. Raises TranslationGone."""
        try:
            self._fill(version, self._ports_chain, rules, self._leads_there(version))
        except OSError as error:
            if self.present():
                raise
            raise TranslationGone(f"rules of {self._bridge} have been removed: {error}") from error

    def present(self) -> bool:
        return all(self._is_present(version) for version in self._ranges)

    def _is_present(self, version: int) -> bool:
        wanted = self._leads_there(version)
        return self._kept[version].has_done(_change(_checks(wanted))) or wanted <= self._own_rules(version, "nat")

    def remove(self) -> None:
        for version in self._versions():
            self._remove(version)

    def close(self) -> None:
        for kept in self._kept.values():
            kept.close()

    def _versions(self) -> list[int]:
        """Families that this machine has a program for."""
        return [version for version in FAMILIES if shutil.which(self._program(version))]

    def _apply(self, version: int, ranges: Sequence[Network]) -> None:
        self._fill(version, self._masquerade_chain, self._masquerade_rules(version, ranges))
        if self._ports_chain not in self._chains(version):
            self._fill(version, self._ports_chain, [])
        wanted = {"nat": self._leads_there(version), "raw": self._guards() if version == 4 else set()}
        for table in _TABLES:
            present = self._own_rules(version, table)
            for rule in sorted(present - wanted[table]):
                self._run(version, table, "-D", *rule)
            for rule in sorted(wanted[table] - present):
                self._run(version, table, "-A", *rule)

    def _remove(self, version: int) -> None:
        for table in _TABLES:
            for rule in self._own_rules(version, table):
                self._run(version, table, "-D", *rule)
        for chain in self._chains(version) & {self._ports_chain, self._masquerade_chain}:
            self._run(version, "nat", "-F", chain)
            self._run(version, "nat", "-X", chain)

    def _leads_there(self, version: int) -> set[tuple[str, ...]]:
        to_host = ("-m", "addrtype", "--dst-type", "LOCAL", *self._comment, "-j", self._ports_chain)
        leaving = ("POSTROUTING", *self._comment, "-j", self._masquerade_chain)
        return {("PREROUTING", *to_host), ("OUTPUT", *to_host), leaving}

    def _guards(self) -> set[tuple[str, ...]]:
        from_bridge = ("-i", self._bridge, *self._comment, "-j", "DROP")
        return {("PREROUTING", direction, _LOOPBACK, *from_bridge) for direction in ("-s", "-d")}

    def _masquerade_rules(self, version: int, ranges: Sequence[Network]) -> Iterator[Rule]:
        for network in ranges:
            where = ["-s", str(network), "!", "-d", _MULTICAST[version], "!", "-o", self._bridge]
            yield [self._masquerade_chain, *where, "-j", "MASQUERADE"]
        yield [self._masquerade_chain, "-o", self._bridge, "-m", "mark", "--mark", _MARK, "-j", "MASQUERADE"]

    def _port_rules(self, version: int, port: PublishedPort) -> Iterator[Rule]:
        here = [] if port.host.is_unspecified else ["-d", str(port.host)]
        where = [*here, "-p", port.protocol, "-m", port.protocol, "--dport", str(port.host_port)]
        loopback = [_LOOPBACK] if version == 4 else []
        for source in [*map(str, self._ranges[version]), *loopback]:
            yield [self._ports_chain, "-s", source, *where, "-j", "MARK", "--set-xmark", _MARK]
        pod = f"[{port.pod}]" if version == 6 else str(port.pod)
        yield [self._ports_chain, *where, "-j", "DNAT", "--to-destination", f"{pod}:{port.pod_port}"]

    def _chains(self, version: int) -> set[str]:
        return {words[1] for words in self._listed(version, "nat") if words[0] == "-N"}

    def _own_rules(self, version: int, table: str) -> set[tuple[str, ...]]:
        """Those that have the comment."""
        listed = self._listed(version, table)
        return {tuple(words[1:]) for words in listed if words[0] == "-A" and self._comment[-1] in words}

    def _listed(self, version: int, table: str) -> list[list[str]]:
        return listed(self._program(version), table)

    def _fill(self, version: int, chain: str, rules: Iterable[Rule], presupposed: Iterable[Rule] = ()) -> None:
        """The chain has these rules afterwards and no others; if one ``presupposed`` is missing, all is as it was."""
        change = _change([*_checks(presupposed), f":{chain} - [0:0]", *(" ".join(["-A", *rule]) for rule in rules)])
        if not self._kept[version].has_done(change):
            _execute([self._restore(version), "-w", str(_WAIT_SECONDS), "--noflush"], change)

    def _run(self, version: int, table: str, *arguments: str) -> str:
        return run(self._program(version), table, *arguments)

    def _program(self, version: int) -> str:
        return f"{self._folder}/{FAMILIES[version]}{self._variant}"

    def _restore(self, version: int) -> str:
        return f"{self._program(version)}-restore"


def find_iptables(bridge: str) -> Iptables | None:
    """By the first program that this kernel obeys."""
    for program in filter(None, map(shutil.which, _PROGRAMS)):
        found = Iptables(bridge, program)
        if found.works():
            return found
    return None


def _checks(rules: Iterable[Rule]) -> list[str]:
    return [" ".join(["-C", *rule]) for rule in rules]


def _change(lines: Iterable[str]) -> str:
    """Of the table of translations; all of it or nothing."""
    return "\n".join(["*nat", *lines, "COMMIT", ""])


def marked(bridge: str) -> list[str]:
    """What is in each rule of a bridge, and finds it again."""
    return ["-m", "comment", "--comment", f"wasmlet-{bridge}"]


def listed(program: str, table: str) -> list[list[str]]:
    """The policies, chains and rules of a table, each as its words. Blocks. Raises OSError."""
    lines = run(program, table, "-S").splitlines()
    return [shlex.split(line) for line in lines if line.startswith("-")]  # the others are remarks


def run(program: str, table: str, *arguments: str) -> str:
    """The output. Blocks. Raises OSError."""
    return _execute([program, "-w", str(_WAIT_SECONDS), "-t", table, *arguments])


def _execute(command: Sequence[str], text: str = "") -> str:
    finished = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise OSError(f"{shlex.join(command)}: {finished.stderr.strip()}")
    return finished.stdout
