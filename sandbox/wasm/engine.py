"""The engine and the compiled code it holds. All of it is made before a fork and shared by the forked processes.

Nothing here runs a guest or compiles, and nothing here makes a WASI context: see ``sandbox.wasm.guest``.
"""

import ctypes
import os
from typing import Any

from image_store import host_interface
from image_store.engine_settings import ENVIRONMENT, SETTINGS
from sandbox.errors import SandboxError
from sandbox.wasm import memory_pool
from sandbox.wasm.absent_host import AbsentHost
from sandbox.wasm.component_library import ComponentLibrary
from sandbox.wasm.denied_calls import DeniedCalls
from sandbox.wasm.http_client import ClientCodecs, ClientComponent, find_client_exports
from sandbox.wasm.http_linker import HttpLinker
from sandbox.wasm.http_streams import StreamsComponent, find_exports
from sandbox.wasm.library import Library
from sandbox.wasm.memory_limit import give_limiter
from sandbox.wasm.proc_exit import ProcExit
from sandbox.wasm.socket_grant import FlagPlaces
from sandbox.wasm.socket_shim import SocketShim


class Loaded:
    """Compiled code, linked with WASI as far as that goes before there is an instance."""

    def __init__(self, engine: "Engine", kind: str, code: Any, linked: Any, entry: str, descriptor: int) -> None:
        self.engine = engine
        self.kind = kind
        self.entry = entry.encode()
        self.descriptor = descriptor
        """wasmtime's own, of the file: an instance's memory begins as a private mapping of it."""
        self.code = code
        """``wasmtime_module_t`` or ``wasmtime_component_t``."""
        self.linked = linked
        """A module's ``wasmtime_instance_pre_t``; the linker of all components, which the C API links when it
        instantiates."""
        self.store = engine.library.wasmtime_store_new(engine.pointer, None, None)
        """Each guest process has the one instance in its copy."""
        self.memory_limit = give_limiter(engine.library, self.store)

    def close(self) -> None:
        """Give the code back. Processes that were forked before keep theirs."""
        library = self.engine.library
        library.wasmtime_store_delete(self.store)
        if self.kind == "module":
            library.wasmtime_instance_pre_delete(self.linked)
            library.wasmtime_module_delete(self.code)
        else:
            library.wasmtime_component_delete(self.code)


