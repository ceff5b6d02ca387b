"""Streams of bodies that are wasmtime's own.

The C API gives a list of bytes as an array of values, 32 bytes for each: to move bodies so would be slow. And a stream
of the host's own would be of another type than those of files and sockets. But a resource that wasmtime has made may be
returned by a function of the host. So a small component of wasmlet's own, in the same store as the guest, asks the
store's WASI context for its standard streams and hands them out: the standard input, which is memory or a pipe, is the
request's body; the standard output, which is a pipe, takes the response's. What the guest itself
writes to its standard output and error goes to the latter, the one output of the context that is left.
"""

import ctypes
from typing import Any, NamedTuple

from sandbox.errors import StartFailure
from sandbox.wasm.address_space import bytes_at, octets
from sandbox.wasm.component_library import ComponentLibrary
from sandbox.wasm.component_values import VALUE_BYTES, Native

TEXT = """(component
  (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "input-stream" (type (sub resource)))
    (export "output-stream" (type (sub resource)))))
  (alias export $streams "input-stream" (type $input))
  (alias export $streams "output-stream" (type $output))
  (import "wasi:cli/stdin@0.2.0" (instance $stdin
    (alias outer 1 $input (type $outer)) (export "input-stream" (type $stream (eq $outer)))
    (export "get-stdin" (func (result (own $stream))))))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output (type $outer)) (export "output-stream" (type $stream (eq $outer)))
    (export "get-stdout" (func (result (own $stream))))))
  (import "wasi:cli/stderr@0.2.0" (instance $stderr
    (alias outer 1 $output (type $outer)) (export "output-stream" (type $stream (eq $outer)))
    (export "get-stderr" (func (result (own $stream))))))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer)) (export "pollable" (type $mine (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $mine))))))
  (core func $stdin (canon lower (func $stdin "get-stdin")))
  (core func $stdout (canon lower (func $stdout "get-stdout")))
  (core func $stderr (canon lower (func $stderr "get-stderr")))
  (core func $timer (canon lower (func $clock "subscribe-duration")))
  (core module $pass
    (import "" "input" (func $input (result i32)))
    (import "" "output" (func $output (result i32)))
    (import "" "log" (func $log (result i32)))
    (import "" "timer" (func $timer (param i64) (result i32)))
    (func (export "ready") (result i32) (call $timer (i64.const 0)))
    (export "input" (func $input))
    (export "output" (func $output))
    (export "log" (func $log)))
  (core instance $passed (instantiate $pass (with "" (instance
    (export "input" (func $stdin))
    (export "output" (func $stdout))
    (export "log" (func $stderr))
    (export "timer" (func $timer))))))
  (func (export "input") (result (own $input)) (canon lift (core func $passed "input")))
  (func (export "output") (result (own $output)) (canon lift (core func $passed "output")))
  (func (export "log") (result (own $output)) (canon lift (core func $passed "log")))
  (func (export "ready") (result (own $pollable)) (canon lift (core func $passed "ready")))
)
"""
_INPUT, _OUTPUT, _LOG, _READY = range(4)
_NAMES = (b"input", b"output", b"log", b"ready")
_FUNCTION, _RESULT = VALUE_BYTES, 2 * VALUE_BYTES
"""Offsets in the room of an instance, which is what it begins with."""
_Room = ctypes.c_uint64 * 12
_NOTHING_TO_FREE = 0
"""The kind of a value that owns no memory: wasmtime frees what a result is written over."""


class StreamsComponent(NamedTuple):
    """The compiled component, and how it is linked."""

    library: ComponentLibrary
    code: Any
    linker: Any
    exports: tuple[int, ...]
    """What finds each function in an instance."""


def find_exports(library: ComponentLibrary, code: Any) -> tuple[int, ...]:
    """Raises StartFailure."""
    found = tuple(library.component_get_export_index(code, None, name, len(name)) for name in _NAMES)
    if not all(found):
        raise StartFailure("wasmlet's component of streams is not what this version needs: create another container")
    return found


class Streams:
    """Of one store. The component is instantiated when the first stream is asked for."""

    __slots__ = ("_component", "_context", "_room")

    def __init__(self, component: StreamsComponent, context: int) -> None:
        self._component = component
        self._context = context
        self._room: Any = None

    def input(self) -> Native:
        return self._get(_INPUT)

    def output(self) -> Native:
        return self._get(_OUTPUT)

    def log(self) -> Native:
        """To the container's standard error."""
        return self._get(_LOG)

    def ready(self) -> Native:
        """A pollable that always is."""
        return self._get(_READY)

    def _get(self, number: int) -> Native:
        component, context, instance = self._component, self._context, self._instantiated()
        library, function, result = component.library, instance + _FUNCTION, instance + _RESULT
        octets[result] = _NOTHING_TO_FREE  # what an earlier call has left there is the guest's now
        library.component_instance_get_func(instance, context, component.exports[number], function)
        if error := library.component_func_call(function, context, None, 0, result, 1):
            raise RuntimeError(library.take_error(error))
        return Native(bytes_at(result, VALUE_BYTES))

    def _instantiated(self) -> int:
        """The address of the instance."""
        if self._room is not None:
            return ctypes.addressof(self._room)
        room, component = _Room(), self._component
        library, instance = component.library, ctypes.addressof(room)
        if error := library.component_linker_instantiate(component.linker, self._context, component.code, instance):
            raise RuntimeError(library.take_error(error))
        self._room = room
        return instance
