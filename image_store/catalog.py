"""Which images there are, under which names, and what they use: one SQLite file, so that a change of several of these
happens completely or not at all, also when the power fails.

Blocking: for threads, one at a time. The store answers questions from its own memory and reads this once.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from image_store.errors import DiskFull, StorageFailed
from image_store.records import ImageRecord, Layer, ProgramRecord
from image_store.set_aside import set_aside

FILE_NAME = "images.db"
_JOURNAL_BYTES = 1 << 18

_APPLICATION = 0x77617369
_VERSION = 1
_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_VERSION};
CREATE TABLE images (
    id TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    raw_config BLOB NOT NULL,
    annotations TEXT NOT NULL,
    layers TEXT NOT NULL,
    chain_id TEXT NOT NULL,
    wasm TEXT NOT NULL,
    program_name TEXT NOT NULL
) STRICT;
CREATE TABLE image_references (
    reference TEXT PRIMARY KEY,
    image TEXT NOT NULL REFERENCES images ON DELETE CASCADE
) STRICT;
CREATE TABLE image_blobs (
    image TEXT NOT NULL REFERENCES images ON DELETE CASCADE,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (image, digest)
) STRICT;
CREATE TABLE image_programs (
    image TEXT NOT NULL REFERENCES images ON DELETE CASCADE,
    path BLOB NOT NULL,
    digest TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (image, path)
) STRICT;
"""


class Catalog:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / FILE_NAME
        self._database, self.found = self._open()
        """``found``: the images that were there at the start."""

    def close(self) -> None:
        self._database.close()

    def _open(self) -> tuple[sqlite3.Connection, list[ImageRecord]]:
        """What cannot be read is set aside, and an empty one takes its place."""
        try:
            return self._read()
        except _Unusable as error:
            for suffix in ("", "-journal"):
                set_aside(Path(f"{self._path}{suffix}"), self._root, f"the catalog of images cannot be read: {error}")
        try:
            return self._read()
        except _Unusable as error:
            raise StorageFailed(f"the catalog of images cannot be made ({error}): check the disk") from error

    def _read(self) -> tuple[sqlite3.Connection, list[ImageRecord]]:
        if self._path.exists() and not self._path.is_file():
            raise _Unusable("it is no file")
        try:
            database = self._connect()
        except sqlite3.OperationalError as error:
            raise _storage_error(error) from error
        except sqlite3.DatabaseError as error:
            raise _Unusable(str(error)) from error
        try:
            return database, _load(database)
        except (sqlite3.Error, ValueError, TypeError) as error:
            database.close()
            raise _Unusable(str(error)) from error

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            # EXTRA: the journal's end is on the disk too when a change is acknowledged.
            database.execute("PRAGMA synchronous = EXTRA")
            database.execute("PRAGMA foreign_keys = ON")
            database.execute("PRAGMA journal_mode = PERSIST")
            _prepare(database)
            self._reserve_journal()
        except BaseException:
            database.close()
            raise
        return database

    def _reserve_journal(self) -> None:
        """Space for a change when the disk is full: then images must be removed to gain some."""
        with suppress(OSError), open(f"{self._path}-journal", "ab") as journal:
            os.posix_fallocate(journal.fileno(), 0, _JOURNAL_BYTES)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            with self._database:
                yield self._database
        except sqlite3.Error as error:
            raise _storage_error(error) from error

    def put(self, record: ImageRecord) -> None:
        """Add or replace an image. Names that another one had are this one's now."""
        with self._transaction() as database:
            database.execute("DELETE FROM images WHERE id = ?", (record.id,))
            database.execute(
                "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    record.id,
                    record.size,
                    record.raw_config,
                    json.dumps(dict(record.annotations)),
                    json.dumps(record.layers),
                    record.chain_id,
                    record.wasm,
                    record.program_name,
                ),
            )
            self._put_parts(record)

    def _put_parts(self, record: ImageRecord) -> None:
        self._insert("image_references", 2, ((reference, record.id) for reference in sorted(record.references)))
        self._insert("image_blobs", 3, ((record.id, *blob) for blob in record.blobs.items()))
        programs = ((record.id, os.fsencode(path), *program) for path, program in record.programs.items())
        self._insert("image_programs", 4, programs)

    def _insert(self, table: str, columns: int, rows: Iterable[tuple[str | bytes | int, ...]]) -> None:
        places = ", ".join("?" * columns)
        self._database.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({places})", rows)

    def remove(self, image: str) -> None:
        with self._transaction() as database:
            database.execute("DELETE FROM images WHERE id = ?", (image,))

    def put_programs(self, programs: dict[tuple[str, str], ProgramRecord]) -> None:
        """Programs by image and path. Images that are gone are no matter."""
        with self._transaction() as database:
            for (image, path), program in programs.items():
                database.execute(
                    "INSERT OR REPLACE INTO image_programs SELECT id, ?, ?, ? FROM images WHERE id = ?",
                    (os.fsencode(path), program.digest, program.used_at, image),
                )


class _Unusable(Exception):
    """Damaged, or not of this store."""


def _prepare(database: sqlite3.Connection) -> None:
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables == 0:
        database.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
    elif (application, version) != (_APPLICATION, _VERSION):
        raise _Unusable(f"it is of application {application:#x}, version {version}")
    (state,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if state != "ok":
        raise _Unusable(state)


def _storage_error(error: sqlite3.Error) -> DiskFull | StorageFailed:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return DiskFull(
            "no space is left on the disk for the catalog of images: free some, or move the root to a larger disk"
        )
    return StorageFailed(f"the catalog of images cannot be used ({error}): check the disk and {FILE_NAME}")


def _load(database: sqlite3.Connection) -> list[ImageRecord]:
    rows = database.execute("SELECT * FROM images ORDER BY id").fetchall()
    return [_record(database, *row) for row in rows]


def _record(
    database: sqlite3.Connection,
    image: str,
    size: int,
    raw_config: bytes,
    annotations: str,
    layers: str,
    chain_id: str,
    wasm: str,
    program_name: str,
) -> ImageRecord:
    def parts(columns: str, table: str) -> list[Any]:
        return database.execute(f"SELECT {columns} FROM {table} WHERE image = ?", (image,)).fetchall()

    return ImageRecord(
        id=image,
        size=size,
        raw_config=raw_config,
        annotations=json.loads(annotations),
        blobs=dict(parts("digest, size", "image_blobs")),
        layers=tuple(Layer(*layer) for layer in json.loads(layers)),
        chain_id=chain_id,
        wasm=wasm,
        program_name=program_name,
        references=frozenset(row[0] for row in parts("reference", "image_references")),
        programs={
            os.fsdecode(path): ProgramRecord(digest, used_at)
            for path, digest, used_at in parts("path, digest, used_at", "image_programs")
        },
    )
