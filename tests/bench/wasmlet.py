"""wasmlet of this tree with its default settings, but for a subnet that is large enough for every pod."""

import sys
from pathlib import Path

from tests.bench.guest_images import wasm_image
from tests.bench.image_registry import push
from tests.bench.server import Server, start_server

_PROGRAM = Path(sys.executable).with_name("wasmlet")
_CONFIG = """\
[cgroup]
driver = "cgroupfs"

[network]
subnet = "10.189.0.0/16"
"""


def start_wasmlet(folder: Path, cgroup_parent: str) -> Server:
    """Raises BenchError."""
    config, socket = folder / "wasmlet.toml", folder / "wasmlet.sock"
    config.write_text(_CONFIG)
    paths = {"config": config, "socket": socket, "root": folder / "wasmlet-root", "state": folder / "wasmlet-state"}
    command: list[str | Path] = [_PROGRAM, "serve", *(f"--{name}={path}" for name, path in paths.items())]
    start_server(command, socket, folder / "wasmlet.log")
    return Server("wasmlet", socket, push(wasm_image()), f"{cgroup_parent}/wasmlet")
