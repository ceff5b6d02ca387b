"""The RPCs over real pod processes, images and networks: what stand-ins cannot show."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from sandbox.cgroup import tree as cgroup
from tests.guests.compiled import guest
from tests.images import push_artifact, push_wasi_image
from tests.prerequisites import require_tool
from tests.real_node import RealNode, container_config, eventually


def pod_pid(server: RealNode, sandbox_id: str) -> int:
    response = server.call("PodSandboxStatus", pod_sandbox_id=sandbox_id, verbose=True)
    return int(json.loads(response.info["info"])["pid"])


def interfaces_of(sandbox_id: str) -> list[Path]:
    """The host's ends: each carries the id of its pod as its alias."""
    return [interface for interface in Path("/sys/class/net").iterdir() if sandbox_id in alias_of(interface)]


def alias_of(interface: Path) -> str:
    """Empty of one that is gone meanwhile: other tests have some, too."""
    try:
        return (interface / "ifalias").read_text()
    except OSError:
        return ""


def test_a_pod_from_its_image_to_its_removal(server: RealNode) -> None:
    sandbox_id = server.run_pod()
    container_id = server.start(sandbox_id, "hello")
    status = server.exited(container_id)
    assert (status.exit_code, status.reason) == (0, "Completed")
    assert status.created_at < status.started_at <= status.finished_at
    assert server.log(container_id) == ["hello"]
    server.call("RemovePodSandbox", pod_sandbox_id=sandbox_id)
    assert Path(status.log_path).exists(), "logs are the kubelet's"
    for folder in (server.server.root / "pods", server.server.state / "pods"):
        assert not list(folder.iterdir())


USERS = {
    "/etc/passwd": b"root:x:0:0::/:/x\nwww:x:33:34::/:/x\n",
    "/etc/group": b"www:x:34:\nlogs:x:50:www\nmedia:x:51:www\n",
}


@pytest.mark.parametrize(
    ("context", "uid", "gid", "groups"),
    [
        ({}, 33, 50, [50, 51]),
        ({"run_as_user": cri.Int64Value(value=0)}, 0, 0, [0]),
        ({"run_as_username": "www", "supplemental_groups": [7]}, 33, 34, [34, 50, 51, 7]),
        (
            {"run_as_username": "www", "supplemental_groups": [7], "supplemental_groups_policy": cri.Strict},
            33,
            34,
            [34, 7],
        ),
        ({"run_as_user": cri.Int64Value(value=33), "run_as_group": cri.Int64Value(value=9)}, 33, 9, [9, 50, 51]),
        ({"run_as_user": cri.Int64Value(value=1000), "supplemental_groups": [7]}, 1000, 0, [0, 7]),
    ],
)
def test_a_guest_is_who_pod_and_image_say(
    server: RealNode, context: dict[str, Any], uid: int, gid: int, groups: list[int]
) -> None:
    files = {**USERS, "/app.wasm": guest("sleeper")}
    image = push_wasi_image(server.registry.address, "who", files, user="www:logs")
    server.call("PullImage", image=cri.ImageSpec(image=image))
    linux = cri.LinuxContainerConfig(security_context=cri.LinuxContainerSecurityContext(**context))
    config = container_config("who", image, linux=linux)
    container_id = server.call("CreateContainer", pod_sandbox_id=server.run_pod(), config=config).container_id
    server.call("StartContainer", container_id=container_id)
    response = server.call("ContainerStatus", container_id=container_id, verbose=True)
    told = response.status.user.linux
    assert (told.uid, told.gid, list(told.supplemental_groups)) == (uid, gid, groups)
    pid = json.loads(response.info["info"])["pid"]
    status = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert (status["Uid"].split(), status["Gid"].split()) == ([str(uid)] * 4, [str(gid)] * 4)
    assert sorted(map(int, status["Groups"].split())) == sorted(groups)


