import json
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from cri_server.container_network import ANNOTATION
from cri_server.cri_v1 import api_pb2 as cri
from tests.guests.compiled import guest
from tests.images import push_layers
from tests.pod_guests import guests_of
from tests.real_node import RealNode, container_config, eventually, real_node
from tests.toolbox.tree import toolbox, tree


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    toolbox()  # skips where it was not built
    with real_node(tmp_path_factory.mktemp("exec") / "node", '[exec]\ntoolbox = "builtin"\n') as running:
        yield running


@pytest.fixture
def pod(node: RealNode) -> Iterator[str]:
    sandbox = node.run_pod(f"exec-{secrets.token_hex(4)}")
    yield sandbox
    node.call("RemovePodSandbox", pod_sandbox_id=sandbox)


@pytest.fixture
def container(node: RealNode, pod: str) -> str:
    return node.start(pod, "sleeper")


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Mounted at /volume by ``with_volume``."""
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder


def with_volume(node: RealNode, pod: str, volume: Path, **fields: Any) -> str:
    mounts = [cri.Mount(host_path=str(volume), container_path="/volume")]
    return node.start(pod, "sleeper", mounts=mounts, **fields)


def exec_sync(node: RealNode, container: str, *words: str, timeout: int = 240) -> tuple[int, bytes, bytes]:
    answer = node.call("ExecSync", container_id=container, cmd=words, timeout=timeout)
    return answer.exit_code, answer.stdout, answer.stderr


def refusal(node: RealNode, container: str, *words: str, timeout: int = 240) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as refused:
        exec_sync(node, container, *words, timeout=timeout)
    return refused.value.code(), str(refused.value.details())


def executed(node: RealNode, container: str) -> int:
    """How many processes run beside the container's own."""
    info = node.call("ContainerStatus", container_id=container, verbose=True).info["info"]
    status = Path(f"/proc/{json.loads(info)['pid']}/status").read_text()
    pod = next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:"))
    return len(guests_of(int(pod))) - 1


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        (("echo", "-n", "hello"), (0, b"hello", b"")),
        (("sh", "-c", "echo out; echo err >&2; exit 3"), (3, b"out\n", b"err\n")),
        (("/bin/sh", "-c", "nothing"), (127, b"", b"/bin/sh: nothing: not found\n")),
        (("sh", "-c", "echo $HOSTNAME | wc -l; cat"), (0, b"1\n", b"")),
    ],
)
def test_a_command_of_the_toolbox(
    node: RealNode, container: str, words: tuple[str, ...], outcome: tuple[int, bytes, bytes]
) -> None:
    assert exec_sync(node, container, *words) == outcome


def test_it_has_what_the_container_has(node: RealNode, pod: str, volume: Path) -> None:
    (volume / "note").write_text("noted")
    context = cri.LinuxContainerSecurityContext(
        run_as_user=cri.Int64Value(value=33), run_as_group=cri.Int64Value(value=7), readonly_rootfs=True
    )
    linux = cri.LinuxContainerConfig(security_context=context)
    envs = [cri.KeyValue(key="COLOUR", value=b"blue")]
    container = with_volume(node, pod, volume, linux=linux, envs=envs, working_dir="/volume")
    script = "id -u; id -g; echo $COLOUR; pwd; cat note; touch /there 2>/dev/null || echo read-only"
    assert exec_sync(node, container, "sh", "-c", script) == (0, b"33\n7\nblue\n/volume\nnotedread-only\n", b"")


def test_a_file_system_that_is_read_only_is_called_so(node: RealNode, pod: str) -> None:
    context = cri.LinuxContainerSecurityContext(readonly_paths=["/tmp"])
    container = node.start(pod, "sleeper", linux=cri.LinuxContainerConfig(security_context=context))
    said = (1, b"", b"touch: /tmp/test: Read-only file system\n")
    assert exec_sync(node, container, "touch", "/tmp/test") == said
    assert exec_sync(node, container, "touch", "/test") == (0, b"", b"")


@pytest.mark.parametrize(("access", "outcome"), [("full", b"bound\n"), ("outbound", b"PermissionDenied\n")])
def test_a_component_speaks_as_its_pod_may(node: RealNode, volume: Path, access: str, outcome: bytes) -> None:
    """Whatever the container's own program is."""
    pod = node.run_pod(f"speaks-{access}", annotations={ANNOTATION: access})
    (volume / "network").write_bytes(guest("network"))
    container = with_volume(node, pod, volume)
    assert exec_sync(node, container, "/volume/network", "bind-udp", "127.0.0.1:0") == (0, outcome, b"")
    node.call("RemovePodSandbox", pod_sandbox_id=pod)


