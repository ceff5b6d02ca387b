"""Guests as they run after a fork: what they are told, what they say, how they end."""

from pathlib import Path

import pytest

from tests.guests.compiled import guest
from tests.sandbox.wasm.conftest import Host


@pytest.mark.parametrize(("name", "use"), [("arguments", []), ("component", ["variables"])])
def test_environment(host: Host, name: str, use: list[str]) -> None:
    env = [("PATH", "/bin"), ("EMPTY", ""), ("EQUALS", "a=b=c"), ("TEXT", "grüße\tzwei  Wörter")]
    lines = host.run(name, *use, env=env).stdout.decode().splitlines()
    assert lines[-len(env) :] == [f"{key}={value}" for key, value in env]


@pytest.mark.parametrize(("name", "use"), [("arguments", []), ("component", ["arguments"])])
def test_arguments(host: Host, name: str, use: list[str]) -> None:
    words = [*use, "", "two words", "ünïcödé", "-x", "'\"$(id)"]
    assert host.run(name, *words).stdout.decode().splitlines() == [name, *words]


@pytest.mark.parametrize("number", [0, 1, 63, 64, 65, 1000])
def test_any_number_of_arguments_and_variables(host: Host, number: int) -> None:
    argv = [f"word{each}" for each in range(number)]
    env = [(f"NAME{each}", f"value{each}") for each in range(number)]
    lines = host.run("arguments", argv=argv, env=env).stdout.decode().splitlines()
    assert lines == [*argv, *(f"{name}={value}" for name, value in env)]


def test_strings_that_wasi_cannot_carry_are_named(host: Host) -> None:
    for changes, subject in (
        ({"argv": ["x", "caf\udce9"]}, "argument is not UTF-8"),
        ({"env": [["KEY", "\udcff"]]}, "environment variable KEY is not UTF-8"),
        ({"env": [["K\udcff", "x"]]}, "name of an environment variable is not UTF-8"),
        ({"env": [["KEY", "a\0b"]]}, "environment variable KEY has a NUL byte"),
    ):
        assert subject in host.run("hello", **changes).outcome["failure"]


def test_both_outputs(host: Host) -> None:
    ran = host.run("both_streams")
    assert (ran.stdout, ran.stderr) == (b"out\n", b"err\n")


def test_input_to_its_end(host: Host) -> None:
    text = bytes(range(256)) * 1000
    assert host.run("stdin_block", stdin=text).stdout == text + b"eof\n"


def test_a_flood_of_lines_is_written_whole(host: Host) -> None:
    assert host.run("flood", "200000").stdout.count(b"\n") == 200_000
    assert host.run("component", "lines", "2000").stdout == b"hello\n" * 2000


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [(["hello"], 0), (["failing"], 1), (["exit"], 1), (["code", "77"], 77), (["code", "200"], 200), (["code", "0"], 0)],
)
def test_how_a_component_exits(host: Host, arguments: list[str], exit_code: int) -> None:
    assert host.run("component", *arguments).outcome == {"exit_code": exit_code, "message": ""}


@pytest.mark.parametrize(
    ("name", "use", "reason", "functions"),
    [
        ("trap", [], "wasm trap: wasm `unreachable` instruction executed", ["inner", "middle"]),
        ("component", ["trap"], "wasm trap: wasm `unreachable` instruction executed", ["inner", "middle", "trap"]),
        ("out_of_bounds", [], "memory fault at wasm address 0xfffffffc", ["astray"]),
        ("recursion", [], "wasm trap: call stack exhausted", ["deeper", "deeper"]),
    ],
)
def test_a_trap_is_134_with_its_reason_and_backtrace(
    host: Host, name: str, use: list[str], reason: str, functions: list[str]
) -> None:
    ran = host.run(name, *use)
    assert ran.exit_code == 134
    first, *backtrace = ran.outcome["message"].splitlines()
    assert first.startswith(reason)
    assert [line.rpartition("!")[2] for line in backtrace[1:]][: len(functions)] == functions


