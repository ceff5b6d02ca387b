"""WASI preview 1, as far as its functions' types go (the specification's witx, lowered). Data only."""

I32, I64 = "i32", "i64"
_TYPES = {"i": I32, "l": I64}

_PARAMETERS = {
    "args_get": "ii",
    "args_sizes_get": "ii",
    "environ_get": "ii",
    "environ_sizes_get": "ii",
    "clock_res_get": "ii",
    "clock_time_get": "ili",
    "fd_advise": "illi",
    "fd_allocate": "ill",
    "fd_close": "i",
    "fd_datasync": "i",
    "fd_fdstat_get": "ii",
    "fd_fdstat_set_flags": "ii",
    "fd_fdstat_set_rights": "ill",
    "fd_filestat_get": "ii",
    "fd_filestat_set_size": "il",
    "fd_filestat_set_times": "illi",
    "fd_pread": "iiili",
    "fd_prestat_dir_name": "iii",
    "fd_prestat_get": "ii",
    "fd_pwrite": "iiili",
    "fd_read": "iiii",
    "fd_readdir": "iiili",
    "fd_renumber": "ii",
    "fd_seek": "ilii",
    "fd_sync": "i",
    "fd_tell": "ii",
    "fd_write": "iiii",
    "path_create_directory": "iii",
    "path_filestat_get": "iiiii",
    "path_filestat_set_times": "iiiilli",
    "path_link": "iiiiiii",
    "path_open": "iiiiillii",
    "path_readlink": "iiiiii",
    "path_remove_directory": "iii",
    "path_rename": "iiiiii",
    "path_symlink": "iiiii",
    "path_unlink_file": "iii",
    "poll_oneoff": "iiii",
    "proc_exit": "i",
    "proc_raise": "i",
    "random_get": "ii",
    "sched_yield": "",
    "sock_accept": "iii",
    "sock_recv": "iiiiii",
    "sock_send": "iiiii",
    "sock_shutdown": "ii",
}

PARAMETERS: dict[str, tuple[str, ...]] = {
    name: tuple(_TYPES[letter] for letter in letters) for name, letters in _PARAMETERS.items()
}
"""Types of the parameters by the function's name. All but NO_RESULT give back one i32, an errno."""

NO_RESULT = "proc_exit"

DESCRIPTORS: dict[str, tuple[int, ...]] = {
    **{name: (0,) for name in PARAMETERS if name.startswith(("fd_", "path_", "sock_"))},
    "path_symlink": (2,),
    "path_link": (0, 4),
    "path_rename": (0, 3),
    "fd_renumber": (0, 1),
}
"""Which parameters are descriptors."""
