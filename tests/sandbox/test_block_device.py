import os
from pathlib import Path

import pytest

from sandbox.block_device import device_path, parse_device_path


def test_a_device_is_named_as_the_kernel_does() -> None:
    assert parse_device_path(b"MAJOR=254\nMINOR=0\nDEVNAME=vda\nDEVTYPE=disk\n") == "/dev/vda"
    assert parse_device_path(b"MAJOR=254\n") == ""
    assert device_path(4095, 4095) == ""


def test_the_devices_of_this_machine() -> None:
    devices = os.listdir("/sys/dev/block") if os.path.isdir("/sys/dev/block") else []
    if not devices:
        pytest.skip("this machine has no block device")
    major, minor = map(int, devices[0].split(":"))
    name = (Path("/sys/dev/block") / devices[0]).resolve().name
    assert device_path(major, minor).removeprefix("/dev/") == name.replace("!", "/")
