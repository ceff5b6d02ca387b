import os

import pytest

from cri_server import container_process
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest


@pytest.mark.parametrize(
    ("command", "args", "expected"),
    [
        ([], [], ["/entry", "one"]),
        ([], ["two"], ["/entry", "two"]),
        (["/other"], [], ["/other"]),
        (["/other"], ["two"], ["/other", "two"]),
    ],
)
def test_command_and_args_combine_with_the_image_as_docker_does(
    command: list[str], args: list[str], expected: list[str]
) -> None:
    config = cri.ContainerConfig(command=command, args=args)
    assert container_process.arguments(config, ["/entry"], ["one"]) == expected


def test_without_an_entrypoint_args_replace_the_images_cmd() -> None:
    assert container_process.arguments(cri.ContainerConfig(args=["run"]), [], ["one"]) == ["run"]
    assert container_process.arguments(cri.ContainerConfig(), [], []) == []


def environment(config: cri.ContainerConfig, of_image: list[str]) -> dict[str, str]:
    return container_process.environment(config, of_image, "pod-1", "/work")


def test_the_container_overrides_the_image_and_the_image_the_default_path() -> None:
    config = cri.ContainerConfig(envs=[cri.KeyValue(key="A", value=b"mine"), cri.KeyValue(key="A", value=b"last")])
    variables = environment(config, ["A=image", "B=b=c", "PATH=/bin"])
    assert variables == {"PATH": "/bin", "A": "last", "B": "b=c", "HOSTNAME": "pod-1", "PWD": "/work"}


def test_a_guest_without_any_variables_has_a_path() -> None:
    assert environment(cri.ContainerConfig(), [])["PATH"] == container_process.DEFAULT_PATH


def test_a_terminal_has_a_type_unless_the_image_names_one() -> None:
    assert environment(cri.ContainerConfig(tty=True), [])["TERM"] == "xterm"
    assert environment(cri.ContainerConfig(tty=True), ["TERM=dumb"])["TERM"] == "dumb"
    assert "TERM" not in environment(cri.ContainerConfig(), [])


def test_values_are_bytes_and_survive_as_such() -> None:
    config = cri.ContainerConfig(envs=[cri.KeyValue(key="RAW", value=b"\xff\xfe\n=x")])
    assert os.fsencode(environment(config, [])["RAW"]) == b"\xff\xfe\n=x"


@pytest.mark.parametrize(("key", "value"), [("", b"x"), ("A=B", b"x"), ("A", b"x\0y")])
def test_a_variable_that_no_guest_could_receive_is_refused(key: str, value: bytes) -> None:
    with pytest.raises(InvalidRequest):
        environment(cri.ContainerConfig(envs=[cri.KeyValue(key=key, value=value)]), [])


@pytest.mark.parametrize(
    ("own", "of_image", "expected"),
    [("", "", "/"), ("", "/srv", "/srv"), ("/app/", "/srv", "/app"), ("app", "", "/app"), ("/a/../../b", "", "/b")],
)
def test_the_working_directory_is_absolute_and_inside(own: str, of_image: str, expected: str) -> None:
    assert container_process.working_dir(cri.ContainerConfig(working_dir=own), of_image) == expected


def test_a_working_directory_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="NUL"):
        container_process.working_dir(cri.ContainerConfig(), "/a\0b")
