"""Two WebAssembly modules between a guest and the native WASI preview 1, which knows no sockets. Text only, no I/O.

A guest is linked with the *front*, whose functions call what is in its table. Once the guest is there, and with it its
memory, the *back* fills the table with functions of its own: calls for a socket go to the host's socket functions, all
others to the native WASI, which finds the guest's memory as one that the back exports.

Guests take listening sockets from descriptor 3 on. The native descriptors from 3 on move up for that:

    0 to 2                      native; the host's of a guest that asks it
    3 to 2 + listeners          listening sockets
    from there to FIRST_SOCKET  native, less the number of listeners
    FIRST_SOCKET and above      accepted sockets

The native WASI reads ahead from standard input what the kernel then no longer knows of. A guest that may wait for it
together with sockets reads it by the host instead. To write it starts a thread, which costs more than all else that a
short command does: what a guest that asks the host writes to its outputs goes there, until it moves or closes one.

The native WASI also answers what a read-only file system refuses as an error of the device. Of those the host finds out
which they are.

It neither makes nor reads symbolic links to absolute paths, for a directory that it passes on need not be the whole of
a guest's files. In a container the one that it passes on is. For a guest that asks the host, the host does it there.
"""

from sandbox.wasm.preview1_functions import DESCRIPTORS, I32, I64, NO_RESULT, PARAMETERS

FIRST_LISTENER = 3
FIRST_SOCKET = 1 << 20
"""Above what the limit of descriptors lets a native one become."""

_BADF, _INVAL, _IO, _NOTDIR, _NOTSUP, _PERM, _SPIPE = 8, 28, 29, 54, 58, 63, 70

SPARE_MEMORY = "spare"
HOST_MODULE = "wasmlet"
HOST_FUNCTIONS: dict[str, tuple[str, ...]] = {
    **{
        name: PARAMETERS[name]
        for name in (
            *("sock_accept", "sock_recv", "sock_send", "sock_shutdown", "fd_read", "fd_write", "fd_close"),
            *("fd_fdstat_get", "fd_fdstat_set_flags", "fd_filestat_get", "fd_renumber", "fd_prestat_get"),
        )
    },
    # The host cannot know when the guest's monotonic clock began: it is told the guest's time.
    "poll_oneoff": (*PARAMETERS["poll_oneoff"], I64),
    # Path and its length; of the directory that it begins in the links, the size and when it was modified.
    "io_error": (I32, I32, I64, I64, I64),
    # As the functions of WASI that they stand for, less the directory: it is the container's root.
    "root_symlink": (I32, I32, I32, I32),
    "root_readlink": (I32, I32, I32, I32, I32),
}
"""What the host provides to the back, with the types of the parameters; each gives back an errno."""
_OF_LINKS = {"path_symlink": "root_symlink", "path_readlink": "root_readlink"}
"""Which the host has for what the native WASI refuses, from ``control.MAKES_LINKS`` on."""

_OF_SOCKETS = {
    "fd_pread": _SPIPE,
    "fd_pwrite": _SPIPE,
    "fd_seek": _SPIPE,
    "fd_tell": _SPIPE,
    "fd_advise": _SPIPE,
    "fd_readdir": _NOTDIR,
    "fd_prestat_dir_name": _BADF,
    "fd_fdstat_set_rights": 0,
}
"""What the other functions answer to a socket."""

_CHANGING: dict[str, tuple[int, ...]] = {
    "fd_filestat_set_times": (0,),
    "path_create_directory": (0, 1, 2),
    "path_filestat_set_times": (0, 2, 3),
    "path_link": (4, 5, 6),
    "path_open": (0, 2, 3),
    "path_remove_directory": (0, 1, 2),
    "path_rename": (3, 4, 5),
    "path_symlink": (2, 3, 4),
    "path_unlink_file": (0, 1, 2),
}
"""Which a read-only file system refuses; of each the parameters that are the descriptor, the path and its length."""
_FILESTAT_WORDS = 8


def front() -> str:
    """The module that exports all of preview 1, the table that stands behind it, and an empty memory for a guest that
    has none."""
    names = list(PARAMETERS)
    functions = [_trampoline(place, name) for place, name in enumerate(names)]
    table = f'(module (table (export "table") {len(names)} funcref) (memory (export "{SPARE_MEMORY}") 0)'
    return "\n".join([table, *functions, ")\n"])


def _trampoline(place: int, name: str) -> str:
    return (
        f"(type $t{place} (func{_signature(name)}))\n"
        f'(func (export "{name}") (type $t{place}) {_arguments(name)} '
        f"(call_indirect (type $t{place}) (i32.const {place})))"
    )


