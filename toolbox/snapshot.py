"""Initialises a WebAssembly module once, when it is built: ``python toolbox/snapshot.py MODULE RESULT``.

    MODULE   a reactor: exports ``_initialize`` and what is to be called after it
    RESULT   begins with the memory and the globals that ``_initialize`` has left, and exports the rest

What the module may ask of WASI meanwhile is the same in every run, and so is the result: there are no arguments,
variables and files, it is always the first nanosecond, and random bytes are no such. What has to be another in every
run the module finds out after its initialisation.
"""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import wasmtime

_HEADER = b"\0asm\1\0\0\0"
_MEMORIES, _GLOBALS, _EXPORTS, _START, _COUNT_OF_DATA, _DATA = 5, 6, 7, 8, 12, 11
_INITIALIZE, _MEMORY, _GLOBAL = b"_initialize", b"memory", b"global %d"
_KIND_OF_GLOBAL = 3
_CONSTANTS = {0x7F: 0x41, 0x7E: 0x42}
"""Of the types i32 and i64 the instruction that gives one."""
_END = 0x0B
_NOT_ZERO = re.compile(rb"[^\0]")
_LONGEST_GAP = b"\0" * 32
"""Of zeros within a segment of data: to begin another one costs about ten bytes."""


class SnapshotError(Exception):
    """The module cannot be initialised ahead of its runs."""


class Export(NamedTuple):
    name: bytes
    kind: int
    number: int


