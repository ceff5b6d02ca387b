"""The command ``wasmlet serve`` as an operator meets it. Real processes; what needs root is skipped without it."""

import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from tests.prerequisites import require_root
from tests.real_node import RealNode
from tests.wasmlet_server import WASMLET, is_zygote


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([WASMLET, *arguments], capture_output=True, text=True, timeout=240)


def test_the_version_is_printed() -> None:
    result = run("--version")
    assert result.returncode == 0
    assert result.stdout.startswith("wasmlet ")


def test_the_default_configuration_is_printed() -> None:
    assert run("config", "default").stdout.startswith("# Configuration of wasmlet")


def test_wrong_usage_has_an_exit_status_of_its_own() -> None:
    assert run("serve", "--no-such-option").returncode == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('sockt = "/x"', 'config.toml: sockt: unknown key; did you mean "socket"?'),
        (
            'root = "/proc/nowhere"',
            "config.toml: root: /proc/nowhere cannot be used: No such file or directory; choose a directory",
        ),
        ('root = "/dev/null"', "config.toml: root: /dev/null cannot be used: File exists; choose a directory"),
    ],
)
def test_a_server_that_cannot_start_says_why_in_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    result = run("serve", "--config", tmp_path / "config.toml", "--state", tmp_path / "state")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("wasmlet: ")
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_path_of_the_command_line_that_cannot_be_used_is_named_as_its_option(tmp_path: Path) -> None:
    result = run("serve", f"--socket={tmp_path}/{'x' * 300}", f"--root={tmp_path}/root", f"--state={tmp_path}/state")
    assert result.returncode == 1
    assert result.stderr.startswith("wasmlet: option --socket: ")
    assert result.stderr.endswith(" cannot be made: File name too long; choose another path\n")


def test_what_only_a_server_needs_is_not_imported_to_print_something() -> None:
    program = "import cri_server.main, sys; print([m for m in ('grpc', 'pyroute2', 'structlog') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"


def test_the_socket_is_for_root_and_its_group(server: RealNode) -> None:
    mode = server.server.socket.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660


def test_both_services_answer_at_their_first_calls(server: RealNode) -> None:
    with server.client as client:
        assert client.call("Version", cri.VersionRequest(version="v1")).runtime_name == "wasmlet"
        [usage] = client.call("ImageFsInfo", cri.ImageFsInfoRequest()).image_filesystems
        assert Path(usage.fs_id.mountpoint).is_dir()
        conditions = client.call("Status", cri.StatusRequest()).status.conditions
        assert {each.type: each.status for each in conditions} == {"RuntimeReady": True, "NetworkReady": True}


def test_a_server_may_open_as_many_files_as_the_machine_lets_it(server: RealNode) -> None:
    process = server.server.process
    assert process is not None
    soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard


def test_the_log_is_json_where_nobody_looks(server: RealNode) -> None:
    written = server.server.log.read_text().splitlines()
    lines = [json.loads(line) for line in written if line.startswith("{")]  # gRPC's core may have something to say
    [serving] = [line for line in lines if line["event"] == "serving"]
    assert serving["socket"] == str(server.server.socket)
    assert serving["level"] == "info"


@pytest.mark.parametrize("shared", ["root", "state", "socket"])
def test_a_second_server_never_shares_a_path(server: RealNode, tmp_path: Path, shared: str) -> None:
    paths = {name: tmp_path / "second" / name for name in ("root", "state", "socket")}
    paths[shared] = getattr(server.server, shared)
    result = run("serve", *(f"--{name}={path}" for name, path in paths.items()))
    assert result.returncode == 1
    process = server.server.process
    assert process is not None
    assert (
        f"is in use by another wasmlet (process {process.pid}); give each server a {shared} of its own" in result.stderr
    )
    with server.client as client:
        client.call("Version", cri.VersionRequest())


def test_another_programs_socket_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        result = run("serve", f"--socket={path}", f"--root={tmp_path / 'root'}", f"--state={tmp_path / 'state'}")
    assert result.returncode == 1
    assert f"a server is listening on {path} already" in result.stderr


def test_a_killed_servers_socket_is_replaced(server: RealNode) -> None:
    server.server.kill()
    assert server.server.socket.exists()
    server.server.start()


def test_an_ended_server_takes_its_socket_and_its_zygote_along(server: RealNode) -> None:
    process = server.server.process
    assert process is not None
    [zygote] = server.server.zygotes()
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=240) == 0
    assert not server.server.socket.exists()
    assert not is_zygote(zygote)


def test_systemd_is_told_when_the_server_serves(server: RealNode, tmp_path: Path) -> None:
    server.server.stop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(240)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
            server.server.launch()
        assert notified.recv(100) == b"READY=1"
    with server.client as client:
        client.call("Version", cri.VersionRequest())


def test_a_client_of_a_stopped_server_is_refused_not_kept_waiting(server: RealNode) -> None:
    server.server.stop()
    with server.client as client, pytest.raises(grpc.RpcError) as refused:
        client.call("Version", cri.VersionRequest())
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("key", ["root", "state"])
@pytest.mark.parametrize(("uid", "mode"), [(0, 0o777), (0, 0o770), (65534, 0o700)])
def test_a_folder_that_others_can_change_is_refused(tmp_path: Path, key: str, uid: int, mode: int) -> None:
    require_root()
    folders = {name: tmp_path / name for name in ("root", "state")}
    folders[key].mkdir()
    folders[key].chmod(mode)
    os.chown(folders[key], uid, uid)
    options = [f"--{name}={folder}" for name, folder in folders.items()]
    result = run("serve", f"--socket={tmp_path}/socket", *options)
    assert result.returncode == 1
    assert f"{folders[key]} can be changed by others than root; give it to root" in result.stderr
