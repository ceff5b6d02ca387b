"""The toolbox as WebAssembly, in containers of an image that holds it."""

import secrets
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cri_server.cri_v1 import api_pb2 as cri
from tests.images import push_layers
from tests.real_node import RealNode, container_config, eventually, real_node
from tests.seccomp_profiles import profile_refusing
from tests.toolbox.tree import tree


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    layer = tree()
    with real_node(tmp_path_factory.mktemp("toolbox") / "node") as running:
        push_layers(running.registry.address, "toolbox", [layer], cmd=("sh",))
        running.call("PullImage", image=cri.ImageSpec(image=f"{running.registry.address}/toolbox:latest"))
        yield running


@pytest.fixture
def pod(node: RealNode) -> Iterator[str]:
    sandbox = node.run_pod(f"toolbox-{secrets.token_hex(4)}")
    yield sandbox
    node.call("RemovePodSandbox", pod_sandbox_id=sandbox)


def start(node: RealNode, pod: str, *command: str, **fields: object) -> str:
    """Id of a container that runs a command of the toolbox."""
    image = f"{node.registry.address}/toolbox:latest"
    config = container_config("main", image, command=command, **fields)
    container: str = node.call("CreateContainer", pod_sandbox_id=pod, config=config).container_id
    node.call("StartContainer", container_id=container)
    return container


def output(node: RealNode, pod: str, script: str, **fields: object) -> tuple[int, list[str]]:
    """Status and output of a script."""
    container = start(node, pod, "sh", "-c", script, **fields)
    return node.exited(container).exit_code, node.log(container)


@pytest.mark.parametrize(
    ("script", "status", "lines"),
    [
        ("echo hello | cat | grep -c ell", 0, ["1"]),
        ("for i in $(seq 3); do echo $i; done | while read n; do echo n$n; done", 0, ["n1", "n2", "n3"]),
        ("while true; do echo y; done | head -n 1; exit 3", 3, ["y"]),
        ("sleep 0.01 & wait; echo waited", 0, ["waited"]),
        ("touch test.go && [ -f test.go ] && echo Found; ls -A / | grep test.go", 0, ["Found", "test.go"]),
        ("mkdir -p /tmp/a/b && echo text > /tmp/a/b/c && cat /tmp/a/b/c && rm -r /tmp/a && ls -A /tmp", 0, ["text"]),
        ("ls /nowhere 2>&1 | cat", 0, ["ls: /nowhere: No such file or directory"]),
        ("nothing", 127, ["sh: nothing: not found"]),
        ("cd /tmp; pwd", 0, ["/tmp"]),
        ("dd if=/dev/zero bs=1K count=2 status=none | wc -c", 0, ["2048"]),
        (
            """mkdir /tmp/a && cd /tmp/a && seq 3 | awk '{ s += $1; print > "kept" }
                END { close("kept"); getline n < "kept"; print s + n > "/dev/stderr" }' 2>&1
                echo x | cat kept - | awk 1 /dev/stdin""",
            0,
            ["7", "1", "2", "3", "x"],
        ),
        (
            """mkdir /tmp/a && cd /tmp/a && echo 'k 1' > one && echo 'k 2' | join one - &&
                chown 0:0 one && chown 5 one 2>&1 | cut -d: -f1-3
                echo y | awk 'BEGIN { getline n < "/dev/stdin"; print n }'; tree | tail -n 1
                chmod 600 one && sed -i 's/1/2/' one && stat -c %a one && gzip one && stat -c %a one.gz; join . -""",
            1,
            [
                *("k 1 2", "chown: one: Operation not permitted", "y", "0 directories, 1 files"),
                *("600", "600", "join: .: Is a directory"),
            ],
        ),
    ],
)
def test_a_script(node: RealNode, pod: str, script: str, status: int, lines: list[str]) -> None:
    assert output(node, pod, script) == (status, lines)


def test_the_hostname_is_the_pods(node: RealNode, pod: str) -> None:
    name = node.call("PodSandboxStatus", pod_sandbox_id=pod).status.metadata.name
    assert output(node, pod, "hostname") == (0, [name])


def test_the_user_is_the_pods(node: RealNode, pod: str) -> None:
    context = cri.LinuxContainerSecurityContext(
        run_as_user=cri.Int64Value(value=33), run_as_group=cri.Int64Value(value=1002), supplemental_groups=[1234]
    )
    script = "echo $(id -u):$(id -g):$(id -nu); id -G; grep CapBnd /proc/self/status"
    printed = output(node, pod, script, linux=cri.LinuxContainerConfig(security_context=context))
    assert printed == (0, ["33:1002:www-data", "1002 1234", "CapBnd:\t0000000000000000"])