def test_what_was_written_before_a_trap_is_kept(host: Host) -> None:
    assert host.run("component", "trap").stdout == b"trapping\n"


def test_a_trap_before_the_entry_is_a_failed_start(host: Host) -> None:
    failure = host.run("trap_at_start").outcome["failure"]
    assert failure.startswith("the module trapped before its entry was called: wasm trap: wasm `unreachable`")
    assert "start" in failure


def test_memory_beyond_the_limit_is_refused_to_the_guest(host: Host) -> None:
    limit = 20 << 20
    assert host.run("memory_hog", memory_limit=limit).stdout == b"no more\n"
    assert host.run("component", "grow", memory_limit=limit).stdout == b"refused\n"
    assert host.run("component", "grow").stdout == b""


@pytest.mark.parametrize("name", ["initial_memory", "component"])
def test_the_limit_is_for_growth(host: Host, name: str) -> None:
    """What a memory begins with may never be touched."""
    assert host.run(name, memory_limit=100_000).exit_code == 0


def test_where_the_limit_has_no_place_of_its_own_it_is_set_through_the_api(host: Host) -> None:
    ran = host.run("memory_hog", memory_limit=20 << 20, lacks_place=True)
    assert ran.stdout == b"no more\n"


def test_a_named_function_is_called_in_an_initialized_instance(host: Host) -> None:
    ran = host.run("reactor", entry="greet")
    assert (ran.exit_code, ran.stdout) == (0, b"greetings\n")


@pytest.mark.parametrize("entry", ["_start", "nothing", "initialized", "memory"])
def test_an_entry_that_is_no_function_of_the_module_is_a_failed_start(host: Host, entry: str) -> None:
    assert f"exports no function {entry}" in host.run("reactor", entry=entry).outcome["failure"]


def test_an_entry_that_wants_arguments_is_a_trap(host: Host) -> None:
    ran = host.run("reactor", entry="add")
    assert (ran.exit_code, ran.outcome["message"]) == (134, "expected 2 arguments, got 0")


def test_a_directory_is_read_and_written(host: Host, tmp_path: Path) -> None:
    guest("tool")
    tmp_path.joinpath("note").write_text("read me\n")
    preopens = [[str(tmp_path), "/", True]]
    words = ["cat", "/note", "then", "mkdir", "/d", "then", "write", "/d/new", "text", "then", "ls", "/"]
    ran = host.run("tool", *words, preopens=preopens)
    assert (ran.exit_code, ran.stdout) == (0, b"read me\nd\nnote\n")
    assert tmp_path.joinpath("d", "new").read_text() == "text"


def test_a_directory_that_may_only_be_read(host: Host, tmp_path: Path) -> None:
    tmp_path.joinpath("note").write_text("read me\n")
    preopens = [[str(tmp_path), "/data", False]]
    assert host.run("tool", "cat", "/data/note", preopens=preopens).stdout == b"read me\n"
    for command in ("write /data/new text", "append /data/note text", "rm /data/note", "mkdir /data/d"):
        assert host.run("tool", *command.split(), preopens=preopens).exit_code == 1
    assert tmp_path.joinpath("note").read_text() == "read me\n"


def test_no_way_out_of_a_directory(host: Host, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    tmp_path.joinpath("secret").write_text("secret\n")
    inside.joinpath("link").symlink_to(tmp_path / "secret")
    inside.joinpath("up").symlink_to("..")
    preopens = [[str(inside), "/", True]]
    for path in ("/link", "/../secret", "/up/secret"):
        ran = host.run("tool", "cat", path, preopens=preopens)
        assert (ran.exit_code, ran.stdout) == (1, b"")


def test_a_directory_that_cannot_be_opened_is_a_failed_start(host: Host, tmp_path: Path) -> None:
    failure = host.run("hello", preopens=[[str(tmp_path / "missing"), "/data", True]]).outcome["failure"]
    assert failure.startswith("directory /data cannot be opened")
