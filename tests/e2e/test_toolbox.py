"""The toolbox beside a program that has no shell: commands by crictl, and a person at a terminal."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.screen import BACKSPACE, DOWN, ENTER, ESCAPE, HOME, LEFT, TAB, UP, Screen, control, screen_of
from tests.e2e.terminal import Terminal
from tests.prerequisites import require_file
from tests.real_node import real_node
from tests.toolbox.tree import WASM

_MEGABYTE = 1 << 20


class Pod:
    """A guest that sleeps, and whoever executes something beside it."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.container = terminal.start(terminal.run_pod("toolbox"), "sleeper")

    def command(self, *words: str, options: str = "") -> list[str]:
        return self._terminal.crictl.command("exec", *options.split(), self.container, *words)

    def run(self, script: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        options = "-i" if given else ""
        return subprocess.run(self.command("sh", "-c", script, options=options), input=given, capture_output=True)

    def says(self, script: str, given: bytes = b"") -> str:
        done = self.run(script, given)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    require_file(WASM, "run 'make toolbox', which needs Go")
    folder = tmp_path_factory.mktemp("toolbox")
    with real_node(folder / "node", '[exec]\ntoolbox = "builtin"\n') as node:
        yield Pod(Terminal(node, node.registry.address, folder / "terminal"))


@pytest.fixture
def screen(pod: Pod) -> Iterator[Screen]:
    with screen_of(pod.command("sh", options="-it")) as screen:
        screen.shows("/ #")
        yield screen
        screen.type(control("c"), "exit 0", ENTER)
        assert screen.ends() == 0


def test_files_have_the_modes_and_owners_that_they_have(pod: Pod) -> None:
    script = "cd /tmp; touch file; chmod 640 file; stat -c '%a %A %u' file; ln -s file link; ls -l link | cut -c1-10"
    assert pod.says(script) == "640 -rw-r----- 0\nlrwxrwxrwx\n"


def test_the_space_of_the_file_system_is_told(pod: Pod) -> None:
    assert int(pod.says("df /tmp | tail -n 1 | sed 's/  */ /g' | cut -d' ' -f2")) > 0


def test_the_guests_of_the_pod_are_listed(pod: Pod) -> None:
    listed = [line.split(None, 2) for line in pod.says("ps -o pid,comm,container").splitlines()[1:]]
    assert [(name, container) for _, name, container in listed] == [("main.wasm", "main"), ("sh", "main (exec)")]


def test_a_guest_of_the_pod_is_sent_a_signal(pod: Pod) -> None:
    with subprocess.Popen(pod.command("sleep", "1000")) as sleeping:
        pod.says("until pgrep sleep; do sleep 0.1; done; pkill -KILL sleep")
        assert sleeping.wait() != 0


def test_a_shell_knows_its_own_number(pod: Pod) -> None:
    assert pod.says('ps -o pid,comm | sed -n "s/^ *$$ *//p"') == "sh\n"
    killed = pod.run("kill -9 $$; echo still there")
    assert (killed.stdout, b"exit code 137" in killed.stderr) == (b"", True)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("kill 1", "sh: kill: can't kill pid 1: No such process\n"),
        ("kill 99999", "sh: kill: can't kill pid 99999: No such process\n"),
        ("nc -w 5 127.0.0.1 1", "nc: can't connect to remote host (127.0.0.1:1): Connection refused\n"),
        ("wget -q -O - http://127.0.0.1:1/", "wget: can't connect to remote host (127.0.0.1): Connection refused\n"),
    ],
)
def test_what_cannot_be_done_says_so(pod: Pod, script: str, complaint: str) -> None:
    done = pod.run(script)
    assert (done.returncode, done.stderr.decode().splitlines(keepends=True)[0]) == (1, complaint)


@pytest.mark.parametrize(
    ("script", "output"),
    [
        (
            "mkdir -p a/b; touch a/b/c; cp -r a copy; mv copy moved; ln -s a link; rm -r a; ls -F",
            "link@\nmoved/\npoem\n",
        ),
        (
            "cat poem | head -n 2 | tail -n 1; wc -l < poem; grep -n e$ poem; sed -n 's/w/W/p' poem",
            "two\n3\n1:one\n3:three\ntWo\n",
        ),
        (
            "sort -r poem | tr a-z A-Z; echo; printf 'a\\na\\n' | uniq -c; cut -c1 poem",
            "TWO\nTHREE\nONE\n\n      2 a\no\nt\nt\n",
        ),
        (
            "tee copy < poem | xargs echo; find . -name 'c*'; stat -c %s copy; du -s copy",
            "one two three\n./copy\n14\n4\tcopy\n",
        ),
        ("dd if=poem bs=1 skip=4 count=3 status=none; echo; base64 poem", "two\nb25lCnR3bwp0aHJlZQo=\n"),
        ("head -c 3 poem | hexdump -C", f"00000000  6f 6e 65{' ' * 42}|one|\n00000003\n"),
        ("sha256sum < poem", "b6285c57e8797db5d4c51c80d6f11938afda9b11c6a003549709189e9b4b92a2  -\n"),
        ("tar czf a.tgz poem; tar tzf a.tgz; env -i A=1 env; date -u -d @0 +%F; id -u", "poem\nA=1\n1970-01-01\n0\n"),
        ("hostname; sleep 1000 & kill $!; wait $!; echo $?", "toolbox\n143\n"),
    ],
)
def test_commands_do_as_webassembly_what_they_do_elsewhere(pod: Pod, script: str, output: str) -> None:
    """Natively they are compared with busybox."""
    prepared = "rm -rf /tmp/work; mkdir /tmp/work; cd /tmp/work; printf 'one\\ntwo\\nthree\\n' > poem; "
    assert pod.says(prepared + script) == output


