"""A pod network as an administrator installs it: Debian's CNI plugins and a description of a network."""

import json
import subprocess
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

    def install(self, only_ipv6: str = "") -> None:
        """Or put in the place of what is there. ``only_ipv6``: no other address of that family is to be given."""
        limits = {"rangeStart": only_ipv6, "rangeEnd": only_ipv6} if only_ipv6 else {}
        ranges = [[{"subnet": "10.78.0.0/24"}], [{"subnet": "fd00:78::/64", **limits}]]
        routes = [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
        ipam = {"type": "host-local", "dataDir": str(self._leases), "ranges": ranges, "routes": routes}
        bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "ipam": ipam}
        portmap = {"type": "portmap", "snat": True, "capabilities": {"portMappings": True}}
        fields = {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, portmap]}
        written = self._conf_dir / "10-pods.conflist.new"
        written.write_text(json.dumps(fields))
        written.rename(written.with_suffix(""))

    def hide(self, plugin: str) -> None:
        (self.bin_dir / plugin).rename(self.bin_dir.parent / plugin)

    def put_back(self, plugin: str) -> None:
        (self.bin_dir.parent / plugin).rename(self.bin_dir / plugin)

    def is_clean(self) -> bool:
        """Nothing is left of any pod, in the network of the caller."""
        mounts = Path("/proc/thread-self/mounts").read_text().splitlines()
        mounted = any(f"{self._folder}/" in mount and "/netns/" in mount for mount in mounts)
        return not mounted and "dport" not in rules() and not self.leased()

    def leased(self) -> list[str]:
        """Addresses that pods have, or keep from others."""
        return sorted(path.name for form in ("10.78.*", "fd00:78:*") for path in self._leases.rglob(form))


def rules() -> str:
    return subprocess.run(["iptables-save"], check=True, capture_output=True, text=True).stdout
