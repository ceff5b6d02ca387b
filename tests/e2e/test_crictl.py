"""crictl against a server with real pods and a real registry: what people at a node's terminal see."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from importlib.metadata import version
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from tests.docker_registry import docker_registry
from tests.e2e.terminal import Terminal
from tests.real_node import eventually, real_node

SHORT = 13
"""Characters of an id in crictl's tables."""
NETWORK_OF_HOST = {"security_context": {"namespace_options": {"network": 2}}}

MIB = 1 << 20


@pytest.fixture(scope="module")
def shared_terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    folder = tmp_path_factory.mktemp("crictl")
    with real_node(folder / "node") as node, docker_registry(folder / "registry") as registry:
        yield Terminal(node, registry, folder / "terminal")


@pytest.fixture
def terminal(shared_terminal: Terminal) -> Iterator[Terminal]:
    """Without a pod. Images may be there, of other tests."""
    yield shared_terminal
    shared_terminal.remove_pods()


# ---- the node -------------------------------------------------------------------------------------------------------


def test_version(terminal: Terminal) -> None:
    assert dict(re.split(r":\s+", line) for line in terminal.crictl.lines("version")) == {
        "Version": "0.1.0",
        "RuntimeName": "wasmlet",
        "RuntimeVersion": version("wasmlet"),
        "RuntimeApiVersion": "v1",
    }


def test_info_of_a_node_that_is_ready(terminal: Terminal) -> None:
    info = terminal.crictl.json("info")
    conditions = {condition["type"]: condition["status"] for condition in info["status"]["conditions"]}
    assert conditions == {"RuntimeReady": True, "NetworkReady": True}
    assert info["wasm"]["engine"] == "wasmtime"
    assert info["wasm"]["version"] == version("wasmtime")
    assert info["config"]["root"] == str(terminal.node.server.root)
    assert [handler.get("name", "") for handler in info["runtimeHandlers"]] == ["", "wasmlet"]


def test_runtime_config(terminal: Terminal) -> None:
    assert re.fullmatch(r"cgroup driver:\s+CGROUPFS", terminal.crictl("runtime-config"))


def test_pods_get_addresses_of_the_pod_cidr_once_it_is_announced(terminal: Terminal) -> None:
    before = terminal.crictl.json("inspectp", terminal.run_pod("before"))
    upper_half = list(IPv4Network(before["info"]["network"]["addresses"][0], strict=False).subnets())[1]
    printed = terminal.crictl.printed("update-runtime-config", "--pod-cidr", str(upper_half))
    assert (printed.status, "Runtime config successfully updated" in printed.err) == (0, True)
    after = terminal.crictl.json("inspectp", terminal.run_pod("after"))
    assert IPv4Address(after["status"]["network"]["ip"]) in upper_half


# ---- images ---------------------------------------------------------------------------------------------------------


def test_one_image_under_two_tags(terminal: Terminal) -> None:
    references = [terminal.push("hello", tag, "twice") for tag in ("1", "2")]
    answers = {terminal.crictl("pull", reference) for reference in references}
    image_id = answers.pop().removeprefix("Image is up to date for ")
    assert re.fullmatch("sha256:[0-9a-f]{64}", image_id)
    assert not answers
    repository = f"{terminal.registry}/twice"
    rows = [row for row in terminal.crictl.table("images") if row["IMAGE"] == repository]
    assert [(row["TAG"], row["IMAGE ID"]) for row in rows] == [(tag, short_digest(image_id)) for tag in ("1", "2")]
    assert all(re.fullmatch(r"[\d.]+k?B", row["SIZE"]) for row in rows)
    [image] = [image for image in terminal.crictl.json("images", "-o", "json")["images"] if image["id"] == image_id]
    assert set(references) <= set(image["repoTags"])
    [digest] = [digest for digest in image["repoDigests"] if digest.startswith(f"{repository}@sha256:")]
    [row, _] = [row for row in terminal.crictl.table("images", "--digests") if row["IMAGE"] == repository]
    assert row["DIGEST"] == short_digest(digest.partition("@")[2])


def short_digest(digest: str) -> str:
    return digest.removeprefix("sha256:")[:SHORT]


def test_an_image_pulled_by_its_digest_has_no_tag(terminal: Terminal) -> None:
    reference = terminal.push("exit3", repository="by-digest")
    terminal.crictl("pull", reference)
    [digest] = terminal.crictl.json("inspecti", reference)["status"]["repoDigests"]
    assert terminal.crictl("rmi", reference) == f"Deleted: {reference}"
    terminal.crictl("pull", digest)
    status = terminal.crictl.json("inspecti", digest)["status"]
    assert (status["repoTags"], status["repoDigests"]) == ([], [digest])
    [row] = [row for row in terminal.crictl.table("images") if row["IMAGE"] == f"{terminal.registry}/by-digest"]
    assert row["TAG"] == "<none>"
    terminal.crictl("rmi", row["IMAGE ID"])
    assert terminal.crictl.refused("inspecti", digest) == f'no such image "{digest}" present'