def test_a_container_that_adds_capabilities_is_told_so_and_has_none(server: RealNode) -> None:
    context = cri.LinuxContainerSecurityContext(
        capabilities=cri.Capability(add_capabilities=["ALL"], add_ambient_capabilities=["NET_ADMIN"]),
        seccomp=cri.SecurityProfile(profile_type=cri.SecurityProfile.Unconfined),
    )
    linux = cri.LinuxContainerConfig(security_context=context)
    container_id = server.start(server.run_pod(), "sleeper", linux=linux)
    response = server.call("ContainerStatus", container_id=container_id, verbose=True)
    told = json.loads(response.info["info"])
    assert told["config"]["linux"]["security_context"]["capabilities"]["add_capabilities"] == ["ALL"]
    assert not any(told["runtimeSpec"]["process"]["capabilities"].values())
    status = dict(line.split(":\t") for line in Path(f"/proc/{told['pid']}/status").read_text().splitlines())
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert status[kind] == "0" * 16
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_exit_codes_traps_and_their_reasons_are_told(server: RealNode) -> None:
    sandbox_id = server.run_pod()
    status = server.exited(server.start(sandbox_id, "exit3", "three"))
    assert (status.exit_code, status.reason) == (3, "Error")
    status = server.exited(server.start(sandbox_id, "trap", "trap"))
    assert (status.exit_code, status.reason) == (134, "Error")
    assert "unreachable" in status.message


def test_imports_that_cannot_be_met_fail_the_creation(server: RealNode) -> None:
    sandbox_id = server.run_pod()
    with pytest.raises(grpc.RpcError, match="which this runtime does not provide") as refused:
        server.start(sandbox_id, "missing_import")
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert not server.call("ListContainers").containers


def test_a_stop_ends_a_busy_guest_by_its_signal(server: RealNode) -> None:
    container_id = server.start(server.run_pod(), "busy")
    server.call("StopContainer", container_id=container_id, timeout=240)
    status = server.status(container_id)
    assert (status.state, status.exit_code) == (cri.CONTAINER_EXITED, 128 + signal.SIGTERM)


def test_each_pod_has_an_address_of_its_own_that_is_given_back(server: RealNode) -> None:
    pods = [server.run_pod(f"pod{number}") for number in range(3)]
    addresses = [server.call("PodSandboxStatus", pod_sandbox_id=pod).status.network.ip for pod in pods]
    assert len(set(addresses)) == 3
    server.call("StopPodSandbox", pod_sandbox_id=pods[0])
    assert not server.call("PodSandboxStatus", pod_sandbox_id=pods[0]).status.network.ip


@pytest.mark.parametrize(
    ("options", "shared"),
    [
        ({}, set()),
        ({"network": cri.NODE}, {"net", "uts"}),
        ({"ipc": cri.NODE}, {"ipc"}),
        ({"network": cri.NODE, "ipc": cri.NODE, "pid": cri.NODE}, {"net", "uts", "ipc"}),
    ],
)
def test_a_guest_shares_the_nodes_namespaces_that_its_pod_asks_for(
    server: RealNode, options: dict[str, Any], shared: set[str]
) -> None:
    context = cri.LinuxSandboxSecurityContext(namespace_options=cri.NamespaceOption(**options))
    sandbox_id = server.run_pod(linux=cri.LinuxPodSandboxConfig(security_context=context))
    container_id = server.start(sandbox_id, "sleeper")
    response = server.call("ContainerStatus", container_id=container_id, verbose=True)
    pid = json.loads(response.info["info"])["pid"]
    for process in (pid, pod_pid(server, sandbox_id)):
        found = {name: os.readlink(f"/proc/{process}/ns/{name}") for name in ("net", "uts", "ipc", "pid")}
        assert {name for name, each in found.items() if each == os.readlink(f"/proc/self/ns/{name}")} == shared


