"""Layers over layers: what replaces and hides what, and what must not be possible."""

import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_store.layers import Limits, unpack
from image_store.tar_stream import BrokenArchive
from image_store.unpacked import TooLarge
from tests.images import digest_of, tar_of

LIMITS = Limits(bytes=1 << 20, entries=1000)
Members = list[tuple[tarfile.TarInfo, bytes]]


def file(name: str, content: bytes = b"", mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    return info, content


def directory(name: str, mode: int = 0o755, mtime: int = 0) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime = tarfile.DIRTYPE, mode, mtime
    return info, b""


def link(name: str, target: str, hard: bool = False) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = (tarfile.LNKTYPE if hard else tarfile.SYMTYPE), target
    return info, b""


def node(name: str, type_: bytes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.devmajor, info.devminor = type_, 1, 3
    return info, b""


def apply(tree: Path, *layers: Members, limits: Limits = LIMITS) -> Path:
    tree.mkdir(exist_ok=True)
    for members in layers:
        archive = tar_of(members)
        assert unpack(io.BytesIO(archive), tree, limits, lambda: None) == digest_of(archive)
    return tree


def content(tree: Path) -> dict[str, str]:
    """What each name stands for."""
    found = {}
    for path in sorted(tree.rglob("*")):
        name = str(path.relative_to(tree))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        else:
            found[name] = "/" if path.is_dir() else path.read_text()
    return found


def test_files_directories_and_links(tmp_path: Path) -> None:
    tree = apply(
        tmp_path / "tree",
        [
            directory("./", 0o750),
            directory("dir/", 0o700, mtime=5),
            file("dir/file", b"content", 0o4711),
            link("soft", "/dir/file"),
            link("hard", "dir/file", hard=True),
            file("/absolute/implied/name", b"x"),
        ],
    )
    assert content(tree) == {
        "absolute": "/",
        "absolute/implied": "/",
        "absolute/implied/name": "x",
        "dir": "/",
        "dir/file": "content",
        "hard": "content",
        "soft": "-> /dir/file",
    }
    assert (tree / "hard").stat().st_ino == (tree / "dir/file").stat().st_ino
    assert [path.stat().st_mode & 0o7777 for path in (tree, tree / "dir", tree / "dir/file")] == [0o750, 0o700, 0o4711]
    assert (tree / "dir").stat().st_mtime == 5


def test_the_servers_umask_does_not_count(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        tree = apply(tmp_path / "tree", [file("implied/file", mode=0o666), directory("dir", 0o777)])
    finally:
        os.umask(before)
    modes = [(tree / name).stat().st_mode & 0o777 for name in ("implied", "implied/file", "dir")]
    assert modes == [0o755, 0o666, 0o777]


def test_an_upper_layer_replaces(tmp_path: Path) -> None:
    lower = [
        directory("a"),
        file("a/one", b"1"),
        file("b", b"2"),
        link("c", "a"),
        file("d/below", b"3"),
        file("e", b"4"),
    ]
    upper = [file("a", b"file"), directory("b"), directory("c"), file("c/new", b"5"), link("d", "e"), file("e", b"6")]
    tree = apply(tmp_path / "tree", lower, upper)
    assert content(tree) == {"a": "file", "b": "/", "c": "/", "c/new": "5", "d": "-> e", "e": "6"}


def test_a_directory_keeps_what_is_below_it(tmp_path: Path) -> None:
    tree = apply(tmp_path / "tree", [file("a/one", b"1")], [directory("a", 0o711), file("a/two", b"2")])
    assert content(tree) == {"a": "/", "a/one": "1", "a/two": "2"}
    assert (tree / "a").stat().st_mode & 0o777 == 0o711


def test_a_file_that_is_replaced_does_not_change_its_other_name(tmp_path: Path) -> None:
    tree = apply(tmp_path / "tree", [file("a", b"old"), link("b", "a", hard=True)], [file("a", b"new")])
    assert content(tree) == {"a": "new", "b": "old"}


def test_whiteouts_hide_lower_layers_only(tmp_path: Path) -> None:
    lower = [file("gone", b"1"), file("tree/x/y", b"2"), file("kept", b"3"), file("both/lower", b"4")]
    upper = [
        file(".wh.gone"),
        file(".wh.tree"),
        file(".wh.never-was"),
        file("no/such/.wh.directory"),
        directory("both"),
        file("both/upper", b"5"),
        file(".wh.both"),
        file(".wh..wh.plnk"),
    ]
    assert content(apply(tmp_path / "tree", lower, upper)) == {"both": "/", "both/upper": "5", "kept": "3"}


@pytest.mark.parametrize("order", [1, -1])
def test_opaque_directories_hide_lower_layers_only(tmp_path: Path, order: int) -> None:
    lower = [file("a/one", b"1"), file("a/sub/two", b"2"), file("b", b"3")]
    upper = [file("a/.wh..wh..opq"), file("a/three", b"4"), file("a/sub/four", b"5")][::order]
    assert content(apply(tmp_path / "tree", lower, upper)) == {
        "a": "/",
        "a/sub": "/",
        "a/sub/four": "5",
        "a/three": "4",
        "b": "3",
    }


def test_a_linked_directory_of_a_lower_layer_is_written_through(tmp_path: Path) -> None:
    tree = apply(tmp_path / "tree", [directory("usr/lib"), link("lib", "usr/lib")], [file("lib/new", b"1")])
    assert content(tree) == {"lib": "-> usr/lib", "usr": "/", "usr/lib": "/", "usr/lib/new": "1"}


def test_device_nodes_and_pipes_are_left_out(tmp_path: Path) -> None:
    members = [node("dev/null", tarfile.CHRTYPE), node("dev/sda", tarfile.BLKTYPE), node("pipe", tarfile.FIFOTYPE)]
    assert content(apply(tmp_path / "tree", members)) == {}


@pytest.mark.parametrize(
    "members",
    [
        [file("../evil", b"x")],
        [file("a/../../evil", b"x")],
        [directory("..")],
        [link("evil", "../../outside", hard=True)],
        [link("evil", "/outside", hard=True)],
        [file(".wh..")],
        [file("a/.wh...")],
        [link("./", "/outside")],
        [file("a", b""), file("a/b", b"x")],
    ],
)
def test_what_is_refused(tmp_path: Path, members: Members) -> None:
    (tmp_path / "outside").write_text("secret")
    with pytest.raises(BrokenArchive):
        apply(tmp_path / "tree", members)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "tree"]


@pytest.mark.parametrize("target", ["/", "../../..", "..", "{outside}"])
def test_links_do_not_lead_out(tmp_path: Path, target: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_text("unharmed")
    way_out = target.format(outside=outside)
    tree = apply(
        tmp_path / "tree",
        [link("way", way_out), directory("outside")],
        [file("way/victim", b"evil"), file("way/.wh.victim"), directory("way/outside")],
        [file("way/outside/victim", b"evil"), file("way/outside/.wh.victim")],
    )
    assert (outside / "victim").read_text() == "unharmed"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "tree"]
    assert (tree / "way").is_symlink()


def test_a_hard_link_through_a_link_stays_inside(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("secret")
    with pytest.raises(BrokenArchive, match="is no file of the image"):
        apply(tmp_path / "tree", [link("way", str(tmp_path / "outside")), link("stolen", "way/secret", hard=True)])


def test_a_link_in_a_directorys_place_does_not_give_that_ones_owner_and_mode_to_another(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "b").mkdir(parents=True)
    before = [state_of(path) for path in (outside, outside / "b")]
    for replaced in ("a", "a/b"):
        target = str(outside if replaced == "a" else outside / "b")
        members = [directory("a", 0o777, 5), directory("a/b", 0o777, 5), link(replaced, target)]
        apply(tmp_path / "tree", [directory("a"), file(".wh.a")], members)
    assert [state_of(path) for path in (outside, outside / "b")] == before


def state_of(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mode, status.st_uid, status.st_mtime_ns


def test_a_link_itself_may_have_two_names(tmp_path: Path) -> None:
    tree = apply(tmp_path / "tree", [link("a", "/nowhere"), link("b", "a", hard=True)])
    assert content(tree) == {"a": "-> /nowhere", "b": "-> /nowhere"}


@pytest.mark.parametrize(
    "members",
    [
        [file(f"f{number}") for number in range(11)],
        [file("/".join("abcdefghijkl"))],
        [file("big", bytes(20_000))],
    ],
)
def test_limits(tmp_path: Path, members: Members) -> None:
    with pytest.raises(TooLarge):
        apply(tmp_path / "tree", members, limits=Limits(bytes=16_000, entries=10))


def test_depth_is_limited(tmp_path: Path) -> None:
    with pytest.raises(BrokenArchive, match="more than 255 deep"):
        apply(tmp_path / "tree", [file("a/" * 300 + "b")])


@pytest.mark.parametrize("members", [[file("a")] * 20, [file("big", bytes(900_000))]])
def test_giving_up(tmp_path: Path, members: Members) -> None:
    """Between two files, and within a large one."""

    class GivenUp(Exception):
        pass

    calls: list[None] = []

    def check() -> None:
        calls.append(None)
        if len(calls) > 3:
            raise GivenUp

    tree = tmp_path / "tree"
    tree.mkdir()
    with pytest.raises(GivenUp):
        unpack(io.BytesIO(tar_of(members)), tree, LIMITS, check)


_PARTS = st.sampled_from(["a", "b", "l", "..", ".wh.a", ".wh.l", ".wh..wh..opq", ""])
_NAMES = st.lists(_PARTS, min_size=1, max_size=4).map("/".join)
_TARGETS = st.sampled_from(["/", "..", "../..", "a", "/a/b", "l", "../../../outside"])
_ANY = st.one_of(
    st.builds(file, _NAMES, st.just(b"x")),
    st.builds(directory, _NAMES),
    st.builds(link, _NAMES, _TARGETS, st.booleans()),
)


@given(layers=st.lists(st.lists(_ANY, max_size=6), max_size=3))
def test_no_layers_touch_what_is_outside(tmp_path_factory: pytest.TempPathFactory, layers: list[Members]) -> None:
    folder = tmp_path_factory.mktemp("layers")
    (folder / "outside").mkdir()
    (folder / "outside/a").write_text("unharmed")
    (folder / "outside/b").mkdir(0o700)
    before = [state_of(path) for path in (folder / "outside", folder / "outside/a", folder / "outside/b")]
    try:
        apply(folder / "tree", *layers)
    except (BrokenArchive, OSError):
        pass
    assert sorted(path.name for path in folder.iterdir()) == ["outside", "tree"]
    assert content(folder / "outside") == {"a": "unharmed", "b": "/"}
    assert [state_of(path) for path in (folder / "outside", folder / "outside/a", folder / "outside/b")] == before
    assert (folder / "outside/a").stat().st_nlink == 1
