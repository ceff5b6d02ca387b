"""What a module is told that tries to change what is read-only."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sandbox.specs import MountSpec
from tests.guests.compiled import compiled_shim
from tests.sandbox.conftest import Exits, Node, log_lines

REFUSED = "Read-only file system"
CHANGES = [
    *("create", "open for writing", "truncate", "make directory", "rename", "link", "link symbolically", "set times"),
    *("remove", "remove directory", "set times of open file", "create below a directory"),
]


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    volume = tmp_path / "volume"
    (volume / "folder").mkdir(parents=True)
    (volume / "file").write_text("text")
    return volume


def told(node: Node, mounts: list[MountSpec], **changes: Any) -> dict[str, str]:
    """What the guest is told of each thing that it tries below /data."""
    pod = node.pod_spec()
    changes = {"socket_shim": compiled_shim(0), "mounts": mounts, **changes}
    spec = node.guest_spec(pod, "changer", "/data", **changes)

    async def scenario() -> None:
        async with node.processes() as processes:
            process = await processes.run(pod)
            exits = Exits(process)
            await process.start(spec.container_id, node.write(spec))
            assert (await exits.next()).exit_code == 0

    asyncio.run(scenario())
    return dict(line.split(": ") for _, _, line in log_lines(spec))


def mount(source: Path, target: str = "/data", readonly: bool = False) -> MountSpec:
    return MountSpec(str(source), target, readonly, propagate=False)


NOT_A_CHANGE = {"enter": "done", "read": "done", "miss": "No such file or directory"}


def test_a_read_only_mount_is_called_so(node: Node, volume: Path) -> None:
    assert told(node, [mount(volume, readonly=True)]) == {**dict.fromkeys(CHANGES, REFUSED), **NOT_A_CHANGE}


def test_so_is_a_read_only_path_of_a_mount_that_is_not(node: Node, volume: Path) -> None:
    (volume / "inner").mkdir()
    (volume / "inner" / "folder").mkdir()
    (volume / "inner" / "file").touch()
    said = told(node, [mount(volume, "/above")], argv=["changer", "/above/inner"], readonly_paths=["/above/inner"])
    assert said == {**dict.fromkeys(CHANGES, REFUSED), **NOT_A_CHANGE}


def test_so_is_a_read_only_root(node: Node, tmp_path: Path) -> None:
    lower = tmp_path / "lower"
    (lower / "data" / "folder").mkdir(parents=True)
    (lower / "data" / "file").touch()
    said = told(node, [], lower=str(lower), readonly_root=True)
    assert said == {**dict.fromkeys(CHANGES, REFUSED), **NOT_A_CHANGE}


def test_what_can_be_changed_is(node: Node, volume: Path) -> None:
    said = told(node, [mount(volume)])
    assert said["rename"] == "done"
    assert REFUSED not in said.values()
    assert (volume / "newer").is_dir()


def test_one_file_of_a_folder_may_be_read_only(node: Node, volume: Path, tmp_path: Path) -> None:
    fixed = tmp_path / "fixed"
    fixed.touch()
    said = told(node, [mount(volume), mount(fixed, "/data/file", readonly=True)])
    refused = {name for name, answer in said.items() if answer == REFUSED}
    assert refused == {"open for writing", "truncate"}  # its next attempt takes the mount away
    assert said["create"] == "done"


def test_without_the_shim_it_is_an_error_of_the_device(node: Node, volume: Path) -> None:
    """wasmtime's own answer: once it is a better one, the shim need not ask."""
    said = told(node, [mount(volume, readonly=True)], socket_shim=[])
    assert {said[name] for name in CHANGES} == {"I/O error"}
