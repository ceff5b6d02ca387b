"""What a block device is called in ``/dev``."""

from functools import cache

from sandbox import kernel_files


@cache
def device_path(major: int, minor: int) -> str:
    """``/dev/vda``; empty for one that the kernel does not name."""
    try:
        return parse_device_path(kernel_files.read(f"/sys/dev/block/{major}:{minor}/uevent"))
    except FileNotFoundError:
        return ""


def parse_device_path(uevent: bytes) -> str:
    for line in uevent.decode("utf-8", "surrogateescape").splitlines():
        if line.startswith("DEVNAME="):
            return "/dev/" + line.removeprefix("DEVNAME=")
    return ""
