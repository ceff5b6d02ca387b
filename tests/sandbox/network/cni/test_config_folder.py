import json
import os
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.network.cni.config_folder import load, signature


def write(file: Path, name: str, **fields: object) -> None:
    file.write_text(json.dumps({"cniVersion": "1.0.0", "name": name, "plugins": [{"type": "bridge"}], **fields}))


def test_the_first_by_name_is_the_network(tmp_path: Path) -> None:
    write(tmp_path / "20-b.conflist", "second")
    write(tmp_path / "10-a.conf", "first")
    write(tmp_path / "05-z.conflist.bak", "none")
    assert load(tmp_path).name == "first"
    assert signature(tmp_path).file == "10-a.conf"


@pytest.mark.parametrize("make", [True, False])
def test_without_a_file_there_is_no_network(tmp_path: Path, make: bool) -> None:
    folder = tmp_path / "net.d"
    if make:
        folder.mkdir()
    with pytest.raises(SandboxError, match=rf"no file of {folder} ends with .* install a CNI network there"):
        load(folder)
    assert signature(folder).file == ""


def test_a_first_file_that_cannot_be_read_hides_the_others(tmp_path: Path) -> None:
    (tmp_path / "10.conflist").write_text("{")
    write(tmp_path / "20.conflist", "second")
    with pytest.raises(SandboxError, match=r"10.conflist is no JSON"):
        load(tmp_path)
    (tmp_path / "10.conflist").write_bytes(b"\xff")
    with pytest.raises(SandboxError, match=r"10.conflist cannot be read"):
        load(tmp_path)


def test_files_in_a_folder_named_like_the_network_are_further_plugins(tmp_path: Path) -> None:
    write(tmp_path / "10.conflist", "pods")
    (tmp_path / "pods").mkdir()
    for name in ("20-b", "10-a"):
        (tmp_path / "pods" / f"{name}.conf").write_text(json.dumps({"type": name}))
    assert [plugin["type"] for plugin in load(tmp_path).plugins] == ["bridge", "10-a", "20-b"]
    write(tmp_path / "10.conflist", "pods", loadOnlyInlinedPlugins=True)
    assert [plugin["type"] for plugin in load(tmp_path).plugins] == ["bridge"]
    write(tmp_path / "10.conflist", "others", plugins=[])
    with pytest.raises(SandboxError, match="no plugin of network others"):
        load(tmp_path)


def test_the_signature_differs_after_every_change(tmp_path: Path) -> None:
    seen = {signature(tmp_path)}
    write(tmp_path / "10.conflist", "pods")
    seen.add(signature(tmp_path))
    write(tmp_path / "10.conflist", "poods")
    seen.add(signature(tmp_path))
    (tmp_path / "pods").mkdir()
    (tmp_path / "pods" / "a.conf").write_text("{}")
    seen.add(signature(tmp_path))
    assert len(seen) == 4
    assert signature(tmp_path) in seen


def test_the_signature_differs_though_the_size_does_not(tmp_path: Path) -> None:
    file, other = tmp_path / "10.conflist", tmp_path / "other"
    write(file, "pods")
    before = signature(tmp_path)
    os.utime(file, ns=(0, 0))
    touched = signature(tmp_path)
    write(other, "dogs")
    os.utime(other, ns=(0, 0))
    other.rename(file)  # as a careful installer does
    assert len({before, touched, signature(tmp_path)}) == 3