class State(NamedTuple):
    """What initialisation leaves."""

    memory: bytes
    globals: list[int]


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, size: int) -> bytes:
        self.place += size
        return self.data[self.place - size : self.place]

    def number(self) -> int:
        """LEB128, without a sign."""
        value = shift = 0
        while (byte := self.byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
        return value | byte << shift

    def text(self) -> bytes:
        return self.take(self.number())

    def rest(self) -> bytes:
        return self.data[self.place :]


def snapshot(module: bytes) -> bytes:
    """The module, initialised. Raises SnapshotError."""
    sections = list(_sections(module))
    content = dict(sections)
    if _START in content:
        raise SnapshotError("the module has a start section, which would run once more: build it as a reactor")
    types, exports = _global_types(content.get(_GLOBALS, b"\0")), _exports(content[_EXPORTS])
    shown = [*exports, *(Export(_GLOBAL % index, _KIND_OF_GLOBAL, index) for index in range(len(types)))]
    state = _initialised(_module(sections, {_EXPORTS: _encoded_exports(shown)}), len(types))
    changed = {
        _MEMORIES: _encoded_memory(content[_MEMORIES], len(state.memory)),
        _GLOBALS: _encoded_globals(types, state.globals),
        _EXPORTS: _encoded_exports([export for export in exports if export.name != _INITIALIZE]),
        _COUNT_OF_DATA: b"",
        _DATA: _encoded_data(state.memory),
    }
    return _module(sections, {number: changed[number] for number in changed if number in content})


def segments(memory: bytes) -> Iterator[tuple[int, bytes]]:
    """What is not zero, and where."""
    place = 0
    while found := _NOT_ZERO.search(memory, place):
        gap = memory.find(_LONGEST_GAP, found.start())
        place = gap if gap >= 0 else len(memory)
        yield found.start(), memory[found.start() : place].rstrip(b"\0")


def _sections(module: bytes) -> Iterator[tuple[int, bytes]]:
    reader = _Reader(module)
    if reader.take(len(_HEADER)) != _HEADER:
        raise SnapshotError("this is no WebAssembly module")
    while reader.place < len(module):
        yield reader.byte(), reader.text()


def _module(sections: list[tuple[int, bytes]], changed: dict[int, bytes]) -> bytes:
    """A section that is empty is left out."""
    contents = [(number, changed.get(number, content)) for number, content in sections]
    return _HEADER + b"".join(bytes([number]) + _bytes(content) for number, content in contents if content)


def _global_types(content: bytes) -> list[tuple[int, int]]:
    """Of each its type, and whether it may change."""
    reader, types = _Reader(content), []
    for _ in range(reader.number()):
        kind, changes = reader.byte(), reader.byte()
        if reader.byte() != _CONSTANTS.get(kind):
            raise SnapshotError("a global is not an integer that begins as a constant: nothing is known of others")
        reader.number()
        if reader.byte() != _END:
            raise SnapshotError("a global begins as more than a constant: nothing is known of such")
        types.append((kind, changes))
    return types


def _exports(content: bytes) -> list[Export]:
    reader = _Reader(content)
    return [Export(reader.text(), reader.byte(), reader.number()) for _ in range(reader.number())]


def _initialised(module: bytes, globals_: int) -> State:
    config = wasmtime.Config()
    config.cranelift_opt_level = "none"
    engine = wasmtime.Engine(config)
    compiled = wasmtime.Module(engine, module)
    store, linker = wasmtime.Store(engine), wasmtime.Linker(engine)
    linker.allow_shadowing = True  # the same name may be imported twice
    host = _Host(store)
    for item in compiled.imports:
        if not isinstance(item.type, wasmtime.FuncType):
            raise SnapshotError(f"the module imports {item.module}.{item.name}, which is no function")
        linker.define_func(item.module, item.name or "", item.type, host.function(f"{item.module}.{item.name}"))
    exports = linker.instantiate(store, compiled).exports(store)
    memory, initialize = exports[_MEMORY.decode()], exports[_INITIALIZE.decode()]
    assert isinstance(memory, wasmtime.Memory)
    assert isinstance(initialize, wasmtime.Func)
    host.memory = memory
    initialize(store)
    values = [exports[(_GLOBAL % index).decode()] for index in range(globals_)]
    left = [int(value.value(store)) for value in values if isinstance(value, wasmtime.Global)]
    return State(bytes(memory.read(store)), left)


class _Host:
    """As much of WASI preview 1 as an initialisation needs."""

    def __init__(self, store: wasmtime.Store) -> None:
        self._store = store
        self._random = 0
        self.memory: wasmtime.Memory

    def function(self, name: str) -> Callable[..., int]:
        provided = getattr(self, "_" + name.removeprefix("wasi_snapshot_preview1."), None)

        def refuse(*_: int) -> int:
            raise SnapshotError(f"the initialisation calls {name}, which is there in a run only: let it be called then")

        return provided or refuse

    def _write(self, place: int, data: bytes) -> int:
        self.memory.write(self._store, data, place)
        return 0

    def _word(self, place: int) -> int:
        return int.from_bytes(self.memory.read(self._store, place, place + 4), "little")

    def _args_sizes_get(self, count: int, size: int) -> int:
        return self._write(count, bytes(4)) or self._write(size, bytes(4))

    _environ_sizes_get = _args_sizes_get

    def _clock_time_get(self, clock: int, precision: int, result: int) -> int:
        return self._write(result, (1).to_bytes(8, "little"))

    def _random_get(self, place: int, size: int) -> int:
        self._random += 1
        return self._write(place, bytes((self._random + offset) % 255 + 1 for offset in range(size)))

    def _fd_fdstat_get(self, descriptor: int, result: int) -> int:
        return self._write(result, bytes(24))

    def _fd_fdstat_set_flags(self, descriptor: int, flags: int) -> int:
        return _BAD_DESCRIPTOR  # as wasmtime says of standard streams

    def _fd_prestat_get(self, descriptor: int, result: int) -> int:
        return _BAD_DESCRIPTOR

    def _fd_write(self, descriptor: int, vectors: int, count: int, result: int) -> int:
        """What a runtime says before it gives up."""
        extents = [(self._word(place), self._word(place + 4)) for place in range(vectors, vectors + 8 * count, 8)]
        text = b"".join(bytes(self.memory.read(self._store, place, place + size)) for place, size in extents)
        sys.stderr.write(text.decode(errors="replace"))
        return self._write(result, len(text).to_bytes(4, "little"))


_BAD_DESCRIPTOR = 8


def _encoded_memory(content: bytes, size: int) -> bytes:
    """With what it has grown to as the least."""
    reader = _Reader(content)
    count, flags, _ = reader.number(), reader.byte(), reader.number()
    if count != 1:
        raise SnapshotError("the module has more than one memory")
    return _number(count) + bytes([flags]) + _number(size >> 16) + reader.rest()


def _encoded_globals(types: list[tuple[int, int]], values: list[int]) -> bytes:
    pairs = zip(types, values, strict=True)
    return _vector([bytes([*kind, _CONSTANTS[kind[0]], *_integer(value), _END]) for kind, value in pairs])


def _encoded_exports(exports: list[Export]) -> bytes:
    return _vector([_bytes(export.name) + bytes([export.kind]) + _number(export.number) for export in exports])


def _encoded_data(memory: bytes) -> bytes:
    place_of = _CONSTANTS[0x7F]
    return _vector([bytes([0, place_of, *_integer(at), _END]) + _bytes(data) for at, data in segments(memory)])


def _vector(items: list[bytes]) -> bytes:
    return _number(len(items)) + b"".join(items)


def _bytes(data: bytes) -> bytes:
    return _number(len(data)) + data


def _number(value: int) -> bytes:
    """LEB128, without a sign."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _integer(value: int) -> bytes:
    """LEB128, with a sign."""
    encoded = bytearray()
    while not -0x40 <= value < 0x40:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value & 0x7F])


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(snapshot(Path(sys.argv[1]).read_bytes()))
