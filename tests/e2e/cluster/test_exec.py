"""kubectl exec, cp, attach, run and debug, and what the kubelet executes of itself."""

import glob
import hashlib
import os
import subprocess
from pathlib import Path

from tests.e2e.cluster.kubectl import SECONDS, eventually
from tests.e2e.cluster.shell import ran, shell, shell_image
from tests.e2e.cluster.test_probes import go_through_all_probes, probes, run, wait
from tests.e2e.cluster.together import Case, together
from tests.e2e.cluster.typist import typing_at
from tests.e2e.cluster.web import flags, service, web
from tests.e2e.cluster.workloads import deployment, pod, template
from tests.e2e.pods import ended, seen_at, status_of
from tests.e2e.screen import BACKSPACE, ENTER, LEFT, UP, control, screen_of

MUCH = 50 << 20
READY = "condition=Ready"


def start(case: Case, name: str = "open") -> None:
    """A pod whose image has no shell."""
    case.kubectl.apply(pod(name, case.tool("sleep 10000"), volumes=case.volumes()))
    case.kubectl.wait(f"pod/{name}", READY)


@together
def test_exit_codes_and_both_outputs(case: Case) -> None:
    start(case)
    for code in (0, 3, 127):
        done = ran(case.kubectl, "exec", "open", "--", "sh", "-c", f"echo out; echo err >&2; exit {code}")
        assert (done.returncode, done.stdout) == (code, b"out\n")
        assert done.stderr.startswith(b"err\n")
    done = ran(case.kubectl, "exec", "open", "--", "there-is-no-such-thing")
    assert done.returncode == 127
    assert b'exec: "there-is-no-such-thing": executable file not found' in done.stderr


@together
def test_input_to_its_end(case: Case) -> None:
    start(case)
    data = os.urandom(1 << 20)
    assert ran(case.kubectl, "exec", "-i", "open", "--", "cat", given=data).stdout == data
    assert ran(case.kubectl, "exec", "open", "--", "cat", given=data).stdout == b"", "without -i there is none"


@together
def test_a_shell_in_a_terminal(case: Case) -> None:
    start(case)
    with screen_of(case.kubectl.command("exec", "-it", "open", "--", "sh")) as screen:
        screen.shows("/ #")
        screen.type("echo $((6 * 7)) anwers", *[LEFT] * 4, "s", ENTER)
        screen.shows("/ # echo $((6 * 7)) answers", "42 answers", "/ #")
        screen.type(UP, control("a"), control("k"), "stty size", ENTER)
        screen.shows("42 answers", "/ # stty size", "24 80", "/ #")
        screen.type("cat", ENTER, "echoed", BACKSPACE, ENTER, control("d"))
        screen.shows("/ # cat", "echoe", "echoe", "/ #")
        screen.resize(100, 30)
        screen.type("until [ $COLUMNS = 100 ]; do sleep 0.1; done; stty size; sleep 4321", ENTER)
        screen.shows("30 100")
        screen.type(control("c"), "exit $?", ENTER)
        assert screen.ends() == 130
    with screen_of(case.kubectl.command("exec", "-it", "open", "--", "sh")) as screen:
        screen.shows("/ #")
        screen.type(control("d"))
        assert screen.ends() == 0


@together
def test_many_at_a_time(case: Case) -> None:
    start(case)
    commands = [case.kubectl.command("exec", "open", "--", "sh", "-c", f"echo {n}; exit {n}") for n in range(20)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for command in commands]
    said = [each.communicate()[0] for each in running]
    assert [each.returncode for each in running] == list(range(20))
    assert said == [f"{number}\n".encode() for number in range(20)]


@together
def test_attach_to_a_guest_that_reads(case: Case) -> None:
    source = {"stdin": True, "stdinOnce": True}
    command = ("sh", "-c", "while read line; do echo heard $line; done; echo over")
    case.kubectl.apply(pod("listening", shell(case, *command, **source), restartPolicy="Never"))
    case.kubectl.wait("pod/listening", READY)
    done = ran(case.kubectl, "attach", "-i", "listening", given=b"one\ntwo\n")
    assert done.returncode == 0
    assert done.stdout == b"heard one\nheard two\nover\n"
    assert case.kubectl.log("listening", lines=3) == ["heard one", "heard two", "over"]
    assert ended(case.kubectl.when("pod/listening", lambda pod: bool(ended(pod))))["exitCode"] == 0


