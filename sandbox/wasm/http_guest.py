"""A component that serves requests: a fresh instance for each, in the worker process of a container.

``serve`` may be called by several threads at once; each has a store of its own.
"""

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

from sandbox.errors import StartFailure
from sandbox.wasm import socket_grant
from sandbox.wasm.component_imports import imported
from sandbox.wasm.component_library import ComponentLibrary
from sandbox.wasm.component_values import VALUE_BYTES, Value
from sandbox.wasm.guest import Prepared, preopen
from sandbox.wasm.http_exchange import Exchange, NoExchange
from sandbox.wasm.http_linker import HttpLinker
from sandbox.wasm.http_scope import HttpScope
from sandbox.wasm.http_streams import Streams
from sandbox.wasm.http_types import IncomingRequest, ResponseOutparam
from sandbox.wasm.trap_text import reason_first

INTERFACE = b"wasi:http/incoming-handler@0.2.0"
"""Any 0.2.x of it."""
_HANDLE = b"handle"
_LOGS = ("wasi:cli/stdout", "wasi:cli/stderr")
_NO_LIMIT = -1
_FUNCTION, _ARGUMENTS = VALUE_BYTES, 2 * VALUE_BYTES
"""Offsets in the room of a request, which begins with its instance."""
_Room = ctypes.c_uint64 * 16


class Failure(NamedTuple):
    """How a guest ended that did not return."""

    how: str
    """As in: the guest trapped."""
    text: str


class HttpGuest:
    """Made before the fork. ``prepared``: what the instances are given."""

    def __init__(self, prepared: Prepared) -> None:
        assert prepared.http is not None
        linker = prepared.loaded.engine.http_linker
        self.linker: HttpLinker = linker
        self._library: ComponentLibrary = linker.library
        self._streams = prepared.http.streams
        self._client = prepared.http.client
        self._network = prepared.http.network
        self._code = prepared.loaded.code
        self._engine = prepared.loaded.engine.pointer
        self._prepared = prepared
        asked_for = imported(self._library, self._engine, self._code)
        self._has_environment = "wasi:cli/environment" in asked_for
        self._has_files = "wasi:filesystem/preopens" in asked_for
        self._has_log = not asked_for.isdisjoint(_LOGS)
        self._handle = self._find_handle()

    def try_instance(self, memory_limit: int) -> None:
        """Make one and throw it away, after the fork: also so that the first request finds all pages in place.

        Raises StartFailure.
        """
        failure = self._with_scope(NoExchange(), memory_limit, self._instantiate)
        if isinstance(failure, Failure):
            raise StartFailure(f"the guest cannot be instantiated: {failure.text}")

    def serve(self, exchange: Exchange, memory_limit: int) -> Failure | None:
        """Run an instance to its end. ``memory_limit``: bytes of each memory; 0: none."""
        try:
            return self._with_scope(exchange, memory_limit, self._run)
        except (OSError, StartFailure) as error:
            return Failure("cannot be instantiated", str(error))

    def _with_scope(
        self, exchange: Exchange, memory_limit: int, use: Callable[[HttpScope], Failure | None]
    ) -> Failure | None:
        library, scopes = self._library, self.linker.scopes
        store = library.store_new(self._engine, None, None)
        context = library.store_context(store)
        if memory_limit:
            library.store_limiter(store, memory_limit, *(_NO_LIMIT,) * 4)
        scope = scopes[context] = self._scope(context, exchange)
        try:
            return use(scope)
        finally:
            scope.close()
            library.store_delete(store)
            if scopes.get(context) is scope:  # another thread's store may have its address by now
                del scopes[context]

    def _scope(self, context: int, exchange: Exchange) -> HttpScope:
        return HttpScope(context, exchange, Streams(self._streams, context), self._client, self._network)

    def _instantiate(self, scope: HttpScope) -> Failure | None:
        room = Value()
        return self._instance(scope, ctypes.addressof(room))

    def _run(self, scope: HttpScope) -> Failure | None:
        room = _Room()
        instance = ctypes.addressof(room)
        failure = self._instance(scope, instance)
        if failure is not None:
            return failure
        self._library.component_instance_get_func(instance, scope.context, self._handle, instance + _FUNCTION)
        return self._call(scope, instance + _FUNCTION, instance + _ARGUMENTS)

    def _instance(self, scope: HttpScope, address: int) -> Failure | None:
        library, context = self._library, scope.context
        if error := library.context_set_wasi(context, self._config(scope)):
            return self._failure(error)
        error = library.component_linker_instantiate(self.linker.pointer, context, self._code, address)
        return self._failure(error) if error else None

    def _call(self, scope: HttpScope, function: int, arguments: int) -> Failure | None:
        library, linker, exchange = self._library, self.linker, scope.exchange
        linker.request.lower(scope, IncomingRequest(exchange), arguments)
        linker.outparam.lower(scope, ResponseOutparam(exchange), arguments + VALUE_BYTES)
        error = library.component_func_call(function, scope.context, arguments, 2, None, 0)
        library.component_val_delete(arguments)
        library.component_val_delete(arguments + VALUE_BYTES)
        return self._failure(error) if error else None

    def _config(self, scope: HttpScope) -> Any:
        """Raises OSError, StartFailure."""
        base = self._library.base
        config = base.wasi_config_new()
        try:
            self._fill(config, scope)
        except BaseException:
            base.wasi_config_delete(config)
            raise
        return config

    def _fill(self, config: Any, scope: HttpScope) -> None:
        """What the component does not ask for is not there to be found: quick requests gain by it."""
        base, prepared = self._library.base, self._prepared
        if self._has_environment:
            base.wasi_config_set_argv(config, prepared.words.length, prepared.words.array)
            base.wasi_config_set_env(config, prepared.names.length, prepared.names.array, prepared.values.array)
        if self._has_log:
            base.wasi_config_inherit_stderr(config)
        socket_grant.grant(base, config, prepared.loaded.engine.socket_flags, prepared.network)
        if self._has_files:
            preopen(base, config, prepared)
        self._give_body(config, scope.exchange)
        self._take_body(config, scope.exchange)

    def _give_body(self, config: Any, exchange: Exchange) -> None:
        body = exchange.body()
        if body is None:
            if not self._library.wasi_config_set_stdin_file(config, exchange.body_path()):
                raise OSError("the pipe of a request's body cannot be opened")
            exchange.body_is_open()
        elif body:
            vector = Value()
            self._library.wasm_byte_vec_new(ctypes.addressof(vector), len(body), body)
            self._library.wasi_config_set_stdin_bytes(config, ctypes.addressof(vector))

    def _take_body(self, config: Any, exchange: Exchange) -> None:
        path = exchange.output_path()
        if path:
            if not self._library.wasi_config_set_stdout_file(config, path):
                raise OSError("the pipe of a response's body cannot be opened")
            exchange.output_is_open()

    def _failure(self, error: Any) -> Failure:
        status = ctypes.c_int()
        exited = self._library.error_exit_status(error, ctypes.addressof(status))
        text = reason_first(self._library.take_error(error))
        return Failure(f"exited with {status.value & 0xFF}" if exited else "trapped", text)

    def _find_handle(self) -> Any:
        find = self._library.component_get_export_index
        interface = find(self._code, None, INTERFACE, len(INTERFACE))
        index = interface and find(self._code, interface, _HANDLE, len(_HANDLE))
        if not index:
            raise StartFailure("the component does not export wasi:http/incoming-handler@0.2: it serves no requests")
        return index