def test_inspecti_shows_the_config_of_an_image(terminal: Terminal) -> None:
    reference = terminal.pull_files()
    image = terminal.crictl.json("inspecti", reference)
    assert image["info"]["imageSpec"]["config"] == {
        "Entrypoint": ["/app.wasm"],
        "Env": ["FROM=the image"],
        "WorkingDir": "/work",
    }
    assert image["info"]["chainID"].startswith("sha256:")
    assert int(image["status"]["size"]) > 0
    assert f"Tag: {reference}" in terminal.crictl.lines("inspecti", "-o", "table", reference)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "nothing",
            "code = NotFound desc = registry {registry} has no nothing:latest (HTTP 404: manifest unknown): che",
        ),
        (f"nothing@sha256:{'1' * 64}", "registry {registry} has no nothing@sha256:1111"),
        ("UPPER", "repository name must be lowercase"),
    ],
)
def test_what_cannot_be_pulled(terminal: Terminal, name: str, reason: str) -> None:
    reference = f"{terminal.registry}/{name}"
    assert reason.format(registry=terminal.registry) in terminal.crictl.refused("pull", reference)


def test_a_registry_with_a_password(terminal: Terminal, tmp_path: Path) -> None:
    with docker_registry(tmp_path, password=True) as registry:
        refused = terminal.crictl.refused("pull", f"{registry}/app")
        assert f"registry {registry} refuses to serve app" in refused
        assert "credentials" in refused
        assert "has no app:latest" in terminal.crictl.refused("pull", "--creds", "me:secret", f"{registry}/app")


def test_a_container_outlives_its_image(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "sleeper")
    reference = terminal.push("sleeper")
    assert f"Deleted: {reference}" in terminal.crictl.lines("rmi", reference)
    status = terminal.status(container)
    assert (status["state"], status["image"]["image"]) == ("CONTAINER_RUNNING", reference)
    [row] = terminal.crictl.table("ps")
    assert row["IMAGE"] == reference


def test_prune_leaves_the_images_of_containers(terminal: Terminal) -> None:
    used = terminal.pull("sleeper")
    unused = terminal.pull("exit3")
    terminal.create(terminal.run_pod(), "sleeper")
    deleted = terminal.crictl.lines("rmi", "--prune")
    assert f"Deleted: {unused}" in deleted
    assert f"Deleted: {used}" not in deleted
    assert terminal.crictl.json("inspecti", used)["status"]["id"]


def test_removing_an_unknown_image(terminal: Terminal) -> None:
    assert terminal.crictl.refused("rmi", "nothing") == "no such image nothing"


def test_imagefsinfo(terminal: Terminal) -> None:
    terminal.pull("hello")
    [usage] = terminal.crictl.json("imagefsinfo")["status"]["imageFilesystems"]
    assert Path(usage["fsId"]["mountpoint"]).is_dir()
    assert int(usage["usedBytes"]["value"]) > 0
    assert int(usage["inodesUsed"]["value"]) > 0


# ---- pods -----------------------------------------------------------------------------------------------------------


def test_the_life_of_a_pod(terminal: Terminal) -> None:
    crictl = terminal.crictl
    pod = terminal.run_pod("web", attempt=2)
    assert re.fullmatch("[0-9a-f]{64}", pod)
    [row] = crictl.table("pods")
    assert row.pop("CREATED")
    assert row == {
        "POD ID": pod[:SHORT],
        "STATE": "Ready",
        "NAME": "web",
        "NAMESPACE": "default",
        "ATTEMPT": "2",
        "RUNTIME": "(default)",
    }
    assert crictl.refused("rmp", pod) == f'pod sandbox "{pod}" is running, please stop it first'
    assert crictl("stopp", pod[:SHORT]) == f"Stopped sandbox {pod[:SHORT]}"
    assert [row["STATE"] for row in crictl.table("pods")] == ["NotReady"]
    status = crictl.json("inspectp", pod)["status"]
    assert (status["state"], status["network"]["ip"]) == ("SANDBOX_NOTREADY", "")
    assert crictl("stopp", pod) == f"Stopped sandbox {pod}"
    assert crictl("rmp", pod) == f"Removed sandbox {pod}"
    assert crictl.table("pods") == []
    assert "is not known" in crictl.refused("inspectp", pod)


def test_lists_of_pods(terminal: Terminal) -> None:
    front = terminal.run_pod("front", labels={"tier": "front", "app": "shop"})
    back = terminal.run_pod("back", labels={"tier": "back", "app": "shop"})
    stopped = terminal.run_pod("stopped", labels={"app": "other"})
    terminal.crictl("stopp", stopped)

    def listed(*filters: str) -> list[str]:
        return terminal.crictl.lines("pods", "--quiet", *filters)

    assert listed() == [stopped, back, front], "newest first"
    assert listed("--state", "ready") == [back, front]
    assert listed("--state", "notready") == [stopped]
    assert listed("--label", "app=shop") == [back, front]
    assert listed("--label", "app=shop", "--label", "tier=back") == [back]
    assert listed("--name", "^fro") == [front]
    assert listed("--namespace", "default", "--latest") == [stopped]
    assert listed("--namespace", "elsewhere") == []
    assert listed("--id", front[:SHORT]) == [front]
    assert [item["labels"] for item in terminal.crictl.json("pods", "--id", front, "-o", "json")["items"]] == [
        {"tier": "front", "app": "shop"}
    ]


