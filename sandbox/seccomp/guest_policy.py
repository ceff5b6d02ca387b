"""What a guest process may ask of the kernel: what wasmtime needs to run a guest that is loaded already, the C library
for its threads and its memory, and Python for its last steps.

Four answers, because a refusal has two readers:

allowed     what running guests were seen to call, or their libraries call in rarer moments
absent      ENOSYS: libraries try what is new, and have another way when the kernel lacks it
refused     EPERM, and the rest of what there is: some library may call it in good faith and shall say what it lacked
hostile     the process is killed: nothing calls this but code that a guest brought in, and it gets no second try
"""

from typing import NamedTuple

NEWEST = 469
"""The highest number that the kernel had when this was written; higher ones are absent."""

OWN_PID = 0x5EEDED1D
"""Stands for the process' own id, which is not known before the fork; above any that there is."""

_READS_AND_WRITES = (
    "read write close readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek poll ppoll epoll_create1 "
    "epoll_ctl epoll_wait epoll_pwait eventfd2"
)
_FILES = (
    "openat openat2 fstat fstatfs newfstatat statx getdents64 readlinkat unlinkat renameat renameat2 mkdirat linkat "
    "symlinkat utimensat ftruncate fallocate fsync fdatasync fadvise64"
)
_MEMORY = "munmap mremap brk"
_THREADS_AND_SIGNALS = (
    "rseq set_robust_list sched_yield sched_getaffinity gettid getpid rt_sigaction rt_sigprocmask rt_sigreturn "
    "sigaltstack restart_syscall exit exit_group"
)
_CLOCKS = "nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday"

ALLOWED = " ".join((_READS_AND_WRITES, _FILES, _MEMORY, _THREADS_AND_SIGNALS, _CLOCKS, "getrandom")).split()

# clone3 keeps its flags in memory, where no filter sees them; the C library then uses clone.
ABSENT = ["clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"]

_PROGRAMS_AND_PROCESSES = (
    "execve execveat fork vfork ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp "
    "pidfd_open pidfd_getfd pidfd_send_signal"
)
_MOUNTS_AND_NAMESPACES = (
    "mount umount2 pivot_root chroot move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick mount_setattr "
    "unshare setns open_by_handle_at fanotify_init quotactl quotactl_fd swapon swapoff acct"
)
_KERNEL = (
    "init_module finit_module delete_module kexec_load kexec_file_load bpf perf_event_open userfaultfd memfd_secret "
    "add_key request_key keyctl syslog reboot iopl ioperm modify_ldt"
)
_NODE_AND_RIGHTS = "settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname capset"

HOSTILE = " ".join((_PROGRAMS_AND_PROCESSES, _MOUNTS_AND_NAMESPACES, _KERNEL, _NODE_AND_RIGHTS)).split()


class Condition(NamedTuple):
    """Argument ``argument``, as far as ``mask`` selects its bits, is one of ``values``."""

    argument: int
    mask: int
    values: tuple[int, ...]


class Rule(NamedTuple):
    """All of the conditions."""

    conditions: tuple[Condition, ...]
    otherwise_hostile: bool = False


class Cases(NamedTuple):
    """The rule for the value of argument ``argument``, 32 bits of it; any other value is refused."""

    argument: int
    rules: dict[int, Rule]


# The kernel reads these arguments as 32-bit numbers, or gives a meaning to their lower half alone.
_ALL_BITS = 0xFFFFFFFF
_POINTER = 0xFFFFFFFF_FFFFFFFF

_PROT_EXEC = 0x4
_MAP_HUGETLB = 0x40000
_NORMAL, _RANDOM, _SEQUENTIAL, _WILL_NEED, _DO_NOT_NEED, _FREE = 0, 1, 2, 3, 4, 8
_HUGE_PAGE, _NO_HUGE_PAGE, _GUARD_INSTALL, _GUARD_REMOVE = 14, 15, 102, 103

_THREAD = 0x10F00
"""CLONE_VM, FS, FILES, SIGHAND and THREAD: what is shared makes a thread."""
_OPTIONS_OF_THREADS = 0x7C0000
"""CLONE_SYSVSEM, SETTLS, PARENT_SETTID, CHILD_CLEARTID, DETACHED."""

_WAIT, _WAKE, _REQUEUE, _WAIT_BITSET, _WAKE_BITSET = 0, 1, 3, 9, 10
_FUTEX_OPTIONS = 0x180
"""FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME."""

_F_GETFD, _F_SETFD, _F_GETFL, _F_SETFL, _F_DUPFD_CLOEXEC = 1, 2, 3, 4, 1030
_TCGETS, _TIOCGWINSZ, _FIONREAD, _FIONBIO = 0x5401, 0x5413, 0x541B, 0x5421
_PR_SET_NAME = 15

_S_IFMT, _S_IFIFO = 0o170000, 0o010000
NAMED_PIPES = Rule((Condition(2, _S_IFMT, (_S_IFIFO,)),))
"""Of ``mknodat``. A guest needs none, but the process that gives requests to guests does."""

CONDITIONAL: dict[str, Rule | Cases] = {
    # The guest's code was mapped before the fork: from here on no memory becomes executable. That also keeps the C
    # library from loading others out of the container's files, as a resolver's configuration there could have it do.
    "mmap": Rule((Condition(2, _PROT_EXEC, (0,)), Condition(3, _MAP_HUGETLB, (0,)))),
    "mprotect": Rule((Condition(2, _PROT_EXEC, (0,)),)),
    # Not MADV_MERGEABLE: pages shared with other processes tell of their content.
    "madvise": Rule(
        (
            Condition(
                2,
                _ALL_BITS,
                (
                    *(_NORMAL, _RANDOM, _SEQUENTIAL, _WILL_NEED, _DO_NOT_NEED, _FREE),
                    *(_HUGE_PAGE, _NO_HUGE_PAGE, _GUARD_INSTALL, _GUARD_REMOVE),
                ),
            ),
        )
    ),
    "clone": Rule((Condition(0, _ALL_BITS & ~_OPTIONS_OF_THREADS, (_THREAD,)),), otherwise_hostile=True),
    "futex": Rule((Condition(1, _ALL_BITS & ~_FUTEX_OPTIONS, (_WAIT, _WAKE, _REQUEUE, _WAIT_BITSET, _WAKE_BITSET)),)),
    # Not F_SETOWN, which sends signals.
    "fcntl": Rule((Condition(1, _ALL_BITS, (_F_GETFD, _F_SETFD, _F_GETFL, _F_SETFL, _F_DUPFD_CLOEXEC)),)),
    # Not TIOCSTI, which types.
    "ioctl": Rule((Condition(1, _ALL_BITS, (_TCGETS, _TIOCGWINSZ, _FIONREAD, _FIONBIO)),)),
    "prctl": Rule((Condition(0, _ALL_BITS, (_PR_SET_NAME,)),)),
    # Limits are read, the process' own.
    "prlimit64": Rule((Condition(0, _ALL_BITS, (0,)), Condition(2, _POINTER, (0,)))),
    # How a process aborts.
    "tgkill": Rule((Condition(0, _ALL_BITS, (OWN_PID,)),)),
}
