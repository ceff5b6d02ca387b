"""What a test needs of its machine: a test that lacks it is skipped with the reason.

With `WASMLET_REQUIRE_TOOLS=1`, as where everything is known to be installed, the test fails instead.
"""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

BUILT_TOOLS = Path(__file__).resolve().parent.parent / ".tools" / "bin"
SYSTEM_TOOLS = (
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/bin",
    "/usr/sbin",
)
CNI_PLUGINS = ("/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni")


def require_tool(name: str) -> Path:
    """Path of a program: one built by `make tools`, else one of the machine's. Skips the test without it."""
    places = os.pathsep.join([str(BUILT_TOOLS), os.environ.get("PATH", ""), *SYSTEM_TOOLS])
    found = shutil.which(name, path=places)
    return Path(found) if found else lacking(f"{name} is not installed: run 'make tools' or install its package")


def require_cni_plugin(name: str) -> Path:
    """Path of a plugin; other programs may have its name. Skips the test without it."""
    found = shutil.which(name, path=os.pathsep.join(CNI_PLUGINS))
    return Path(found) if found else lacking(f"CNI plugin {name} is not installed: install containernetworking-plugins")


def require_file(path: str | Path, remedy: str) -> Path:
    """The path itself. Skips the test, naming the remedy, where nothing is there."""
    return Path(path) if os.path.exists(path) else lacking(f"{path} does not exist: {remedy}")


def require_root() -> None:
    """Skips the test where it is not run by root."""
    if os.geteuid() != 0:
        lacking("namespaces, mounts and cgroups can only be made by root: run the tests as root")


def lacking(reason: str) -> NoReturn:
    """Skip the running test, or fail it where everything is required."""
    if os.environ.get("WASMLET_REQUIRE_TOOLS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