def back(listeners: int, has_streams: bool = False, makes_links: bool = False) -> str:
    """``listeners``: how many listening sockets the guest has; ``has_streams``: the host is its standard streams;
    ``makes_links``: and makes the symbolic links that the native WASI refuses."""
    names = list(PARAMETERS)
    native = [f'(import "wasi_snapshot_preview1" "{name}" (func $native_{name}{_signature(name)}))' for name in names]
    host = [
        f'(import "{HOST_MODULE}" "{name}" (func $host_{name}{_parameters(types)} (result i32)))'
        for name, types in HOST_FUNCTIONS.items()
        if makes_links or name not in _OF_LINKS.values()
    ]
    return "\n".join(
        [
            '(module (import "guest" "memory" (memory 0))',
            f'(import "front" "table" (table {len(names)} funcref))',
            *native,
            *host,
            '(export "memory" (memory 0))',
            _numbering(listeners, has_streams),
            _explanation(),
            _linking(makes_links),
            *(_function(name, bool(listeners) or has_streams) for name in names),
            "(elem (i32.const 0) func " + " ".join(f"${name}" for name in names) + ")",
            ")\n",
        ]
    )


def _numbering(listeners: int, has_streams: bool) -> str:
    """``native`` and ``guest`` turn a descriptor of one side into the other's."""
    is_input = "(i32.eqz (local.get $fd))" if has_streams else "(i32.const 0)"
    return f"""\
(global $outputs_are_native (mut i32) (i32.const {0 if has_streams else 1}))
(func $is_output (param $fd i32) (result i32)
  (i32.lt_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 2)))
(func $leaves_output (param $fd i32)
  (if (call $is_output (local.get $fd)) (then (global.set $outputs_are_native (i32.const 1)))))
(func $is_socket (param $fd i32) (result i32)
  (i32.or {is_input} (i32.or
    (i32.lt_u (i32.sub (local.get $fd) (i32.const {FIRST_LISTENER})) (i32.const {listeners}))
    (i32.ge_u (local.get $fd) (i32.const {FIRST_SOCKET})))))
(func $native (param $fd i32) (result i32)
  (select (local.get $fd) (i32.sub (local.get $fd) (i32.const {listeners}))
    (i32.lt_u (local.get $fd) (i32.const {FIRST_LISTENER}))))
(func $guest (param $fd i32) (result i32)
  (select (local.get $fd) (i32.add (local.get $fd) (i32.const {listeners}))
    (i32.lt_u (local.get $fd) (i32.const {FIRST_LISTENER}))))
(func $waits_for_descriptors (param $at i32) (param $count i32) (result i32)
  (loop $next
    (if (i32.eqz (local.get $count)) (then (return (i32.const 0))))
    (if (i32.load8_u offset=8 (local.get $at)) (then (return (i32.const 1))))
    (local.set $at (i32.add (local.get $at) (i32.const 48)))
    (local.set $count (i32.sub (local.get $count) (i32.const 1)))
    (br $next))
  (unreachable))"""


def _explanation() -> str:
    """``explained`` asks the host what became of a call that the native WASI answers as an error of the device.

    To say of which directory, it borrows memory of the guest, which has only one thread. The native WASI does not tell
    the directory's own number.
    """
    words = range(_FILESTAT_WORDS)
    saved = " ".join(f"(local $word{word} i64)" for word in words)
    save = "\n  ".join(f"(local.set $word{word} (i64.load offset={8 * word} (i32.const 0)))" for word in words)
    restore = "\n  ".join(f"(i64.store offset={8 * word} (i32.const 0) (local.get $word{word}))" for word in words)
    return f"""\
(func $explained (param $errno i32) (param $fd i32) (param $path i32) (param $length i32) (result i32)
  (local $unknown i32) (local $links i64) (local $size i64) (local $modified i64) {saved}
  (if (i32.or (i32.ne (local.get $errno) (i32.const {_IO})) (i32.eqz (memory.size))) (then (return (local.get $errno))))
  {save}
  (local.set $unknown (call $native_fd_filestat_get (local.get $fd) (i32.const 0)))
  (local.set $links (i64.load offset=24 (i32.const 0)))
  (local.set $size (i64.load offset=32 (i32.const 0)))
  (local.set $modified (i64.load offset=48 (i32.const 0)))
  {restore}
  (if (local.get $unknown) (then (return (local.get $errno))))
  (call $host_io_error (local.get $path) (local.get $length)
    (local.get $links) (local.get $size) (local.get $modified)))"""


def _linking(makes_links: bool) -> str:
    """``is_root``: of the container, the one directory that was passed on, by whatever number. The others let the host
    do there what the native WASI refuses."""
    return f"""\
(func $is_root (param $fd i32) (result i32)
  (local $word i64) (local $errno i32)
  (if (i32.eqz (memory.size)) (then (return (i32.const 0))))
  (local.set $word (i64.load (i32.const 0)))
  (local.set $errno (call $native_fd_prestat_get (local.get $fd) (i32.const 0)))
  (i64.store (i32.const 0) (local.get $word))
  (i32.eqz (local.get $errno)))
{" ".join(_granted(name, makes_links) for name in _OF_LINKS)}"""


