"""Networks of CNI plugins: Debian's, and programs of the test's own that misbehave on demand."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.network.cni import namespace_file
from sandbox.network.cni.network import CniNetwork, CniSettings
from tests.prerequisites import require_cni_plugin
from tests.sandbox.network.conftest import Host

_PROGRAM = """#!/bin/sh
cat > "$0.$CNI_COMMAND.input"
env > "$0.$CNI_COMMAND.environment"
echo "$CNI_COMMAND" >> "$0.calls"
[ ! -f "$0.$CNI_COMMAND" ] || . "$0.$CNI_COMMAND"
"""
ADDRESS = '{"cniVersion": "1.1.0", "ips": [{"address": "10.5.0.9/24"}]}'


def pass_time(seconds: float) -> None:
    """For what waits in the running event loop: it is as late as that for it."""
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]


class Installation:
    """Folders of networks and plugins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conf_dir = folder / "net.d"
        self.bin_dir = folder / "bin"
        self.leases = folder / "leases"
        self.conf_dir.mkdir()
        self.bin_dir.mkdir()

    def network(self, host: Host, seconds: float = 60) -> CniNetwork:
        """Of a server; another one is its successor."""
        root = host.folder / "root"
        root.mkdir(exist_ok=True)
        return CniNetwork(root, host.folder / "state", CniSettings(self.conf_dir, (self.bin_dir,), seconds))

    def describe(self, *plugins: dict[str, Any], version: str = "1.0.0", file: str = "10-pods.conflist") -> None:
        fields = {"cniVersion": version, "name": "pods", "plugins": plugins}
        (self.conf_dir / file).write_text(json.dumps(fields))

    def use_real(self, *names: str) -> None:
        """Plugins of the machine. Skips the test without them."""
        for name in names:
            (self.bin_dir / name).symlink_to(require_cni_plugin(name))

    def bridge(self, *subnets: str) -> dict[str, Any]:
        self.use_real("bridge", "host-local")
        ranges = [[{"subnet": subnet}] for subnet in subnets]
        ipam = {"type": "host-local", "dataDir": str(self.leases), "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}
        return {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "ipam": ipam}

    def program(self, name: str = "own", **answers: str) -> dict[str, Any]:
        """A plugin of the test's own, with shell commands by verb."""
        path = self.bin_dir / name
        path.write_text(_PROGRAM)
        path.chmod(0o755)
        for verb, commands in {"ADD": f"echo '{ADDRESS}'", **answers}.items():
            self.answer(verb, commands, name)
        return {"type": name}

    def answer(self, verb: str, commands: str, name: str = "own") -> None:
        (self.bin_dir / f"{name}.{verb}").write_text(commands)

    def calls(self, name: str = "own") -> list[str]:
        file = self.bin_dir / f"{name}.calls"
        return file.read_text().split() if file.exists() else []

    def input(self, verb: str, name: str = "own") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.bin_dir / f"{name}.{verb}.input").read_text())
        return found

    def environment(self, verb: str, name: str = "own") -> dict[str, str]:
        lines = (self.bin_dir / f"{name}.{verb}.environment").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line.startswith("CNI_"))

    def leased(self) -> set[str]:
        return {path.name for path in self.leases.rglob("*.*.*.*")}


@pytest.fixture
def cni(tmp_path: Path) -> Iterator[Installation]:
    folder = tmp_path / "cni"
    folder.mkdir()
    yield Installation(folder)
    for held in (tmp_path / "state" / "netns").glob("*"):  # by a test that failed
        namespace_file.release(held)
