"""A real server in a temporary folder: started, killed, stopped by its process id, and nothing left of it."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import grpc

from cri_server.cri_v1 import api_pb2 as cri
from sandbox.cgroup import tree as cgroup
from tests.cri_client import CriClient
from tests.orphans import children_of, command_line

WASMLET = Path(sys.executable).with_name("wasmlet")
_SECONDS_TO_START = 300


class WasmletServer:
    """``folder``: of its own. The cgroups of its pods belong below ``cgroup_parent``."""

    def __init__(self, folder: Path, extra_config: str = "") -> None:
        self.folder = folder
        self.root = folder / "root"
        self.state = folder / "state"
        self.socket = folder / "wasmlet.sock"
        self.name = secrets.token_hex(4)
        self.cgroup_parent = f"/wasmlet-test-{self.name}"
        self.config = folder / "config.toml"
        self.log = folder / "server.log"
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        if "[exec]" not in extra_config:  # the toolbox takes seconds to compile, in each new root
            extra_config = f'{extra_config}\n[exec]\ntoolbox = "off"\n'
        if "[compile]" not in extra_config:  # it gives way to everything else, and the machine may be busy
            extra_config = f"{extra_config}\n[compile]\nseconds = 600\n"
        self.config.write_text(f'[cgroup]\ndriver = "cgroupfs"\n[log]\nlevel = "debug"\n{extra_config}')

    @property
    def client(self) -> CriClient:
        return CriClient(self.socket)

    def command(self) -> list[str]:
        paths = {"config": self.config, "socket": self.socket, "root": self.root, "state": self.state}
        return [str(WASMLET), "serve", *(f"--{name}={path}" for name, path in paths.items())]

    def start(self) -> None:
        """Return when it answers."""
        self.launch()
        self.wait_until_serving()

    def launch(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait_until_serving(self) -> None:
        deadline = time.monotonic() + _SECONDS_TO_START
        while not self._answers():
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server does not serve:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.02)

    def zygotes(self) -> list[int]:
        """One, or none for a moment."""
        assert self.process is not None
        return [pid for pid in children_of(self.process.pid) if is_zygote(pid)]

    def kill(self) -> None:
        """With SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """With SIGTERM."""
        self._end(signal.SIGTERM)

    def clean_up(self) -> None:
        """Remove every pod, then the server and its network; kill what resists."""
        with suppress(AssertionError, grpc.RpcError):
            if self.process is None or self.process.poll() is not None:
                self.start()
            self._remove_pods()
        self.stop()
        layout = cgroup.detect()
        cgroup.remove(layout, self.cgroup_parent)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remove_pods(self) -> None:
        with self.client as client:
            for sandbox in client.call("ListPodSandbox", cri.ListPodSandboxRequest()).items:
                client.call("RemovePodSandbox", cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox.id))

    def _answers(self) -> bool:
        with suppress(grpc.RpcError), self.client as client:
            client.call("Version", cri.VersionRequest(), timeout=5)
            return True
        return False

    def _end(self, number: int) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)
            self.process.wait()
            self.process = None


def is_zygote(pid: int) -> bool:
    """False also of one that has ended."""
    return "sandbox.zygote" in command_line(pid)