def test_the_image_has_it(node: RealNode, pod: str) -> None:
    """Its own commands go before the toolbox's."""
    push_layers(node.registry.address, "image", [tree()], cmd=("top",))
    reference = f"{node.registry.address}/image:latest"
    node.call("PullImage", image=cri.ImageSpec(image=reference))
    context = cri.LinuxContainerSecurityContext(masked_paths=["/bin/ls"])
    config = container_config("main", reference, linux=cri.LinuxContainerConfig(security_context=context))
    container = node.call("CreateContainer", pod_sandbox_id=pod, config=config).container_id
    node.call("StartContainer", container_id=container)
    assert exec_sync(node, container, "/bin/echo", "hi") == (0, b"hi\n", b"")
    assert exec_sync(node, container, "/bin/sh", "-c", "ls") == (126, b"", b"/bin/sh: ls: Permission denied\n")
    assert refusal(node, container, "ls")[1].startswith('exec: "ls": permission denied')


def test_folders_hide_no_command(node: RealNode, pod: str, volume: Path) -> None:
    """Neither one of its name, nor one on the PATH, nor the working directory, that the user may not enter."""
    (volume / "closed").mkdir(0o700)
    (volume / "env").mkdir()
    context = cri.LinuxContainerSecurityContext(run_as_user=cri.Int64Value(value=33))
    fields = {"linux": cri.LinuxContainerConfig(security_context=context), "working_dir": "/volume"}
    path = cri.KeyValue(key="PATH", value=b"/volume/closed:/bin")
    container = with_volume(node, pod, volume, envs=[path], **fields)
    assert exec_sync(node, container, "env")[0] == 0
    assert "executable file not found" in refusal(node, container, "nothing")[1]


def test_webassembly_of_a_volume(node: RealNode, pod: str, volume: Path) -> None:
    (volume / "program").write_bytes(guest("exit3"))
    container = with_volume(node, pod, volume, envs=[cri.KeyValue(key="PATH", value=b"/nowhere:/volume")])
    assert exec_sync(node, container, "/volume/program") == (3, b"failing\n", b"")
    (volume / "program").write_bytes(guest("both_streams"))
    assert exec_sync(node, container, "program") == (0, b"out\n", b"err\n")


def test_a_component(node: RealNode, pod: str, volume: Path) -> None:
    (volume / "component.wasm").write_bytes(guest("component"))
    container = with_volume(node, pod, volume)
    assert exec_sync(node, container, "/volume/component.wasm")[0] == 0


def test_in_a_container_that_is_given_requests(node: RealNode, pod: str) -> None:
    container = node.start(pod, "http_minimal")
    assert exec_sync(node, container, "echo", "hi") == (0, b"hi\n", b"")
    node.call("StopContainer", container_id=container, timeout=30)


def test_a_script(node: RealNode, pod: str, volume: Path) -> None:
    (volume / "script").write_text("#!/bin/sh -e\necho $0 $1\n")
    container = with_volume(node, pod, volume)
    assert exec_sync(node, container, "/volume/script", "word") == (0, b"/volume/script word\n", b"")


def test_the_containers_own_program_anew(node: RealNode, pod: str) -> None:
    container = node.start(pod, "stdin_block", stdin=True)
    assert exec_sync(node, container, "main.wasm") == (0, b"eof\n", b"")


def test_what_cannot_be_executed(node: RealNode, pod: str, volume: Path) -> None:
    (volume / "text").write_text("text")
    (volume / "native").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(57))
    (volume / "native").chmod(0o755)
    (volume / "broken").write_bytes(b"\0asm\x01\0\0\0broken")
    (volume / "secret").write_bytes(guest("hello"))
    (volume / "secret").chmod(0o600)
    (volume / "imports").write_bytes(guest("missing_import"))
    context = cri.LinuxContainerSecurityContext(run_as_user=cri.Int64Value(value=33))
    container = with_volume(node, pod, volume, linux=cri.LinuxContainerConfig(security_context=context))
    for path, reason in {
        "/volume": "permission denied",
        "/volume/text": "permission denied",
        "/volume/secret": "permission denied",
        "/volume/native": "exec format error: not a WebAssembly module",
        "/volume/broken": 'exec: "/volume/broken": exec format error: /volume/broken of container main is not valid',
        "/volume/imports": 'imports "env"."levitate"',
        "/volume/nothing": "no such file or directory",
        "nothing": "executable file not found in $PATH; the container has none, and the toolbox has",
    }.items():
        code, text = refusal(node, container, path)
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert reason in text