@together
def test_attach_to_a_shell_at_its_terminal(case: Case) -> None:
    case.kubectl.apply(pod("shell", shell(case, "sh", stdin=True, tty=True), restartPolicy="Never"))
    case.kubectl.wait("pod/shell", READY)
    with typing_at(case.kubectl.command("attach", "-it", "shell")) as typist:
        typist.type("\rmine=kept; echo $((6 * 7))\r")
        typist.until("42")
    with typing_at(case.kubectl.command("attach", "-it", "shell"), columns=100, lines=30) as typist:
        typist.type("\r")
        typist.until("/ #")  # now kubectl passes keys on: before, ^C would be for itself
        typist.type("sleep 4321\r")
        typist.until("sleep 4321")
        typist.type("\x03echo $mine; until [ $COLUMNS = 100 ]; do sleep 0.1; done; stty size; exit 5\r")
        typist.until("kept")
        typist.until("30 100")
    assert ended(case.kubectl.when("pod/shell", lambda pod: bool(ended(pod))))["exitCode"] == 5


@together
def test_run_with_a_terminal_leaves_nothing(case: Case) -> None:
    image = shell_image(case)
    options = ("--rm", "--restart=Never", f"--pod-running-timeout={SECONDS}s", f"--image={image}", "--command")
    command = ("run", "quick", "-it", *options, "--", "sh")
    with typing_at(case.kubectl.command(*command)) as typist:
        typist.until("If you don't see a command prompt")
        typist.type("\recho I am $((40 + 2))\r")
        typist.until("I am 42")
        typist.type("exit\r")
        assert typist.exit_code() == 0
        typist.until('pod "quick" deleted')
    eventually(lambda: not case.kubectl.objects("pod"), "it is gone")


@together
def test_debug_looks_into_a_pod_from_an_ephemeral_container(case: Case) -> None:
    start(case)
    image = shell_image(case)
    command = ("debug", "open", "-it", f"--image={image}", "--container=debugger", "--target=main", "--", "sh")
    with typing_at(case.kubectl.command(*command)) as typist:
        typist.until("If you don't see a command prompt")
        typist.type("\recho looking at $(hostname)\r")
        typist.until("looking at open")
        typist.type("exit 3\r")
        typist.exit_code()
    found = case.kubectl.when("pod/open", lambda pod: bool(ended(pod, "debugger")))
    assert ended(found, "debugger")["exitCode"] == 3


@together
def test_much_into_a_file_and_out_of_it(case: Case) -> None:
    volumes = case.volumes(data={"emptyDir": {}})
    case.kubectl.apply(pod("keeper", case.tool("sleep 10000", seen={"data": "/data"}), volumes=volumes))
    case.kubectl.wait("pod/keeper", READY)
    data = os.urandom(1 << 20) * (MUCH >> 20)
    assert ran(case.kubectl, "exec", "-i", "keeper", "--", "sh", "-c", "cat > /data/kept", given=data).returncode == 0
    back = ran(case.kubectl, "exec", "keeper", "--", "cat", "/data/kept").stdout
    assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()


@together
def test_cp_of_much_both_ways(case: Case) -> None:
    volumes = case.volumes(data={"emptyDir": {}})
    case.kubectl.apply(pod("keeper", case.tool("sleep 10000", seen={"data": "/data"}), volumes=volumes))
    case.kubectl.wait("pod/keeper", READY)
    sent, back = case.folder / "sent", case.folder / "back"
    sent.write_bytes(os.urandom(1 << 20) * (MUCH >> 20))
    digest = hashlib.sha256(sent.read_bytes()).hexdigest()
    case.kubectl("cp", str(sent), "keeper:/data/kept")
    assert case.kubectl("exec", "keeper", "--", "sha256sum", "/data/kept").split()[0] == digest
    case.kubectl("cp", "keeper:/data/kept", str(back))
    assert hashlib.sha256(back.read_bytes()).hexdigest() == digest


