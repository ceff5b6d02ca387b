"""The rehearsal leaves the process that holds it as it was."""

import os

from sandbox.rehearsal import rehearse
from sandbox.wasm.engine import Engine
from sandbox.zygote_link import library_path
from tests.orphans import children


def test_nothing_is_left_of_a_rehearsal() -> None:
    engine = Engine(str(library_path()))
    descriptors, before = os.listdir("/proc/self/fd"), children()
    rehearse(engine)
    assert os.listdir("/proc/self/fd") == descriptors
    assert children() == before
