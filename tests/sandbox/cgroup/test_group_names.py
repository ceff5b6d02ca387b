import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.cgroup.group_names import pod_group
from sandbox.errors import InvalidSpec

ID = "0123456789abcdef"


@pytest.mark.parametrize(
    ("parent", "group"),
    [
        ("", "/wasmlet"),
        ("/", "/wasmlet"),
        ("/kubepods/burstable/podabc", "/kubepods/burstable/podabc"),
        ("kubepods//podabc/", "/kubepods/podabc"),
        ("/test.slice", "/test.slice"),
    ],
)
def test_cgroupfs(parent: str, group: str) -> None:
    assert pod_group(parent, ID, "cgroupfs") == f"{group}/{ID}"


@pytest.mark.parametrize(
    ("parent", "slices"),
    [
        ("", "/system.slice"),
        ("test.slice", "/test.slice"),
        ("/test.slice", "/test.slice"),
        ("-.slice", ""),
        (
            "kubepods-besteffort-pod1_2.slice",
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1_2.slice",
        ),
        ("/kubepods.slice/kubepods-pod1.slice", "/kubepods.slice/kubepods-pod1.slice"),
    ],
)
def test_systemd(parent: str, slices: str) -> None:
    assert pod_group(parent, ID, "systemd") == f"{slices}/wasmlet-{ID}.scope"


@pytest.mark.parametrize("parent", ["/kubepods/pod1", "kubepods", "a--b.slice", ".slice", "-a.slice"])
def test_systemd_needs_a_slice(parent: str) -> None:
    with pytest.raises(InvalidSpec, match="no systemd slice: set the same cgroup driver"):
        pod_group(parent, ID, "systemd")


@pytest.mark.parametrize("driver", ["cgroupfs", "systemd"])
def test_no_parent_climbs(driver: str) -> None:
    with pytest.raises(InvalidSpec, match="climbs"):
        pod_group("/a/../../b.slice", ID, driver)


@given(st.lists(st.text("abc0_", min_size=1), min_size=1))
def test_a_slice_alone_and_its_full_path_are_the_same(steps: list[str]) -> None:
    name = "-".join(steps) + ".slice"
    full = pod_group(name, ID, "systemd")
    assert pod_group(full.rpartition("/")[0], ID, "systemd") == full
