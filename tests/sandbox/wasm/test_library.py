"""What the processes below the server load of wasmtime."""

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.wasm.library import Library
from sandbox.zygote_link import library_path
from tests.sandbox.wasm.conftest import ROOT

HEAVY = ("asyncio", "dataclasses", "hashlib", "logging", "pathlib", "subprocess", "wasmtime")


def test_every_function_is_in_the_installed_library() -> None:
    library = Library(str(library_path()))
    assert library.wasm_config_new()


def test_a_function_that_is_not_bound_is_named() -> None:
    with pytest.raises(AttributeError, match="wasmtime_levitate"):
        _ = Library(str(library_path())).wasmtime_levitate


def test_a_wheel_without_a_library_for_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a wheel is what an installer takes where no other fits."""
    (tmp_path / "wasmtime").mkdir()
    (tmp_path / "wasmtime/__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "wasmtime", raising=False)
    with pytest.raises(SandboxError, match="wasmtime has no library for this machine: install the wheel"):
        library_path()


def test_nothing_heavy_is_imported() -> None:
    program = "import sys; sys.path.insert(0, sys.argv[1]); import sandbox.wasm.guest; print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-S", "-E", "-s", "-c", program, str(ROOT)], capture_output=True, check=True, text=True
    )
    assert not set(HEAVY) & set(ended.stdout.split())
