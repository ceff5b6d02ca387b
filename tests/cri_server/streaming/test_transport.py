"""What is received and not read: who has to wait for it."""

import asyncio
from typing import Any, cast

from cri_server.streaming.transport import Inbox, Intake

KIBIBYTE = 1 << 10


class Pipe:
    """Knows who holds it."""

    def __init__(self) -> None:
        self.holders: set[object] = set()

    def hold(self, holder: object) -> None:
        self.holders.add(holder)

    def release(self, holder: object) -> None:
        self.holders.discard(holder)


def take(inbox: Inbox) -> None:
    asyncio.run(cast(Any, inbox.get()))


def test_one_stream_with_much_unread_holds_all() -> None:
    pipe = Pipe()
    inbox = Inbox(Intake(cast(Any, pipe)))
    for _ in range(5):
        inbox.put(bytes(64 * KIBIBYTE))
    assert pipe.holders == {inbox}
    for _ in range(4):
        take(inbox)
    assert not pipe.holders


def test_many_streams_with_little_unread_hold_all() -> None:
    pipe = Pipe()
    intake = Intake(cast(Any, pipe))
    inboxes = [Inbox(intake) for _ in range(40)]
    for inbox in inboxes:
        inbox.put(bytes(128 * KIBIBYTE))
    assert pipe.holders == {intake}
    for inbox in inboxes[:20]:
        take(inbox)
    for inbox in inboxes[20:30]:
        inbox.discard()
    assert not pipe.holders


def test_many_small_pieces_count() -> None:
    pipe = Pipe()
    inbox = Inbox(Intake(cast(Any, pipe)))
    for _ in range(2000):
        inbox.put(b"x")
    assert pipe.holders == {inbox}