class Engine:
    """``path``: of wasmtime's shared library; ``socket_flags``: of that library, as a trial has found them."""

    def __init__(self, path: str, socket_flags: FlagPlaces | None = None) -> None:
        os.environ.update(ENVIRONMENT)
        library = Library(path)
        self._begin(library, socket_flags, ProcExit(library), AbsentHost(library))

    def _begin(
        self, library: Library, socket_flags: FlagPlaces | None, proc_exit: ProcExit, absent_host: AbsentHost
    ) -> None:
        self.socket_flags = socket_flags
        self.library = library
        self.pointer = library.wasm_engine_new_with_config(self._config(library))
        self.proc_exit = proc_exit
        self.absent_host = absent_host
        self._serving: ServingEngine | None = None
        self._linker: Any = None
        self._component_linker: Any = None
        self._denying_linker: Any = None
        self.denied_calls: DeniedCalls | None = None
        """Of the linker that denies calls, when there is one."""
        self._socket_shims: dict[tuple[str, ...], SocketShim] = {}
        self._http_linker: HttpLinker | None = None
        self._streams: dict[str, StreamsComponent] = {}
        self._clients: dict[str, ClientComponent] = {}

    def _config(self, library: Library) -> Any:
        config = library.wasm_config_new()
        for name, value in SETTINGS:
            library.set_option(config, name, value)
        # A compiler thread's pool would make every fork a hazard.
        library.wasmtime_config_parallel_compilation_set(config, False)
        return config

    @property
    def serving(self) -> "ServingEngine":
        """For components of which there are many instances, one after the other."""
        if self._serving is None:
            self._serving = ServingEngine(self)
        return self._serving

    @property
    def linker(self) -> Any:
        """WASI preview 1, for modules."""
        if self._linker is None:
            self._linker = self._preview1_linker()
        return self._linker

    def _preview1_linker(self) -> Any:
        linker = self.library.wasmtime_linker_new(self.pointer)
        self._check(self.library.wasmtime_linker_define_wasi(linker), "WASI preview 1")
        self._check(self.proc_exit.define(linker), "WASI preview 1")
        self._check(self.absent_host.define(linker), host_interface.MODULE)
        return linker

    def socket_shim(self, names: list[str], front: int, back: int) -> SocketShim:
        """Loaded once from its compiled code. ``names`` tell one from another; ``front``, ``back``: descriptors of the
        files. Raises SandboxError."""
        made = self._socket_shims.get(tuple(names))
        if made is None:
            modules = (self._deserialize_open(front, names[0]), self._deserialize_open(back, names[1]))
            made = SocketShim(self.library, self.pointer, modules, self._preview1_linker())
            self._socket_shims[tuple(names)] = made
        return made

    @property
    def component_linker(self) -> Any:
        """WASI 0.2 with outgoing HTTP, for components."""
        if self._component_linker is None:
            self._component_linker = self._wasi_0_2_linker()
        return self._component_linker

    @property
    def denying_linker(self) -> Any:
        """The same, for components that call out from a pod that may not."""
        if self._denying_linker is None:
            linker, denied_calls = self._wasi_0_2_linker(), DeniedCalls(self.library)
            self._check(denied_calls.define(linker), "outgoing HTTP")
            self._denying_linker, self.denied_calls = linker, denied_calls
        return self._denying_linker

    @property
    def http_linker(self) -> HttpLinker:
        """WASI 0.2 and wasi:http, for components that are given requests."""
        if self._http_linker is None:
            self._http_linker = HttpLinker(ComponentLibrary(self.library), self.pointer)
        return self._http_linker

    def streams_component(self, name: str, descriptor: int) -> StreamsComponent:
        """Loaded once from its compiled code, as a socket shim. Raises SandboxError, StartFailure."""
        made = self._streams.get(name)
        if made is None:
            code = self._deserialize_open(descriptor, name, self.library.wasmtime_component_deserialize)
            library = self.http_linker.library
            exports = find_exports(library, code)
            made = self._streams[name] = StreamsComponent(library, code, self.component_linker, exports)
        return made

    def client_component(self, name: str, descriptor: int) -> ClientComponent:
        """As ``streams_component``."""
        made = self._clients.get(name)
        if made is None:
            code = self._deserialize_open(descriptor, name, self.library.wasmtime_component_deserialize)
            library = self.http_linker.library
            exports, codecs = find_client_exports(library, code), ClientCodecs(library)
            made = self._clients[name] = ClientComponent(library, code, self.component_linker, exports, codecs)
        return made

    def _wasi_0_2_linker(self) -> Any:
        linker = self.library.wasmtime_component_linker_new(self.pointer)
        self._check(self.library.wasmtime_component_linker_add_wasip2(linker), "WASI 0.2")
        self._check(self.library.wasmtime_component_linker_add_wasi_http(linker), "outgoing HTTP")
        return linker

    def load(self, kind: str, path: str, entry: str) -> Loaded:
        """Map the compiled code at ``path`` (``kind``: module, component or handler, which is a component that is given
        requests). Raises SandboxError."""
        if kind == "handler":
            return self.serving.load_handler(path, entry) or self._load_component(path, entry)
        return self._load_component(path, entry) if kind == "component" else self._load_module(path, entry)

    def _load_module(self, path: str, entry: str) -> Loaded:
        module, descriptor = self._deserialize(self.library.wasmtime_module_deserialize_file, path)
        linked = ctypes.c_void_p()
        error = self.library.wasmtime_linker_instantiate_pre(self.linker, module, ctypes.addressof(linked))
        self._check(error, path)
        return Loaded(self, "module", module, linked, entry, descriptor)

    def _load_component(self, path: str, entry: str) -> Loaded:
        component, descriptor = self._deserialize(self.library.wasmtime_component_deserialize_file, path)
        return Loaded(self, "component", component, self.component_linker, entry, descriptor)

    def _deserialize(self, function: Any, path: str) -> tuple[Any, int]:
        """The code, and the descriptor that wasmtime keeps for it."""
        code, descriptor = ctypes.c_void_p(), _lowest_free_descriptor()
        self._check(function(self.pointer, os.fsencode(path), ctypes.addressof(code)), path)
        if not _is_file(descriptor, path):
            raise SandboxError(
                f"compiled code {path} is not held open by this wasmtime: install the version that wasmlet names"
            )
        return code, descriptor

    def _deserialize_open(self, descriptor: int, name: str, deserialize: Any = None) -> Any:
        """A small module, or what ``deserialize`` makes, whose code becomes memory of this process."""
        content, module = os.pread(descriptor, os.fstat(descriptor).st_size, 0), ctypes.c_void_p()
        deserialize = deserialize or self.library.wasmtime_module_deserialize
        self._check(deserialize(self.pointer, content, len(content), ctypes.addressof(module)), name)
        return module

    def _check(self, error: Any, subject: str) -> None:
        if error:
            reason = " ".join(self.library.error_text(error).split())
            raise SandboxError(f"compiled code {subject} cannot be loaded ({reason}): pull the image again")


class ServingEngine(Engine):
    """Its instances take their memory from a pool and give it back: to map it anew for each request costs more than a
    quick handler does."""

    def __init__(self, main: Engine) -> None:
        self._begin(main.library, main.socket_flags, main.proc_exit, main.absent_host)

    def _config(self, library: Library) -> Any:
        config = super()._config(library)
        memory_pool.use(library, config)
        return config

    def load_handler(self, path: str, entry: str) -> Loaded | None:
        """None for one that does not fit into the pool, or that cannot be loaded at all."""
        try:
            return self._load_component(path, entry)
        except SandboxError:
            return None


def _lowest_free_descriptor() -> int:
    """What the next file gets."""
    descriptor = os.open("/", os.O_PATH | os.O_CLOEXEC)
    os.close(descriptor)
    return descriptor


def _is_file(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False