@together
def test_cp_of_a_folder_both_ways(case: Case) -> None:
    start(case)
    sent, back = case.folder / "sent", case.folder / "back"
    (sent / "sub").mkdir(parents=True)
    (sent / "a file").write_text("a")
    (sent / "sub" / "program").write_text("b")
    (sent / "sub" / "program").chmod(0o751)
    (sent / "link").symlink_to("sub/program")
    (sent / "absolute").symlink_to("/etc/hosts")
    case.kubectl("cp", str(sent), "open:/tmp/kept")
    assert case.kubectl("exec", "open", "--", "readlink", "/tmp/kept/absolute") == "/etc/hosts\n"
    assert case.kubectl("exec", "open", "--", "cat", "/tmp/kept/a file", "/tmp/kept/link") == "ab"
    assert case.kubectl("exec", "open", "--", "stat", "-c", "%a", "/tmp/kept/sub/program") == "751\n"
    case.kubectl("cp", "open:/tmp/kept", str(back))
    assert {str(path.relative_to(back)) for path in back.rglob("*")} == {"a file", "sub", "sub/program"}, "no links"
    assert (back / "sub" / "program").read_text() == "b"


@together
def test_commands_reach_a_service_by_its_name(case: Case) -> None:
    start(case)
    serving = template("web", web(case, "http_minimal"), volumes=flags(case))
    case.kubectl.apply(deployment("web", 1, serving), service("web"))
    case.kubectl.wait_for_rollout("deployment/web")
    address = case.kubectl.get("service/web")["spec"]["clusterIP"]
    case.cluster.names[f"web.{case.kubectl.namespace}.svc.cluster.local"] = [address]
    knocking = ("exec", "open", "--", "nc", "-z", "web", "80")
    eventually(lambda: ran(case.kubectl, *knocking).returncode == 0, "the service is reached")
    talking = r"printf 'GET / HTTP/1.0\r\n\r\n' | nc web 80 | tail -n 1"
    script = f"nslookup web | tail -n 2; wget -q -O - http://web/; {talking}"
    assert case.kubectl("exec", "open", "--", "sh", "-c", script).split() == ["Address:", address, "hello", "hello"]
    lost = ran(case.kubectl, "exec", "open", "--", "nslookup", "nobody")
    assert (lost.returncode, b"can't find nobody: NXDOMAIN" in lost.stdout) == (1, True)


@together
def test_a_server_that_dies_takes_the_exec_with_it_and_nothing_else(case: Case) -> None:
    start(case)
    command = case.kubectl.command("exec", "open", "--", "sh", "-c", "echo begun; sleep 4321")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == b"begun\n"
            container = status_of(case.kubectl.get("pod/open"))["containerID"].removeprefix("wasmlet://")
            assert len(_processes_of(container)) == 2
            case.strike_unnoticed()
            assert running.stdout.read() == b""
        finally:
            running.kill()
    assert case.kubectl("exec", "open", "--", "echo", "again") == "again\n"
    eventually(lambda: len(_processes_of(container)) == 1, "the exec'd command is gone")


def _processes_of(container: str) -> set[str]:
    """Process ids, of the container and of what is executed in it. Groups of other pods may go meanwhile."""
    lists = glob.glob(f"/sys/fs/cgroup/**/{container}/cgroup.procs", recursive=True)
    return {pid for each in lists for pid in Path(each).read_text().split()}


@together
def test_probes_that_execute(case: Case) -> None:
    def lacks(flag: str) -> dict[str, object]:
        return {"exec": {"command": ["sh", "-c", f"! test -e /flags/{flag}"]}}

    go_through_all_probes(case, shell(case, "sleep", "10000", volumeMounts=seen_at(flags="/flags"), **probes(lacks)))


@together
def test_hooks_that_execute(case: Case) -> None:
    def noting(words: str) -> dict[str, object]:
        return {"exec": {"command": ["sh", "-c", f"echo {words} >> /flags/notes"]}}

    hooks = {"postStart": noting("started"), "preStop": noting("leaving")}
    run(case, shell(case, "sleep", "10000", volumeMounts=seen_at(flags="/flags"), lifecycle=hooks))
    wait(case, READY)
    case.kubectl.delete("pod/probed")
    assert (case.folder / "notes").read_text() == "started\nleaving\n"
