"""The text of the shim, judged by wasmtime."""

import struct
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import wasmtime

from sandbox.wasm import preview1_shim
from sandbox.wasm.preview1_functions import DESCRIPTORS, NO_RESULT, PARAMETERS
from sandbox.wasm.preview1_shim import FIRST_LISTENER, FIRST_SOCKET, HOST_FUNCTIONS, HOST_MODULE

LINKS, SIZE, MODIFIED = 11, 12, 1 << 60
_WASI = "wasi_snapshot_preview1"


@pytest.fixture(scope="module")
def engine() -> wasmtime.Engine:
    return wasmtime.Engine()


def _types(function: wasmtime.FuncType) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(map(str, function.params)), tuple(map(str, function.results))


def test_the_table_has_the_types_that_wasmtime_has(engine: wasmtime.Engine) -> None:
    linker, store = wasmtime.Linker(engine), wasmtime.Store(engine)
    linker.define_wasi()
    for name, parameters in PARAMETERS.items():
        native = linker.get(store, _WASI, name)
        assert isinstance(native, wasmtime.Func)
        results = () if name == NO_RESULT else ("i32",)
        assert _types(native.type(store)) == (parameters, results), name


def test_the_front_has_all_that_a_guest_may_import(engine: wasmtime.Engine) -> None:
    module = wasmtime.Module(engine, preview1_shim.front())
    functions = {item.name: item.type for item in module.exports if isinstance(item.type, wasmtime.FuncType)}
    assert {name: _types(type_)[0] for name, type_ in functions.items()} == PARAMETERS
    assert module.imports == []


@pytest.mark.parametrize(("listeners", "makes_links"), [(1, False), (2, True), (128, False)])
def test_the_back_imports_what_there_is(engine: wasmtime.Engine, listeners: int, makes_links: bool) -> None:
    """Pod processes of earlier versions make no links."""
    module = wasmtime.Module(engine, preview1_shim.back(listeners, makes_links=makes_links))
    by_module: dict[str, set[str]] = {}
    for item in module.imports:
        by_module.setdefault(item.module, set()).add(item.name or "")
    assert by_module == {
        _WASI: set(PARAMETERS),
        HOST_MODULE: {name for name in HOST_FUNCTIONS if makes_links or not name.startswith("root_")},
        "guest": {"memory"},
        "front": {"table"},
    }
    assert [item.name for item in module.exports] == ["memory"]


class Linked:
    """The shim with a native WASI and a host that tell what they were called with."""

    def __init__(
        self, engine: wasmtime.Engine, listeners: int, has_streams: bool = False, makes_links: bool = False
    ) -> None:
        self.store = wasmtime.Store(engine)
        self.calls: list[tuple[str, ...]] = []
        self.answers: dict[str, int] = {}
        """Errnos by the function, where it is another than 0."""
        front = wasmtime.Instance(self.store, wasmtime.Module(engine, preview1_shim.front()), [])
        self.exports = front.exports(self.store)
        self.memory = wasmtime.Memory(self.store, wasmtime.MemoryType(wasmtime.Limits(1, None)))
        linker = wasmtime.Linker(engine)
        linker.define(self.store, "guest", "memory", self.memory)
        linker.define(self.store, "front", "table", self.exports["table"])
        module = wasmtime.Module(engine, preview1_shim.back(listeners, has_streams, makes_links))
        for item in module.imports:
            if isinstance(item.type, wasmtime.FuncType):
                linker.define_func(item.module, item.name or "", item.type, self._noting(item))
        linker.instantiate(self.store, module)

    def _noting(self, item: wasmtime.ImportType) -> Callable[..., int | None]:
        side = "host" if item.module == HOST_MODULE else "native"

        def call(*arguments: int) -> int | None:
            self.calls.append((side, item.name or "", *map(str, arguments)))
            if item.name == "fd_filestat_get" and side == "native":
                self.memory.write(self.store, struct.pack("<8Q", 1, 2, 3, LINKS, SIZE, 6, MODIFIED, 8), arguments[1])
            return None if item.name == NO_RESULT else self.answers.get(item.name or "", 0)

        return call

    def call(self, name: str, *arguments: int) -> tuple[int | None, list[tuple[str, ...]]]:
        """The result, and who was called with what."""
        self.calls.clear()
        function = self.exports[name]
        assert isinstance(function, wasmtime.Func)
        return function(self.store, *arguments), list(self.calls)


@pytest.fixture(scope="module")
def linked(engine: wasmtime.Engine) -> Linked:
    return Linked(engine, 2)


def _with_descriptors(name: str, descriptor: int) -> list[int]:
    return [descriptor if place in DESCRIPTORS[name] else 64 for place in range(len(PARAMETERS[name]))]