def test_the_sockets_are_those_of_the_pods_network(node: RealNode, pod: str) -> None:
    options = cri.NamespaceOption(network=cri.NODE)
    linux = cri.LinuxPodSandboxConfig(security_context=cri.LinuxSandboxSecurityContext(namespace_options=options))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        script = f"netstat -ln | grep 'tcp .* 127.0.0.1:{listener.getsockname()[1]} '"
        of_host = node.run_pod("in-the-hosts-network", linux=linux)
        try:
            status, [listed] = output(node, of_host, script)
        finally:
            node.call("RemovePodSandbox", pod_sandbox_id=of_host)
        assert (status, listed.split()[0], listed.split()[-1]) == (0, "tcp", "LISTEN")
        assert output(node, pod, f"netstat -ln > /tmp/all && ! {script}; netstat -rn | grep -c UG") == (0, ["1"])


def test_a_profile_that_refuses_to_change_modes_is_kept(node: RealNode, pod: str, tmp_path: Path) -> None:
    context = cri.LinuxContainerSecurityContext(seccomp=profile_refusing(tmp_path, "fchmodat"))
    script = "touch /tmp/file; chmod 400 /tmp/file"
    printed = output(node, pod, script, linux=cri.LinuxContainerConfig(security_context=context))
    assert printed == (1, ["chmod: /tmp/file: Operation not permitted"])


def test_a_command_by_its_name(node: RealNode, pod: str) -> None:
    container = start(node, pod, "echo", "hello World")
    assert (node.exited(container).exit_code, node.log(container)) == (0, ["hello World"])


def test_every_run_has_words_variables_and_random_numbers_of_its_own(node: RealNode, pod: str) -> None:
    script = 'echo "$GREETING" $(pwd) "$@"; mktemp -u /XXXXXXXXXX; echo $RANDOM$RANDOM$RANDOM$RANDOM'
    printed = []
    for word, place in (("one", "/tmp"), ("two", "/var")):
        envs = [cri.KeyValue(key="GREETING", value=f"a={word} ü".encode())]
        container = start(node, pod, "sh", "-c", script, "sh", word, "", envs=envs, working_dir=place)
        node.exited(container)
        said, *drawn = node.log(container)[-3:]  # the log is the next one's, too
        node.call("RemoveContainer", container_id=container)
        assert said == f"a={word} ü {place} {word} "
        printed += drawn
    assert len({*printed}) == 4


def test_a_shell_by_its_path_speaks_of_itself_so(node: RealNode, pod: str) -> None:
    container = start(node, pod, "/bin/sh", "-c", "nothing")
    assert (node.exited(container).exit_code, node.log(container)) == (127, ["/bin/sh: nothing: not found"])


def test_top_runs_until_it_is_stopped(node: RealNode, pod: str) -> None:
    container = start(node, pod, "top")
    eventually(lambda: any(line.endswith("top") for line in node.log(container)))
    node.call("StopContainer", container_id=container, timeout=240)
    assert node.exited(container).exit_code == 128 + signal.SIGTERM


def test_a_block_larger_than_the_memory_limit(node: RealNode, pod: str) -> None:
    resources = cri.LinuxContainerResources(memory_limit_in_bytes=15 << 20)
    linux = cri.LinuxContainerConfig(resources=resources)
    container = start(node, pod, "sh", "-c", "dd if=/dev/zero of=/dev/null bs=20M", linux=linux)
    status = node.exited(container)
    assert (status.exit_code, status.reason) == (128 + signal.SIGKILL, "OOMKilled")


def test_small_commands_fit_below_the_same_limit(node: RealNode, pod: str) -> None:
    resources = cri.LinuxContainerResources(memory_limit_in_bytes=15 << 20)
    linux = cri.LinuxContainerConfig(resources=resources)
    assert output(node, pod, "echo a | grep a; seq 1000 | wc -l", linux=linux) == (0, ["a", "1000"])


def test_a_volume_is_listed(node: RealNode, pod: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    mounts = [cri.Mount(host_path=str(tmp_path), container_path="/mnt/volume")]
    assert output(node, pod, "ls -A /mnt/volume", mounts=mounts) == (0, ["file"])