def test_inspectp(terminal: Terminal) -> None:
    labels, annotations = {"app": "web"}, {"example.com/note": "kept: as it is\n\u2713"}
    pod = terminal.run_pod(labels=labels, annotations=annotations, dns_config={"servers": ["192.0.2.53"]})
    inspected = terminal.crictl.json("inspectp", pod)
    status, info = inspected["status"], inspected["info"]
    assert (status["id"], status["state"]) == (pod, "SANDBOX_READY")
    assert status["metadata"] == {"name": "web", "namespace": "default", "uid": "uid-web", "attempt": 0}
    assert (status["labels"], status["annotations"]) == (labels, annotations)
    assert status["linux"]["namespaces"]["options"]["network"] == "POD"
    assert info["config"]["dns_config"] == {"servers": ["192.0.2.53"]}
    [network] = [item for item in info["runtimeSpec"]["linux"]["namespaces"] if item["type"] == "network"]
    assert Path(network["path"]).samefile(f"/proc/{info['pid']}/ns/net")
    assert not Path(network["path"]).samefile("/proc/self/ns/net")
    address = status["network"]["ip"]
    assert address in Path(f"/proc/{info['pid']}/net/fib_trie").read_text(), "an address of the pod's own"
    assert f"IP Addresses: {address}" in terminal.crictl.lines("inspectp", "-o", "table", pod)


def test_events(terminal: Terminal) -> None:
    with terminal.events() as events:
        pod = terminal.run_pod(labels={"app": "web"})
        container = terminal.start(pod, "exit3")
        terminal.exited(container)
        terminal.crictl("rmp", "--force", pod)
        told: list[tuple[str, str]] = []
        while told[-1:] != [(pod, "CONTAINER_DELETED_EVENT")]:
            event = next(events)
            if event["podSandboxStatus"]["id"] == pod:
                told.append((event["containerId"], event["containerEventType"]))
                assert event["podSandboxStatus"]["labels"] == {"app": "web"}
    assert told == [
        (pod, "CONTAINER_CREATED_EVENT"),
        (pod, "CONTAINER_STARTED_EVENT"),
        (container, "CONTAINER_CREATED_EVENT"),
        (container, "CONTAINER_STARTED_EVENT"),
        (container, "CONTAINER_STOPPED_EVENT"),
        (pod, "CONTAINER_STOPPED_EVENT"),
        (container, "CONTAINER_DELETED_EVENT"),
        (pod, "CONTAINER_DELETED_EVENT"),
    ]


def test_a_pod_in_the_network_of_the_host(terminal: Terminal) -> None:
    pod = terminal.run_pod(linux=NETWORK_OF_HOST)
    inspected = terminal.crictl.json("inspectp", pod)
    assert inspected["status"]["network"]["ip"] == ""
    assert inspected["status"]["linux"]["namespaces"]["options"]["network"] == "NODE"
    assert Path(f"/proc/{inspected['info']['pid']}/ns/net").samefile("/proc/self/ns/net")
    assert terminal.exited(terminal.start(pod, "hello"))["exitCode"] == 0


