"""What wasmlet is for, shown on this machine: `make demo`.

A registry on loopback, a server with folders of its own below a temporary one, and the CRI calls that a kubelet would
make. Nothing is left.
"""

import os
import signal
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc

from cri_server.cri_v1 import api_pb2 as cri
from sandbox.cgroup import tree
from sandbox.network.names import bridge_name
from tests import orphans
from tests.guests.compiled import guest
from tests.images import push_artifact
from tests.real_node import RealNode, container_config, eventually, real_node
from tests.wasmlet_server import WasmletServer

_SECONDS_WITHOUT_SERVER = 1.0


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("The demo makes namespaces, mounts and cgroups, which only root may: run 'sudo make demo'.")
    orphans.adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="wasmlet-demo-") as folder:
        _say(f"wasmlet {version('wasmlet')} with wasmtime {version('wasmtime')}, everything below {folder}")
        with real_node(Path(folder) / "node") as node:
            _show(node)
    _show_what_is_left(node.server)


def _show(node: RealNode) -> None:
    reference = _show_pull(node)
    sandbox_id, container_id = _show_pod(node, reference)
    _show_log(node, container_id, lines=3)
    _show_death(node, container_id)
    _show_new_server(node, sandbox_id, container_id)
    _show_end(node, sandbox_id, container_id)


def _show_pull(node: RealNode) -> str:
    wasm = guest("counter")
    reference = push_artifact(node.registry.address, "counter", wasm, tag="1")
    _step(f"Pull {reference}, {len(wasm)} bytes of WebAssembly, from a registry on loopback")
    _timed(node, "PullImage", image=cri.ImageSpec(image=reference))
    [image] = node.call("ListImages").images
    _say(f"  {image.id}, compiled to native code")
    return reference


def _show_pod(node: RealNode, reference: str) -> tuple[str, str]:
    _step("Run it as a pod")
    config = node.pod_config("counter")
    sandbox_id = _timed(node, "RunPodSandbox", config=config).pod_sandbox_id
    created = _timed(node, "CreateContainer", pod_sandbox_id=sandbox_id, config=container_config("main", reference))
    _timed(node, "StartContainer", container_id=created.container_id)
    status = node.call("PodSandboxStatus", pod_sandbox_id=sandbox_id).status
    _say(f"  pod {sandbox_id[:13]} has the address {status.network.ip}")
    _show_state(node, created.container_id)
    return sandbox_id, created.container_id


def _show_log(node: RealNode, container_id: str, lines: int) -> None:
    _step("Its log, in the format that 'kubectl logs' reads")
    eventually(lambda: len(node.log(container_id)) >= lines)
    path = Path(node.status(container_id).log_path)
    for line in path.read_text().splitlines()[-lines:]:
        _say(f"  {line}")


def _show_death(node: RealNode, container_id: str) -> None:
    process = node.server.process
    assert process is not None
    log = Path(node.status(container_id).log_path)
    _step(f"Kill the server, process {process.pid}, with signal 9")
    node.server.kill()
    before = log.read_text().count("\n")
    time.sleep(_SECONDS_WITHOUT_SERVER)
    _say(f"  there is no server, and the pod has written {log.read_text().count(chr(10)) - before} lines more")


def _show_new_server(node: RealNode, sandbox_id: str, container_id: str) -> None:
    _step("Start another server: it shows the same pod, and the container has not been restarted")
    begin = time.perf_counter()
    node.server.start()
    _say(f"  serving after {time.perf_counter() - begin:.1f} s")
    [sandbox] = node.call("ListPodSandbox").items
    assert sandbox.id == sandbox_id
    _show_state(node, container_id)
    ticks = node.log(container_id)
    assert ticks == [f"tick {number:03}" for number in range(1, len(ticks) + 1)], "a line is lost, or twice there"
    _say(f"  its log is whole: {ticks[0]} to {ticks[-1]}, each line once")


def _show_end(node: RealNode, sandbox_id: str, container_id: str) -> None:
    _step("Stop and remove it")
    _timed(node, "StopContainer", container_id=container_id, timeout=10)
    _show_state(node, container_id)
    _timed(node, "StopPodSandbox", pod_sandbox_id=sandbox_id)
    _timed(node, "RemovePodSandbox", pod_sandbox_id=sandbox_id)


def _show_state(node: RealNode, container_id: str) -> None:
    status = node.status(container_id)
    state = cri.ContainerState.Name(status.state).removeprefix("CONTAINER_")
    ended = f", exit code {status.exit_code} ({status.reason})" if status.finished_at else ""
    _say(f"  container {container_id[:13]} is {state}, started at {_clock(status.started_at)}{ended}")


def _show_what_is_left(server: WasmletServer) -> None:
    """Raises what should not be: then the demo has failed."""
    _step("What is left on this machine")
    eventually(_no_children)
    left = [str(path) for path in _places(server) if path.exists()]
    left += [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(server.folder) in line]
    assert not left, f"this should be gone: {left}"
    _say("  nothing: no process, mount, network bridge, cgroup or file")


def _places(server: WasmletServer) -> list[Path]:
    groups = [Path(mount + server.cgroup_parent) for mount in tree.detect().mounts]
    return [*groups, Path("/sys/class/net", bridge_name(server.state)), server.folder]


def _no_children() -> bool:
    orphans.reap()
    return not orphans.children()


def _timed(node: RealNode, method: str, **fields: Any) -> Any:
    begin = time.perf_counter()
    response = node.call(method, **fields)
    _say(f"  {method:17}{(time.perf_counter() - begin) * 1000:7.1f} ms")
    return response


def _clock(nanoseconds: int) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(nanoseconds / 1e9)) + f".{nanoseconds // 1_000_000 % 1000:03}"


def _step(text: str) -> None:
    print(f"\n{text}", flush=True)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it cleans up
    try:
        main()
    except grpc.RpcError as error:
        sys.exit(f"\nwasmlet refused: {error.details()}")
