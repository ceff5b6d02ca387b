"""Containers: created, started, listed, inspected."""

import re
from pathlib import Path
from typing import Any

from tests.e2e.crictl import SHORT
from tests.e2e.terminal import Terminal


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