def test_a_large_input_passes_unharmed(pod: Pod) -> None:
    data = os.urandom(20 * _MEGABYTE)
    digest = hashlib.sha256(data).hexdigest()
    assert pod.says("tee /tmp/large | sha256sum; sha256sum < /tmp/large", data).split() == [digest, "-", digest, "-"]
    assert hashlib.sha256(pod.run("cat /tmp/large").stdout).hexdigest() == digest


def test_archives_are_packed_and_unpacked(pod: Pod, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(os.urandom(_MEGABYTE))
    packed = subprocess.run(["tar", "cf", "-", "-C", tmp_path, "folder"], capture_output=True, check=True).stdout
    digest = hashlib.sha256((tmp_path / "folder" / "file").read_bytes()).hexdigest()
    assert (
        pod.says("mkdir -p /tmp/in && tar -xmf - -C /tmp/in && sha256sum < /tmp/in/folder/file", packed).split()[0]
        == digest
    )
    back = pod.run("tar cf - /tmp/in/folder").stdout
    subprocess.run(["tar", "xf", "-", "-C", tmp_path], input=back, check=True)
    assert hashlib.sha256((tmp_path / "tmp" / "in" / "folder" / "file").read_bytes()).hexdigest() == digest


def test_links_may_lead_to_absolute_paths(pod: Pod) -> None:
    """As those of an archive that comes by kubectl cp. WASI itself makes none."""
    script = """mkdir -p /tmp/links/kept && cd /tmp/links && ln -s /etc/hosts new && ln -sf /nowhere new && readlink new
        tar cf - new | tar xf - -C kept && ls -l kept | tail -n 1 | sed 's/.* new/new/'
        ln -s /etc/hosts new; stat -c %F new; cat new"""
    done = pod.run(script)
    assert done.stdout.decode().splitlines() == ["/nowhere", "new -> /nowhere", "symbolic link"]
    complaints = ["ln: /tmp/links/new: File exists", "cat: new: Operation not permitted"]
    assert done.stderr.decode().splitlines()[:2] == complaints


def test_a_line_is_edited(screen: Screen) -> None:
    screen.type("echo helo", LEFT, "l", ENTER)
    screen.shows("/ # echo hello", "hello", "/ #")
    screen.type(UP, HOME, control("k"), "xpwd", BACKSPACE, BACKSPACE, BACKSPACE, BACKSPACE, "pwd", ENTER)
    screen.shows("/ # pwd", "/", "/ #")
    screen.type(UP, UP, DOWN, ENTER)
    screen.shows("/ # pwd", "/", "/ # pwd", "/", "/ #")


def test_names_are_completed(screen: Screen) -> None:
    screen.type("sha25", TAB, "/etc/host", TAB, control("u"), "echo /t", TAB, ENTER)
    screen.shows("/ # echo /tmp/", "/tmp/", "/ #")


@pytest.mark.parametrize(
    "command",
    [
        "sleep 1000",
        "while true; do :; done",
        "cat",
        "yes > /dev/null",
        "sleep 9 | cat",
        "awk '{ print }'",
        "awk 'BEGIN { for (;;); }'",
    ],
)
def test_a_command_is_interrupted(screen: Screen, command: str) -> None:
    screen.type(command, ENTER)
    screen.shows_somewhere(command)
    screen.type("typed", control("c"))
    screen.shows("/ #")
    screen.type("echo $?", ENTER)
    screen.shows("/ # echo $?", "130", "/ #")


def test_a_job_is_stopped_and_continued(screen: Screen) -> None:
    screen.type("(echo begun; sleep 1000)", ENTER)
    screen.shows("begun")  # a ^Z before would be for the shell
    screen.type(control("z"))
    screen.shows("begun", "^Z", f"[1]+  {'Stopped':25}  (echo begun; sleep 1000)", "/ #")
    screen.type("clear; bg; jobs; kill -STOP %1; jobs; kill %1; wait %1; echo $?", ENTER)
    screen.shows(
        "[1] (echo begun; sleep 1000) &",
        f"[1]+  {'Running':25}  (echo begun; sleep 1000) &",
        f"[1]+  {'Stopped (signal)':25}  (echo begun; sleep 1000)",
        "143",
        "/ #",
    )


def test_what_is_typed_is_not_for_a_stopped_job(screen: Screen) -> None:
    screen.type("cat | cat", ENTER, "one", ENTER)
    screen.shows("one", "one")
    screen.type(control("z"))
    screen.shows("^Z", f"[1]+  {'Stopped':25}  cat|cat", "/ #")
    screen.type("echo two", ENTER)
    screen.shows("/ # echo two", "two", "/ #")
    screen.type("fg", ENTER)
    screen.shows("/ # fg", "cat|cat")
    screen.type("three", ENTER)
    screen.shows("/ # fg", "cat|cat", "three", "three")
    screen.type(control("d"))
    screen.shows("three", "/ #")
    screen.type("echo $?; jobs", ENTER)
    screen.shows("three", "/ # echo $?; jobs", "0", "/ #")


def test_a_job_in_the_background_may_write_but_not_read(screen: Screen) -> None:
    screen.type("(read line; echo got $line) > /tmp/read & until jobs -s | grep read; do sleep 0.1; done")
    screen.type(ENTER)
    screen.shows_somewhere("Stopped (tty input)")
    screen.type("fg", ENTER, "words", ENTER)
    screen.type("clear; cat /tmp/read", ENTER)
    screen.shows("got words", "/ #")


def test_a_stopped_job_says_nothing_until_it_is_continued(screen: Screen) -> None:
    screen.type("(echo begun >&2; while sleep 0.02; do echo tick; done) > /tmp/ticks", ENTER)
    screen.shows("begun")
    screen.type(control("z"))
    screen.shows_somewhere("Stopped")
    screen.type("clear; a=$(wc -c < /tmp/ticks); sleep 0.2; b=$(wc -c < /tmp/ticks); echo $((b - a))", ENTER)
    screen.shows("0", "/ #")
    screen.type("bg; until [ $(wc -c < /tmp/ticks) -gt $b ]; do sleep 0.1; done; kill -9 %1; wait %1; echo $?", ENTER)
    screen.shows("137", "/ #")


def test_an_editor_is_stopped_and_continued(screen: Screen) -> None:
    screen.type("vi /tmp/kept", ENTER)
    screen.shows_somewhere("[New file]")
    screen.type("itext", ESCAPE, control("z"))
    screen.shows_somewhere(f"[1]+  {'Stopped':25}  vi /tmp/kept")
    screen.type("clear", ENTER)
    screen.shows_nothing_but("/ #")
    screen.type("exit", ENTER)
    screen.shows("/ # exit", "You have stopped jobs.", "/ #")
    screen.type("fg", ENTER)
    screen.shows_somewhere("text")
    screen.type(":wq", ENTER, "clear; cat /tmp/kept", ENTER)
    screen.shows("text", "/ #")


def test_an_editor_that_is_killed_while_it_is_stopped_leaves_the_screen_alone(screen: Screen) -> None:
    screen.type("vi /tmp/gone", ENTER)
    screen.shows_somewhere("[New file]")
    screen.type("itext", ESCAPE, control("z"))
    screen.shows_somewhere(f"[1]+  {'Stopped':25}  vi /tmp/gone")
    screen.type("clear; kill %1; wait %1; echo $?; read line; echo got $line", ENTER)
    screen.shows("143")
    screen.type("words", ENTER)
    screen.shows("143", "words", "got words", "/ #")


def test_what_the_shell_does_at_its_end_is_not_stopped(pod: Pod) -> None:
    with screen_of(pod.command("sh", options="-it")) as screen:
        screen.shows("/ #")
        screen.type("trap 'sleep 1; echo $(echo at the) end' EXIT; exit 3", ENTER)
        screen.shows_somewhere("exit 3")
        screen.type(control("z"))
        screen.shows_somewhere("at the end")
        assert screen.ends() == 1
        screen.shows_somewhere("exit code 3")


def test_input_is_echoed_and_ends(screen: Screen) -> None:
    screen.type("cat", ENTER, "abx", BACKSPACE, "c", ENTER, control("d"))
    screen.shows("/ # cat", "abc", "abc", "/ #")


def test_a_command_has_several_lines(screen: Screen) -> None:
    screen.type("for i in 1 2", ENTER, "do echo $i; done", ENTER)
    screen.shows("/ # for i in 1 2", "> do echo $i; done", "1", "2", "/ #")


def test_the_window_changes(screen: Screen) -> None:
    screen.type("stty size", ENTER)
    screen.shows("/ # stty size", "24 80", "/ #")
    screen.resize(100, 30)
    screen.type("until [ $COLUMNS = 100 ]; do sleep 0.1; done; stty size", ENTER)
    screen.shows("30 100", "/ #")


def test_a_file_is_edited(pod: Pod, screen: Screen) -> None:
    screen.type("vi /tmp/text", ENTER)
    screen.shows_somewhere("[New file]")
    screen.type("ifirst", ENTER, "second", ESCAPE, "ggyyGp", ":wq", ENTER)
    screen.shows_somewhere("/ #")
    assert pod.says("cat /tmp/text") == "first\nsecond\nfirst\n"


def test_the_end_of_the_input_ends_the_shell(pod: Pod) -> None:
    with screen_of(pod.command("sh", options="-it")) as screen:
        screen.shows("/ #")
        screen.type(control("d"))
        assert screen.ends() == 0
