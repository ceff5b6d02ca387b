import os
from pathlib import Path

from cri_server import trash


def made(path: Path) -> str:
    (path / "below").mkdir(parents=True)
    return str(path)


def test_what_is_thrown_away_is_gone_before_it_is_deleted(tmp_path: Path) -> None:
    bin, folder = made(tmp_path / "trash"), made(tmp_path / "folder")
    grave = trash.throw_away(bin, folder)
    assert not os.path.exists(folder)
    assert os.path.isdir(grave)
    trash.delete(grave)
    assert not os.path.exists(grave)


def test_what_is_not_there_is_gone_already(tmp_path: Path) -> None:
    trash.delete(trash.throw_away(made(tmp_path / "trash"), str(tmp_path / "folder")))


def test_a_trash_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    folder = made(tmp_path / "folder")
    trash.throw_away(str(tmp_path / "trash"), folder)
    assert not os.path.exists(folder)


def test_the_same_name_can_be_thrown_away_again(tmp_path: Path) -> None:
    graves = {trash.throw_away(str(tmp_path / "trash"), made(tmp_path / "folder")) for _ in range(3)}
    assert len(graves) == 3
