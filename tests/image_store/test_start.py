"""A start copes with whatever it finds, and says so."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.demo_registry import Registry
from image_store.errors import StorageFailed
from tests import images
from tests.guests.compiled import guest
from tests.image_store.conftest import StoreRunner

HELLO = guest("hello")


@pytest.fixture
def reference(runner: StoreRunner, registry: Registry) -> str:
    reference = images.push_wasi_image(registry.address, "app", {"app.wasm": HELLO})
    runner.pull(reference)
    return reference


def set_aside(runner: StoreRunner) -> list[str]:
    """Without the catalog's journal, which goes where the catalog goes."""
    names = [name.rpartition(".")[0] for name in runner.files("set-aside")]
    return [name for name in names if name != "images.db-journal"]


@pytest.mark.parametrize("content", [b"", b"not a database" * 100, b"SQLite format 3\0" + bytes(4080)])
def test_a_catalog_that_cannot_be_read(runner: StoreRunner, reference: str, content: bytes) -> None:
    runner.close()
    (runner.root / "images.db").write_bytes(content)
    runner.open()
    assert runner.store.images() == ()
    assert set_aside(runner) == (["images.db"] if content else [])
    assert runner.pull(reference).repo_tags == (reference,)


def test_a_catalog_that_was_cut_off(runner: StoreRunner, reference: str) -> None:
    runner.close()
    path = runner.root / "images.db"
    path.write_bytes(path.read_bytes()[:5000])
    assert runner.open().store.images() == ()
    assert set_aside(runner) == ["images.db"]


@pytest.mark.parametrize(
    "change",
    [
        "PRAGMA application_id = 7",
        "PRAGMA user_version = 99",
        "UPDATE images SET layers = 'broken'",
        "UPDATE images SET layers = '[1]'",
        "DROP TABLE image_blobs",
    ],
)
def test_a_catalog_of_somebody_else(runner: StoreRunner, reference: str, change: str) -> None:
    runner.close()
    with sqlite3.connect(runner.root / "images.db") as database:
        database.execute(change)
    database.close()
    assert runner.open().store.images() == ()
    assert set_aside(runner) == ["images.db"]
    assert runner.pull(reference).repo_tags == (reference,)
    assert runner.reopen().store.get(reference) is not None


def test_a_folder_in_the_catalogs_place(runner: StoreRunner) -> None:
    runner.close()
    (runner.root / "images.db").unlink()
    (runner.root / "images.db").mkdir()
    assert runner.open().store.images() == ()
    assert set_aside(runner) == ["images.db"]


def test_a_change_that_was_interrupted_is_undone(runner: StoreRunner, reference: str) -> None:
    runner.close()
    script = (
        "import os, sqlite3, sys; d = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "d.execute('PRAGMA cache_size = 0'); d.execute('BEGIN'); d.execute('DELETE FROM images');"
        "d.execute('PRAGMA cache_spill = 1'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(runner.root / "images.db")], check=False)
    assert runner.open().store.get(reference) is not None


@pytest.mark.parametrize("damage", ["shorter", "missing", "tree"])
def test_an_image_that_is_incomplete_is_pulled_again(runner: StoreRunner, reference: str, damage: str) -> None:
    runner.close()
    blob = next((runner.root / "blobs/sha256").iterdir())
    if damage == "shorter":
        blob.write_bytes(b"x")
    elif damage == "missing":
        blob.unlink()
    else:
        shutil.rmtree(next((runner.root / "trees").iterdir()))
    runner.open()
    assert runner.store.get(reference) is None
    assert set_aside(runner) == ([blob.name] if damage == "shorter" else [])
    image = runner.pull(reference)
    assert runner.program(image, "/app.wasm").source.read_bytes() == HELLO
    assert runner.reopen().store.get(reference) == image


def test_an_image_whose_config_was_damaged_is_pulled_again(
    runner: StoreRunner, registry: Registry, reference: str
) -> None:
    other = runner.pull(images.push_artifact(registry.address, "other", HELLO))
    runner.close()
    with sqlite3.connect(runner.root / "images.db") as database:
        database.execute("UPDATE images SET raw_config = X'00' WHERE id != ?", (other.id,))
    database.close()
    assert runner.open().store.images() == (other,)
    assert runner.pull(reference).repo_tags == (reference,)


def test_a_blob_that_was_damaged_is_not_used_again(runner: StoreRunner, registry: Registry, reference: str) -> None:
    for blob in (runner.root / "blobs/sha256").iterdir():
        blob.write_bytes(bytes(len(blob.read_bytes())))
    other = images.push_wasi_image(registry.address, "other", {"app.wasm": HELLO}, cmd=["x"])
    assert runner.pull(other).repo_tags == (other,)
    assert len(set_aside(runner)) == 1


def test_strangers_are_set_aside(runner: StoreRunner, reference: str) -> None:
    runner.close()
    (runner.root / "blobs/sha256/notes.txt").write_text("mine")
    (runner.root / "trees/lost+found").mkdir()
    runner.open()
    assert set_aside(runner) == ["lost+found", "notes.txt"]
    assert runner.store.get(reference) is not None


def test_what_was_under_way_is_dropped(runner: StoreRunner) -> None:
    runner.close()
    (runner.root / "ingest/abc").write_bytes(b"half")
    (runner.root / "work/tree/dir").mkdir(parents=True)
    (runner.root / "work/file").write_bytes(b"x")
    runner.open()
    assert runner.files("ingest") == []
    assert runner.files("work") == []


def test_a_root_that_cannot_be_made(runner: StoreRunner, tmp_path: Path) -> None:
    runner.close()
    (tmp_path / "file").write_text("x")
    runner.root = tmp_path / "file" / "images"
    with pytest.raises(
        StorageFailed, match="cannot be stored: .*Not a directory.*: check the disk and the permissions"
    ):
        runner.open()


def test_the_folders_are_for_root_only(runner: StoreRunner) -> None:
    for folder in (".", "compiled", "trees", "blobs/sha256"):
        assert (runner.root / folder).stat().st_mode & 0o077 == 0


_PULL_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from image_store.store import ImageStore, StoreSettings

async def main():
    store = await ImageStore.open(Path(sys.argv[1]), StoreSettings())
    await store.collect_garbage()
    print("ready", file=sys.stderr, flush=True)
    while True:
        for reference in sys.argv[2:]:
            await store.pull(reference)
            await store.remove(reference)
            await store.pull(reference)

asyncio.run(main())
"""


def test_a_server_may_be_killed_at_any_instant(runner: StoreRunner, registry: Registry) -> None:
    references = [
        images.push_wasi_image(registry.address, "app", {"app.wasm": HELLO, "data": bytes(100_000)}),
        images.push_artifact(registry.address, "artifact", guest("exit3")),
    ]
    for instant in range(12):
        runner.close()
        command = [sys.executable, "-c", _PULL_FOR_EVER, str(runner.root), *references]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            assert process.stderr.readline() == b"ready\n"
            time.sleep(instant * 0.037 % 0.3)
            os.kill(process.pid, signal.SIGKILL)
        runner.open()
        for image in runner.store.images():
            assert runner.program(image, "/app.wasm").compiled.exists()
        assert runner.files("work") == []
        assert runner.files("ingest") == []
        assert "set-aside" not in runner.files(".")
    for reference in references:
        assert runner.pull(reference).repo_tags == (reference,)
        runner.remove(reference)
    runner.collect()
    assert runner.files("blobs/sha256") == []
    assert runner.files("trees") == []
