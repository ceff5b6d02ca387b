"""Which of a machine's iptables programs translates for the own bridge."""

import shutil
from pathlib import Path

import pytest

from sandbox.network.iptables import find_iptables
from tests.prerequisites import require_tool
from tests.sandbox.network.conftest import Host, run


@pytest.mark.parametrize(
    ("obeyed", "other"), [("iptables-legacy", "iptables-nft"), ("iptables-nft", "iptables-legacy")]
)
def test_the_one_for_older_kernels_comes_first_if_the_kernel_obeys_it(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, obeyed: str, other: str
) -> None:
    for tool in (obeyed, other):
        require_tool(tool)
    for suffix in ("", "-restore"):
        (tmp_path / f"iptables{suffix}").symlink_to(str(shutil.which(f"iptables-nft{suffix}")))
        if obeyed == "iptables-legacy":
            (tmp_path / f"iptables-legacy{suffix}").symlink_to(str(shutil.which(f"iptables-legacy{suffix}")))
    if obeyed != "iptables-legacy":
        (tmp_path / "iptables-legacy").symlink_to("/bin/false")

    async def test() -> None:
        with monkeypatch.context() as patched:
            patched.setenv("PATH", str(tmp_path))
            found = find_iptables("br0")
            assert found
            found.apply([])
            found.close()
        assert "WL-PORTS-br0" in run(f"{obeyed}-save")
        assert "WL-PORTS-br0" not in run(f"{other}-save")

    host.run_test(test)


def test_there_may_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_iptables("br0") is None
