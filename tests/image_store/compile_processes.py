"""The compile processes of this test session."""

import os

from tests.orphans import children_of, command_line


def compile_processes() -> list[int]:
    """Process ids of those that are children of this process."""
    return [pid for pid in children_of(os.getpid()) if "image_store.compile_process" in command_line(pid)]
