"""Debian as a folder, with what is the same for every checkout of the same dependencies.

    system      Debian with its kernel, by debootstrap
    python      and wasmlet's pinned dependencies in a virtual environment of that Debian's Python, pytest beside it

Both are kept below ``.tools/machine``, by the digest of what they are made of.
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.distribution import ROOT, pip
from tests.prerequisites import BUILT_TOOLS, lacking, require_root, require_tool

CACHE = BUILT_TOOLS.parent / "machine"
VENV = "/opt/wasmlet"
PYTEST = "/opt/tests/packages"

_SUITE = "trixie"
_PYTHON = "3.13"
_PLATFORMS = (*(f"manylinux_2_{minor}_x86_64" for minor in range(41, 16, -1)), "manylinux2014_x86_64")
"""Of glibc 2.41 and older; the last name stands for all before it."""
_OF_PYTEST = ("pytest", "pytest-timeout", "iniconfig", "packaging", "pluggy")
_PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "udev", "kmod", "initramfs-tools", "linux-image-cloud-amd64"),
    *("python3", "python3-venv", "iproute2", "nftables", "procps"),
)


def copy_debian(folder: Path) -> None:
    """Make ``folder``, with Debian and wasmlet's dependencies in it. Skips the test where a tool is missing."""
    require_root()
    if platform.machine() != "x86_64":
        lacking(f"Debian's x86-64 packages cannot be installed on {platform.machine()}: run it on x86-64")
    require_tool("debootstrap")
    with _locked():
        system = _kept("system", _bootstrap, Path(__file__).read_text())
        pins = (ROOT / "requirements.txt").read_text(), _pins_of_pytest()
        python = _kept("python", lambda fresh: _add_dependencies(system, fresh, *pins), system.name, *pins)
        run("cp", "-a", python, folder)


def run(*command: str | Path, inside: Path | None = None) -> None:
    """Raises AssertionError with what the command said. ``inside``: a folder that it sees as the root."""
    prefix = ("chroot", inside) if inside else ()
    done = subprocess.run(
        [*prefix, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout.decode(errors='replace')[-4000:]}"


@contextmanager
def _locked() -> Iterator[None]:
    """Test sessions side by side may share the folder."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _kept(name: str, make: Callable[[Path], None], *made_of: str) -> Path:
    """The folder that ``make`` fills, unless it is there. Of older ones, half a gigabyte each, the last stays."""
    digest = hashlib.sha256("\0".join(made_of).encode()).hexdigest()[:16]
    folder = CACHE / f"{name}-{digest}"
    if not folder.exists():
        fresh = CACHE / f"fresh-{name}"
        shutil.rmtree(fresh, ignore_errors=True)
        others = sorted(CACHE.glob(f"{name}-*"), key=lambda other: other.stat().st_ctime)
        for old in others[:-1]:
            shutil.rmtree(old)
        make(fresh)
        fresh.rename(folder)
    return folder


def _bootstrap(fresh: Path) -> None:
    print(f"Installing Debian {_SUITE} into {fresh}")
    run("debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", _SUITE, fresh)
    run("apt-get", "clean", inside=fresh)


def _pins_of_pytest() -> str:
    """The tests' own, but for what wasmlet has too."""
    pins = re.split(r"^(?=[a-z])", (ROOT / "requirements-dev.txt").read_text(), flags=re.M)
    return "".join(pin for pin in pins if pin.partition("==")[0] in _OF_PYTEST)


def _add_dependencies(system: Path, fresh: Path, pins: str, pins_of_pytest: str) -> None:
    """Fetched by this machine's pip, which knows the way to the package index, and installed by the other's."""
    run("cp", "-a", system, fresh)
    wheels = fresh / "wheels"
    wheels.mkdir()
    (wheels / "wasmlet.txt").write_text(pins)
    (wheels / "pytest.txt").write_text(pins_of_pytest)
    run("python3", "-m", "venv", VENV, inside=fresh)
    _install(fresh, "wasmlet.txt")
    _install(fresh, "pytest.txt", "--no-deps", f"--target={PYTEST}")
    shutil.rmtree(wheels)


def _install(fresh: Path, pins: str, *options: str) -> None:
    wheels = fresh / "wheels"
    fetch = ["download", "--only-binary=:all:", "--no-deps", f"--python-version={_PYTHON}", f"--dest={wheels}"]
    platforms = [f"--platform={name}" for name in _PLATFORMS]
    pip(CACHE, *fetch, *platforms, "--require-hashes", "-r", str(wheels / pins))
    install = ["install", "--no-index", "--find-links=/wheels", *options, "--require-hashes", "-r", f"/wheels/{pins}"]
    run(f"{VENV}/bin/pip", *install, inside=fresh)
