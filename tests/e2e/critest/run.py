"""critest against a server of its own, as if on a node of its own: it uses fixed ports and global names."""

import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from cri_server.cri_v1 import api_pb2 as cri
from deploy.demo_registry import serving
from tests.e2e.critest import images
from tests.e2e.node_namespaces import node_namespaces
from tests.prerequisites import require_root, require_tool
from tests.wasmlet_server import WasmletServer

Report = list[dict[str, Any]]

_REPORT = "report.json"
_DIGEST = b"9700f9a2f5bf2c45f2f605a0bd3bce7cf37420ec9d3ed50ac2758413308766bf"
_PATIENCE = 900
"""Seconds for all specs."""

_APART = ("should support HostPID", "should support ContainerPID")
"""Each run beside the others, since it waits for half a minute for what never comes."""


class Outcome(NamedTuple):
    """Of one spec. ``name``: its groups and itself; ``reason``: why it failed or was skipped, in critest's words."""

    name: str
    state: str
    reason: str
    seconds: float


@contextmanager
def critest_node(folder: Path) -> Iterator[tuple[WasmletServer, str, str]]:
    """A server, the registry that it finds all images in, and the digest of the one to pull by digest. Nothing of it is
    left afterwards.
    """
    require_root()
    require_tool("ip")
    with node_namespaces(folder / "shown"), serving() as registry:
        digest = images.push_all(registry.address)
        images.write_mirrors(folder / "certs.d", registry.address)
        server = WasmletServer(folder / "wasmlet", f'[images]\nregistry_config = "{folder / "certs.d"}"\n')
        try:
            server.start()
            _keep_compiled(server, registry.address)
            yield server, registry.address, digest
        finally:
            server.clean_up()


def _keep_compiled(server: WasmletServer, registry: str) -> None:
    """The toolbox is compiled once: critest removes the other images after each spec."""
    image = cri.ImageSpec(image=f"{registry}/{images.DEFAULT}")
    with server.client as client:
        client.call("PullImage", cri.PullImageRequest(image=image))


def run_critest(folder: Path, focus: str = "") -> list[Outcome]:
    """Of all specs, ordered by name. ``focus``: run those that this regular expression matches, and skip the others.
    Skips the test where a program is missing.
    """
    critest = require_tool("critest")
    with critest_node(folder) as (server, registry, digest):
        images.write_names(folder / "images.yaml", registry)
        options = {
            "runtime-endpoint": f"unix://{server.socket}",
            "image-endpoint": f"unix://{server.socket}",
            "test-images-file": folder / "images.yaml",
            "config": _empty(folder / "crictl.yaml"),
        }
        command = [str(_with_digest(critest, folder / "critest", digest)), *_flags(options)]
        reports = _run_all(command, [{"ginkgo.focus": focus}] if focus else _parts(), folder)
        (folder / "server.log").write_bytes(server.log.read_bytes())
    return merged(map(outcomes, reports))


def _with_digest(critest: Path, copy: Path, digest: str) -> Path:
    """A copy that pulls by the digest of an image that the registry has: the one in critest is of an image that only
    the registry of its authors can have.
    """
    content = critest.read_bytes()
    assert content.count(_DIGEST) == 1, "critest pulls another image by digest than it did"
    copy.write_bytes(content.replace(_DIGEST, digest.removeprefix("sha256:").encode()))
    copy.chmod(0o755)
    return copy


def _flags(options: Mapping[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()]


def _empty(file: Path) -> Path:
    file.touch()
    return file


def _parts() -> list[dict[str, str]]:
    return [{"ginkgo.skip": "|".join(_APART)}, *({"ginkgo.focus": each} for each in _APART)]


def _run_all(command: list[str], parts: Iterable[Mapping[str, str]], folder: Path) -> list[Report]:
    """All at the same time. One fails when a spec does; its report says which."""
    folders = [folder / f"part{number}" for number, _ in enumerate(parts)]
    running = [_start(command + _flags(part), each) for part, each in zip(parts, folders, strict=True)]
    try:
        for process in running:
            process.wait(_PATIENCE)
    finally:
        for process in running:
            process.kill()
            process.wait()
    return [json.loads((each / _REPORT).read_text()) for each in folders]


def _start(command: list[str], folder: Path) -> "subprocess.Popen[bytes]":
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    words = [*command, *_flags({"ginkgo.json-report": folder / _REPORT, "ginkgo.no-color": "true"})]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with (folder / "critest.log").open("wb") as log:
        return subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)


def merged(parts: Iterable[Iterable[Outcome]]) -> list[Outcome]:
    """Each spec's outcome is that of the part in which it ran, or was skipped for a reason."""
    outcomes: dict[str, Outcome] = {}
    for outcome in chain.from_iterable(parts):
        if outcome.name not in outcomes or outcome.state != "skipped" or outcome.reason:
            outcomes[outcome.name] = outcome
    return sorted(outcomes.values())


def outcomes(report: Report) -> list[Outcome]:
    """Of Ginkgo's report. Benchmarks are left out: they are no part of the validation."""
    specs = [spec for suite in report for spec in suite["SpecReports"] or [] if spec["LeafNodeType"] == "It"]
    return sorted(_outcome(spec) for spec in specs if "benchmark" not in spec["LeafNodeText"])


def _outcome(spec: dict[str, Any]) -> Outcome:
    name = " > ".join([*spec["ContainerHierarchyTexts"], spec["LeafNodeText"]]).removeprefix("[k8s.io] ")
    state = "failed" if spec["State"] in ("panicked", "interrupted", "aborted", "timedout") else spec["State"]
    reason = " ".join(spec.get("Failure", {}).get("Message", "").split())
    return Outcome(name, state, reason, spec["RunTime"] / 1e9)
