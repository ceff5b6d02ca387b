"""What is installed elsewhere: the wheel, and the pins of what it needs."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.distribution import ROOT, SOURCES, build_wheel, pip
from tests.toolbox.tree import commands, toolbox


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds."""
    folder = tmp_path_factory.mktemp("distribution")
    wheel = build_wheel(folder)
    pip(folder, "install", "--no-deps", "--target", "installed", str(wheel))
    return folder / "installed"


def test_the_wheel_has_the_command_and_the_generated_messages(installed: Path) -> None:
    program = "import cri_server.cri_v1.api_pb2 as cri; print(cri.__file__, cri.VersionRequest(version='v1').version)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    said = subprocess.check_output([sys.executable, "-c", program], env=environment, cwd=installed.parent, text=True)
    assert said.split() == [str(installed / "cri_server/cri_v1/api_pb2.py"), "v1"]
    said = subprocess.check_output([installed / "bin/wasmlet", "--version"], env=environment, text=True)
    assert said.startswith("wasmlet ")


def test_the_wheel_has_the_toolbox(installed: Path) -> None:
    files = installed / "cri_server" / "toolbox_files"
    assert (files / "toolbox.wasm").read_bytes() == toolbox()
    assert (files / "commands").read_text().split() == commands()


def test_tests_and_tools_are_not_in_the_wheel(installed: Path) -> None:
    packages = {path.name for path in installed.iterdir() if not path.name.startswith("wasmlet-")}
    assert packages == {"bin", "cri_server", "sandbox", "image_store"}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_pin_has_hashes_and_none_an_address(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "--index-url" not in text
    pins = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.M)[1:]
    assert pins
    assert [pin for pin in pins if not re.match(r"[\w.-]+==\S+ \\\n    --hash=sha256:", pin)] == []


def test_everything_that_is_declared_is_pinned_and_imported() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = [re.split(r"[<>=]", requirement)[0] for requirement in declared]
    code = "\n".join(path.read_text() for source in SOURCES for path in (ROOT / source).rglob("*.py"))
    imported = set(re.findall(r"^\s*(?:from|import) ([\w.]+)", code, flags=re.M))
    assert [name for name in names if not any(is_of(module, name) for module in imported)] == []
    assert [name for name in names if f"\n{name}==" not in (ROOT / "requirements.txt").read_text()] == []


def is_of(module: str, name: str) -> bool:
    """Whether the distribution brings the module."""
    path = module.replace(".", "/")
    return any(str(file).startswith((f"{path}/", f"{path}.")) for file in distribution(name).files or [])
