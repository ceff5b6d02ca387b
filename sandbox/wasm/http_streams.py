"""Streams of bodies that are wasmtime's own.

The C API gives a list of bytes as an array of values, 32 bytes for each: to move bodies so would be slow. And a stream
of the host's own would be of another type than those of files and sockets. But a resource that wasmtime has made may be
returned by a function of the host. So small components of wasmlet's own, in the same store as the guest, ask the
store's WASI context for its standard streams and hand them out: the standard input, which is memory or a pipe, is the
request's body; the standard output, which is a pipe, takes the response's. What the guest itself
writes to its standard output and error goes to the latter, the one output of the context that is left.
"""

import ctypes
from typing import Any, NamedTuple

from sandbox.errors import StartFailure
from sandbox.wasm.address_space import bytes_at, octets
from sandbox.wasm.component_library import ComponentLibrary
from sandbox.wasm.component_values import VALUE_BYTES, Native

OUTPUT_TEXT = """(component
  (import "wasi:io/streams@0.2.12" (instance $streams (export "output-stream" (type (sub resource)))))
  (alias export $streams "output-stream" (type $output))
  (import "wasi:cli/stdout@0.2.12" (instance $stdout
    (alias outer 1 $output (type $outer)) (export "output-stream" (type $stream (eq $outer)))
    (export "get-stdout" (func (result (own $stream))))))
  (core func $get (canon lower (func $stdout "get-stdout")))
  (func (export "output") (result (own $output)) (canon lift (core func $get)))
)
"""
"""All that most requests need, so that little is instantiated for each. The versions are those that wasmtime has: any
other one of 0.2.x takes it longer to find."""
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
  (import "wasi:cli/stderr@0.2.0" (instance $stderr
    (alias outer 1 $output (type $outer)) (export "output-stream" (type $stream (eq $outer)))
    (export "get-stderr" (func (result (own $stream))))))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer)) (export "pollable" (type $mine (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $mine))))))
  (core func $stdin (canon lower (func $stdin "get-stdin")))
  (core func $stderr (canon lower (func $stderr "get-stderr")))
  (core func $timer (canon lower (func $clock "subscribe-duration")))
  (core module $pass
    (import "" "input" (func $input (result i32)))
    (import "" "log" (func $log (result i32)))
    (import "" "timer" (func $timer (param i64) (result i32)))
    (func (export "ready") (result i32) (call $timer (i64.const 0)))
    (export "input" (func $input))
    (export "log" (func $log)))
  (core instance $passed (instantiate $pass (with "" (instance
    (export "input" (func $stdin))
    (export "log" (func $stderr))
    (export "timer" (func $timer))))))
  (func (export "input") (result (own $input)) (canon lift (core func $passed "input")))
  (func (export "log") (result (own $output)) (canon lift (core func $passed "log")))
  (func (export "ready") (result (own $pollable)) (canon lift (core func $passed "ready")))
)
"""
_OF_OUTPUT, _OF_OTHERS = (b"output",), (b"input", b"log", b"ready")
_FUNCTION, _RESULT = VALUE_BYTES, 2 * VALUE_BYTES
"""Offsets in the room of an instance, which is what it begins with."""
_Room = ctypes.c_uint64 * 12
_NOTHING_TO_FREE = 0
"""The kind of a value that owns no memory: wasmtime frees what a result is written over."""


class StreamsComponent(NamedTuple):
    """A compiled component, and how it is linked."""

    library: ComponentLibrary
    code: Any
    linker: Any
    exports: dict[bytes, int]
    """What finds each function in an instance."""


class StreamsComponents(NamedTuple):
    """Of ``OUTPUT_TEXT`` and of ``TEXT``."""

    output: StreamsComponent
    others: StreamsComponent


def find_exports(library: ComponentLibrary, code: Any) -> dict[bytes, int]:
    """Raises StartFailure."""
    find = library.component_get_export_index
    found = {name: index for name in (*_OF_OUTPUT, *_OF_OTHERS) if (index := find(code, None, name, len(name)))}
    if tuple(found) not in (_OF_OUTPUT, _OF_OTHERS):
        raise StartFailure("wasmlet's component of streams is not what this version needs: create another container")
    return found


class Streams:
    """Of one store. A component is instantiated when the first stream of it is asked for."""

    __slots__ = ("_components", "_context", "_others", "_output")

    def __init__(self, components: StreamsComponents, context: int) -> None:
        self._components = components
        self._context = context
        self._output: Any = None
        self._others: Any = None

    def input(self) -> Native:
        return self._other(b"input")

    def output(self) -> Native:
        if self._output is None:
            self._output = self._instantiated(self._components.output)
        return self._get(self._components.output, self._output, b"output")

    def log(self) -> Native:
        """To the container's standard error."""
        return self._other(b"log")

    def ready(self) -> Native:
        """A pollable that always is."""
        return self._other(b"ready")

    def _other(self, name: bytes) -> Native:
        if self._others is None:
            self._others = self._instantiated(self._components.others)
        return self._get(self._components.others, self._others, name)

    def _instantiated(self, component: StreamsComponent) -> Any:
        """Its room."""
        room, library = _Room(), component.library
        arguments = (component.linker, self._context, component.code, ctypes.addressof(room))
        if error := library.component_linker_instantiate(*arguments):
            raise RuntimeError(library.take_error(error))
        return room

    def _get(self, component: StreamsComponent, room: Any, name: bytes) -> Native:
        library, context, instance = component.library, self._context, ctypes.addressof(room)
        function, result = instance + _FUNCTION, instance + _RESULT
        octets[result] = _NOTHING_TO_FREE  # what an earlier call has left there is the guest's now
        library.component_instance_get_func(instance, context, component.exports[name], function)
        if error := library.component_func_call(function, context, None, 0, result, 1):
            raise RuntimeError(library.take_error(error))
        return Native(bytes_at(result, VALUE_BYTES))
