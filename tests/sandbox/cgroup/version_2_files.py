"""A group of a v2 hierarchy as plain files."""

from collections.abc import Mapping
from pathlib import Path

from sandbox.cgroup.layout import Layout

GROUP = "/kubepods.slice/pod"


def write_group(root: Path, files: Mapping[str, str]) -> Path:
    """The folder of GROUP below ``root``, with these files in it."""
    folder = root / GROUP.strip("/")
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_text(content + "\n")
    return folder


def layout_of(root: Path) -> Layout:
    return Layout(True, (str(root),), {})
