"""The wheel of this checkout, built as for a release: from sources without anything generated."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("cri_server", "sandbox", "image_store", "proto")
TOOLBOX = ROOT / "toolbox" / ".build"
"""What `make toolbox` has made, which a release has."""
FILES = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE")


def build_wheel(folder: Path) -> Path:
    """``folder``: for the wheel and what is copied to build it."""
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=shutil.ignore_patterns("*_pb2.*", "__pycache__"))
    if TOOLBOX.is_dir():
        shutil.copytree(TOOLBOX, folder / "source" / "toolbox" / ".build")
    for name in FILES:
        shutil.copy(ROOT / name, folder / "source")
    pip(folder, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "wheels", "./source")
    [wheel] = (folder / "wheels").iterdir()
    return wheel


def pip(folder: Path, *words: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    subprocess.run(command, cwd=folder, check=True)
