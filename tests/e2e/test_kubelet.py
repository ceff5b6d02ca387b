"""Pods as a user of a node sees them: a kubelet as it comes, which is told nothing but where wasmlet listens.

They are static pods, manifests in a folder, so that no API server is needed. All tests share one kubelet; each has
pods of its own.
"""

import asyncio
import json
import os
import re
import signal
import ssl
from collections.abc import Iterator
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_server.streaming.clients import WEBSOCKET_HEADERS, WebSocketClient, call, request
from tests.e2e.kubelet_node import KubeletNode, kubelet_node
from tests.e2e.pods import Pod, ended, is_ready, manifest, restarts, seen_at, status_of, volumes, waiting_for
from tests.guests.compiled import guest
from tests.image_store.certificates import Certificate, self_signed
from tests.images import push_artifact, push_wasi_image

MEANT_TO_FAIL = {"pull_image", "create_container", "container_status", "podsandbox_status"}
"""Calls to the runtime: two that tests provoke; besides, the kubelet asks for containers and sandboxes that it has just
removed."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(tmp_path_factory.mktemp("certificate"), "127.0.0.1")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[KubeletNode]:
    """Streams pass by TLS."""
    config = f'[streaming]\ntls_certificate = "{certificate.path}"\ntls_key = "{certificate.key}"\n'
    folder = tmp_path_factory.mktemp("node")
    with kubelet_node(folder, server_config=config, authority=certificate.path) as running:
        yield running


@pytest.fixture(autouse=True)
def _each_test_has_its_own_pods(node: KubeletNode) -> Iterator[None]:
    yield
    node.kubelet.remove_all()


def has_finished(pod: Pod) -> bool:
    return pod["status"]["phase"] in ("Succeeded", "Failed")


def identity(pod: Pod) -> tuple[str, int]:
    """What changes when its container is started again."""
    return status_of(pod)["containerID"], restarts(pod)


# ---- containers -----------------------------------------------------------------------------------------------------


def test_a_pod_is_ready_with_an_address_of_its_own(node: KubeletNode) -> None:
    node.kubelet.run(manifest("steady", node.tool("count 0.2")))
    pod = node.kubelet.pod_when("steady", is_ready)
    assert pod["status"]["phase"] == "Running"
    assert ip_address(pod["status"]["podIP"]) in ip_network("10.88.0.0/16")
    assert status_of(pod)["containerID"].startswith("wasmlet://")
    assert status_of(pod)["imageID"].startswith(f"{node.registry}/tool@sha256:")


def test_a_log_is_served_whole_from_its_end_and_as_it_grows(node: KubeletNode) -> None:
    node.kubelet.run(manifest("talking", node.tool("count 0.2")))
    node.kubelet.pod_when("talking", is_ready)
    node.kubelet.eventually(lambda: len(node.kubelet.container_log("talking")) >= 3, "there are lines")
    assert node.kubelet.container_log("talking")[:3] == ["1", "2", "3"]
    assert len(node.kubelet.container_log("talking", tailLines="2")) == 2
    with node.kubelet.followed_log("talking", tailLines="1") as lines:
        first = int(next(lines))
        assert [int(next(lines)) for _ in range(3)] == [first + 1, first + 2, first + 3]


def test_lines_are_served_as_long_as_they_were_written(node: KubeletNode) -> None:
    node.kubelet.run(manifest("verbose", node.tool("line 40000", "print 'no end'"), restartPolicy="Never"))
    pod = node.kubelet.pod_when("verbose", has_finished)
    assert node.kubelet.container_log("verbose") == ["x" * 40000, "no end"]
    container_id = status_of(pod)["containerID"].removeprefix("wasmlet://")
    assert Path(f"/var/log/containers/verbose-node_default_main-{container_id}.log").is_file()


def test_a_long_log_is_rotated_and_goes_on(node: KubeletNode) -> None:
    node.kubelet.run(manifest("wordy", node.tool("flood 300000", "count 0.2")))
    node.kubelet.pod_when("wordy", is_ready)
    logs = node.kubelet.log_file("wordy").parent
    node.kubelet.eventually(lambda: len(list(logs.iterdir())) > 1, "the log is rotated")
    node.kubelet.eventually(lambda: last_line(node, "wordy").isdigit(), "the flood is over")
    with node.kubelet.followed_log("wordy", tailLines="1") as lines:
        first = int(next(lines))
        assert int(next(lines)) == first + 1
    assert restarts(node.kubelet.pods()["wordy"]) == 0


def last_line(node: KubeletNode, pod: str) -> str:
    """Empty right after the log has been rotated."""
    return "".join(node.kubelet.container_log(pod, tailLines="1"))


def test_a_failing_container_is_started_again_ever_more_slowly(node: KubeletNode) -> None:
    """What it waits for is told at the kubelet's next look at the pod, which the end of the other container causes."""
    containers = [node.tool("print 'giving up'", "exit 3"), node.tool("sleep 4", name="other")]
    node.kubelet.run(manifest("failing", *containers, restartPolicy="OnFailure"))
    pod = node.kubelet.pod_when("failing", lambda pod: waiting_for(pod) == "CrashLoopBackOff")
    last = status_of(pod)["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (3, "Error")
    assert last["containerID"].startswith("wasmlet://")
    assert re.search(r"back-off \d+s", status_of(pod)["state"]["waiting"]["message"])
    node.kubelet.eventually(partial(gave_up, node), "the log of the last run is told")
    node.kubelet.pod_when("failing", lambda pod: restarts(pod) >= 2)


def gave_up(node: KubeletNode) -> bool:
    return node.kubelet.container_log("failing", previous="true") == ["giving up"]


def test_init_containers_come_first_and_sidecars_stay(node: KubeletNode) -> None:
    shared = seen_at(work="/work")
    first = node.tool("write /work/note prepared", name="first", volumeMounts=shared)
    beside = ["print '1\n'", "write /work/beside yes", "sleep 1000"]
    sidecar = node.tool(*beside, name="sidecar", restartPolicy="Always", volumeMounts=shared)
    main = node.tool("await /work/beside", "cat /work/note", volumeMounts=shared)
    spec = {"initContainers": [first, sidecar], "volumes": volumes(work={"emptyDir": {}}), "restartPolicy": "Never"}
    node.kubelet.run(manifest("prepared", main, **spec))
    pod = node.kubelet.pod_when("prepared", has_finished)
    assert pod["status"]["phase"] == "Succeeded"
    assert ended(pod, "first")["reason"] == ended(pod)["reason"] == "Completed"
    assert ended(pod, "first")["finishedAt"] <= ended(pod)["startedAt"]
    assert node.kubelet.container_log("prepared") == ["prepared"]
    assert node.kubelet.container_log("prepared", "sidecar") == ["1"]


def test_how_a_container_ended_is_told(node: KubeletNode) -> None:
    fallback = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    containers = [
        node.tool("write /dev/termination-log 'no more work'", "exit 4", name="told"),
        node.tool("err 'out of luck'", "exit 5", name="logged", **fallback),
        node.tool("trap", name="trapped"),
        {"name": "hungry", "image": node.image("toucher"), "resources": {"limits": {"memory": "32Mi"}}},
    ]
    node.kubelet.run(manifest("ending", *containers, restartPolicy="Never"))
    pod = node.kubelet.pod_when("ending", has_finished)
    ends = {name: ended(pod, name) for name in ("told", "logged", "trapped", "hungry")}
    assert {name: (end["exitCode"], end["reason"]) for name, end in ends.items()} == {
        "told": (4, "Error"),
        "logged": (5, "Error"),
        "trapped": (134, "Error"),
        "hungry": (137, "OOMKilled"),
    }
    assert ends["told"]["message"] == "no more work"
    assert ends["logged"]["message"] == "out of luck\n"
    assert "unreachable" in ends["trapped"]["message"]


def test_a_container_that_fails_its_liveness_probe_is_replaced(node: KubeletNode) -> None:
    probe = {"tcpSocket": {"port": 9}, "periodSeconds": 1, "failureThreshold": 1}
    container = node.tool("sleep 1000", livenessProbe=probe)
    node.kubelet.run(manifest("deaf", container, terminationGracePeriodSeconds=600))
    pod = node.kubelet.pod_when("deaf", lambda pod: restarts(pod) >= 1)
    assert status_of(pod)["lastState"]["terminated"]["exitCode"] == 128 + signal.SIGTERM


# ---- what pods ask for ----------------------------------------------------------------------------------------------


def test_volumes_of_many_kinds_are_read_and_written(node: KubeletNode, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("from the node\n")
    (tmp_path / "file").write_text("one file\n")
    reading = [f"cat {path}" for path in ("/host/given", "/file", "/about/name")]
    writing = [f"write {path} 'from the pod'" for path in ("/host/taken", "/scratch/part", "/memory/note")]
    seen = seen_at(host="/host", file="/file", memory="/memory", about="/about")
    seen.append({"name": "scratch", "mountPath": "/scratch", "subPath": "below"})
    name = {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}
    sources = volumes(
        host={"hostPath": {"path": str(tmp_path), "type": "Directory"}},
        file={"hostPath": {"path": str(tmp_path / "file"), "type": "File"}},
        scratch={"emptyDir": {}},
        memory={"emptyDir": {"medium": "Memory"}},
        about={"downwardAPI": {"items": [name]}},
    )
    node.kubelet.run(
        manifest(
            "storing", node.tool(*reading, *writing, "print '\n'", "sleep 1000", volumeMounts=seen), volumes=sources
        )
    )
    pod = node.kubelet.pod_when("storing", is_ready)
    node.kubelet.eventually(lambda: len(node.kubelet.container_log("storing")) == 3, "it has read and written")
    assert node.kubelet.container_log("storing") == ["from the node", "one file", "storing-node"]
    assert (tmp_path / "taken").read_text() == "from the pod"
    kept = node.kubelet.folder / "root/pods" / pod["metadata"]["uid"] / "volumes/kubernetes.io~empty-dir"
    assert (kept / "scratch/below/part").read_text() == "from the pod"
    assert (kept / "memory/note").read_text() == "from the pod"


def test_a_pod_of_the_restricted_standard_runs(node: KubeletNode) -> None:
    rights = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    identity = {"runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 2000}
    context = {**identity, "seccompProfile": {"type": "RuntimeDefault"}}
    container = node.tool(
        "write /work/note mine", "cat /work/note", securityContext=rights, volumeMounts=seen_at(work="/work")
    )
    spec = {"securityContext": context, "volumes": volumes(work={"emptyDir": {}}), "restartPolicy": "Never"}
    node.kubelet.run(manifest("restricted", container, **spec))
    pod = node.kubelet.pod_when("restricted", has_finished)
    assert pod["status"]["phase"] == "Succeeded"
    assert node.kubelet.container_log("restricted") == ["mine"]


def test_a_pod_in_the_hosts_network_stays_the_same(node: KubeletNode) -> None:
    node.kubelet.run(manifest("neighbour", node.tool("count 0.2"), hostNetwork=True))
    node.kubelet.pod_when("neighbour", is_ready)
    with node.kubelet.followed_log("neighbour") as lines:
        assert [next(lines) for _ in range(20)][-1] == "20"
    assert [sandbox.metadata.attempt for sandbox in node.sandboxes("neighbour")] == [0]
    assert restarts(node.kubelet.pods()["neighbour"]) == 0


def test_environment_from_fields_of_the_pod(node: KubeletNode) -> None:
    fields = {"POD_IP": "status.podIP", "NODE": "spec.nodeName", "POD": "metadata.name"}
    env = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()]
    node.kubelet.run(manifest("aware", node.tool("env", "cat /etc/hostname", env=env), restartPolicy="Never"))
    pod = node.kubelet.pod_when("aware", has_finished)
    log = node.kubelet.container_log("aware")
    assert {f"POD_IP={pod['status']['podIP']}", "NODE=node", "POD=aware-node", "HOSTNAME=aware-node"} <= set(log)
    assert log[-1] == "aware-node"


# ---- images ---------------------------------------------------------------------------------------------------------


def test_a_moved_tag_is_pulled_again_only_where_always_is_asked_for(node: KubeletNode) -> None:
    image = push_artifact(node.registry, "moving", guest("hello"))
    old = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent"}
    node.kubelet.run(manifest("first", old, restartPolicy="Never"))
    node.kubelet.pod_when("first", has_finished)
    push_artifact(node.registry, "moving", guest("exit3"))
    node.kubelet.run(manifest("present", old, restartPolicy="Never"))
    assert ended(node.kubelet.pod_when("present", has_finished))["exitCode"] == 0
    node.kubelet.run(manifest("always", {**old, "imagePullPolicy": "Always"}, restartPolicy="Never"))
    assert ended(node.kubelet.pod_when("always", has_finished))["exitCode"] == 3


def test_why_an_image_cannot_be_pulled_or_run_is_told(node: KubeletNode) -> None:
    native = push_wasi_image(node.registry, "native", {"/bin/app": b"\x7fELF" + bytes(60)}, ["/bin/app"])
    node.kubelet.run(manifest("missing", {"name": "main", "image": f"{node.registry}/missing:1"}))
    node.kubelet.run(manifest("native", {"name": "main", "image": native}))
    pod = node.kubelet.pod_when("missing", lambda pod: waiting_for(pod) == "ErrImagePull")
    assert "has no missing:1" in status_of(pod)["state"]["waiting"]["message"]
    node.kubelet.pod_when("missing", lambda pod: waiting_for(pod) == "ImagePullBackOff")
    pod = node.kubelet.pod_when("native", lambda pod: waiting_for(pod) == "CreateContainerError")
    assert "only runs WebAssembly" in status_of(pod)["state"]["waiting"]["message"]


# ---- the node -------------------------------------------------------------------------------------------------------


def test_the_kubelet_is_well_and_its_calls_succeed(node: KubeletNode) -> None:
    assert node.kubelet.get("/healthz").data == b"ok"
    conditions = {each.type: each.status for each in node.call("Status").status.conditions}
    assert conditions == {"RuntimeReady": True, "NetworkReady": True}
    assert node.kubelet.runtime_errors() <= MEANT_TO_FAIL


def test_usage_is_told_and_telling_does_no_harm(node: KubeletNode) -> None:
    node.kubelet.run(manifest("used", node.tool("count 0.2")))
    before = node.kubelet.pod_when("used", is_ready)
    for path in ("/stats/summary", "/metrics/resource", "/metrics/cadvisor"):
        node.kubelet.eventually(partial(tells_of, node, path, b"used-node"), f"{path} tells of the pod")
    assert node.kubelet.get("/healthz").data == b"ok"
    assert identity(node.kubelet.pods()["used"]) == identity(before)


def tells_of(node: KubeletNode, path: str, pod: bytes) -> bool:
    """cAdvisor finds the groups of new pods by itself, a little later."""
    answer = node.kubelet.get(path)
    assert answer.status == 200, answer.data
    return pod in answer.data


def test_a_pod_ends_when_its_manifest_is_removed(node: KubeletNode) -> None:
    node.kubelet.run(manifest("leaving", node.tool("count 0.2"), terminationGracePeriodSeconds=5))
    node.kubelet.pod_when("leaving", is_ready)
    node.kubelet.remove("leaving")
    node.kubelet.eventually(lambda: "leaving" not in node.kubelet.pods(), "the pod is gone")
    node.kubelet.eventually(lambda: not node.is_running("leaving"), "nothing of it runs")


def test_a_pod_whose_process_is_killed_gets_a_new_sandbox(node: KubeletNode) -> None:
    node.kubelet.run(manifest("struck", node.tool("count 0.2")))
    node.kubelet.pod_when("struck", is_ready)
    [sandbox] = node.sandboxes("struck")
    info = node.call("PodSandboxStatus", pod_sandbox_id=sandbox.id, verbose=True).info["info"]
    os.kill(json.loads(info)["pid"], signal.SIGKILL)
    node.kubelet.pod_when("struck", lambda pod: restarts(pod) == 1 and is_ready(pod))
    states = {each.metadata.attempt: each.state for each in node.sandboxes("struck")}
    assert states[1] == cri.SANDBOX_READY
    assert states.get(0) != cri.SANDBOX_READY


# ---- restarts of the server and of the kubelet ----------------------------------------------------------------------


def test_pods_do_not_notice_that_the_server_is_killed(node: KubeletNode, tmp_path: Path) -> None:
    node.kubelet.run(manifest("enduring", node.tool("count 0.1")))
    node.kubelet.run(manifest("dropped", node.tool("count 0.1")))
    commands = ["await /moments/server-is-down", "print 'last words'", "exit 3"]
    moments = volumes(moments={"hostPath": {"path": str(tmp_path), "type": "Directory"}})
    expiring = node.tool(*commands, volumeMounts=seen_at(moments="/moments"))
    node.kubelet.run(manifest("expiring", expiring, volumes=moments, restartPolicy="Never"))
    before = {name: node.kubelet.pod_when(name, is_ready) for name in ("enduring", "dropped", "expiring")}
    with node.server_killed():
        (tmp_path / "server-is-down").touch()
        log = node.kubelet.log_file("enduring")
        written = log.read_text()
        node.kubelet.remove("dropped")
        node.kubelet.eventually(lambda: len(log.read_text()) > len(written), "the log goes on meanwhile")
        node.kubelet.eventually(lambda: "last words" in node.kubelet.log_file("expiring").read_text(), "one ends")
    assert ended(node.kubelet.pod_when("expiring", has_finished))["exitCode"] == 3
    node.kubelet.eventually(lambda: not node.is_running("dropped"), "what was removed meanwhile has ended")
    assert identity(node.kubelet.pods()["enduring"]) == identity(before["enduring"])
    lines = node.kubelet.container_log("enduring")
    assert lines == [str(number + 1) for number in range(len(lines))]
    node.kubelet.run(manifest("following", node.tool("count 0.2")))
    node.kubelet.pod_when("following", is_ready)


def test_a_kubelet_that_starts_again_adopts_its_pods(node: KubeletNode) -> None:
    node.kubelet.run(manifest("adopted", node.tool("count 0.2")))
    before = node.kubelet.pod_when("adopted", is_ready)
    node.kubelet.stop()
    node.kubelet.start()
    after = node.kubelet.pod_when("adopted", is_ready)
    assert identity(after) == identity(before)
    assert after["status"]["podIP"] == before["status"]["podIP"]
    assert [sandbox.metadata.attempt for sandbox in node.sandboxes("adopted")] == [0]


# ---- after all of it ------------------------------------------------------------------------------------------------


def test_nothing_is_left_of_any_pod(node: KubeletNode) -> None:
    """The kubelet looks every minute for what it can remove from the runtime."""
    kubelet = node.kubelet
    kubelet.eventually(lambda: not kubelet.pods(), "all pods are gone")
    kubelet.eventually(lambda: not node.call("ListPodSandbox").items, "all sandboxes are gone")
    assert not node.call("ListContainers").containers
    kubelet.eventually(lambda: not list((kubelet.folder / "root/pods").iterdir()), "their volumes are gone")
    assert f"{kubelet.folder}/root/pods" not in Path("/proc/self/mounts").read_text()
    kubelet.eventually(lambda: not node.pod_cgroups(), "their cgroups are gone")


def test_neither_log_tells_of_a_defect(node: KubeletNode) -> None:
    """Of all that the tests above have done."""
    fatal = [line for line in node.kubelet.log.read_text().splitlines() if line.startswith(("F", "panic"))]
    told = [json.loads(line) for line in node.server.log.read_text().splitlines()]
    failures = [event for event in told if event["level"] not in ("debug", "info", "warning")]
    assert not fatal
    assert not failures


# ---- streams --------------------------------------------------------------------------------------------------------


async def executed(url: str) -> WebSocketClient:
    """The kubelet's certificate is one that it made itself."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    caller = await call(url, unchecked)
    caller.send(request(url, {**WEBSOCKET_HEADERS, "Sec-WebSocket-Protocol": "v4.channel.k8s.io"}, "GET"))
    head = await caller.reader.readuntil(b"\r\n\r\n")
    client = WebSocketClient(caller)
    if b" 101 " in head.splitlines()[0]:
        await client.receive_all()
    else:
        client.messages.append(await caller.reader.readuntil(b"certificate"))
        await caller.close()
    return client


def test_the_kubelet_checks_the_certificate_of_the_streaming_server(
    node: KubeletNode, certificate: Certificate, tmp_path: Path
) -> None:
    """By the authorities of its machine, and for the address in the URL."""
    node.kubelet.run(manifest("streamed", node.tool("sleep 10000")))
    node.kubelet.pod_when("streamed", is_ready)
    url = node.kubelet.exec_url("streamed", "main.wasm", "print", "hello")
    assert asyncio.run(executed(url)).channel(1) == b"hello"
    known = certificate.path.read_bytes(), certificate.key.read_bytes()
    try:
        stranger = self_signed(tmp_path, "127.0.0.1")
        certificate.key.write_bytes(stranger.key.read_bytes())
        certificate.path.write_bytes(stranger.path.read_bytes())
        [refusal] = asyncio.run(executed(url)).messages
        assert "failed to verify certificate" in str(refusal)
    finally:
        certificate.path.write_bytes(known[0])
        certificate.key.write_bytes(known[1])
