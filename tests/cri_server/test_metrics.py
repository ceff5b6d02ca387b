"""The server's own figures, as Prometheus gets them from a real server after real work."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from cri_server import version
from cri_server.cri_v1 import api_pb2 as cri
from tests import images
from tests.free_port import free_port
from tests.real_node import RealNode, eventually, real_node
from tests.wasmlet_server import WasmletServer


class Scraped:
    """What was served at one moment."""

    def __init__(self, text: str) -> None:
        self._values = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return self._values.get((name, tuple(sorted(labels.items()))), 0)

    def names(self) -> set[str]:
        return {name for name, _ in self._values}


class MeasuredNode:
    def __init__(self, node: RealNode, port: int) -> None:
        self.node = node
        self.port = port

    def scrape(self) -> Scraped:
        answer = requests.get(f"http://127.0.0.1:{self.port}/metrics", timeout=240)
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        return Scraped(answer.text)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeasuredNode]:
    port = free_port()
    with real_node(tmp_path_factory.mktemp("node"), f'[metrics]\naddress = "{port}"\n') as node:
        yield MeasuredNode(node, port)


@pytest.fixture
def measured(shared: MeasuredNode) -> Iterator[MeasuredNode]:
    """Without pods before and after."""
    yield shared
    for pod in shared.node.call("ListPodSandbox").items:
        shared.node.call("RemovePodSandbox", pod_sandbox_id=pod.id)


def test_rpcs_by_method_and_code_and_their_duration(measured: MeasuredNode) -> None:
    before = measured.scrape()
    for _ in range(3):
        measured.node.call("Version")
    with pytest.raises(grpc.RpcError):
        measured.node.call("ContainerStatus", container_id="unknown")
    with pytest.raises(grpc.RpcError):
        measured.node.call("RestorePod")

    def grown(name: str, **labels: str) -> float:
        return measured.scrape()(name, **labels) - before(name, **labels)

    assert grown("wasmlet_rpcs_total", method="Version", code="OK") == 3
    # A refusal is counted after its client was told.
    eventually(lambda: grown("wasmlet_rpcs_total", method="ContainerStatus", code="NOT_FOUND") == 1)
    eventually(lambda: grown("wasmlet_rpcs_total", method="RestorePod", code="UNIMPLEMENTED") == 1)
    assert grown("wasmlet_rpc_duration_seconds_count", method="Version") == 3
    assert grown("wasmlet_rpc_duration_seconds_bucket", method="Version", le="+Inf") == 3
    assert 0 < grown("wasmlet_rpc_duration_seconds_sum", method="Version") < 60


def test_a_call_whose_client_went_away(measured: MeasuredNode) -> None:
    with measured.node.client as client:
        call = client.open("GetContainerEvents", cri.GetEventsRequest())
        eventually(lambda: measured.scrape()("wasmlet_container_event_listeners") == 1)
        call.cancel()
    eventually(lambda: measured.scrape()("wasmlet_rpcs_total", method="GetContainerEvents", code="CANCELLED") == 1)
    eventually(lambda: measured.scrape()("wasmlet_container_event_listeners") == 0)
    assert measured.scrape()("wasmlet_rpc_duration_seconds_count", method="GetContainerEvents") == 0


def test_streams_are_counted_too(measured: MeasuredNode) -> None:
    with measured.node.client as client:
        client.stream("StreamContainers", cri.StreamContainersRequest())
    assert measured.scrape()("wasmlet_rpcs_total", method="StreamContainers", code="OK") == 1


def test_pods_containers_and_processes_by_state(measured: MeasuredNode) -> None:
    first, second = measured.node.run_pod("first"), measured.node.run_pod("second")
    measured.node.start(first, "sleeper", "running")
    measured.node.exited(measured.node.start(first, "exit3", "exited"))
    measured.node.call("StopPodSandbox", pod_sandbox_id=second)
    scraped = measured.scrape()
    states = {"ready": 1, "notready": 1}
    assert {state: scraped("wasmlet_pod_sandboxes", state=state) for state in states} == states
    states = {"created": 0, "running": 1, "exited": 1}
    assert {state: scraped("wasmlet_containers", state=state) for state in states} == states
    kinds = {"zygote": 1, "pod": 1, "guest": 1, "compile": 0}
    assert {kind: scraped("wasmlet_processes", kind=kind) for kind in kinds} == kinds


def test_pulls_compilations_and_the_code_that_is_there(measured: MeasuredNode) -> None:
    before = measured.scrape()
    measured.node.pull("tool")
    registry = measured.node.registry.address
    broken = images.push_artifact(registry, "broken", b"\0asm\1\0\0\0nonsense")
    for reference in (broken, f"{registry}/nothing"):
        with pytest.raises(grpc.RpcError):
            measured.node.call("PullImage", image=cri.ImageSpec(image=reference))
    measured.node.start(measured.node.run_pod(), "tool")
    after = measured.scrape()

    def grown(name: str, **labels: str) -> float:
        return after(name, **labels) - before(name, **labels)

    assert grown("wasmlet_image_pull_duration_seconds_count") == 4
    assert grown("wasmlet_image_pull_failures_total", reason="ModuleInvalid") == 1
    assert grown("wasmlet_image_pull_failures_total", reason="ManifestNotFound") == 1
    assert grown("wasmlet_image_pull_bytes_total") > 10_000
    assert grown("wasmlet_compile_duration_seconds_count") == 2
    assert grown("wasmlet_compile_failures_total", reason="ModuleInvalid") == 1
    assert grown("wasmlet_compiled_code_lookups_total", result="miss") == 2
    assert grown("wasmlet_compiled_code_lookups_total", result="hit") >= 1
    assert after("wasmlet_images") >= 1
    assert after("wasmlet_image_store_bytes") > 10_000


def test_a_zygote_that_died(measured: MeasuredNode) -> None:
    assert measured.scrape()("wasmlet_zygote_restarts_total") == 0
    [zygote] = measured.node.server.zygotes()
    os.kill(zygote, signal.SIGKILL)
    eventually(lambda: measured.scrape()("wasmlet_processes", kind="zygote") == 0)
    measured.node.run_pod()
    scraped = measured.scrape()
    assert scraped("wasmlet_zygote_restarts_total") == 1
    assert scraped("wasmlet_processes", kind="zygote") == 1


def test_the_server_process_and_its_version(measured: MeasuredNode) -> None:
    scraped = measured.scrape()
    assert scraped("process_resident_memory_bytes") > 10 << 20
    assert scraped("process_open_fds") > 5
    assert {"wasmlet_build_info", "process_cpu_seconds_total"} <= scraped.names()


def test_nobody_else_can_connect(measured: MeasuredNode) -> None:
    """127.0.0.2 is this machine as well, but another address."""
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.2:{measured.port}/metrics", timeout=5)


def test_a_client_that_sends_nothing_keeps_nobody_waiting(measured: MeasuredNode) -> None:
    with socket.create_connection(("127.0.0.1", measured.port)):
        versions = {"version": version.wasmlet_version(), "wasmtime": version.engine_version()}
        assert measured.scrape()("wasmlet_build_info", **versions) == 1


def test_a_port_that_is_taken_stops_the_start_with_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = WasmletServer(tmp_path / "server", f'[metrics]\naddress = "{port}"\n')
        result = subprocess.run(server.command(), capture_output=True, text=True, timeout=240)
    assert result.returncode == 1
    complaint = f"port {port} of 127.0.0.1 cannot be listened on: Address already in use; choose another"
    assert f'wasmlet: {server.config}: metrics.address: {complaint}, or "" for none\n' in result.stderr


def test_their_library_is_imported_where_they_are_wanted_only() -> None:
    """Not by a server without them, and not by what runs beside it."""
    modules = "cri_server.serve, cri_server.assembly, cri_server.handlers, cri_server.service, cri_server.recovery"
    below = "image_store.compile_process, sandbox.zygote, sandbox.pod_process, sandbox.guest_process"
    program = f"import sys, {modules}, {below}; print('prometheus_client' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "False"
