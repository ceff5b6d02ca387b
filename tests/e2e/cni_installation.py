"""A pod network as an administrator installs it: Debian's CNI plugins and a description of a network."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.prerequisites import require_cni_plugin, require_tool

PLUGINS = ("bridge", "host-local", "portmap")


class CniInstallation:
    """At first without a network. ``folder``: there already; what its server keeps is below it, too.

    Skips the test without the plugins.
    """

    def __init__(self, folder: Path) -> None:
        for tool in ("ip", "iptables-save"):
            require_tool(tool)
        self._folder = folder
        self.bin_dir = folder / "bin"
        self._conf_dir = folder / "net.d"
        self._leases = folder / "leases"
        self._conf_dir.mkdir()
        self.bin_dir.mkdir()
        for name in PLUGINS:
            (self.bin_dir / name).symlink_to(require_cni_plugin(name))

    @property
    def settings(self) -> str:
        """Of the server's configuration."""
        return f'[network]\ncni_conf_dir = "{self._conf_dir}"\ncni_bin_dirs = ["{self.bin_dir}"]\n'

    def install(self) -> None:
        ranges = [[{"subnet": subnet}] for subnet in ("10.78.0.0/24", "fd00:78::/64")]
        routes = [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
        ipam = {"type": "host-local", "dataDir": str(self._leases), "ranges": ranges, "routes": routes}
        bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "ipam": ipam}
        portmap = {"type": "portmap", "snat": True, "capabilities": {"portMappings": True}}
        fields = {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, portmap]}
        (self._conf_dir / "10-pods.conflist").write_text(json.dumps(fields))

    def hide(self, plugin: str) -> None:
        (self.bin_dir / plugin).rename(self.bin_dir.parent / plugin)

    def put_back(self, plugin: str) -> None:
        (self.bin_dir.parent / plugin).rename(self.bin_dir / plugin)

    @contextmanager
    def failing(self, plugin: str, words: str) -> Iterator[None]:
        """For a while it answers with these."""
        answer = json.dumps({"cniVersion": "1.0.0", "code": 100, "msg": words})
        self.hide(plugin)
        (self.bin_dir / plugin).write_text(f"#!/bin/sh\necho '{answer}'\nexit 1\n")
        (self.bin_dir / plugin).chmod(0o755)
        yield
        (self.bin_dir / plugin).unlink()
        self.put_back(plugin)

    def is_clean(self) -> bool:
        """Nothing is left of any pod, in the network of the caller."""
        mounts = Path("/proc/thread-self/mounts").read_text().splitlines()
        mounted = any(f"{self._folder}/" in mount and "/netns/" in mount for mount in mounts)
        leased = [*self._leases.rglob("10.78.*"), *self._leases.rglob("fd00:78:*")]
        return not mounted and "dport" not in rules() and not leased


def rules() -> str:
    return subprocess.run(["iptables-save"], check=True, capture_output=True, text=True).stdout