def _granted(name: str, makes_links: bool) -> str:
    """Its parameters are what the native one has answered, and those of that."""
    (directory,) = DESCRIPTORS[name]
    words = [f"(local.get {place + 1})" for place in range(len(PARAMETERS[name]))]
    host = f"(call $host_{_OF_LINKS[name]} {' '.join(words[:directory] + words[directory + 1 :])})"
    asked = f"""
  (if (i32.eq (local.get 0) (i32.const {_PERM})) (then
    (if (call $is_root {words[directory]}) (then (return {host})))))"""
    return f"""\
(func $granted_{name} (param i32) {_signature(name)}{asked if makes_links else ""}
  (local.get 0))
"""


def _function(name: str, waits_by_host: bool) -> str:
    return f"(func ${name}{_signature(name)}{_body(name, waits_by_host)})"


def _body(name: str, waits_by_host: bool) -> str:
    if name == "poll_oneoff":
        return _poll() if waits_by_host else f" {_native_call(name)}"
    if name == "fd_read" and waits_by_host:
        return _choice(f"(i32.or (i32.eqz (local.get 0)) {_any_socket(name)})", _of_socket(name), _native_call(name))
    if name == "fd_write":
        by_host = "(i32.and (call $is_output (local.get 0)) (i32.eqz (global.get $outputs_are_native)))"
        return _choice(f"(i32.or {by_host} {_any_socket(name)})", _of_socket(name), _native_call(name))
    if name == "fd_close":
        choice = _choice(_any_socket(name), _of_socket(name), _native_call(name))
        return f" (call $leaves_output (local.get 0)){choice}"
    if name == "fd_renumber":
        return f" (call $leaves_output (local.get 0)) (call $leaves_output (local.get 1)){_renumber()}"
    native = _native_call(name)
    if name == "path_open":
        return " (local $errno i32)" + _choice(_any_socket(name), _of_socket(name), _with_number_of_guest(native, 8))
    return f" {native}" if name not in DESCRIPTORS else _choice(_any_socket(name), _of_socket(name), native)


def _any_socket(name: str) -> str:
    first, *others = [f"(call $is_socket (local.get {place}))" for place in DESCRIPTORS[name]]
    for other in others:
        first = f"(i32.or {first} {other})"
    return first


def _of_socket(name: str) -> str:
    if name in HOST_FUNCTIONS:
        return f"(call $host_{name} {_arguments(name)})"
    errno = _NOTDIR if name.startswith("path_") else _OF_SOCKETS.get(name, _INVAL)
    return f"(i32.const {errno})"


def _native_call(name: str) -> str:
    numbers = DESCRIPTORS.get(name, ())
    words = [
        f"(call $native (local.get {place}))" if place in numbers else f"(local.get {place})"
        for place in range(len(PARAMETERS[name]))
    ]
    call = f"(call $native_{name} {' '.join(words)})"
    if name in _CHANGING:
        where = [words[place] for place in _CHANGING[name]]
        call = f"(call $explained {call} {' '.join(where)}{' (i32.const 0)' * (3 - len(where))})"
    return f"(call $granted_{name} {call} {' '.join(words)})" if name in _OF_LINKS else call


def _with_number_of_guest(call: str, place: int) -> str:
    """``place``: of the parameter that says where the descriptor goes."""
    at = f"(local.get {place})"
    translated = f"(i32.store {at} (call $guest (i32.load {at})))"
    return f"(local.tee $errno {call}) (if (i32.eqz (local.get $errno)) (then {translated}))"


def _poll() -> str:
    host = (
        "(drop (call $native_clock_time_get (i32.const 1) (i64.const 0) (local.get 1))) "
        f"(call $host_poll_oneoff {_arguments('poll_oneoff')} (i64.load (local.get 1)))"
    )
    condition = "(call $waits_for_descriptors (local.get 0) (local.get 2))"
    return _choice(condition, host, _native_call("poll_oneoff"))


def _renumber() -> str:
    """A number does not change its side."""
    one, other = (f"(call $is_socket (local.get {place}))" for place in (0, 1))
    same = _choice(one, _of_socket("fd_renumber"), _native_call("fd_renumber"))
    return _choice(f"(i32.eq {one} {other})", same, f"(i32.const {_NOTSUP})")


def _choice(condition: str, then: str, otherwise: str) -> str:
    return f" (if (result i32) {condition} (then {then}) (else {otherwise}))"


def _signature(name: str) -> str:
    result = "" if name == NO_RESULT else f" (result {I32})"
    return _parameters(PARAMETERS[name]) + result


def _parameters(types: tuple[str, ...]) -> str:
    return "".join(f" (param {kind})" for kind in types)


def _arguments(name: str) -> str:
    return " ".join(f"(local.get {place})" for place in range(len(PARAMETERS[name])))