def test_sysctls_are_set_in_the_pod(server: RealNode) -> None:
    sysctls = {"net.ipv4.ip_unprivileged_port_start": "77", "kernel/shm_rmid_forced": "1"}
    sandbox_id = server.run_pod(linux=cri.LinuxPodSandboxConfig(sysctls=sysctls))
    paths = ["/proc/sys/net/ipv4/ip_unprivileged_port_start", "/proc/sys/kernel/shm_rmid_forced"]
    before = [Path(path).read_text() for path in paths]
    enter = require_tool("nsenter")
    words = [str(enter), "--target", str(pod_pid(server, sandbox_id)), "--net", "--ipc", "cat", *paths]
    assert subprocess.check_output(words, text=True).split() == ["77", "1"]
    assert [Path(path).read_text() for path in paths] == before


def test_a_dead_pod_process_is_seen_at_once(server: RealNode) -> None:
    sandbox_id = server.run_pod()
    container_id = server.start(sandbox_id, "sleeper")
    os.kill(pod_pid(server, sandbox_id), signal.SIGKILL)
    status = server.exited(container_id)
    assert (status.exit_code, status.reason) == (255, "Unknown")
    sandbox = server.call("PodSandboxStatus", pod_sandbox_id=sandbox_id).status
    assert sandbox.state == cri.SANDBOX_NOTREADY


def test_guests_run_on_while_the_server_is_dead(server: RealNode) -> None:
    sandbox_id = server.run_pod()
    running, ending = server.start(sandbox_id, "sleeper", "running"), server.start(sandbox_id, "exit3", "ending")
    before = server.status(running)
    server.server.kill()
    server.server.start()
    assert server.status(running) == before
    assert server.exited(ending).exit_code == 3
    server.call("StopContainer", container_id=running, timeout=240)
    assert server.status(running).exit_code == 128 + signal.SIGTERM


def test_a_dead_zygote_is_replaced_for_the_next_pod(server: RealNode) -> None:
    container_id = server.start(server.run_pod("first"), "sleeper")
    [zygote] = server.server.zygotes()
    os.kill(zygote, signal.SIGKILL)
    server.exited(server.start(server.run_pod("second"), "hello"))
    assert server.status(container_id).state == cri.CONTAINER_RUNNING


def test_a_rotated_log_is_continued_in_a_new_file(server: RealNode) -> None:
    container_id = server.start(server.run_pod(), "sleeper")
    log = Path(server.status(container_id).log_path)
    log.rename(log.with_suffix(".1"))
    server.call("ReopenContainerLog", container_id=container_id)
    assert log.exists()


def image_volume(server: RealNode, path: str, image: str, **fields: Any) -> cri.Mount:
    server.call("PullImage", image=cri.ImageSpec(image=image))
    return cri.Mount(container_path=path, image=cri.ImageSpec(image=image), readonly=True, **fields)


def test_images_are_mounted_to_be_read_and_kept_while_their_container_is(server: RealNode) -> None:
    """Also when they are removed, and another server has cleaned up."""
    files = push_wasi_image(server.registry.address, "data", {"/etc/passwd": b"a file\n", "/bin/app": b""})
    artifact = push_artifact(server.registry.address, "model", guest("hello"), title="model.wasm")
    mounts = [
        image_volume(server, "/whole", files),
        image_volume(server, "/part", files, image_sub_path="etc"),
        image_volume(server, "/artifact", artifact),
    ]
    words = "ls /whole then cat /part/passwd then kind /artifact/model.wasm then write /whole/etc/passwd x"
    config = container_config("main", server.pull("tool"), args=words.split(), mounts=mounts)
    response = server.call("CreateContainer", pod_sandbox_id=server.run_pod(), config=config)
    for image in (files, artifact):
        server.call("RemoveImage", image=cri.ImageSpec(image=image))
    server.server.kill()
    server.server.start()
    server.call("StartContainer", container_id=response.container_id)
    status = server.exited(response.container_id)
    assert server.log(response.container_id)[:-1] == [
        "bin",
        "etc",
        "a file",
        f"file {len(guest('hello'))}",
    ]
    assert status.exit_code == 1, "the image is read-only"
    assert all(mount.image.image_ref.startswith("sha256:") for mount in status.mounts)


