"""Scores of real processes in real groups."""

import secrets
from pathlib import Path

import pytest

from sandbox.cgroup import oom_score, tree
from sandbox.errors import NotSupported
from tests.sandbox.cgroup.conftest import Children

_CAP_SYS_RESOURCE = 24


@pytest.fixture
def group(layout: tree.Layout, parent: str) -> str:
    path = f"{parent}/{secrets.token_hex(32)}"
    tree.create_pod_group(layout, path)
    return path


def put(layout: tree.Layout, group: str, children: Children, count: int) -> list[int]:
    started = [children.start() for _ in range(count)]
    for child in started:
        tree.enter_pod_group(layout, group, child.pid)
    return [child.pid for child in started]


def score_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


def may_lower_scores() -> bool:
    lines = Path("/proc/self/status").read_text().splitlines()
    [effective] = [line.split()[1] for line in lines if line.startswith("CapEff:")]
    return bool(int(effective, 16) >> _CAP_SYS_RESOURCE & 1)


def test_all_processes_of_a_group_get_the_score_and_their_own_back(
    layout: tree.Layout, group: str, children: Children
) -> None:
    pids = put(layout, group, children, 2)
    before = [score_of(pid) for pid in pids]
    bystander = children.start()
    found = oom_score.update(layout, group, 700)
    assert [score_of(pid) for pid in pids] == [700, 700]
    assert score_of(bystander.pid) != 700
    oom_score.put_back(found)
    assert [score_of(pid) for pid in pids] == before


def test_a_process_that_has_ended_is_left_out(layout: tree.Layout, group: str, children: Children) -> None:
    child = children.start()
    tree.enter_pod_group(layout, group, child.pid)
    found = oom_score.update(layout, group, 700)
    child.kill()
    child.wait()
    oom_score.put_back(found)
    assert oom_score.update(layout, group, 600) == {}


def test_a_score_that_may_not_be_lowered_is_refused(layout: tree.Layout, group: str, children: Children) -> None:
    if may_lower_scores():
        pytest.skip("with CAP_SYS_RESOURCE any score can be set")
    pids = put(layout, group, children, 1)
    before = score_of(pids[0])
    with pytest.raises(NotSupported, match="cannot be lowered to -900: .*; give the server CAP_SYS_RESOURCE"):
        oom_score.update(layout, group, -900)
    assert score_of(pids[0]) == before


def test_the_processes_before_the_one_that_refuses_get_their_own_back(
    layout: tree.Layout, group: str, children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sorted(put(layout, group, children, 2))
    before, write = score_of(first), oom_score._write

    def write_but_one(pid: int, value: bytes) -> None:
        if pid == second:
            raise NotSupported("not this one")
        write(pid, value)

    monkeypatch.setattr(oom_score, "_write", write_but_one)
    with pytest.raises(NotSupported, match="not this one"):
        oom_score.update(layout, group, before + 100)
    assert score_of(first) == before
