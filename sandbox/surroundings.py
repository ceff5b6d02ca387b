"""What the guests of a pod share in their pod process."""

from collections.abc import Callable
from typing import NamedTuple

from sandbox.cgroup.layout import Layout
from sandbox.event_loop import EventLoop
from sandbox.pod_questions import PodGuest


class Surroundings(NamedTuple):
    loop: EventLoop
    layout: Layout
    """As it is seen from within the pod, whose group is the root."""
    oom_score: int
    """Descriptor of the pod process' own score, which a guest inherits."""
    guests: Callable[[], list[PodGuest]]
    """Those that run."""
