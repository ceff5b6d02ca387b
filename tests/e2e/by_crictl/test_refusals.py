"""What is refused, and the sentence that says why."""

import re
from collections.abc import Callable

import pytest

from tests.e2e.terminal import Terminal


@pytest.mark.parametrize("words", ["inspect", "start", "logs", "rm"])
def test_an_unknown_container(terminal: Terminal, words: str) -> None:
    reason = "container 0123456789abc is not known: it was removed or never made; 'crictl ps -a' lists all"
    refused = terminal.crictl.refused(words, "0123456789abc")
    assert refused.endswith(f"rpc error: code = NotFound desc = {reason}")


@pytest.mark.parametrize("words", ["inspectp", "rmp"])
def test_an_unknown_pod(terminal: Terminal, words: str) -> None:
    reason = "pod sandbox 0123456789abc is not known: it was removed or never made; 'crictl pods' lists all"
    refused = terminal.crictl.refused(words, "0123456789abc")
    assert refused.endswith(f"rpc error: code = NotFound desc = {reason}")


@pytest.mark.parametrize(("word", "printed"), [("stop", "{id}"), ("stopp", "Stopped sandbox {id}")])
def test_stopping_what_is_unknown_is_no_error(terminal: Terminal, word: str, printed: str) -> None:
    """CRI: a client that repeats itself must not fail."""
    assert terminal.crictl(word, "0123456789abc") == printed.format(id="0123456789abc")


def test_an_id_that_is_too_short(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    letter = _shared_beginning(lambda name: terminal.create(pod, "hello", name))
    for word in ("inspect", "start", "stop"):
        refused = terminal.crictl.refused(word, letter)
        assert f"container id {letter} is ambiguous: several ids begin so; give more of it" in refused
    assert terminal.crictl.table("ps", "--all", "--id", letter) == []


def _shared_beginning(create: Callable[[str], str]) -> str:
    """First digit of two ids: of seventeen at the latest."""
    seen: set[str] = set()
    for number in range(17):
        digit = create(f"c{number}")[0]
        if digit in seen:
            return digit
        seen.add(digit)
    raise AssertionError("there are more than sixteen digits")


def test_names_are_used_once(terminal: Terminal) -> None:
    pod = terminal.run_pod("web")
    refused = terminal.crictl.refused("runp", terminal.pod_file("web"))
    assert f'name "web_default_uid-web_0" is reserved for "{pod}"' in refused
    container = terminal.create(pod, "hello", "app")
    refused = terminal.crictl.refused(*terminal.words_of_create(pod, terminal.push("hello"), "app"))
    assert f'name "app_web_default_uid-web_0" is reserved for "{container}"; remove that one or raise' in refused
    terminal.crictl("rm", container)
    assert terminal.create(pod, "hello", "app") != container


def test_a_container_is_started_once(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "sleeper")
    refused = terminal.crictl.refused("start", container)
    assert f"container {container} is CONTAINER_RUNNING: only a created one can be started, and only once" in refused


def test_a_pod_that_was_stopped_takes_no_container(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    terminal.crictl("stopp", pod)
    refused = terminal.crictl.refused(*terminal.words_of_create(pod, terminal.pull("hello")))
    assert f"pod sandbox {pod} is not ready: containers need a new sandbox" in refused


def test_an_image_that_was_not_pulled(terminal: Terminal) -> None:
    image = f"{terminal.registry}/never-pulled:1"
    refused = terminal.crictl.refused(*terminal.words_of_create(terminal.run_pod(), image, "app"))
    assert f"image {image} of container app is not on this node: pull it first" in refused


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (
            "/bin/true",
            r'program "/bin/true" of image {} is a native linux/\w+ executable; .* use an image that is built',
        ),
        ("/bin/sh", r'image {} has no file "/bin/sh": set command to a program of the image'),
    ],
)
def test_a_command_that_is_no_webassembly(terminal: Terminal, command: str, reason: str) -> None:
    image = terminal.pull_files()
    refused = terminal.crictl.refused(*terminal.words_of_create(terminal.run_pod(), image, command=[command]))
    assert re.search(reason.format(re.escape(image)), refused), refused
    assert terminal.crictl.table("ps", "--all") == []


def test_imports_that_nobody_provides_are_named(terminal: Terminal) -> None:
    image = terminal.pull("missing_import")
    refused = terminal.crictl.refused(*terminal.words_of_create(terminal.run_pod(), image, "app"))
    assert (
        'module main.wasm of container app imports "env"."levitate", "wasi_snapshot_preview1"."teleport", '
        "which this runtime does not provide: build it for WASI preview 1 or WASI 0.2"
    ) in refused


@pytest.mark.parametrize(
    ("rpc", "words"),
    [
        ("CheckpointContainer", "checkpoint --export /nowhere CONTAINER"),
    ],
)
def test_what_this_release_does_not_offer(terminal: Terminal, rpc: str, words: str) -> None:
    pod = terminal.run_pod()
    names = {"POD": pod, "CONTAINER": terminal.start(pod, "sleeper")}
    refused = terminal.crictl.refused(*(names.get(word, word) for word in words.split()))
    reason = f"{rpc} is not offered by this release of wasmlet; the documentation lists what is"
    assert refused.endswith(f"rpc error: code = Unimplemented desc = {reason}")