def test_a_container_has_devices_and_no_way_to_what_is_masked(server: RealNode) -> None:
    context = cri.LinuxContainerSecurityContext(masked_paths=["/etc/hosts"], readonly_paths=["/tmp"])
    linux = cri.LinuxContainerConfig(security_context=context)
    pod = server.run_pod()
    words = "ls /dev then write /dev/null x then cat /dev/null then cat /etc/hosts"
    container_id = server.start(pod, "tool", "masked", args=words.split(), linux=linux)
    server.exited(container_id)
    *devices, refusal = server.log(container_id)
    assert devices == ["full", "null", "random", "urandom", "zero"]
    assert "denied" in refusal
    writes = ["write", "/new", "x", "then", "write", "/tmp/new", "x"]
    container_id = server.start(pod, "tool", "protected", args=writes, linux=linux)
    server.exited(container_id)
    assert len(server.log(container_id)) == 1


@pytest.mark.parametrize("name", ["hosts", "hostname", "resolv.conf"])
def test_a_container_changes_no_file_of_its_pod(server: RealNode, name: str) -> None:
    """All containers of the pod read it, and it lies in the node's memory, where it could grow without end."""
    pod = server.run_pod()
    before = (server.server.state / "pods" / pod / name).read_text()
    for attempt, command in enumerate(("append", "write")):
        container_id = server.start(pod, "tool", f"hostile{attempt}", args=[command, f"/etc/{name}", "evil"])
        assert server.exited(container_id).exit_code == 1
    container_id = server.start(pod, "tool", "other", args=["cat", f"/etc/{name}"])
    server.exited(container_id)
    assert server.log(container_id) == before.splitlines()


def test_a_removed_image_leaves_its_container_running_and_startable(server: RealNode) -> None:
    sandbox_id = server.run_pod()
    config = cri.ContainerConfig(
        metadata=cri.ContainerMetadata(name="late"),
        image=cri.ImageSpec(image=server.pull("hello")),
        log_path="late.log",
    )
    container_id = server.call("CreateContainer", pod_sandbox_id=sandbox_id, config=config).container_id
    server.call("RemoveImage", image=config.image)
    assert not server.call("ListImages").images
    server.server.kill()
    server.server.start()
    server.call("StartContainer", container_id=container_id)
    assert server.exited(container_id).exit_code == 0


def test_a_failed_start_is_recorded_as_such(server: RealNode) -> None:
    sandbox_id = server.run_pod()
    source = server.server.folder / "vanishing"
    mount = cri.Mount(host_path=str(source), container_path="/data")
    config = cri.ContainerConfig(
        metadata=cri.ContainerMetadata(name="main"),
        image=cri.ImageSpec(image=server.pull("hello")),
        log_path="main.log",
        mounts=[mount],
    )
    container_id = server.call("CreateContainer", pod_sandbox_id=sandbox_id, config=config).container_id
    source.rmdir()
    with pytest.raises(grpc.RpcError, match="vanishing"):
        server.call("StartContainer", container_id=container_id)
    status = server.status(container_id)
    assert (status.state, status.exit_code, status.reason) == (cri.CONTAINER_EXITED, 128, "StartError")
    assert "vanishing" in status.message


def test_nothing_of_a_removed_pod_is_left_in_the_kernel(server: RealNode) -> None:
    sandbox_id = server.run_pod()
    server.start(sandbox_id, "sleeper")
    pid = pod_pid(server, sandbox_id)
    assert interfaces_of(sandbox_id)
    server.call("RemovePodSandbox", pod_sandbox_id=sandbox_id)
    eventually(lambda: not Path(f"/proc/{pid}").exists())
    for mount in cgroup.detect().mounts:
        assert not list(Path(mount + server.server.cgroup_parent).rglob(f"*{sandbox_id}*"))
    assert sandbox_id not in Path("/proc/self/mounts").read_text()
    eventually(lambda: not interfaces_of(sandbox_id))
