"""What the operations of the store share."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from image_store.blobs import Blobs
from image_store.compiler import Compiler
from image_store.inventory import Inventory
from image_store.keyed_locks import KeyedLocks
from image_store.observer import StoreObserver
from image_store.resources import Claims, Resource
from image_store.settings import StoreSettings
from image_store.threads import Threads
from image_store.trees import Trees


@dataclass
class Parts:
    root: Path
    settings: StoreSettings
    blobs: Blobs
    trees: Trees
    compiler: Compiler
    inventory: Inventory
    threads: Threads
    observer: StoreObserver = field(default_factory=StoreObserver)
    claims: Claims = field(default_factory=Claims)
    locks: KeyedLocks = field(default_factory=KeyedLocks)
    """Of blobs and trees that are being made."""
    collecting: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while garbage is told from what is used: nothing may be claimed meanwhile."""
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the catalog is changed, and the inventory with it."""

    async def claim(self, holder: str, *resources: Resource) -> None:
        async with self.collecting:
            self.claims.add(holder, *resources)
