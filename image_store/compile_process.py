"""Compiles one program: ``python -m image_store.compile_process REQUEST``, with a request in JSON.

A process of its own, because what it is given comes from strangers and wasmtime sets no bounds to the time and memory
that compilation takes, and because a process that has compiled may not fork. It is the only one that writes compiled
code. It answers with one JSON object on its output: the facts, or the kind and the text of an error.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import wasmtime
from wasmtime import component as components

from image_store import program_imports as imports
from image_store.compile_request import Request
from image_store.digests import digest_of
from image_store.disk import disk_errors, write_durably
from image_store.engine_settings import SETTINGS
from image_store.errors import DigestMismatch, ImageStoreError, LimitExceeded, ModuleInvalid
from image_store.facts import COMMAND_ENTRY, Facts
from image_store.start_section import has_start_section
from image_store.wasm_kind import MAGIC, kind_of

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_NICENESS = 10
_NO_MEMORY = ("cannot allocate memory", "out of memory", "memory allocation")


def main() -> None:
    request = Request(**json.loads(sys.argv[1]))
    _bound(request)
    try:
        answer: dict[str, Any] = {"facts": _compile(request).encoded().decode()}
    except ImageStoreError as error:
        answer = {"error": type(error).__name__, "text": str(error)}
    print(json.dumps(answer), flush=True)
    # The threads and the memory of the compiler need no orderly end.
    os._exit(0)


def _bound(request: Request) -> None:
    """End with the server, before the server when memory is short, and behind others when processors are."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != request.server:
        sys.exit("the server is gone")
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (request.cpu_seconds, request.cpu_seconds))
    space = _address_space() + request.memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (space, space))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def _compile(request: Request) -> Facts:
    try:
        wasm = _read(request)
        facts, code = _component(wasm) if kind_of(wasm) == "component" else _module(wasm)
    except wasmtime.WasmtimeError as error:
        raise _refusal(error) from error
    except MemoryError as error:
        raise LimitExceeded("memory") from error
    with disk_errors("compiled code"):
        write_durably(Path(request.code_path), code)
        write_durably(Path(request.facts_path), facts.encoded())
    return facts


def _read(request: Request) -> bytes:
    with disk_errors(request.source):
        source = Path(request.source).read_bytes()
    if digest_of(source) != request.digest:
        raise DigestMismatch(f"{request.source} was damaged on the disk: remove the image and pull it again")
    if request.is_text:
        return bytes(wasmtime.wat2wasm(source))
    if not source.startswith(MAGIC):
        # wasmtime would take it for text.
        raise ModuleInvalid("it does not begin with WebAssembly's magic bytes")
    return source


def _engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    for name, value in SETTINGS:
        setattr(config, name, value)
    return wasmtime.Engine(config)


def _module(wasm: bytes) -> tuple[Facts, bytes]:
    engine = _engine()
    module = wasmtime.Module(engine, wasm)
    code = bytes(module.serialize())
    entries = imports.entries_of_module(module)
    unmet = imports.unmet_by_module(engine, module)
    facts = Facts(
        kind="module",
        unmet_imports=tuple(unmet),
        entries=tuple(entries),
        is_command=COMMAND_ENTRY in entries,
        accepts=imports.module_accepts(module),
        asks_host=imports.module_asks_host(module),
        opens_sockets=False,
        calls_http=False,
        begins_early=has_start_section(wasm),
        handles_http=False,
        code_digest=digest_of(code),
    )
    return facts, code


def _component(wasm: bytes) -> tuple[Facts, bytes]:
    engine = _engine()
    component = components.Component(engine, wasm)
    code = bytes(component.serialize())
    handles = imports.component_handles_http(component)
    unmet = imports.unmet_by_component(engine, component)
    runs, sockets = imports.component_runs(component), imports.component_opens_sockets(engine, component)
    calls = imports.component_calls_http(engine, component)
    facts = Facts(
        *("component", tuple(unmet), (), runs, False, False, sockets, calls, False),
        handles_http=handles,
        code_digest=digest_of(code),
    )
    return facts, code


def _refusal(error: wasmtime.WasmtimeError) -> ImageStoreError:
    reason = " ".join(str(error).split())
    if any(words in reason.lower() for words in _NO_MEMORY):
        return LimitExceeded("memory")
    return ModuleInvalid(reason)


if __name__ == "__main__":
    main()
