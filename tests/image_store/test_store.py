"""Which image a name stands for: CRI's rules of ids, tags, digests, pulls and removals."""

import asyncio
import json
import threading

import pytest

from deploy.demo_registry import Registry
from image_store import catalog
from image_store.errors import InvalidReference
from image_store.image import Image
from tests import images
from tests.guests.compiled import guest
from tests.image_store.conftest import StoreRunner

HELLO = guest("hello")
EXIT = guest("exit3")


def manifest_digest(registry: Registry, name: str, tag: str = "latest") -> str:
    return images.digest_of(registry.manifests[name, tag].content)


def config_digest(registry: Registry, name: str, tag: str = "latest") -> str:
    digest = json.loads(registry.manifests[name, tag].content)["config"]["digest"]
    assert isinstance(digest, str)
    return digest


def test_an_image_is_its_config(runner: StoreRunner, registry: Registry) -> None:
    artifact = runner.pull(images.push_artifact(registry.address, "artifact", HELLO))
    runwasi = runner.pull(images.push_runwasi(registry.address, "runwasi", HELLO))
    files = runner.pull(images.push_wasi_image(registry.address, "files", {"app.wasm": HELLO}))
    assert artifact.id == config_digest(registry, "artifact")
    assert runwasi.id == config_digest(registry, "runwasi")
    assert files.id == config_digest(registry, "files")


def test_artifacts_with_the_same_empty_config_are_different_images(runner: StoreRunner, registry: Registry) -> None:
    hello = runner.pull(images.push_wasm_to_oci(registry.address, "hello", HELLO))
    other = runner.pull(images.push_wasm_to_oci(registry.address, "exit", EXIT))
    assert config_digest(registry, "hello") == config_digest(registry, "exit")
    assert hello.id == manifest_digest(registry, "hello")
    assert other.id == manifest_digest(registry, "exit")
    assert runner.program(hello).source.read_bytes() == HELLO
    assert runner.program(other).source.read_bytes() == EXIT


def test_the_size_is_that_of_its_blobs(runner: StoreRunner, registry: Registry) -> None:
    image = runner.pull(images.push_wasm_to_oci(registry.address, "hello", HELLO))
    assert image.size == len(HELLO) + len(b"{}")


def test_every_way_to_name_an_image(runner: StoreRunner, registry: Registry) -> None:
    reference = images.push_artifact(registry.address, "team/hello", HELLO, tag="1")
    image = runner.pull(reference)
    name = reference.removesuffix(":1")
    digest = manifest_digest(registry, "team/hello", "1")
    bare = image.id.removeprefix("sha256:")
    for text in (
        image.id,
        bare,
        bare[:12],
        f"sha256:{bare[:12]}",
        reference,
        f"{name}@{digest}",
        f"{reference}@{digest}",
    ):
        assert runner.store.get(text) is image
    for text in (name, f"{name}:2", "0" * 64, "sha256:" + "0" * 64, f"{name}@sha256:{'0' * 64}", "xyz"):
        assert runner.store.get(text) is None
    with pytest.raises(InvalidReference):
        runner.store.get("UPPER")


def test_the_beginning_of_an_id_must_be_unique(runner: StoreRunner, registry: Registry) -> None:
    ids: list[str] = []
    while len({image[7] for image in ids}) == len(ids):
        wasm = HELLO + b"\0\x03\x02x" + bytes([len(ids)])
        ids.append(runner.pull(images.push_artifact(registry.address, f"app{len(ids)}", wasm)).id)
    (shared,) = {image[7] for image in ids if image[7] == ids[-1][7]}
    assert runner.store.get(shared) is None
    assert runner.store.get(ids[-1][7:]) is not None


def test_tags_and_digests(runner: StoreRunner, registry: Registry) -> None:
    for tag in ("2", "1"):
        reference = images.push_artifact(registry.address, "app", HELLO, tag=tag)
        runner.pull(reference)
    runner.pull(images.push_artifact(registry.address, "other", HELLO, tag="1"))
    digest = manifest_digest(registry, "app", "1")
    (image,) = runner.store.images()
    address = registry.address
    assert image.repo_tags == (f"{address}/app:1", f"{address}/app:2", f"{address}/other:1")
    assert image.repo_digests == (f"{address}/app@{digest}", f"{address}/other@{digest}")


def test_an_image_pulled_by_digest_has_no_tag(runner: StoreRunner, registry: Registry) -> None:
    images.push_artifact(registry.address, "app", HELLO)
    reference = f"{registry.address}/app@{manifest_digest(registry, 'app')}"
    for pulled in (reference, reference.replace("@", ":latest@")):
        image = runner.pull(pulled)
        assert (image.repo_tags, image.repo_digests) == ((), (reference,))


def test_pulling_again_changes_nothing(runner: StoreRunner, registry: Registry) -> None:
    reference = images.push_artifact(registry.address, "app", HELLO)
    assert runner.pull(reference) is runner.pull(reference)


