"""The writable layer as its creation leaves it."""

from pathlib import Path
from typing import Any

import pytest

from sandbox import container_layer
from sandbox.specs import GuestSpec, MountSpec, ProgramSpec

Tree = list[str]


def mount(source: Path, target: str) -> MountSpec:
    return MountSpec(str(source), target, readonly=False, propagate=False)


@pytest.fixture
def layer(tmp_path: Path) -> "Layer":
    return Layer(tmp_path)


class Layer:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "layer"
        self.directory, self.file = folder / "directory", folder / "file"
        self.image = folder / "image"
        self.directory.mkdir()
        self.image.mkdir()
        self.file.touch()

    def make(self, *mounts: MountSpec, **changes: Any) -> Tree:
        """What is in the part that guests write to."""
        container_layer.make(_spec(str(self.path), list(mounts))._replace(**changes))
        upper = self.path / "upper"
        return sorted(f"{path.relative_to(upper)}{'/' if path.is_dir() else ''}" for path in upper.rglob("*"))


def _spec(layer: str, mounts: list[MountSpec]) -> GuestSpec:
    program = ProgramSpec("module", "", "_start")
    texts = {"working_dir": "/", "lower": "", "layer": layer, "pod_cgroup": "", "log_path": "", "run_path": ""}
    numbers = {"uid": 0, "gid": 0, "oom_score_adj": 0, "memory_limit": 0}
    flags = {"readonly_root": False, "stdin": False, "stdin_once": False, "tty": False}
    fields: dict[str, Any] = {**texts, **numbers, **flags, "groups": [], "limits": {}, "argv": [], "env": []}
    return GuestSpec(container_id="c", program=program, mounts=mounts, **fields)


def test_without_mounts_it_has_a_folder_for_temporary_files(layer: Layer) -> None:
    assert layer.make() == ["tmp/"]
    assert (layer.path / "upper" / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert sorted(path.name for path in layer.path.iterdir()) == ["root", "upper", "work"]


def test_over_an_image_it_is_empty(layer: Layer) -> None:
    assert layer.make(lower=str(layer.image)) == []


def test_what_covers_masked_paths_has_no_permissions(layer: Layer) -> None:
    layer.make(masked_paths=["/etc"])
    hidden = layer.path / "hidden"
    assert {path.name: path.stat().st_mode & 0o7777 for path in hidden.iterdir()} == {"directory": 0, "file": 0}


def test_the_places_of_mounts_are_there(layer: Layer) -> None:
    mounts = mount(layer.file, "/etc/hosts"), mount(layer.directory, "/var/data")
    assert layer.make(*mounts) == ["etc/", "etc/hosts", "tmp/", "var/", "var/data/"]


def test_what_the_image_has_is_left_to_the_start(layer: Layer) -> None:
    (layer.image / "etc").symlink_to("/somewhere/else")
    mounts = mount(layer.file, "/etc/hosts"), mount(layer.directory, "/data")
    assert layer.make(*mounts, lower=str(layer.image)) == ["data/"]


def test_mounts_that_are_in_each_others_way_are_left_to_the_start(layer: Layer) -> None:
    mounts = mount(layer.file, "/data"), mount(layer.directory, "/data/inside"), mount(layer.directory, "/data")
    assert layer.make(*mounts, lower=str(layer.image)) == ["data"]
