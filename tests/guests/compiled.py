"""Guest programs of the tests: their WebAssembly, and their code compiled as wasmlet's own compile process does.

Sources are beside this file: text (``.wat``), modules and components alike, which needs nothing but wasmtime; C, which
needs clang and wasi-libc; Rust (``.rs``, components), which needs the target wasm32-wasip2; and Go, as a file or a
folder with a module. Components of other languages are in ``components/``: see ``component.py``. What is built is kept
below ``.cache``, by the digest of all that it depends on.
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path

from image_store.engine_settings import ENVIRONMENT, SETTINGS
from sandbox.wasm import preview1_shim
from tests.guests import component
from tests.prerequisites import require_file, require_tool

HERE = Path(__file__).resolve().parent
CACHE = HERE / ".cache"

_COMPONENT_HEADER = b"\0asm\x0d\x00\x01\x00"

# In a process of its own: one that has compiled must not fork.
_WAT_TO_WASM = "import sys, wasmtime; sys.stdout.buffer.write(wasmtime.wat2wasm(sys.stdin.read()))"
_COMPILE = """
import json, sys, wasmtime
from wasmtime.component import Component
config = wasmtime.Config()
for name, value in json.loads(sys.argv[1]):
    setattr(config, name, value)
kind = Component if sys.argv[2] == "component" else wasmtime.Module
sys.stdout.buffer.write(kind(wasmtime.Engine(config), sys.stdin.buffer.read()).serialize())
"""
_C_TO_WASM = ("--target=wasm32-wasi", "-O1", "-Wall", "-Wextra", "-Werror", "-Wl,--strip-debug", "-xc", "-", "-o-")
_GO_TO_WASM = ("build", "-trimpath", "-ldflags=-s -w", "-o", "/dev/stdout")
_GO_ENVIRONMENT = {"GOOS": "wasip1", "GOARCH": "wasm", "CGO_ENABLED": "0"}

_RUST_TARGET = "wasm32-wasip2"
_RUST_TO_WASM = ("--edition=2021", "--crate-name=guest", f"--target={_RUST_TARGET}", "-O", "-Dwarnings", "-o-", "-")

_building = threading.Lock()
"""Tests may run in threads, and want the same guest."""


def names() -> list[str]:
    """Of all guests."""
    sources = [path for path in HERE.iterdir() if path.suffix in (".wat", ".c", ".go", ".rs") or _is_module(path)]
    return sorted(source.stem for source in sources)


@cache
def guest(name: str) -> bytes:
    """The WebAssembly of a guest, by the name of its source. Skips the test where its compiler lacks."""
    if component.is_component(name):
        return _kept(component.ingredients(name), ".wasm", lambda: component.build(name, _compile_c)).read_bytes()
    text = HERE / f"{name}.wat"
    if text.exists():
        return _cached(text.read_bytes(), ".wasm", [sys.executable, "-c", _WAT_TO_WASM]).read_bytes()
    if (go := HERE / f"{name}.go").exists():
        return _cached(go.read_bytes(), ".wasm", [str(require_tool("go")), *_GO_TO_WASM, str(go)]).read_bytes()
    if (rust := HERE / f"{name}.rs").exists():
        return _cached(rust.read_bytes(), ".wasm", [_rustc(), *_RUST_TO_WASM]).read_bytes()
    if _is_module(folder := HERE / name):
        sources = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
        return _cached(sources, ".wasm", [str(require_tool("go")), *_in(folder), "."]).read_bytes()
    return _cached((HERE / f"{name}.c").read_bytes(), ".wasm", [_clang(), *_C_TO_WASM]).read_bytes()


def _is_module(folder: Path) -> bool:
    """Of Go."""
    return (folder / "go.mod").exists()


def _in(folder: Path) -> tuple[str, ...]:
    verb, *options = _GO_TO_WASM
    return verb, "-C", str(folder), *options


@cache
def compiled_guest(name: str) -> tuple[str, Path]:
    """Its kind, ``module`` or ``component``, and the file of its compiled code."""
    wasm = guest(name)
    kind = "component" if wasm.startswith(_COMPONENT_HEADER) else "module"
    return kind, _cached(wasm, ".cwasm", [sys.executable, "-c", _COMPILE, json.dumps(SETTINGS), kind])


def _compile_c(source: bytes, is_reactor: bool) -> bytes:
    model = ["-mexec-model=reactor"] if is_reactor else []
    return _output([_clang(), *_C_TO_WASM, f"-I{component.SOURCES}", *model], source)


@cache
def compiled_shim(listeners: int) -> list[str]:
    """Files of the compiled code of the front and the back (see ``sandbox.wasm.preview1_shim``)."""
    command = [sys.executable, "-c", _COMPILE, json.dumps(SETTINGS), "module"]
    texts = (preview1_shim.front(), preview1_shim.back(listeners))
    return [str(_cached(text.encode(), ".cwasm", command)) for text in texts]


def _clang() -> str:
    clang = str(require_tool("clang"))
    require_tool("wasm-ld")
    require_file("/usr/lib/wasm32-wasi/libc.a", "install the package wasi-libc")
    command = [clang, "--target=wasm32-wasi", "--print-libgcc-file-name"]
    builtins = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    require_file(builtins, "install the package libclang-rt-dev-wasm32")
    return clang


def _rustc() -> str:
    rustc = str(require_tool("rustc"))
    command = [rustc, f"--target={_RUST_TARGET}", "--print=target-libdir"]
    libraries = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    require_file(libraries, f"run 'rustup target add {_RUST_TARGET}'")
    return rustc


def _cached(source: bytes, suffix: str, command: list[str]) -> Path:
    ingredients = "\0".join([*command, version("wasmtime")]).encode() + source
    return _kept(ingredients, suffix, lambda: _output(command, source))


def _kept(ingredients: bytes, suffix: str, make: Callable[[], bytes]) -> Path:
    path = CACHE / f"{hashlib.sha256(ingredients).hexdigest()[:32]}{suffix}"
    with _building:
        if not path.exists():
            CACHE.mkdir(exist_ok=True)
            fresh = path.with_suffix(f".{os.getpid()}")
            fresh.write_bytes(make())
            fresh.rename(path)
    return path


def _output(command: list[str], source: bytes) -> bytes:
    environment = {**os.environ, **ENVIRONMENT, **_GO_ENVIRONMENT}
    return subprocess.run(command, input=source, stdout=subprocess.PIPE, check=True, env=environment).stdout