def test_a_tag_moves(runner: StoreRunner, registry: Registry) -> None:
    reference = images.push_artifact(registry.address, "app", HELLO)
    old = runner.pull(reference)
    assert runner.pull(images.push_artifact(registry.address, "app", EXIT)) is runner.store.get(reference)
    left = runner.store.get(old.id)
    assert left is not None
    assert (left.repo_tags, left.repo_digests) == ((), old.repo_digests)
    runner.reopen()
    assert runner.store.get(old.id) == left


def test_removing_by_one_name_removes_the_image(runner: StoreRunner, registry: Registry) -> None:
    first = images.push_artifact(registry.address, "app", HELLO)
    second = images.push_artifact(registry.address, "other", HELLO)
    image = runner.pull(first)
    runner.pull(second)
    runner.remove(second)
    assert runner.store.images() == ()
    for name in (first, second, image.id, *image.repo_digests):
        assert runner.store.get(name) is None
    runner.reopen()
    assert runner.store.images() == ()


def test_removing_is_idempotent_at_any_time(runner: StoreRunner, registry: Registry) -> None:
    image = runner.pull(images.push_artifact(registry.address, "app", HELLO))

    async def remove_all() -> None:
        await asyncio.gather(*(runner.store.remove(image.id) for _ in range(5)))

    runner.run(remove_all())
    runner.remove(image.id)
    runner.remove("sha256:" + "0" * 64)
    runner.remove("never/was:here")
    with pytest.raises(InvalidReference):
        runner.remove("UPPER")


def test_pulls_and_removals_at_the_same_time_end_well(runner: StoreRunner, registry: Registry) -> None:
    reference = images.push_wasi_image(registry.address, "app", {"app.wasm": HELLO})
    runner.collect()

    async def churn() -> None:
        for _ in range(10):
            await asyncio.gather(
                runner.store.pull(reference), runner.store.remove(reference), runner.store.collect_garbage()
            )

    runner.run(churn())
    image = runner.pull(reference)
    runner.collect()
    assert runner.program(image, "/app.wasm").source.read_bytes() == HELLO


def test_a_name_that_is_taken_away_during_a_pull_stays_away(
    runner: StoreRunner, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (images.push_artifact(registry.address, "app", HELLO, tag=tag) for tag in "12")
    runner.pull(first)
    runner.pull(second)
    removes, goes_on = threading.Event(), threading.Event()
    remove = catalog.Catalog.remove

    def slow_remove(self: catalog.Catalog, image: str) -> None:
        removes.set()
        goes_on.wait(240)
        remove(self, image)

    async def pull_while_removing() -> Image:
        removing = asyncio.create_task(runner.store.remove(first))
        await asyncio.to_thread(removes.wait, 240)
        pulling = asyncio.create_task(runner.store.pull(second))
        # It has found the image, and waits for the removal's end.
        await asyncio.sleep(0.3)
        goes_on.set()
        await removing
        return await pulling

    monkeypatch.setattr(catalog.Catalog, "remove", slow_remove)
    assert runner.run(pull_while_removing()).repo_tags == (second,)
    assert runner.store.get(first) is None


def test_pinned_images(runner: StoreRunner, registry: Registry) -> None:
    reference = images.push_artifact(registry.address, "app", HELLO)
    runner.reopen(pinned=(reference.removesuffix(":latest"),))
    assert runner.pull(reference).pinned
    assert not runner.pull(images.push_artifact(registry.address, "other", EXIT)).pinned
    runner.remove(reference)
    assert runner.store.get(reference) is None


def test_a_pinned_reference_that_is_none(runner: StoreRunner) -> None:
    with pytest.raises(InvalidReference):
        runner.reopen(pinned=("UPPER",))


def test_images_are_there_after_a_restart(runner: StoreRunner, registry: Registry) -> None:
    references = [
        images.push_artifact(registry.address, "artifact", HELLO, title="hello.wasm"),
        images.push_wasi_image(registry.address, "files", {"app.wasm": HELLO}, env=["A=b"], user="1:2"),
    ]
    before = [runner.pull(reference) for reference in references]
    programs = [runner.program(image, "/app.wasm") for image in before]
    runner.reopen()
    assert [runner.store.get(reference) for reference in references] == before
    assert [runner.program(image, "/app.wasm") for image in before] == programs


def test_the_order_of_images_is_always_the_same(runner: StoreRunner, registry: Registry) -> None:
    for number in range(5):
        runner.pull(images.push_artifact(registry.address, f"app{number}", HELLO + b"\0\x03\x02x" + bytes([number])))
    before = runner.store.images()
    assert [image.id for image in before] == sorted(image.id for image in before)
    assert runner.reopen().store.images() == before


def test_annotations_of_the_manifest_are_kept(runner: StoreRunner, registry: Registry) -> None:
    images.push_artifact(registry.address, "app", HELLO)
    stored = registry.manifests["app", "latest"]
    fields = {**json.loads(stored.content), "annotations": {"module.wasm.image/variant": "compat"}}
    registry.put_manifest("app", "latest", stored.media_type, json.dumps(fields).encode())
    assert runner.pull(f"{registry.address}/app").annotations == {"module.wasm.image/variant": "compat"}
