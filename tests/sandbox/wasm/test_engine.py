"""Loading compiled code before the fork."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.guests.compiled import compiled_guest
from tests.sandbox.wasm.conftest import ROOT, Host

_COMPILED_OTHERWISE = """
import sys, wasmtime
config = wasmtime.Config()
config.epoch_interruption = True
sys.stdout.buffer.write(wasmtime.Module(wasmtime.Engine(config), "(module)").serialize())
"""

_LOAD_AGAIN_AND_AGAIN = """
import sys
sys.path.insert(0, sys.argv[1])
from sandbox.wasm.engine import Engine
engine = Engine(sys.argv[2])
def mapped():
    return sum(".cwasm" in line for line in open("/proc/self/maps"))
for kind, path in zip(sys.argv[3::2], sys.argv[4::2]):
    for _ in range(50):
        engine.load(kind, path, "_start").close()
    kept = engine.load(kind, path, "_start")
    assert mapped() > 0
    kept.close()
print(mapped())
"""


@pytest.mark.parametrize("name", ["hello", "component"])
def test_code_is_loaded_and_runs_in_every_fork(host: Host, name: str) -> None:
    ran = host.run(name, times=3)
    assert ran.outcomes == [{"exit_code": 0, "message": ""}] * 3
    assert ran.stdout == b"hello\n" * 3


def test_instances_out_of_the_pool_run_in_every_fork(host: Host) -> None:
    ran = host.run("component", kind="handler", times=3)
    assert ran.outcomes == [{"exit_code": 0, "message": ""}] * 3
    assert ran.stdout == b"hello\n" * 3


@pytest.mark.parametrize(("name", "kind"), [("hello", "component"), ("component", "module"), ("hello", "handler")])
def test_code_of_the_other_kind_is_refused(host: Host, name: str, kind: str) -> None:
    assert "pull the image again" in host.run(name, kind=kind).outcome["failure"]


def test_damaged_missing_and_foreign_code_is_refused_with_a_sentence(host: Host, tmp_path: Path) -> None:
    whole = compiled_guest("hello")[1].read_bytes()
    contents = {
        "truncated": whole[: len(whole) // 2],
        "empty": b"",
        "text": b"#!/bin/sh\n" * 1000,
        "otherwise": subprocess.run(
            [sys.executable, "-c", _COMPILED_OTHERWISE], stdout=subprocess.PIPE, check=True
        ).stdout,
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    for name in [*contents, "missing"]:
        failure = host.run("hello", compiled=str(tmp_path / name)).outcome["failure"]
        assert f"compiled code {tmp_path / name} cannot be loaded (" in failure
        assert "\n" not in failure
    assert "epoch" in host.run("hello", compiled=str(tmp_path / "otherwise")).outcome["failure"]


def test_imports_that_nothing_provides_are_named(host: Host) -> None:
    failure = host.run("missing_import").outcome["failure"]
    assert "env::levitate" in failure


def test_the_environment_does_not_decide_what_fits(host: Host) -> None:
    host.environment["WASMTIME_BACKTRACE_DETAILS"] = "1"
    assert host.run("hello").exit_code == 0


def test_code_that_is_given_back_is_unmapped(host: Host) -> None:
    loads = [str(word) for name in ("hello", "component") for word in compiled_guest(name)]
    ended = subprocess.run(
        [sys.executable, "-S", "-E", "-s", "-c", _LOAD_AGAIN_AND_AGAIN, str(ROOT), str(host.library), *loads],
        capture_output=True,
        check=False,
        text=True,
    )
    assert (ended.stdout, ended.stderr) == ("0\n", "")
