"""containerd with runc as a distribution sets it up: the default bridge network with masquerade and port mapping."""

import json
import os
import shutil
from pathlib import Path

from tests.bench.guest_images import native_image
from tests.bench.image_registry import push
from tests.bench.server import BenchError, Server, start_server
from tests.prerequisites import BUILT_TOOLS

_PLUGIN_FOLDERS = ("/opt/cni/bin", "/usr/lib/cni")
_SUBNET = "10.188.0.0/16"


def start_containerd(folder: Path, cgroup_parent: str) -> Server:
    """Raises BenchError."""
    if not (BUILT_TOOLS / "containerd").exists():
        raise BenchError(f"{BUILT_TOOLS}/containerd does not exist: run 'make bench-tools'")
    pause, ready = (push(native_image(name, folder)) for name in ("pause", "ready"))
    config, socket = folder / "containerd.toml", folder / "containerd.sock"
    config.write_text(_config(folder, pause))
    _write_network(folder)
    os.environ["PATH"] = f"{BUILT_TOOLS}:{os.environ['PATH']}"  # where it finds its shim and runc
    command: list[str | Path] = [BUILT_TOOLS / "containerd", "--config", config, "--address", socket]
    start_server(command, socket, folder / "containerd.log")
    return Server("containerd", socket, ready, f"{cgroup_parent}/containerd")


def _config(folder: Path, pause: str) -> str:
    return f"""\
version = 4
root = "{folder}/containerd-root"
state = "{folder}/containerd-state"
imports = []
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{pause}"
[plugins."io.containerd.cri.v1.runtime"]
  # Without CAP_SYS_RESOURCE, as in a container, a pod's score cannot be set below the server's own.
  restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["{_plugin_folder()}"]
  conf_dir = "{folder}/cni"
"""


def _plugin_folder() -> str:
    for folder in _PLUGIN_FOLDERS:
        if shutil.which("bridge", path=folder) and shutil.which("portmap", path=folder):
            return folder
    raise BenchError("the CNI plugins are not installed: install the package containernetworking-plugins")


def _write_network(folder: Path) -> None:
    addresses = {
        "type": "host-local",
        "dataDir": f"{folder}/cni-addresses",
        "ranges": [[{"subnet": _SUBNET}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "ipam": addresses}
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    (folder / "cni").mkdir()
    network = {"cniVersion": "1.0.0", "name": "bench", "plugins": [bridge, portmap]}
    (folder / "cni" / "10-bench.conflist").write_text(json.dumps(network))
