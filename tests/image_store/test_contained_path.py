"""No path leads out of its tree, whatever links there are."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_store.contained_path import resolve

_COMPONENTS = st.sampled_from(["a", "b", "link", "up", "abs", "..", ".", "", "loop"])
_PATHS = st.lists(_COMPONENTS, min_size=1, max_size=6).map("/".join)


@given(
    path=_PATHS,
    links=st.dictionaries(st.sampled_from(["link", "up", "abs", "a/link", "a/up"]), _PATHS),
    last=st.booleans(),
)
def test_nothing_leads_out(path: str, links: dict[str, str], last: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root")
        (root / "a/b").mkdir(parents=True)
        (root / "loop").symlink_to("loop")
        for name, target in links.items():
            (root / name).symlink_to(f"/{target}" if name == "abs" else target or ".")
        try:
            found = resolve(str(root), path, follow_last=last)
        except OSError:
            return
        parent = found if last else os.path.dirname(found)
        assert os.path.realpath(parent) == os.path.normpath(parent)
        assert Path(os.path.normpath(found)).is_relative_to(root)


def test_links_are_followed_from_the_root_of_the_tree(tmp_path: Path) -> None:
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "lib").symlink_to("/usr/lib")
    (tmp_path / "usr/up").symlink_to("../../../lib")
    assert resolve(str(tmp_path), "/lib/app") == f"{tmp_path}/usr/lib/app"
    assert resolve(str(tmp_path), "usr/up/app") == f"{tmp_path}/usr/lib/app"
    assert resolve(str(tmp_path), "lib", follow_last=False) == f"{tmp_path}/lib"
    assert resolve(str(tmp_path), "../../etc") == f"{tmp_path}/etc"
    assert resolve(str(tmp_path), "") == str(tmp_path)


def test_loops_end(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        resolve(str(tmp_path), "loop/x")
