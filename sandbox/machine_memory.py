"""What the whole machine has left, of ``/proc/meminfo`` (proc_meminfo(5))."""

from sandbox import kernel_files

_KIBIBYTE = 1024


def free_swap() -> int:
    """Bytes."""
    return parse_free_swap(kernel_files.read("/proc/meminfo"))


def parse_free_swap(meminfo: bytes) -> int:
    """0 of a kernel without swap, which does not mention it."""
    for line in meminfo.splitlines():
        name, _, value = line.partition(b":")
        if name == b"SwapFree":
            return int(value.split()[0]) * _KIBIBYTE
    return 0
