"""What a guest is told: its arguments, environment and working directory, as Docker combines image and container. No
I/O."""

import os
from collections.abc import Iterable, Sequence

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def arguments(config: cri.ContainerConfig, entrypoint: Sequence[str], cmd: Sequence[str]) -> list[str]:
    """A command replaces entrypoint and cmd of the image, arguments only the cmd. Empty: nothing to run."""
    if config.command:
        return [*config.command, *config.args]
    return [*entrypoint, *(config.args or cmd)]


def check_arguments(argv: Sequence[str], container: str) -> None:
    if any("\0" in word for word in argv):
        raise InvalidRequest(f"an argument of container {container} has a NUL byte: remove it")


def working_dir(config: cri.ContainerConfig, of_image: str) -> str:
    """Absolute; the image's when the container sets none. Raises InvalidRequest."""
    if "\0" in of_image:
        raise InvalidRequest(f"working directory of image {config.image.image} has a NUL byte: set working_dir")
    path = os.path.normpath("/" + (config.working_dir or of_image))
    return "/" + path.lstrip("/")


def environment(config: cri.ContainerConfig, of_image: Iterable[str], hostname: str, directory: str) -> dict[str, str]:
    """The image's, the runtime's and the container's variables; of one name the later counts.

    A WASI guest has no current directory of its own: libraries that know one take it from ``PWD``. Values are bytes,
    carried as surrogates where they are not text.
    """
    variables = {"PATH": DEFAULT_PATH}
    variables |= dict(_split(item) for item in of_image)
    variables |= {"HOSTNAME": hostname, "PWD": directory}
    if config.tty:
        variables.setdefault("TERM", "xterm")
    for item in config.envs:
        variables[_checked(item.key, config)] = os.fsdecode(item.value)
    if any("\0" in value for value in variables.values()):
        raise InvalidRequest(f"an environment variable of container {config.metadata.name} has a NUL byte: remove it")
    return variables


def _split(item: str) -> tuple[str, str]:
    name, _, value = item.partition("=")
    return name, value


def _checked(name: str, config: cri.ContainerConfig) -> str:
    if not name or "=" in name or "\0" in name:
        raise InvalidRequest(
            f"environment variable {name!r} of container {config.metadata.name} has no valid name: mend it"
        )
    return name


def program_path(variables: dict[str, str]) -> str:
    """Where a command without a slash is looked for, in the image."""
    return variables.get("PATH", DEFAULT_PATH)
