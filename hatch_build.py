"""Generates the CRI messages when the project is built or installed, and by hand: `python hatch_build.py`. A wheel gets
the toolbox as well, where `make toolbox` has built it."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
PACKAGE = "cri_server/cri_v1"
TOOLBOX, PACKAGED_TOOLBOX = "toolbox/.build", "cri_server/toolbox_files"


class StubsHook(BuildHookInterface):  # type: ignore[type-arg]  # its parameter is the builder's configuration, unused here
    """Puts `api_pb2.py` and `api_pb2.pyi` beside `cri_server/cri_v1/__init__.py`, and the toolbox into a wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        generate_stubs(ROOT)
        if self.target_name == "wheel" and version != "editable":
            build_data["force_include"].update(toolbox_files(ROOT))


def toolbox_files(root: Path) -> dict[str, str]:
    """Where each goes."""
    files = [root / TOOLBOX / name for name in ("toolbox.wasm", "commands")]
    return {str(file): f"{PACKAGED_TOOLBOX}/{file.name}" for file in files if file.exists()}


def generate_stubs(root: Path) -> None:
    """Compile `proto/api.proto` into the package of the CRI messages.

    Messages only: the services are built from the descriptor. Raises RuntimeError if protoc refuses the file.
    """
    from grpc_tools import protoc  # not installed where a wheel is only unpacked

    # The file is given the package's path, so that its name is unique in the process-wide pool of descriptors.
    arguments = [
        "protoc",
        f"--proto_path={PACKAGE}={root / 'proto'}",
        f"--python_out={root}",
        f"--pyi_out={root}",
        f"{PACKAGE}/api.proto",
    ]
    if protoc.main(arguments) != 0:
        raise RuntimeError("proto/api.proto does not compile: mend what protoc names above")


if __name__ == "__main__":
    generate_stubs(ROOT)
