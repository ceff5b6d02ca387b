"""What a node must bear: its runtime is killed and comes back, its kubelet is restarted, while pods begin, run and end.

Pods notice the moments by files that appear in a folder of the node, so that a test can have something happen in each.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.cluster.kubectl import SECONDS
from tests.e2e.kubelet_node import KubeletNode

SERVER_IS_DOWN = "server-is-down"
KUBELET_IS_DOWN = "kubelet-is-down"
IS_OVER = "is-over"

_SECONDS_WITHOUT = 1.0
"""Without server, without kubelet."""


def nothing() -> None: ...


def let_the_kubelet_find_the_server() -> None:
    time.sleep(3.0)


def disturb(node: KubeletNode, moments: Path, between: Callable[[], None] = let_the_kubelet_find_the_server) -> None:
    """``moments``: the folder for the files named as above. ``between``: what is waited for before the kubelet's turn.
    Return when the kubelet knows its pods again; there is always one, the cluster's witness."""
    moments.mkdir(parents=True, exist_ok=True)
    with node.server_killed():
        (moments / SERVER_IS_DOWN).touch()
        time.sleep(_SECONDS_WITHOUT)
    between()
    node.kubelet.stop()
    (moments / KUBELET_IS_DOWN).touch()
    time.sleep(_SECONDS_WITHOUT)
    node.kubelet.start()
    node.kubelet.eventually(lambda: bool(node.kubelet.pods()), "the kubelet has heard of its pods")
    (moments / IS_OVER).touch()


class SharedDisturbance:
    """One for several tests, each in a thread of its own: it comes when all of them are in the middle of their work, or
    have ended before."""

    def __init__(self, node: KubeletNode, moments: Path, tests: int) -> None:
        self.moments = moments
        self._node = node
        self._at_work = tests
        self._in_the_middle = 0
        self._ready = 0
        self._has_begun = False
        self._was_well = False
        self._changed = threading.Condition()

    def strike(self, just_before: Callable[[], None] = nothing) -> None:
        """Wait for the other tests, do what belongs right before the disturbance, go through it. Called once by a
        test."""
        with self._changed:
            self._in_the_middle += 1
            self._changed.notify_all()
            self._wait(lambda: self._in_the_middle >= self._at_work)
        just_before()
        with self._changed:
            self._ready += 1
            self._changed.notify_all()
            self._wait(lambda: self._ready >= self._at_work or self._has_begun)
            if not self._has_begun:
                self._disturb()
            assert self._was_well, "the disturbance itself has failed, which another test tells"

    def leave(self) -> None:
        """A test has ended, wherever it was."""
        with self._changed:
            self._at_work -= 1
            self._changed.notify_all()

    def _wait(self, condition: Callable[[], bool]) -> None:
        assert self._changed.wait_for(condition, 2 * SECONDS), "other tests do not get to their middle"

    def _disturb(self) -> None:
        """With the lock: the others wait for it."""
        self._has_begun = True
        disturb(self._node, self.moments)
        self._was_well = True
