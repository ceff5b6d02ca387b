"""Users and groups: the security context over the image's USER."""

import os
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import InvalidSpec
from sandbox.identity import resolve_identity
from tests.sandbox.one_pod import descriptors

PASSWD = "root:x:0:0:root:/root:/bin/sh\nwww:x:33:34::/:/x\n# a comment\nbroken\n"
GROUP = "root:x:0:\nwww:x:34:\nlogs:x:50:www,other\nmedia:x:51:other,www\n"


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(PASSWD)
    (tmp_path / "etc/group").write_text(GROUP)
    return tmp_path


def resolve(
    rootfs: Path | None,
    image_user: str = "",
    user: int | None = None,
    username: str = "",
    group: int | None = None,
    supplemental: tuple[int, ...] = (),
    strict: bool = False,
) -> tuple[int, int, list[int]]:
    return resolve_identity(rootfs, image_user, user, username, group, list(supplemental), strict)


def test_without_any_wish_it_is_root(rootfs: Path) -> None:
    assert resolve(rootfs) == (0, 0, [0])
    assert resolve(None) == (0, 0, [0])


def test_the_images_user_counts_by_name_and_number(rootfs: Path) -> None:
    assert resolve(rootfs, "www") == (33, 34, [34, 50, 51])
    assert resolve(rootfs, "33") == (33, 34, [34, 50, 51])
    assert resolve(rootfs, "www:logs") == (33, 50, [50, 51])
    assert resolve(rootfs, "1003:1004") == (1003, 1004, [1004])


def test_the_pod_overrules_the_image(rootfs: Path) -> None:
    assert resolve(rootfs, "www:logs", user=1000) == (1000, 0, [0])
    assert resolve(rootfs, "", username="www") == (33, 34, [34, 50, 51])
    assert resolve(rootfs, "www", user=1000, group=2000) == (1000, 2000, [2000])


def test_supplemental_groups_merge_or_stand_alone(rootfs: Path) -> None:
    assert resolve(rootfs, "www", supplemental=(7, 50)) == (33, 34, [34, 50, 51, 7])
    assert resolve(rootfs, "www", supplemental=(7, 50), strict=True) == (33, 34, [34, 7, 50])


def test_contradictions_and_unknown_names_are_refused(rootfs: Path) -> None:
    with pytest.raises(InvalidSpec, match="without run_as_user"):
        resolve(rootfs, group=5)
    with pytest.raises(InvalidSpec, match="both set"):
        resolve(rootfs, user=1, username="www")
    with pytest.raises(InvalidSpec, match="'nobody' is not in the image"):
        resolve(rootfs, username="nobody")
    with pytest.raises(InvalidSpec, match="'wheel' is not in the image"):
        resolve(rootfs, "www:wheel")


def test_a_symlink_does_not_lead_out_of_the_image(rootfs: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "passwd"
    outside.write_text("spy:x:77:77::/:/x\n")
    (rootfs / "etc/passwd").unlink()
    (rootfs / "etc/passwd").symlink_to(outside)
    with pytest.raises(InvalidSpec, match="'spy' is not in the image"):
        resolve(rootfs, "spy")


def test_a_symlink_inside_the_image_is_followed(rootfs: Path) -> None:
    (rootfs / "usr").mkdir()
    (rootfs / "etc/passwd").rename(rootfs / "usr/passwd")
    (rootfs / "etc/passwd").symlink_to("/usr/passwd")
    assert resolve(rootfs, "www") == (33, 34, [34, 50, 51])


@pytest.mark.parametrize(
    "words",
    [
        {"image_user": "4294967295"},
        {"image_user": "1:4294967295"},
        {"image_user": "nobody"},
        {"user": (1 << 32) - 1},
        {"user": 1, "group": (1 << 32) - 1},
        {"supplemental": (1 << 32,)},
    ],
)
def test_a_number_that_the_kernel_takes_for_no_change_is_refused(rootfs: Path, words: dict[str, Any]) -> None:
    """Else the guest would stay root, while all that is told of it is that number."""
    (rootfs / "etc/passwd").write_text("nobody:x:4294967295:5::/:/x\n")
    with pytest.raises(InvalidSpec, match="is no user or group"):
        resolve(rootfs, **words)
    assert resolve(rootfs, user=(1 << 32) - 2)[0] == 4294967294


def test_a_directory_in_the_place_of_a_file_holds_no_users(rootfs: Path) -> None:
    for name in ("passwd", "group"):
        (rootfs / "etc" / name).unlink()
        (rootfs / "etc" / name).mkdir()
    before = descriptors(os.getpid()).items()
    assert resolve(rootfs, "1000") == (1000, 0, [0])
    assert descriptors(os.getpid()).items() <= before


def test_a_number_is_never_taken_for_a_name(rootfs: Path) -> None:
    """An image that calls root "1000" would else be root, where the pod asks for user 1000."""
    (rootfs / "etc/passwd").write_text("1000:x:0:0::/:/x\nplain:x:1000:5::/:/x\n")
    (rootfs / "etc/group").write_text("root:x:0:1000\n1000:x:0:\nlogs:x:50:plain\n")
    assert resolve(rootfs, "", user=1000) == (1000, 5, [5, 50])
    assert resolve(rootfs, "1000:1000") == (1000, 1000, [1000, 50])
    (rootfs / "etc/passwd").write_text("1000:x:0:0::/:/x\n")
    assert resolve(rootfs, "", user=1000) == (1000, 0, [0])


@pytest.mark.parametrize("image_user", ["9" * 5000, "1:" + "9" * 5000])
def test_a_number_without_end_is_refused(rootfs: Path, image_user: str) -> None:
    with pytest.raises(InvalidSpec, match="is not in the image's"):
        resolve(rootfs, image_user)


def test_a_damaged_number_is_refused(rootfs: Path) -> None:
    (rootfs / "etc/passwd").write_text(f"www:x:{'9' * 5000}:34::/:/x\n")
    with pytest.raises(InvalidSpec, match="/etc/passwd is damaged"):
        resolve(rootfs, "www")


@pytest.mark.parametrize("name", ["passwd", "group"])
def test_a_file_that_would_fill_the_servers_memory_is_refused(rootfs: Path, name: str) -> None:
    os.truncate(rootfs / "etc" / name, 1 << 40)
    with pytest.raises(InvalidSpec, match=f"/etc/{name} is larger than"):
        resolve(rootfs, "www")
