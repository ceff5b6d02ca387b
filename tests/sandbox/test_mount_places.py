"""What becomes of the server's own threads in the namespaces that they make."""

import asyncio
import importlib
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import mount_calls
from sandbox.mount_places import MountPlaces, Place, apart
from tests.prerequisites import require_root
from tests.real_node import eventually

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


def test_what_is_made_for_a_loop_that_ends_meanwhile_is_not_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop has been told of it, but will not turn any more."""
    go_on, discarded = threading.Event(), list[str]()

    def make() -> str:
        go_on.wait()
        return "made"

    loop = asyncio.new_event_loop()
    making = loop.create_task(apart(make, discarded.append))
    loop.run_until_complete(asyncio.sleep(0))
    making.cancel()
    loop.run_until_complete(asyncio.wait([making]))
    told, tell = threading.Event(), loop.call_soon_threadsafe

    def and_told(*words: Any) -> asyncio.Handle:
        handle = tell(*words)
        told.set()
        return handle

    monkeypatch.setattr(loop, "call_soon_threadsafe", and_told)
    go_on.set()
    told.wait()
    loop.close()
    eventually(lambda: discarded == ["made"])


def test_what_is_made_for_one_who_is_cancelled_as_it_arrives_is_not_left_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    discarded = list[str]()

    async def scenario() -> None:
        loop, making = asyncio.get_running_loop(), asyncio.create_task(apart(lambda: "made", discarded.append))
        tell = loop.call_soon_threadsafe

        def and_cancel(arrives: Callable[[], None]) -> None:
            def both() -> None:
                arrives()
                making.cancel()

            tell(both)

        monkeypatch.setattr(loop, "call_soon_threadsafe", and_cancel)
        await asyncio.wait([making])
        assert making.cancelled()

    asyncio.run(scenario())
    eventually(lambda: discarded == ["made"])
