"""The trial of wasmtime's sockets, in its process."""

import asyncio
import ctypes
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox import socket_support
from sandbox.errors import StartFailure
from sandbox.socket_support import SocketSupport, try_sockets
from sandbox.wasm.socket_grant import FlagPlaces, grant
from sandbox.zygote_link import library_path

ROOT = Path(__file__).resolve().parents[2]

_ANOTHER_LAYOUT = """
import sys; sys.path.insert(0, sys.argv.pop(1))
from sandbox.wasm import socket_trial
{change}
socket_trial.main()
"""


_SWAPPED = """
found = socket_trial._found
def swapped(*words):
    places = found(*words)
    return places._replace(udp=places.tcp, tcp=places.udp)
socket_trial._found = swapped
"""
_CALLS_WITHOUT_EFFECT = """
socket_trial.socket_grant.has_calls = lambda library: True
Library = socket_trial.Library
bind = Library.bind_compiler
def bind_all(self):
    bind(self)
    self.allow_tcp = self.allow_udp = lambda *words: None
Library.bind_compiler = bind_all
"""


def answer(change: str) -> str:
    """Of a trial where something is otherwise."""
    words = [sys.executable, "-S", "-E", "-s", "-c", _ANOTHER_LAYOUT.format(change=change), str(ROOT)]
    command = [*words, str(library_path())]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, timeout=240).stdout


@pytest.fixture(autouse=True)
def nothing_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_support, "_proven", {})


def test_the_installed_wasmtime_grants_sockets() -> None:
    support = asyncio.run(try_sockets(library_path()))
    assert support.refusal == ""
    places = FlagPlaces.decoded(support.places)
    assert places is not None
    assert len(set(places)) == 3


def test_one_trial_is_enough_for_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    first = asyncio.run(try_sockets(library_path()))
    monkeypatch.setattr(socket_support, "_TRIAL", "raise SystemExit(1)")
    assert asyncio.run(try_sockets(library_path())) == first


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("socket_trial._AROUND = 0", "the flag by which this release of wasmtime allows UDP is not found (0 places)"),
        ("socket_trial._set = lambda config, place: None", "allows UDP is not found (0 places)"),
        ("socket_trial.Trial.granted = lambda self, change: 3", "grants sockets without being asked"),
        ("socket_trial._names_and_free = lambda library: (0, [])", "allows UDP is not found"),
        (_SWAPPED, "does not grant the sockets of network access 'outbound' as told"),
        (_CALLS_WITHOUT_EFFECT, "does not grant the sockets of network access 'full' as told"),
    ],
)
def test_a_wasmtime_that_keeps_them_otherwise_is_told_from_this_one(change: str, reason: str) -> None:
    told = answer(change)
    assert told.startswith("!")
    assert reason in told


def test_a_trial_that_dies_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    for trial in ("raise SystemExit(1)", "import os; os.abort()", "print('1,2')", "import time; time.sleep(600)"):
        monkeypatch.setattr(socket_support, "_TRIAL", trial)
        monkeypatch.setattr(socket_support, "_SECONDS", 1.0 if "sleep" in trial else 20.0)
        support = asyncio.run(try_sockets(library_path()))
        assert support == SocketSupport("", support.refusal)
        assert "the trial of wasmtime's sockets failed" in support.refusal


def test_a_library_that_is_none_is_no_proof(tmp_path: Path) -> None:
    assert asyncio.run(try_sockets(tmp_path / "none.so")).refusal


def test_flags_that_lie_elsewhere_than_was_proven_are_left_alone() -> None:
    memory = (ctypes.c_uint8 * 4)(1, 1, 0, 0)
    library: Any = SimpleNamespace(
        allow_tcp=None,
        allow_udp=None,
        wasi_config_inherit_network=lambda config: None,
        wasi_config_allow_ip_name_lookup=lambda config, names: None,
    )
    with pytest.raises(StartFailure, match="elsewhere than it did: start the server again"):
        grant(library, ctypes.addressof(memory), FlagPlaces(0, 1, 2), "full")
    assert bytes(memory) == b"\1\1\0\0"