@pytest.mark.parametrize("name", sorted(DESCRIPTORS))
@pytest.mark.parametrize(("of_guest", "native"), [(1, 1), (2, 2), (5, 3), (6, 4), (FIRST_SOCKET - 1, FIRST_SOCKET - 3)])
def test_what_is_no_socket_goes_to_the_native_wasi(linked: Linked, name: str, of_guest: int, native: int) -> None:
    arguments = tuple(map(str, _with_descriptors(name, native)))
    assert linked.call(name, *_with_descriptors(name, of_guest)) == (0, [("native", name, *arguments)])


@pytest.mark.parametrize("name", sorted(DESCRIPTORS))
@pytest.mark.parametrize("descriptor", [FIRST_LISTENER, FIRST_LISTENER + 1, FIRST_SOCKET, FIRST_SOCKET + 70000])
def test_sockets_never_reach_the_native_wasi(linked: Linked, name: str, descriptor: int) -> None:
    arguments = _with_descriptors(name, descriptor)
    result, calls = linked.call(name, *arguments)
    if name in HOST_FUNCTIONS:
        assert (result, calls) == (0, [("host", name, *map(str, arguments))])
    else:
        assert calls == []
        assert result == {"fd_fdstat_set_rights": 0, "fd_prestat_dir_name": 8}.get(name, result)
        assert result or name == "fd_fdstat_set_rights"


def test_other_functions_go_through(linked: Linked) -> None:
    for name in sorted(PARAMETERS.keys() - DESCRIPTORS.keys() - {"poll_oneoff"}):
        arguments = [7] * len(PARAMETERS[name])
        assert linked.call(name, *arguments)[1] == [("native", name, *map(str, arguments))]


@pytest.mark.parametrize(("native", "of_guest"), [(0, 0), (2, 2), (3, 5), (9, 11)])
def test_an_opened_file_gets_the_number_of_the_guests(linked: Linked, native: int, of_guest: int) -> None:
    linked.memory.write(linked.store, native.to_bytes(4, "little"), 512)
    result, _ = linked.call("path_open", 5, 0, 0, 0, 0, 0, 0, 0, 512)
    assert result == 0
    assert linked.memory.read(linked.store, 512, 516) == of_guest.to_bytes(4, "little")


def test_a_descriptor_does_not_change_its_side(linked: Linked) -> None:
    assert linked.call("fd_renumber", 3, 5) == (58, [])
    assert linked.call("fd_renumber", 5, FIRST_SOCKET) == (58, [])
    assert linked.call("fd_renumber", 3, FIRST_SOCKET)[1] == [("host", "fd_renumber", "3", str(FIRST_SOCKET))]


