"""Masquerading where the kernel has no nf_tables: rules of the iptables program, found again by their comment."""

import shlex
import subprocess
from collections.abc import Sequence
from ipaddress import IPv4Network

_CHAIN = "POSTROUTING"
_WAIT_SECONDS = 5
"""For other programs that hold the lock of the tables."""


class Iptables:
    """What leaves a pod range by another interface than the bridge gets the host's address there."""

    def __init__(self, bridge: str, program: str) -> None:
        self._bridge = bridge
        self._program = program
        self._comment = f"wasmlet-{bridge}"

    def apply(self, ranges: Sequence[IPv4Network]) -> None:
        """Make the rules, or replace them. Raises OSError."""
        self.remove()
        for network in ranges:
            self._run("-A", _CHAIN, *self._rule(network))

    def present(self) -> bool:
        """Raises OSError."""
        return bool(self._present_rules())

    def remove(self) -> None:
        """Idempotent. Raises OSError."""
        for rule in self._present_rules():
            self._run("-D", *rule)

    def _rule(self, network: IPv4Network) -> list[str]:
        where = ["-s", str(network), "!", "-d", "224.0.0.0/4", "!", "-o", self._bridge]
        return [*where, "-m", "comment", "--comment", self._comment, "-j", "MASQUERADE"]

    def _present_rules(self) -> list[list[str]]:
        """Each as the arguments behind ``-A``."""
        listed = [shlex.split(line) for line in self._run("-S", _CHAIN).splitlines()]
        return [words[1:] for words in listed if words[0] == "-A" and self._comment in words]

    def _run(self, *arguments: str) -> str:
        command = [self._program, "-w", str(_WAIT_SECONDS), "-t", "nat", *arguments]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode:
            raise OSError(f"{shlex.join(command)}: {finished.stderr.strip()}")
        return finished.stdout
