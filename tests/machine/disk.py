"""What is on the machine's disk: Debian, wasmlet as deploy/README.md installs it, crictl, guests, and the agent.

Nothing is mounted to make it: ``mkfs.ext4`` copies a folder.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.distribution import ROOT, build_wheel
from tests.machine.debian import VENV, copy_debian, run
from tests.prerequisites import require_tool

PORT = "wasmlet.test"
"""Name of the serial line to the agent."""
REGISTRY = "localhost:5000"
CHECKOUT = "/opt/tests/checkout"
"""Where those tests are that run inside, with pytest."""

_SIZE = "4G"
_GUESTS = "/opt/tests/guests"
_MASKED = ("getty@tty1", "serial-getty@ttyS0", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer")
_CONFIG = """\
[log]
level = "debug"
"""
_CRICTL = """\
runtime-endpoint: unix:///run/wasmlet/wasmlet.sock
timeout: 900
"""
_PATIENCE = """\
[Manager]
DefaultTimeoutStartSec=900
DefaultDeviceTimeoutSec=900
"""
"""Of systemd, with a machine that is slower than any that it was made for."""
_UNIT = """\
[Unit]
Description={description}
[Service]
ExecStart={command}
Restart=always
[Install]
WantedBy=multi-user.target
"""


class Disk(NamedTuple):
    image: Path
    kernel: Path
    initial_ramdisk: Path


def make_disk(folder: Path, guests: Mapping[str, bytes]) -> Disk:
    """``guests``: WebAssembly by name; the machine's registry has it as ``name:latest``.

    Skips the test where a tool is missing.
    """
    tools = {name: require_tool(name) for name in ("crictl", "mkfs.ext4")}
    tree = folder / "tree"
    try:
        copy_debian(tree)
        _install_wasmlet(tree, build_wheel(folder))
        shutil.copy(tools["crictl"], tree / "usr/local/bin/crictl")
        _add_tests(tree, guests)
        _add_checkout(tree / CHECKOUT.lstrip("/"))
        _set_up(tree)
        return _pack(tree, folder)
    finally:
        shutil.rmtree(tree, ignore_errors=True)


def _install_wasmlet(tree: Path, wheel: Path) -> None:
    shutil.copy(wheel, tree)
    run(f"{VENV}/bin/pip", "install", "--no-index", "--no-deps", f"/{wheel.name}", inside=tree)
    (tree / wheel.name).unlink()
    run("ln", "-s", f"{VENV}/bin/wasmlet", "/usr/local/bin/wasmlet", inside=tree)
    shutil.copy(ROOT / "deploy/wasmlet.service", tree / "etc/systemd/system")
    (tree / "etc/wasmlet").mkdir()
    (tree / "etc/wasmlet/config.toml").write_text(_CONFIG)


def _add_tests(tree: Path, guests: Mapping[str, bytes]) -> None:
    folder = tree / _GUESTS.lstrip("/")
    folder.mkdir(parents=True)
    for name, wasm in guests.items():
        (folder / f"{name}.wasm").write_bytes(wasm)
    shutil.copy(Path(__file__).with_name("agent.py"), folder.parent)
    shutil.copy(ROOT / "deploy/demo_registry.py", folder.parent)
    (tree / "etc/crictl.yaml").write_text(_CRICTL)
    images = " ".join(f"{name}:latest={_GUESTS}/{name}.wasm" for name in guests)
    port = REGISTRY.partition(":")[2]
    _add_unit(tree, "agent", "What the tests tell", f"/usr/bin/python3 /opt/tests/agent.py /dev/virtio-ports/{PORT}")
    _add_unit(tree, "registry", "Guests", f"{VENV}/bin/python /opt/tests/demo_registry.py {port} {images}")


def _add_checkout(folder: Path) -> None:
    """Without wasmlet's own packages: those are the installed ones."""
    unfinished = "*.[0-9]*"  # a guest that another session builds
    for name in ("tests", "deploy"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", unfinished))
    shutil.copy(ROOT / "pyproject.toml", folder)


def _add_unit(tree: Path, name: str, description: str, command: str) -> None:
    unit = _UNIT.format(description=description, command=command)
    (tree / "etc/systemd/system" / f"{name}.service").write_text(unit)


def _set_up(tree: Path) -> None:
    (tree / "etc/hostname").write_text("node\n")
    (tree / "etc/systemd/system.conf.d").mkdir(exist_ok=True)
    (tree / "etc/systemd/system.conf.d/patience.conf").write_text(_PATIENCE)
    (tree / "etc/resolv.conf").write_text("nameserver 192.0.2.1\n")
    run("systemd-machine-id-setup", inside=tree)  # without one systemd sets a first boot's machine up
    (tree / "var/log/journal").mkdir(exist_ok=True)  # so that a boot's journal can be read after it
    run("systemctl", "mask", *_MASKED, inside=tree)
    run("systemctl", "enable", "agent", "registry", "wasmlet", inside=tree)


def _pack(tree: Path, folder: Path) -> Disk:
    disk = Disk(folder / "disk.img", folder / "vmlinuz", folder / "initrd.img")
    for kind, target in (("vmlinuz", disk.kernel), ("initrd.img", disk.initial_ramdisk)):
        [source] = (tree / "boot").glob(f"{kind}-*")
        shutil.copy(source, target)
    run("mkfs.ext4", "-q", "-d", tree, disk.image, _SIZE)
    return disk
