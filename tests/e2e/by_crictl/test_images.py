"""Images: pulled, listed, inspected, removed."""

import re
from pathlib import Path

import pytest

from tests.docker_registry import docker_registry
from tests.e2e.crictl import SHORT
from tests.e2e.terminal import Terminal


def test_one_image_under_two_tags(terminal: Terminal) -> None:
    references = [terminal.push("hello", tag, "twice") for tag in ("1", "2")]
    answers = {terminal.crictl("pull", reference) for reference in references}
    image_id = answers.pop().removeprefix("Image is up to date for ")
    assert re.fullmatch("sha256:[0-9a-f]{64}", image_id)
    assert not answers
    repository = f"{terminal.registry}/twice"
    rows = [row for row in terminal.crictl.table("images") if row["IMAGE"] == repository]
    assert [(row["TAG"], row["IMAGE ID"]) for row in rows] == [(tag, short_digest(image_id)) for tag in ("1", "2")]
    assert all(re.fullmatch(r"[\d.]+k?B", row["SIZE"]) for row in rows)
    [image] = [image for image in terminal.crictl.json("images", "-o", "json")["images"] if image["id"] == image_id]
    assert set(references) <= set(image["repoTags"])
    [digest] = [digest for digest in image["repoDigests"] if digest.startswith(f"{repository}@sha256:")]
    [row, _] = [row for row in terminal.crictl.table("images", "--digests") if row["IMAGE"] == repository]
    assert row["DIGEST"] == short_digest(digest.partition("@")[2])


def short_digest(digest: str) -> str:
    return digest.removeprefix("sha256:")[:SHORT]


def test_an_image_pulled_by_its_digest_has_no_tag(terminal: Terminal) -> None:
    reference = terminal.push("counter", repository="by-digest")  # of which no other test has an image
    terminal.crictl("pull", reference)
    [digest] = terminal.crictl.json("inspecti", reference)["status"]["repoDigests"]
    assert terminal.crictl("rmi", reference) == f"Deleted: {reference}"
    terminal.crictl("pull", digest)
    status = terminal.crictl.json("inspecti", digest)["status"]
    assert (status["repoTags"], status["repoDigests"]) == ([], [digest])
    [row] = [row for row in terminal.crictl.table("images") if row["IMAGE"] == f"{terminal.registry}/by-digest"]
    assert row["TAG"] == "<none>"
    terminal.crictl("rmi", row["IMAGE ID"])
    assert terminal.crictl.refused("inspecti", digest) == f'no such image "{digest}" present'


def test_inspecti_shows_the_config_of_an_image(terminal: Terminal) -> None:
    reference = terminal.pull_files()
    image = terminal.crictl.json("inspecti", reference)
    assert image["info"]["imageSpec"]["config"] == {
        "Entrypoint": ["/app.wasm"],
        "Env": ["FROM=the image"],
        "WorkingDir": "/work",
    }
    assert image["info"]["chainID"].startswith("sha256:")
    assert int(image["status"]["size"]) > 0
    assert f"Tag: {reference}" in terminal.crictl.lines("inspecti", "-o", "table", reference)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "nothing",
            "code = NotFound desc = registry {registry} has no nothing:latest (HTTP 404: manifest unknown): che",
        ),
        (f"nothing@sha256:{'1' * 64}", "registry {registry} has no nothing@sha256:1111"),
        ("UPPER", "repository name must be lowercase"),
    ],
)
def test_what_cannot_be_pulled(terminal: Terminal, name: str, reason: str) -> None:
    reference = f"{terminal.registry}/{name}"
    assert reason.format(registry=terminal.registry) in terminal.crictl.refused("pull", reference)


def test_a_registry_with_a_password(terminal: Terminal, tmp_path: Path) -> None:
    with docker_registry(tmp_path, password=True) as registry:
        refused = terminal.crictl.refused("pull", f"{registry}/app")
        assert f"registry {registry} refuses to serve app" in refused
        assert "credentials" in refused
        assert "has no app:latest" in terminal.crictl.refused("pull", "--creds", "me:secret", f"{registry}/app")


def test_a_container_outlives_its_image(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "sleeper")
    reference = terminal.push("sleeper")
    assert f"Deleted: {reference}" in terminal.crictl.lines("rmi", reference)
    status = terminal.status(container)
    assert (status["state"], status["image"]["image"]) == ("CONTAINER_RUNNING", reference)
    [row] = terminal.crictl.table("ps")
    assert row["IMAGE"] == reference


def test_prune_leaves_the_images_of_containers(terminal: Terminal) -> None:
    used = terminal.pull("sleeper")
    unused = terminal.pull("exit3")
    terminal.create(terminal.run_pod(), "sleeper")
    deleted = terminal.crictl.lines("rmi", "--prune")
    assert f"Deleted: {unused}" in deleted
    assert f"Deleted: {used}" not in deleted
    assert terminal.crictl.json("inspecti", used)["status"]["id"]


def test_removing_an_unknown_image(terminal: Terminal) -> None:
    assert terminal.crictl.refused("rmi", "nothing") == "no such image nothing"


def test_imagefsinfo(terminal: Terminal) -> None:
    terminal.pull("hello")
    [usage] = terminal.crictl.json("imagefsinfo")["status"]["imageFilesystems"]
    assert Path(usage["fsId"]["mountpoint"]).is_dir()
    assert int(usage["usedBytes"]["value"]) > 0
    assert int(usage["inodesUsed"]["value"]) > 0
