"""A container in its pod process, where the real one would have to be waited for."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog

from sandbox import run_record
from sandbox.errors import GuestGone
from sandbox.event_loop import EventLoop
from sandbox.pod_container import PodContainer
from sandbox.surroundings import Surroundings
from sandbox.zygote_link import library_path
from tests.guests.compiled import compiled_guest
from tests.sandbox.conftest import Node
from tests.sandbox.wasm.conftest import ROOT

SITE = Path(structlog.__file__).parent.parent
"""Where the packages of a server are."""

_POD = """
import asyncio, json, os, sys, time
from types import SimpleNamespace
sys.path[:0] = sys.argv[1:3]
from sandbox import event_loop
from sandbox import pod_container, records, start_files
from sandbox.cgroup import tree
from sandbox.event_loop import EventLoop
from sandbox.mount_places import MountPlaces, apart
from sandbox.specs import GuestSpec
from sandbox.surroundings import Surroundings
from sandbox.wasm.engine import Engine

async def opened(path):
    places = MountPlaces(os.path.dirname(path))
    await places.open()
    files = await apart(lambda: start_files.open_all(places, path, "/proc/self/ns/net"), start_files.StartFiles.close)
    return dict(zip(files.names, files.descriptors))

null = os.open("/dev/null", os.O_RDWR)
os.dup2(null, 0)
os.dup2(null, 3)
pod_container.START_SECONDS = float(sys.argv[7])
spec = GuestSpec.from_json(records.read_record(sys.argv[4], "guest"))
layout = tree.detect()
tree.create_pod_group(layout, spec.pod_cgroup)
within = [mount + spec.pod_cgroup for mount in layout.mounts]
controllers = {name: mount + spec.pod_cgroup for name, mount in layout.controllers.items()}
loaded = Engine(sys.argv[3]).load(*sys.argv[5:7], "_start")
ended, loop = [], EventLoop()

def pass_time(started):
    event_loop.time = SimpleNamespace(monotonic=lambda: time.monotonic() + 1000)

score = os.open("/proc/self/oom_score_adj", os.O_RDWR)
pod = pod_container.Surroundings(loop, tree.Layout(layout.unified, within, controllers), score, list)
files = asyncio.run(opened(sys.argv[4]))
container = pod_container.PodContainer(pod, spec, files, pass_time, ended.append)
container.start(loaded)
while not ended:
    loop.run_once()
print(json.dumps(ended[0].run.to_json()))
"""


def run(node: Node, guest: str, patience: float, **changes: Any) -> dict[str, Any]:
    """Its run, in a pod that waits so many seconds for starts, and where many pass as soon as it has started."""
    spec = node.guest_spec(node.pod_spec(), guest, **changes)
    kind, compiled = compiled_guest(guest)
    words = [str(word) for word in (ROOT, SITE, library_path(), node.write(spec), kind, compiled, patience)]
    output = subprocess.check_output([sys.executable, "-S", "-E", "-s", "-c", _POD, *words], timeout=240)
    found: dict[str, Any] = json.loads(output)
    assert run_record.read(spec.run_path).to_json() == found
    return found


def test_a_start_that_does_not_end_is_ended(node: Node) -> None:
    """As by a guest that loops in its start section: nobody could stop it, for it has not started."""
    ended = run(node, "busy_at_start", 0.3)
    assert (ended["exit_code"], ended["reason"]) == (128, "StartError")
    assert "start section" in ended["message"]


def test_a_guest_that_has_started_is_given_its_time(node: Node) -> None:
    assert run(node, "hello", 120)["exit_code"] == 0
    assert run(node, "tool", 120, argv=["tool", "sleep", "0.6", "then", "exit", "3"])["exit_code"] == 3


def test_the_memory_of_a_guest_that_has_just_died_is_not_limited_any_more(node: Node) -> None:
    """Its pod process may be asked before it has heard of the death."""
    spec = node.guest_spec(node.pod_spec(), "hello")
    pod = Surroundings(EventLoop(), node.layout, oom_score=-1, guests=list)
    container = PodContainer(pod, spec, {}, lambda started: None, lambda ended: None)
    with subprocess.Popen(["/bin/true"]) as dead:
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
        container._pid, container._memory_limit = dead.pid, 4096
        with pytest.raises(GuestGone, match=f"container {spec.container_id} has ended: its memory cannot be limited"):
            container.limit_memory(1 << 20)


@pytest.mark.parametrize("memory", [b"9" * 5000, b"-1", b"x", b""])
def test_a_guest_that_was_taken_over_reports_what_it_likes(memory: bytes) -> None:
    container = PodContainer.__new__(PodContainer)
    container._grown_to = 7
    assert (container._take_end(memory + b" why \xff"), container._grown_to) == ("why \udcff", 7)