def test_who_waits_for_clocks_alone_waits_natively(linked: Linked) -> None:
    clock, descriptor = bytes(48), bytes(8) + b"\1" + bytes(39)
    for subscriptions, side in ((clock, "native"), (clock + clock, "native"), (clock + descriptor, "host")):
        linked.memory.write(linked.store, subscriptions, 1024)
        _, calls = linked.call("poll_oneoff", 1024, 2048, len(subscriptions) // 48, 4096)
        assert calls[-1][:2] == (side, "poll_oneoff")
    assert calls == [
        ("native", "clock_time_get", "1", "0", "2048"),
        ("host", "poll_oneoff", "1024", "2048", "2", "4096", "0"),
    ]


def test_its_text_takes_nothing_but_the_interpreter() -> None:
    """The server asks for it, which must not load wasmtime."""
    code = "import sys, sandbox.wasm.preview1_shim; sys.exit('wasmtime' in sys.modules or 'ctypes' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=240)


def test_standard_input_is_read_by_the_host(linked: Linked) -> None:
    """So that nothing of it waits where the host cannot see it when it waits for it."""
    assert linked.call("fd_read", 0, 1, 2, 3) == (0, [("host", "fd_read", "0", "1", "2", "3")])
    for name in sorted({*DESCRIPTORS} - {"fd_read"}):
        assert [side for side, *_ in linked.call(name, *_with_descriptors(name, 0))[1]] == ["native"], name


@pytest.mark.parametrize("leave", [("fd_close", 1), ("fd_renumber", 1, 9), ("fd_renumber", 9, 2)])
def test_the_host_writes_to_the_outputs_of_who_asks_it_until_one_is_another(
    engine: wasmtime.Engine, leave: tuple[str, *tuple[int, ...]]
) -> None:
    asking = Linked(engine, 0, has_streams=True)
    for _ in range(2):
        for output in (1, 2):
            written = asking.call("fd_write", output, 16, 1, 8)[1]
            assert written == [("host", "fd_write", str(output), "16", "1", "8")]
        asking.call("fd_close", 3)
    assert asking.call("fd_write", 3, 16, 1, 8)[1] == [("native", "fd_write", "3", "16", "1", "8")]
    asking.call(*leave)
    assert asking.call("fd_write", 2, 16, 1, 8)[1] == [("native", "fd_write", "2", "16", "1", "8")]


def test_without_listening_sockets_there_are_none(engine: wasmtime.Engine) -> None:
    without = Linked(engine, 0)
    without.memory.write(without.store, bytes([2]), 8)  # of a subscription the kind: to read
    assert without.call("fd_read", 0, 1, 2, 3)[1] == [("native", "fd_read", "0", "1", "2", "3")]
    assert without.call("fd_write", 1, 1, 2, 3)[1] == [("native", "fd_write", "1", "1", "2", "3")]
    assert without.call("fd_close", 3)[1] == [("native", "fd_close", "3")]
    assert without.call("poll_oneoff", 0, 64, 1, 128)[1] == [("native", "poll_oneoff", "0", "64", "1", "128")]


ERROR_OF_DEVICE, READ_ONLY = 29, 69


@pytest.fixture
def failing(linked: Linked) -> Iterator[Linked]:
    linked.memory.write(linked.store, bytes(range(128)), 0)
    linked.answers = {name: ERROR_OF_DEVICE for name in DESCRIPTORS if name != "fd_filestat_get"}
    linked.answers["io_error"] = READ_ONLY
    yield linked
    linked.answers = {}


@pytest.mark.parametrize(
    ("name", "directory", "path", "length"),
    [
        ("path_create_directory", 0, 1, 2),
        ("path_filestat_set_times", 0, 2, 3),
        ("path_link", 4, 5, 6),
        ("path_open", 0, 2, 3),
        ("path_remove_directory", 0, 1, 2),
        ("path_rename", 3, 4, 5),
        ("path_symlink", 2, 3, 4),
        ("path_unlink_file", 0, 1, 2),
    ],
)
def test_the_host_is_asked_what_an_error_of_the_device_is(
    failing: Linked, name: str, directory: int, path: int, length: int
) -> None:
    arguments = [5 if place in DESCRIPTORS[name] else 100 + place for place in range(len(PARAMETERS[name]))]
    arguments[directory] = 7
    result, calls = failing.call(name, *arguments)
    assert result == READ_ONLY
    asked = (str(arguments[path]), str(arguments[length]), str(LINKS), str(SIZE), str(MODIFIED))
    assert calls[1:] == [("native", "fd_filestat_get", "5", "0"), ("host", "io_error", *asked)]
    assert failing.memory.read(failing.store, 0, 128) == bytes(range(128))


def test_so_it_is_of_an_open_file(failing: Linked) -> None:
    result, calls = failing.call("fd_filestat_set_times", 7, 1, 2, 3)
    assert result == READ_ONLY
    assert calls[2] == ("host", "io_error", "0", "0", str(LINKS), str(SIZE), str(MODIFIED))


def test_it_is_not_asked_of_other_errors_nor_of_what_changes_nothing(failing: Linked) -> None:
    assert failing.call("path_filestat_get", 5, 0, 0, 0, 0)[0] == ERROR_OF_DEVICE
    failing.answers = {"path_unlink_file": 44, "path_rename": 29, "fd_filestat_get": 8}
    assert failing.call("path_unlink_file", 5, 0, 0) == (44, [("native", "path_unlink_file", "3", "0", "0")])
    result, calls = failing.call("path_rename", 5, 0, 0, 5, 0, 0)
    assert result == ERROR_OF_DEVICE
    assert calls[-1] == ("native", "fd_filestat_get", "3", "0")
    assert failing.memory.read(failing.store, 0, 128) == bytes(range(128))


REFUSED, NO_DIRECTORY_PASSED_ON = 63, 8


@pytest.fixture(scope="module")
def linking(engine: wasmtime.Engine) -> Linked:
    return Linked(engine, 2, makes_links=True)


@pytest.mark.parametrize(
    ("name", "arguments", "directory"),
    [("path_symlink", (64, 5, 9, 80, 7), 2), ("path_readlink", (9, 64, 5, 80, 7, 96), 0)],
)
def test_the_host_is_asked_for_links_of_the_root_that_are_refused(
    linking: Linked, name: str, arguments: tuple[int, ...], directory: int
) -> None:
    of_host = name.replace("path", "root")
    others = [str(word) for place, word in enumerate(arguments) if place != directory]
    linking.memory.write(linking.store, bytes(range(128)), 0)
    linking.answers = {name: REFUSED, of_host: 20}
    result, calls = linking.call(name, *arguments)
    assert (result, calls[1:]) == (20, [("native", "fd_prestat_get", "7", "0"), ("host", of_host, *others)])
    linking.answers = {name: REFUSED, "fd_prestat_get": NO_DIRECTORY_PASSED_ON}
    assert linking.call(name, *arguments)[0] == REFUSED
    assert linking.memory.read(linking.store, 0, 128) == bytes(range(128))
    for errno in (0, 20):
        linking.answers = {name: errno}
        result, calls = linking.call(name, *arguments)
        assert (result, len(calls)) == (errno, 1)


def test_earlier_pod_processes_are_not_asked(linked: Linked) -> None:
    linked.answers = {"path_symlink": REFUSED}
    result, calls = linked.call("path_symlink", 64, 5, 9, 80, 7)
    linked.answers = {}
    assert (result, len(calls)) == (REFUSED, 1)