def test_a_pod_that_refuses_the_toolbox(node: RealNode) -> None:
    pod = node.run_pod("refuses", annotations={"wasmlet.dev/toolbox": "false"})
    assert "its pod refuses the toolbox" in refusal(node, node.start(pod, "sleeper"), "echo")[1]
    node.call("RemovePodSandbox", pod_sandbox_id=pod)


def test_beyond_its_timeout_it_is_killed(node: RealNode, container: str) -> None:
    code, text = refusal(node, container, "sleep", "4321", timeout=1)
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert "did not end within its 1 s and was killed" in text
    eventually(lambda: executed(node, container) == 0)


def test_a_client_that_goes_away_ends_it(node: RealNode, container: str) -> None:
    with pytest.raises(grpc.RpcError), node.client as client:
        client.call("ExecSync", cri.ExecSyncRequest(container_id=container, cmd=["sleep", "4321"]), timeout=0.5)
    eventually(lambda: executed(node, container) == 0)


def test_output_beyond_a_message_is_discarded(node: RealNode, container: str) -> None:
    code, stdout, stderr = exec_sync(node, container, "sh", "-c", "head -c 20000000 /dev/zero; echo end >&2; exit 4")
    assert (code, stderr) == (4, b"end\n")
    assert 16_000_000 < len(stdout) < 16 << 20


def test_a_message_holds_as_much_of_either_output(node: RealNode, container: str) -> None:
    script = "head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2"
    code, stdout, stderr = exec_sync(node, container, "sh", "-c", script)
    assert (code, len(stdout)) == (0, len(stderr))
    assert 16_000_000 < len(stdout + stderr) < 16 << 20


def test_many_at_once(node: RealNode, container: str) -> None:
    with ThreadPoolExecutor(50) as pool:
        outcomes = list(pool.map(lambda number: exec_sync(node, container, "echo", str(number)), range(50)))
    assert outcomes == [(0, f"{number}\n".encode(), b"") for number in range(50)]


def test_the_end_of_the_container_is_its_end(node: RealNode, pod: str, volume: Path) -> None:
    container = with_volume(node, pod, volume)
    with ThreadPoolExecutor(1) as pool:
        executing = pool.submit(exec_sync, node, container, "sh", "-c", "touch /volume/started; sleep 4321")
        eventually((volume / "started").exists)
        node.call("StopContainer", container_id=container, timeout=0)
        assert executing.result()[0] == 137


def test_a_server_that_is_killed_ends_it_and_not_the_container(node: RealNode, pod: str) -> None:
    container = node.start(pod, "sleeper")
    with ThreadPoolExecutor(1) as pool:
        executing = pool.submit(exec_sync, node, container, "sleep", "4321")
        eventually(lambda: executed(node, container) == 1)
        node.server.kill()
        assert isinstance(executing.exception(), grpc.RpcError)
    node.server.start()
    eventually(lambda: executed(node, container) == 0)
    assert exec_sync(node, container, "echo", "hi") == (0, b"hi\n", b"")


def test_the_rules_of_the_request(node: RealNode, pod: str, container: str) -> None:
    assert refusal(node, "nothing", "echo")[0] == grpc.StatusCode.NOT_FOUND
    assert refusal(node, container)[0] == grpc.StatusCode.INVALID_ARGUMENT
    assert refusal(node, container, "a\0b")[0] == grpc.StatusCode.INVALID_ARGUMENT
    created = node.call(
        "CreateContainer", pod_sandbox_id=pod, config=container_config("created", node.pull("hello"))
    ).container_id
    assert refusal(node, created, "echo")[0] == grpc.StatusCode.FAILED_PRECONDITION
    node.call("StartContainer", container_id=created)
    node.exited(created)
    assert refusal(node, created, "echo")[0] == grpc.StatusCode.FAILED_PRECONDITION


def test_what_is_executed_is_held_to_the_containers_seccomp_profile(node: RealNode, pod: str, volume: Path) -> None:
    """It may want more of the kernel than the container's own program."""
    rules = [{"names": ["connect"], "action": "SCMP_ACT_ERRNO"}]
    profile = volume / "profile.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}))
    of_node = cri.SecurityProfile(profile_type=cri.SecurityProfile.Localhost, localhost_ref=str(profile))
    linux = cri.LinuxContainerConfig(security_context=cri.LinuxContainerSecurityContext(seccomp=of_node))
    container = with_volume(node, pod, volume, linux=linux)
    (volume / "network").write_bytes(guest("network"))
    (volume / "hello").write_bytes(guest("hello"))
    assert exec_sync(node, container, "/volume/hello")[0] == 0
    _, reason = refusal(node, container, "/volume/network", "bind-udp", "127.0.0.1:0")
    assert "permission denied: seccomp profile" in reason
    assert "refuses connect, which" in reason
