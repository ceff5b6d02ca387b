"""kubectl as users have it, in one namespace of a cluster."""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.pods import LOG_IS_REMOVED
from tests.prerequisites import require_tool

Object = dict[str, Any]

SECONDS = 600
"""Longest wait for anything: most takes a few seconds, on an idle machine."""


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"it has not happened that {what}"
        time.sleep(0.2)


@dataclass(frozen=True)
class Kubectl:
    kubeconfig: Path
    namespace: str = "default"
    _program: Path = field(default_factory=lambda: require_tool("kubectl"))

    def inside(self, namespace: str) -> "Kubectl":
        return Kubectl(self.kubeconfig, namespace, self._program)

    def command(self, *arguments: str) -> list[str]:
        cache = self.kubeconfig.with_name("kubectl-cache")
        return [
            str(self._program),
            f"--kubeconfig={self.kubeconfig}",
            f"--cache-dir={cache}",
            f"--namespace={self.namespace}",
            *arguments,
        ]

    def __call__(self, *arguments: str, given: str = "") -> str:
        """What it prints. ``given``: its standard input. Raises AssertionError with what it says where it fails."""
        done = self.attempt(*arguments, given=given)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def attempt(self, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        """However it ends."""
        return subprocess.run(
            self.command(*arguments), input=given, capture_output=True, text=True, timeout=2 * SECONDS
        )

    # ---- objects ----------------------------------------------------------------------------------------------------

    def apply(self, *objects: Object) -> None:
        """All at once. They need not say which namespace they belong to."""
        everything = {"apiVersion": "v1", "kind": "List", "items": objects}
        self("apply", "--filename=-", given=json.dumps(everything))

    def get(self, name: str) -> Object:
        """An object by its kind and name, as in ``job/sums``."""
        found: Object = json.loads(self("get", name, "--output=json"))
        return found

    def objects(self, kind: str, *selection: str) -> list[Object]:
        items: list[Object] = json.loads(self("get", kind, *selection, "--output=json"))["items"]
        return items

    def wait(self, name: str, condition: str) -> None:
        """Until an object, or all of a kind (``pod --all``), is as kubectl's ``--for`` says."""
        self("wait", *name.split(), f"--for={condition}", f"--timeout={SECONDS}s")

    def wait_for_rollout(self, name: str) -> None:
        """Until all pods of a deployment or a set are there, as they are described now."""
        self("rollout", "status", name, f"--timeout={SECONDS}s")

    def when(self, name: str, condition: Callable[[Object], bool]) -> Object:
        """The object as it is as soon as it meets a condition that kubectl has no words for."""
        found: Object = {}

        def is_met() -> bool:
            nonlocal found
            found = self.get(name)
            return condition(found)

        eventually(is_met, f"{name} is as expected")
        return found

    def patch(self, name: str, change: Object, *options: str) -> None:
        """Merged as the API merges the kind's lists."""
        self("patch", name, *options, f"--patch={json.dumps(change)}")

    def start_to_delete(self, name: str) -> None:
        self("delete", name, "--wait=false")

    def events(self, name: str, reason: str) -> list[str]:
        """What is told of an object of a name, under one reason."""
        selector = f"--field-selector=involvedObject.name={name},reason={reason}"
        return [event["message"] for event in self.objects("events", selector)]

    def wait_for_event(self, name: str, reason: str, *words: str) -> None:
        """Of an object, with all the words in its message."""

        def is_told() -> bool:
            return any(all(word in message for word in words) for message in self.events(name, reason))

        eventually(is_told, f"an event {reason} of {name} has {words}")

    def log(self, pod: str, *options: str, lines: int = 1) -> list[str]:
        """As soon as it has so many lines. It has none for a moment where a container is removed, for which another has
        been started."""
        found: list[str] = []

        def is_there() -> bool:
            nonlocal found
            found = self.attempt("logs", pod, *options).stdout.splitlines()
            return len(found) >= lines and not found[0].startswith(LOG_IS_REMOVED)

        eventually(is_there, f"the log of {pod} has {lines} lines")
        return found

    def delete(self, *names: str) -> None:
        """Return when they are gone."""
        self("delete", *names, f"--timeout={SECONDS}s")

    def everything(self) -> str:
        """For people: the objects of the namespace and what has happened to them."""
        pods = self.attempt("get", "all,persistentvolumeclaims", "--output=wide")
        events = self.attempt("get", "events", "--sort-by=.lastTimestamp")
        described = self.attempt("describe", "pods")
        return "\n".join(done.stdout + done.stderr for done in (pods, events, described))