def test_rmp_with_force_ends_all_that_is_in_the_pod(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    container = terminal.start(pod, "sleeper")
    pid = terminal.crictl.json("inspect", container)["info"]["pid"]
    assert terminal.crictl.lines("rmp", "--force", pod) == [f"Stopped sandbox {pod}", f"Removed sandbox {pod}"]
    assert not terminal.crictl.table("ps", "--all")
    assert not Path(f"/proc/{pid}").exists()


def test_a_runtime_handler_by_its_name(terminal: Terminal) -> None:
    terminal.crictl("runp", "--runtime", "wasmlet", terminal.pod_file("named"))
    assert [row["RUNTIME"] for row in terminal.crictl.table("pods")] == ["wasmlet"]
    refused = terminal.crictl.refused("runp", "--runtime", "runc", terminal.pod_file("native"))
    assert 'runtime handler "runc" of pod sandbox native is not known; use "" or "wasmlet"' in refused


# ---- containers -----------------------------------------------------------------------------------------------------


def test_the_life_of_a_container(terminal: Terminal) -> None:
    crictl = terminal.crictl
    pod = terminal.run_pod()
    container = terminal.create(pod, "sleeper", "app", attempt=1)
    assert re.fullmatch("[0-9a-f]{64}", container)
    assert crictl.table("ps") == [], "it shows what runs"
    [row] = crictl.table("ps", "--all")
    assert (row["CONTAINER"], row["STATE"]) == (container[:SHORT], "Created")
    assert crictl("start", container[:SHORT]) == container[:SHORT]
    [row] = crictl.table("ps")
    assert row.pop("CREATED")
    assert (row.pop("POD"), row.pop("NAMESPACE")) == ("unknown", "unknown"), "crictl takes them of a kubelet's labels"
    assert row == {
        "CONTAINER": container[:SHORT],
        "IMAGE": terminal.push("sleeper"),
        "STATE": "Running",
        "NAME": "app",
        "ATTEMPT": "1",
        "POD ID": pod[:SHORT],
    }
    log = Path(terminal.status(container)["logPath"])
    assert crictl.refused("rm", container) == f'container "{container}" is running, please stop it first'
    assert crictl("stop", container) == container
    assert crictl.table("ps") == []
    assert [row["STATE"] for row in crictl.table("ps", "--all")] == ["Exited"]
    assert log.exists()
    assert crictl("rm", container) == container
    assert crictl.table("ps", "--all") == []
    assert not log.exists(), "crictl removes it"


def test_lists_of_containers(terminal: Terminal) -> None:
    kubelets = {"io.kubernetes.pod.name": "two", "io.kubernetes.pod.namespace": "default"}
    first, second = terminal.run_pod("one"), terminal.run_pod("two")
    front = terminal.start(first, "sleeper", "front", labels={"tier": "front"})
    back = terminal.start(second, "sleeper", "back", labels={"tier": "back", **kubelets})
    done = terminal.start(second, "exit3", "done", labels={"tier": "back"})
    waiting = terminal.create(first, "sleeper", "waiting")
    terminal.exited(done)

    def listed(*filters: str) -> list[str]:
        return terminal.crictl.lines("ps", "--quiet", *filters)

    assert listed() == [back, front], "newest first"
    assert listed("--all") == [waiting, done, back, front]
    assert listed("--state", "exited") == [done]
    assert listed("--state", "created") == [waiting]
    assert listed("--pod", second[:SHORT]) == [back]
    assert listed("--pod", second, "--all") == [done, back]
    assert listed("--name", "^fr") == [front]
    assert listed("--all", "--label", "tier=back") == [done, back]
    assert listed("--id", back[:SHORT]) == [back]
    assert listed("--latest") == [waiting]
    assert listed("--namespace", "default") == [back]
    assert listed("--image", terminal.push("exit3"), "--all") == [done]
    [row] = terminal.crictl.table("ps", "--id", back)
    assert (row["POD"], row["NAMESPACE"]) == ("two", "default")
    [row] = terminal.crictl.table("ps", "--no-trunc", "--id", back)
    assert (row["CONTAINER"], row["POD ID"]) == (back, second)
    states = {item["id"]: item["state"] for item in terminal.crictl.json("ps", "-a", "-o", "json")["containers"]}
    assert (states[front], states[done]) == ("CONTAINER_RUNNING", "CONTAINER_EXITED")


def test_run_makes_pod_and_container_and_pulls_the_image(terminal: Terminal) -> None:
    image = terminal.push("hello", repository="run")
    container = terminal.crictl("run", terminal.container_file(image, "greeter"), terminal.pod_file("alone"))
    assert terminal.exited(container)["exitCode"] == 0
    assert terminal.crictl("logs", container) == "hello"
    assert [row["NAME"] for row in terminal.crictl.table("pods")] == ["alone"]
    assert terminal.crictl.json("inspecti", image)["status"]["id"]


def test_what_a_container_is_given(terminal: Terminal, tmp_path: Path) -> None:
    """As it shows in ``inspect``, and as the guest sees it."""
    (tmp_path / "note").write_text("from the host\n")
    mount = {"container_path": "/data", "host_path": str(tmp_path), "readonly": True}
    given: dict[str, Any] = {
        "command": ["greet"],
        "args": ["args", "one", "then", "env", "then", "cat", "/data/note", "then", "write", "/data/note", "x"],
        "working_dir": "/data",
        "envs": [{"key": "GREETING", "value": "hello \u2713"}],
        "labels": {"tier": "front"},
        "annotations": {"example.com/note": "kept: as it is\n\u2713"},
        "stdin": True,
        "stdin_once": True,
        "linux": {"resources": {"cpu_shares": 512, "memory_limit_in_bytes": 1 << 27}},
    }
    container = terminal.start(terminal.run_pod(), "tool", mounts=[mount], **given)
    terminal.exited(container)
    printed = terminal.crictl.printed("logs", container)
    assert {"one", "GREETING=hello \u2713", "PWD=/data", "HOSTNAME=web", "from the host"} <= set(
        printed.out.splitlines()
    )
    assert "tool: /data/note: " in printed.err, "the mount is read-only"
    assert (tmp_path / "note").read_text() == "from the host\n"
    inspected = terminal.crictl.json("inspect", container)
    _assert_status_shows(inspected["status"], given, mount)
    _assert_config_shows(inspected["info"]["config"], given, mount)
    _assert_spec_shows(inspected["info"]["runtimeSpec"], given, mount)


def _assert_status_shows(status: dict[str, Any], given: dict[str, Any], mount: dict[str, Any]) -> None:
    assert (status["labels"], status["annotations"]) == (given["labels"], given["annotations"])
    [shown] = status["mounts"]
    assert (shown["containerPath"], shown["hostPath"], shown["readonly"]) == tuple(mount.values())
    assert status["resources"]["linux"]["memoryLimitInBytes"] == str(1 << 27)
    assert (status["exitCode"], status["reason"]) == (1, "Error")


def _assert_config_shows(config: dict[str, Any], given: dict[str, Any], mount: dict[str, Any]) -> None:
    members = ("command", "args", "working_dir", "envs", "labels", "annotations", "stdin", "stdin_once")
    assert {member: config[member] for member in members} == {member: given[member] for member in members}
    assert config["mounts"] == [mount]


def _assert_spec_shows(spec: dict[str, Any], given: dict[str, Any], mount: dict[str, Any]) -> None:
    assert spec["process"]["args"] == [*given["command"], *given["args"]]
    assert "GREETING=hello \u2713" in spec["process"]["env"]
    assert spec["process"]["cwd"] == "/data"
    shown = {item["destination"]: item for item in spec["mounts"]}[mount["container_path"]]
    assert shown["source"] == mount["host_path"]
    assert "ro" in shown["options"]
    assert spec["linux"]["resources"] == {"cpu": {"shares": 512}, "memory": {"limit": 1 << 27}}


def test_inspect_of_a_container_that_runs(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    container = terminal.start(pod, "sleeper")
    inspected = terminal.crictl.json("inspect", container)
    status, info = inspected["status"], inspected["info"]
    image = terminal.crictl.json("inspecti", terminal.push("sleeper"))["status"]
    assert (status["id"], status["imageId"], status["imageRef"]) == (container, image["id"], image["repoDigests"][0])
    assert status["createdAt"] < status["startedAt"]
    assert (info["sandboxID"], info["removing"]) == (pod, False)
    pod_pid = terminal.crictl.json("inspectp", pod)["info"]["pid"]
    assert f"\nPPid:\t{pod_pid}\n" in Path(f"/proc/{info['pid']}/status").read_text()
    [network] = [item for item in info["runtimeSpec"]["linux"]["namespaces"] if item["type"] == "network"]
    assert Path(network["path"]).samefile(f"/proc/{info['pid']}/ns/net")
    lines = terminal.crictl.lines("inspect", "-o", "table", container)
    assert {f"ID: {container}", "Name: main", "State: CONTAINER_RUNNING"} <= set(lines)


def test_an_open_standard_input_keeps_a_reader_waiting(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    closed = terminal.start(pod, "tool", "closed", args=["echo"])
    open_ = terminal.start(pod, "tool", "open", args=["echo"], stdin=True)
    assert terminal.exited(closed)["exitCode"] == 0
    assert terminal.crictl("logs", closed) == "end of input"
    assert terminal.status(open_)["state"] == "CONTAINER_RUNNING"


# ---- logs -----------------------------------------------------------------------------------------------------------


def test_logs(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "tool", args=["flood", "5", "then", "err", "failed"])
    terminal.exited(container)
    crictl = terminal.crictl
    printed = crictl.printed("logs", container)
    assert printed.out.splitlines() == [f"line {number}" for number in range(5)]
    assert printed.err == "failed\n", "standard error comes out of standard error"
    assert crictl.lines("logs", "--tail", "3", container) == ["line 3", "line 4"]
    assert crictl.printed("logs", "--stream", "stderr", container)[1:] == ("", "failed\n")
    stamped = crictl.lines("logs", "--timestamps", container)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}(Z|[+-][\d:]{5}) line \d", line) for line in stamped)


def test_a_follower_gets_lines_as_they_are_written_until_the_container_exits(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "tool", args=["count", "0.1"])
    with terminal.following(container) as follower:
        assert follower.stdout is not None
        assert [follower.stdout.readline() for _ in range(3)] == ["1\n", "2\n", "3\n"]
        assert terminal.status(container)["state"] == "CONTAINER_RUNNING"
        terminal.crictl("stop", container)
        rest = follower.stdout.read().splitlines()
        assert follower.wait() == 0
    assert ["1", "2", "3", *rest] == terminal.crictl.lines("logs", container)


def test_logs_of_the_attempt_before(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    first = terminal.start(pod, "tool", "app", args=["print", "first\n"])
    terminal.exited(first)
    second = terminal.start(pod, "tool", "app", attempt=1, args=["print", "second\n"])
    terminal.exited(second)
    assert terminal.crictl("logs", second) == "second"
    assert terminal.crictl("logs", "--previous", second) == "first"
    assert "not found" in terminal.crictl.refused("logs", "--previous", first)


def test_a_log_that_was_rotated_is_reopened(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "tool", args=["count", "0.1"])
    log = Path(terminal.status(container)["logPath"])
    rotated = log.rename(log.with_suffix(".rotated"))
    printed = terminal.crictl.printed("logs", "--reopen", container)
    assert (printed.status, "Container logs reopened" in printed.err) == (0, True)
    eventually(lambda: len(log.read_text().splitlines()) > 1)
    lines = [*rotated.read_text().splitlines(), *terminal.crictl.lines("logs", "--timestamps", container)]
    numbers = [int(line.split()[-1]) for line in lines]
    assert numbers == list(range(1, len(numbers) + 1)), "no line is lost"
    terminal.crictl("stop", container)
    assert "is not running" in terminal.crictl.refused("logs", "--reopen", container)


# ---- ends -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timeout", "exit_code"), [((), 128 + signal.SIGKILL), (("--timeout", "30"), 128 + signal.SIGTERM)]
)
def test_stop(terminal: Terminal, timeout: tuple[str, ...], exit_code: int) -> None:
    container = terminal.start(terminal.run_pod(), "busy")
    for _ in range(2):
        assert terminal.crictl("stop", *timeout, container) == container
    status = terminal.status(container)
    assert (status["state"], status["exitCode"], status["reason"]) == ("CONTAINER_EXITED", exit_code, "Error")
    assert terminal.crictl.json("inspect", container)["info"]["pid"] == 0


@pytest.mark.parametrize(
    ("guest_name", "exit_code", "reason", "message"),
    [("hello", 0, "Completed", ""), ("exit3", 3, "Error", ""), ("trap", 134, "Error", "unreachable")],
)
def test_how_a_guest_ended(terminal: Terminal, guest_name: str, exit_code: int, reason: str, message: str) -> None:
    container = terminal.start(terminal.run_pod(), guest_name)
    status = terminal.exited(container)
    assert (status["exitCode"], status["reason"]) == (exit_code, reason)
    assert message in status["message"]
    assert status["createdAt"] < status["startedAt"] <= status["finishedAt"]
    assert f"Exit Code: {exit_code}" in terminal.crictl.lines("inspect", "-o", "table", container)


def test_a_guest_that_takes_more_memory_than_its_limit(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    bystander = terminal.start(pod, "sleeper", "bystander")
    limited = {"resources": {"memory_limit_in_bytes": 32 << 20}}
    status = terminal.exited(terminal.start(pod, "toucher", "hungry", linux=limited))
    assert (status["exitCode"], status["reason"]) == (128 + signal.SIGKILL, "OOMKilled")
    assert terminal.status(bystander)["state"] == "CONTAINER_RUNNING"


def test_a_guest_is_refused_memory_before_it_is_killed_for_it(terminal: Terminal) -> None:
    limited = {"resources": {"memory_limit_in_bytes": 32 << 20}}
    container = terminal.start(terminal.run_pod(), "memory_hog", linux=limited)
    assert terminal.exited(container)["exitCode"] == 0
    assert terminal.crictl("logs", container) == "no more"


@pytest.mark.parametrize(
    ("resources", "reason"),
    [
        ({"memory_limit_in_bytes": 4096}, "a memory limit of 4096 bytes leaves a guest no room: give it 4194304"),
        ({"cpuset_cpus": "4000"}, "cpuset.cpus 4000 names 4000, which the pod does not have: choose from 0"),
        ({"cpuset_cpus": "0-"}, "cpuset.cpus 0- is no list of numbers such as 0-2,7: correct it"),
        ({"cpu_quota": 500, "cpu_period": 100000}, "cpu_quota of 500 µs is below the kernel's least of 1000: raise it"),
        ({"cpu_period": 1}, "cpu_period of 1 µs is not between 1 ms and 1 s: set another"),
        ({"hugepage_limits": [{"page_size": "3MB", "limit": 1}]}, "this node has no huge pages for hugetlb.3MB"),
        ({"oom_score_adj": 1001}, "oom_score_adj 1001 of container main is not between -1000 and 1000: set another"),
        ({"memory_swap_limit_in_bytes": 1 << 30}, "needs a memory limit beside it: set both"),
        ({"unified": {"cgroup.procs": "1"}}, "cgroup"),
    ],
)
def test_resources_that_no_container_can_have(terminal: Terminal, resources: dict[str, Any], reason: str) -> None:
    pod = terminal.run_pod()
    words = terminal.words_of_create(pod, terminal.pull("hello"), linux={"resources": resources})
    assert reason in terminal.crictl.refused(*words)


def test_update_changes_a_running_container(terminal: Terminal) -> None:
    limited = {"resources": {"memory_limit_in_bytes": 32 * MIB}}
    container = terminal.start(terminal.run_pod(), "grower", linux=limited)
    eventually(lambda: terminal.crictl("logs", container) == "refused")
    pid = terminal.crictl.json("inspect", container)["info"]["pid"]
    options = {
        "cpu-period": 50_000,
        "cpu-quota": 25_000,
        "cpu-share": 512,
        "cpuset-cpus": "0",
        "cpuset-mems": "0",
        "memory": 48 * MIB,
        "oom-score-adj": 500,
    }
    terminal.crictl("update", *(f"--{name}={value}" for name, value in options.items()), container)
    eventually(lambda: terminal.crictl.lines("logs", container) == ["refused", "given more", "refused"])
    assert terminal.status(container)["resources"]["linux"] == {
        "cpuPeriod": "50000",
        "cpuQuota": "25000",
        "cpuShares": "512",
        "cpusetCpus": "0",
        "cpusetMems": "0",
        "hugepageLimits": [],
        "memoryLimitInBytes": str(48 * MIB),
        "memorySwapLimitInBytes": "0",
        "oomScoreAdj": "500",
        "unified": {},
    }
    assert terminal.crictl.json("inspect", container)["info"]["pid"] == pid
    assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "500\n"


def test_memory_that_is_in_use_cannot_be_taken_away(terminal: Terminal) -> None:
    limited = {"resources": {"cpu_shares": 512, "memory_limit_in_bytes": 64 * MIB}}
    container = terminal.start(terminal.run_pod(), "grower", linux=limited)
    eventually(lambda: terminal.crictl("logs", container) == "refused")
    before = terminal.status(container)
    refused = terminal.crictl.refused("update", "--cpu-share=1024", f"--memory={16 * MIB}", container)
    assert "code = FailedPrecondition" in refused
    assert "in use" in refused
    assert terminal.status(container) == before


def test_a_created_container_starts_with_what_it_was_updated_to(terminal: Terminal) -> None:
    limited = {"resources": {"memory_limit_in_bytes": 32 * MIB}}
    container = terminal.create(terminal.run_pod(), "sleeper", linux=limited)
    terminal.crictl("update", f"--memory={16 * MIB}", "--oom-score-adj=300", container)
    terminal.node.server.kill()
    terminal.node.server.start()
    assert terminal.status(container)["resources"]["linux"]["memoryLimitInBytes"] == str(16 * MIB)
    terminal.crictl("start", container)
    info = terminal.crictl.json("inspect", container)["info"]
    assert Path(f"/proc/{info['pid']}/oom_score_adj").read_text() == "300\n"
    assert info["runtimeSpec"]["linux"]["resources"]["memory"]["limit"] == 16 * MIB


def test_a_container_that_has_exited_has_no_resources_to_update(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "hello")
    terminal.exited(container)
    refused = terminal.crictl.refused("update", "--cpu-share=512", container)
    assert f"container {container} has exited: its resources do not matter any more" in refused


def test_rm_with_force_ends_a_container_and_its_logs_can_be_kept(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    container = terminal.start(pod, "sleeper")
    log = Path(terminal.status(container)["logPath"])
    assert set(terminal.crictl.lines("rm", "--force", "--keep-logs", container)) == {container}
    assert log.exists()
    assert terminal.crictl.table("ps", "--all") == []
    assert terminal.crictl.json("inspectp", pod)["status"]["state"] == "SANDBOX_READY"


# ---- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["inspect", "start", "logs", "rm"])
def test_an_unknown_container(terminal: Terminal, words: str) -> None:
    reason = "container 0123456789abc is not known: it was removed or never made; 'crictl ps -a' lists all"
    refused = terminal.crictl.refused(words, "0123456789abc")
    assert refused.endswith(f"rpc error: code = NotFound desc = {reason}")


@pytest.mark.parametrize("words", ["inspectp", "rmp"])
def test_an_unknown_pod(terminal: Terminal, words: str) -> None:
    reason = "pod sandbox 0123456789abc is not known: it was removed or never made; 'crictl pods' lists all"
    refused = terminal.crictl.refused(words, "0123456789abc")
    assert refused.endswith(f"rpc error: code = NotFound desc = {reason}")


@pytest.mark.parametrize(("word", "printed"), [("stop", "{id}"), ("stopp", "Stopped sandbox {id}")])
def test_stopping_what_is_unknown_is_no_error(terminal: Terminal, word: str, printed: str) -> None:
    """CRI: a client that repeats itself must not fail."""
    assert terminal.crictl(word, "0123456789abc") == printed.format(id="0123456789abc")


def test_an_id_that_is_too_short(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    letter = _shared_beginning(lambda name: terminal.create(pod, "hello", name))
    for word in ("inspect", "start", "stop"):
        refused = terminal.crictl.refused(word, letter)
        assert f"container id {letter} is ambiguous: several ids begin so; give more of it" in refused
    assert terminal.crictl.table("ps", "--all", "--id", letter) == []


def _shared_beginning(create: Callable[[str], str]) -> str:
    """First digit of two ids: of seventeen at the latest."""
    seen: set[str] = set()
    for number in range(17):
        digit = create(f"c{number}")[0]
        if digit in seen:
            return digit
        seen.add(digit)
    raise AssertionError("there are more than sixteen digits")


def test_names_are_used_once(terminal: Terminal) -> None:
    pod = terminal.run_pod("web")
    refused = terminal.crictl.refused("runp", terminal.pod_file("web"))
    assert f'name "web_default_uid-web_0" is reserved for "{pod}"' in refused
    container = terminal.create(pod, "hello", "app")
    refused = terminal.crictl.refused(*terminal.words_of_create(pod, terminal.push("hello"), "app"))
    assert f'name "app_web_default_uid-web_0" is reserved for "{container}"; remove that one or raise' in refused
    terminal.crictl("rm", container)
    assert terminal.create(pod, "hello", "app") != container


def test_a_container_is_started_once(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "sleeper")
    refused = terminal.crictl.refused("start", container)
    assert f"container {container} is CONTAINER_RUNNING: only a created one can be started, and only once" in refused


def test_a_pod_that_was_stopped_takes_no_container(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    terminal.crictl("stopp", pod)
    refused = terminal.crictl.refused(*terminal.words_of_create(pod, terminal.pull("hello")))
    assert f"pod sandbox {pod} is not ready: containers need a new sandbox" in refused


def test_an_image_that_was_not_pulled(terminal: Terminal) -> None:
    image = f"{terminal.registry}/never-pulled:1"
    refused = terminal.crictl.refused(*terminal.words_of_create(terminal.run_pod(), image, "app"))
    assert f"image {image} of container app is not on this node: pull it first" in refused


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (
            "/bin/true",
            r'program "/bin/true" of image {} is a native linux/\w+ executable; .* use an image that is built',
        ),
        ("/bin/sh", r'image {} has no file "/bin/sh": set command to a program of the image'),
    ],
)
def test_a_command_that_is_no_webassembly(terminal: Terminal, command: str, reason: str) -> None:
    image = terminal.pull_files()
    refused = terminal.crictl.refused(*terminal.words_of_create(terminal.run_pod(), image, command=[command]))
    assert re.search(reason.format(re.escape(image)), refused), refused
    assert terminal.crictl.table("ps", "--all") == []


def test_imports_that_nobody_provides_are_named(terminal: Terminal) -> None:
    image = terminal.pull("missing_import")
    refused = terminal.crictl.refused(*terminal.words_of_create(terminal.run_pod(), image, "app"))
    assert (
        'module main.wasm of container app imports "env"."levitate", "wasi_snapshot_preview1"."teleport", '
        "which this runtime does not provide: build it for WASI preview 1 or WASI 0.2"
    ) in refused


@pytest.mark.parametrize(
    ("rpc", "words"),
    [
        ("CheckpointContainer", "checkpoint --export /nowhere CONTAINER"),
    ],
)
def test_what_this_release_does_not_offer(terminal: Terminal, rpc: str, words: str) -> None:
    pod = terminal.run_pod()
    names = {"POD": pod, "CONTAINER": terminal.start(pod, "sleeper")}
    refused = terminal.crictl.refused(*(names.get(word, word) for word in words.split()))
    reason = f"{rpc} is not offered by this release of wasmlet; the documentation lists what is"
    assert refused.endswith(f"rpc error: code = Unimplemented desc = {reason}")


# ---- usage ----------------------------------------------------------------------------------------------------------


def test_stats_of_containers_that_run(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    busy, idle = terminal.start(pod, "busy", "busy"), terminal.start(pod, "sleeper", "idle")
    terminal.exited(terminal.start(pod, "hello", "ended"))
    rows = {row["NAME"]: row for row in terminal.crictl.table("stats")}
    assert {name: row["CONTAINER"] for name, row in rows.items()} == {"busy": busy[:SHORT], "idle": idle[:SHORT]}
    assert float(rows["busy"]["CPU %"]) > float(rows["idle"]["CPU %"])
    assert all(row["MEM"] not in ("", "0B") for row in rows.values())
    assert all(int(row["INODES"]) > 0 for row in rows.values())
    [one] = terminal.crictl.json("stats", "--output", "json", "--id", busy[:SHORT])["stats"]
    assert one["attributes"]["id"] == busy
    assert Path(one["writableLayer"]["fsId"]["mountpoint"]).is_dir()


def test_stats_of_pods(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    terminal.start(pod, "busy")
    terminal.crictl("stopp", terminal.run_pod("stopped"))
    [row] = terminal.crictl.table("statsp")
    assert (row["POD"], row["POD ID"]) == ("web", pod[:SHORT])
    assert float(row["CPU %"]) > 0
    [stats] = terminal.crictl.json("statsp", "--output", "json")["stats"]
    assert stats["linux"]["process"]["processCount"]["value"] == "2"
    assert stats["linux"]["network"]["defaultInterface"]["name"] == "eth0"


def test_metrics_and_their_descriptors(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    container = terminal.start(pod, "sleeper")
    labels = {each["name"]: each["labelKeys"] for each in terminal.crictl.json("metricdescs")["descriptors"]}
    [metrics] = terminal.crictl.json("metricsp")["podMetrics"]
    [of_container] = metrics["containerMetrics"]
    assert (metrics["podSandboxId"], of_container["containerId"]) == (pod, container)
    for metric in [*metrics["metrics"], *of_container["metrics"]]:
        named = dict(zip(labels[metric["name"]], metric["labelValues"], strict=True))
        assert (named["namespace"], named["pod"]) == ("default", "web")


# ---- the server's death ---------------------------------------------------------------------------------------------


def test_a_new_server_shows_what_the_killed_one_did(terminal: Terminal) -> None:
    pod, stopped = terminal.run_pod("web", labels={"app": "web"}), terminal.run_pod("stopped")
    containers = [terminal.start(pod, "sleeper", "running"), terminal.create(pod, "sleeper", "created")]
    containers.append(terminal.start(pod, "exit3", "exited"))
    terminal.exited(containers[-1])
    terminal.crictl("stopp", stopped)
    before = _shown(terminal, containers)
    terminal.node.server.kill()
    terminal.node.server.start()
    assert _shown(terminal, containers) == before


def _shown(terminal: Terminal, containers: list[str]) -> dict[str, Any]:
    shown = {command: terminal.crictl.json(*command.split()) for command in ("pods -o json", "ps --all -o json")}
    return {**shown, **{container: terminal.crictl.json("inspect", container) for container in containers}}


def test_an_end_while_no_server_lives_is_shown_by_the_next(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "sleeper")
    pid = terminal.crictl.json("inspect", container)["info"]["pid"]
    terminal.node.server.kill()
    os.kill(pid, signal.SIGKILL)
    terminal.node.server.start()
    assert terminal.exited(container)["exitCode"] == 128 + signal.SIGKILL


def test_a_follower_outlives_the_server(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "tool", args=["count", "0.1"])
    with terminal.following(container) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "1\n"
        terminal.node.server.kill()
        during = [int(follower.stdout.readline()) for _ in range(3)]
        terminal.node.server.start()
        terminal.crictl("stop", container)
        rest = [int(line) for line in follower.stdout.read().splitlines()]
        assert follower.wait() == 0
    assert [1, *during, *rest] == list(range(1, len(during) + len(rest) + 2))
