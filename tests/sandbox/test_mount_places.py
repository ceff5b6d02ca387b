"""What becomes of the server's own threads in the namespaces that they make."""

import asyncio
import importlib
import os
import sys
from pathlib import Path

import pytest

from sandbox import mount_calls
from sandbox.mount_places import MountPlaces, Place, apart
from tests.prerequisites import require_root

EVIL = """
open("/evil-was-here", "w").close()
"""


def import_evil() -> None:
    importlib.import_module("wasmlet_test_evil")


def discard(place: Place) -> None:
    os.close(place.namespace)
    os.close(place.folder)


def test_the_server_runs_no_code_of_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread whose root is the container's finds the container's modules where the server's would be."""
    require_root()
    monkeypatch.syspath_prepend("/python-of-a-server")
    image = tmp_path / "image"
    image.joinpath("python-of-a-server").mkdir(parents=True)
    image.joinpath("python-of-a-server", "wasmlet_test_evil.py").write_text(EVIL)
    tmp_path.joinpath("program").touch()

    def make(places: MountPlaces) -> Place:
        root, program = mount_calls.open_tree(str(image)), mount_calls.open_tree(str(tmp_path / "program"))
        try:
            return places.for_container(root, program, import_evil)
        finally:
            os.close(root)
            os.close(program)

    async def scenario() -> None:
        places = MountPlaces(str(tmp_path))
        await places.open()
        try:
            with pytest.raises(ImportError, match="not imported from the files of a container"):
                discard(await apart(lambda: make(places), discard))
        finally:
            places.close()

    asyncio.run(scenario())
    assert "wasmlet_test_evil" not in sys.modules
    assert not image.joinpath("evil-was-here").exists()


def test_other_threads_import_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.joinpath("wasmlet_test_good.py").write_text("GOOD = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    imported = asyncio.run(apart(lambda: importlib.import_module("wasmlet_test_good"), lambda module: None))
    assert imported.GOOD
    del sys.modules["wasmlet_test_good"]
