"""Where the bench starts servers: namespaces of its own, so that nothing is left of them however it ends.

make bench             this process: makes the enclosure, and removes its folder and its cgroups in the end
  unshare              new mount, network and process namespaces; dies with its parent
    init               process 1 of the process namespace: when it dies, the kernel kills all that run in it,
      python -m tests.bench     and then removes their mounts, bridges, addresses and packet filter rules
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pyroute2 import IPRoute

from sandbox import syscalls
from tests.bench.cgroup_hierarchies import remove_groups
from tests.bench.server import BenchError

_VARIABLE = "WASMLET_BENCH_ENCLOSURE"
_HIDDEN = ("/run", "/var/lib")
"""Where CNI and containerd keep things whatever their configuration says."""


class Enclosure(NamedTuple):
    folder: Path
    cgroup_parent: str


def current() -> Enclosure | None:
    """The one that this process is in."""
    value = os.environ.get(_VARIABLE)
    return Enclosure(Path(value), f"/{Path(value).name}") if value else None


def run_enclosed(arguments: Sequence[str], keep: bool, module: str = "tests.bench") -> int:
    """Run the bench, a module, in an enclosure; its exit status. ``keep``: the folder, with logs and configurations."""
    if os.geteuid() != 0:
        raise BenchError("namespaces, mounts and cgroups can only be made by root: run the bench as root")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix=f"wasmlet-bench-{secrets.token_hex(3)}-"))
    try:
        return _run(folder, [module, *arguments])
    finally:
        _clean_up(folder, keep)


def furnish() -> None:
    """Inside: the loopback device up, and what the machine's own runtimes keep out of sight."""
    with IPRoute() as netlink:
        netlink.link("set", index=1, state="up")
    for path in _HIDDEN:
        syscalls.mount("tmpfs", path, "tmpfs", 0)


def _run(folder: Path, arguments: Sequence[str]) -> int:
    namespaces = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command = ["setpriv", "--pdeathsig", "KILL", *namespaces, sys.executable, "-m", "tests.bench.init", *arguments]
    environment = {**os.environ, _VARIABLE: str(folder)}
    # In a session of its own: Ctrl-C reaches this process alone, which then ends all others.
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        try:
            return process.wait()
        finally:
            process.kill()


def _clean_up(folder: Path, keep: bool) -> None:
    remove_groups(folder.name)
    if keep:
        print(f"Kept: {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
