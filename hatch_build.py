"""Generates the CRI messages when the project is built or installed, and by hand: `python hatch_build.py`."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
PACKAGE = "cri_server/cri_v1"


class StubsHook(BuildHookInterface):  # type: ignore[type-arg]  # its parameter is the builder's configuration, unused here
    """Puts `api_pb2.py` and `api_pb2.pyi` beside `cri_server/cri_v1/__init__.py`."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        generate_stubs(ROOT)


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
