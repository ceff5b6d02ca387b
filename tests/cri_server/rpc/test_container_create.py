import asyncio
import os
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from image_store.errors import ProgramNotFound
from image_store.image import ImageConfig
from image_store.image_files import ImageFiles
from image_store.resources import Resource
from sandbox.records import read_record
from sandbox.specs import GuestSpec, MountSpec
from tests.cri_server.conftest import Node
from tests.cri_server.fakes import ARTIFACT, PROGRAM
from tests.cri_server.rpc.test_pod_sandbox_run import Run, full_disk_for, until


def guest_of(node: Node, sandbox_id: str, container_id: str) -> GuestSpec:
    return GuestSpec.from_json(read_record(node.paths.guest_record(sandbox_id, container_id), "guest"))


async def refused(node: Node, sandbox_id: str, code: grpc.StatusCode, **fields: object) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await node.create(sandbox_id, **fields)
    assert error.value.code() == code
    assert not (await node.client("ListContainers")).containers
    assert not node.images.held
    await until(lambda: not os.listdir(node.paths.containers(sandbox_id)) and not os.listdir(node.paths.trash))
    return str(error.value.details())


def test_a_created_container_is_seen_with_all_that_was_asked(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        config = node.container(
            labels={"io.kubernetes.pod.uid": "u"},
            annotations={"hash": "1"},
            mounts=[cri.Mount(container_path="/data", host_path=str(node.logs / "data"), readonly=True)],
            linux=cri.LinuxContainerConfig(resources=cri.LinuxContainerResources(memory_limit_in_bytes=1 << 26)),
        )
        response = await node.client("CreateContainer", pod_sandbox_id=sandbox_id, config=config)
        status = await node.status(response.container_id)
        assert status.state == cri.CONTAINER_CREATED
        assert (status.labels, status.annotations) == (config.labels, config.annotations)
        assert list(status.mounts) == list(config.mounts)
        assert status.log_path == str(node.logs / "app" / "0.log")
        assert not Path(status.log_path).parent.exists(), "the kubelet would count it as an attempt"
        assert status.resources.linux.memory_limit_in_bytes == 1 << 26
        assert (status.image.image, status.image_ref, status.image_id) == (
            "registry.test/hello:1",
            ARTIFACT.repo_digests[0],
            ARTIFACT.id,
        )
        assert status.user.linux.uid == 0
        assert status.stop_signal == cri.SIGNAL_SIGTERM

    node(scenario)


def test_an_artifact_is_its_own_command(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        guest = guest_of(node, sandbox_id, await node.create(sandbox_id, args=["world"]))
        assert guest.argv == ["hello.wasm", "world"]
        assert guest.lower == ""
        assert {"HOSTNAME=web", "PWD=/"} < set(guest.env)

    node(scenario)


def test_the_guest_gets_the_images_and_the_containers_settings_together(node: Run, tmp_path: Path) -> None:
    async def scenario(node: Node) -> None:
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc" / "passwd").write_text("www:x:33:34::/:\n")
        settings = ImageConfig(
            entrypoint=("/app.wasm",), cmd=("serve",), env=("A=1",), working_dir="/srv", user="www", stop_signal="QUIT"
        )
        node.images.present[ARTIFACT.id] = replace(ARTIFACT, config=settings, rootfs=tmp_path)
        sandbox_id = await node.run_pod(linux=cri.LinuxPodSandboxConfig(cgroup_parent="/kubepods/pod1"))
        limits = cri.LinuxContainerResources(memory_limit_in_bytes=1 << 26, cpu_shares=512, oom_score_adj=1000)
        context = cri.LinuxContainerSecurityContext(readonly_rootfs=True, supplemental_groups=[7])
        linux = cri.LinuxContainerConfig(resources=limits, security_context=context)
        container_id = await node.create(sandbox_id, linux=linux, tty=True)
        guest = guest_of(node, sandbox_id, container_id)
        assert guest.argv == ["/app.wasm", "serve"]
        assert {"A=1", "PWD=/srv", "TERM=xterm"} < set(guest.env)
        assert (guest.uid, guest.gid, guest.groups) == (33, 34, [34, 7])
        assert guest.limits == {"memory_limit": 1 << 26, "cpu_shares": 512}
        assert (guest.oom_score_adj, guest.readonly_root, guest.lower) == (1000, True, str(tmp_path))
        assert guest.pod_cgroup == f"/kubepods/pod1/{sandbox_id}"
        assert len(guest.socket_shim) == 2, "something is read-only"
        devices = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}
        files = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/proc/self/status", "/proc/net"}
        assert {mount.target for mount in guest.mounts} == files | devices
        assert (await node.status(container_id)).stop_signal == cri.SIGNAL_SIGQUIT

    node(scenario)


def test_a_name_is_taken_until_its_container_is_removed(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.create(sandbox_id)
        with pytest.raises(grpc.aio.AioRpcError, match="is reserved for") as error:
            await node.create(sandbox_id)
        assert error.value.code() == grpc.StatusCode.ALREADY_EXISTS
        await node.create(sandbox_id, attempt=1)
        await node.client("RemoveContainer", container_id=container_id)
        await node.create(sandbox_id)

    node(scenario)


def test_sandbox_and_image_must_be_there(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        missing = cri.ImageSpec(image="registry.test/other:1")
        text = await refused(node, sandbox_id, grpc.StatusCode.NOT_FOUND, image=missing)
        assert text == "image registry.test/other:1 of container app is not on this node: pull it first"
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await node.create("unknown")
        assert unknown.value.code() == grpc.StatusCode.NOT_FOUND
        await node.client("StopPodSandbox", pod_sandbox_id=sandbox_id)
        with pytest.raises(grpc.aio.AioRpcError) as stopped:
            await node.create(sandbox_id)
        assert stopped.value.code() == grpc.StatusCode.FAILED_PRECONDITION

    node(scenario)


def test_each_import_that_cannot_be_met_is_named(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        node.images.found = replace(PROGRAM, unmet_imports=("env.foo", "env.bar"))
        text = await refused(node, sandbox_id, grpc.StatusCode.INVALID_ARGUMENT)
        assert "hello.wasm of container app imports env.foo, env.bar, which this runtime does not provide" in text

    node(scenario)


def test_a_library_without_an_entry_is_refused(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        node.images.found = replace(PROGRAM, has_command_entry=False)
        assert "has no entry _start" in await refused(node, sandbox_id, grpc.StatusCode.INVALID_ARGUMENT)

    node(scenario)


def test_an_image_without_a_command_needs_one(node: Run, tmp_path: Path) -> None:
    async def scenario(node: Node) -> None:
        node.images.present[ARTIFACT.id] = replace(ARTIFACT, rootfs=tmp_path)
        sandbox_id = await node.run_pod()
        assert "has no command" in await refused(node, sandbox_id, grpc.StatusCode.INVALID_ARGUMENT)

    node(scenario)


def test_what_the_image_store_says_reaches_the_user_and_frees_the_name(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        node.gate.fail["program"] = ProgramNotFound("command /nope is not in image hello: name another")
        text = await refused(node, sandbox_id, grpc.StatusCode.INVALID_ARGUMENT, command=["/nope"])
        assert text == "command /nope is not in image hello: name another"
        node.gate.fail.clear()
        await node.create(sandbox_id)

    node(scenario)


def test_an_image_that_is_removed_meanwhile_fails_the_call(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        node.gate.hold("program")
        creating = asyncio.ensure_future(refused(node, sandbox_id, grpc.StatusCode.NOT_FOUND))
        await node.gate.reached["program"].wait()
        await node.client("RemoveImage", image=cri.ImageSpec(image=ARTIFACT.id))
        node.gate.release("program")
        assert "was removed while container app was made" in await creating

    node(scenario)


def test_a_client_that_goes_away_leaves_nothing_and_frees_the_name(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        node.gate.hold("program")
        call = node.client("CreateContainer", pod_sandbox_id=sandbox_id, config=node.container())
        await node.gate.reached["program"].wait()
        call.cancel()
        await until(lambda: not node.runtime.operations)
        node.gate.release("program")
        assert not (await node.client("ListContainers")).containers
        assert not node.images.held
        await node.create(sandbox_id)

    node(scenario)


@pytest.mark.parametrize("record", ["guest.record", "container.record"])
def test_a_full_disk_leaves_nothing(node: Run, monkeypatch: pytest.MonkeyPatch, record: str) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        with monkeypatch.context() as patched:
            patched.setattr("os.rename", full_disk_for(record))
            text = await refused(node, sandbox_id, grpc.StatusCode.RESOURCE_EXHAUSTED)
        assert "no space is left on the device" in text
        await node.create(sandbox_id)

    node(scenario)


def test_a_target_must_be_a_running_container_of_the_same_pod(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        running = await node.start_container(sandbox_id)
        elsewhere = await node.start_container(await node.run_pod(name="other"))

        async def create_for(target: str, name: str) -> None:
            options = cri.NamespaceOption(pid=cri.TARGET, target_id=target)
            context = cri.LinuxContainerSecurityContext(namespace_options=options)
            linux = cri.LinuxContainerConfig(security_context=context)
            await node.create(sandbox_id, name=name, linux=linux)

        await create_for(running, "debugger")
        with pytest.raises(grpc.aio.AioRpcError, match="is not a running container of its pod"):
            await create_for(elsewhere, "intruder")

    node(scenario)


def volume(**fields: object) -> cri.Mount:
    image = cri.ImageSpec(image=ARTIFACT.id)
    return cri.Mount(container_path="/data", image=image, readonly=True, **fields)  # type: ignore[arg-type]


def test_a_mounted_image_is_held_and_shown_with_its_id(node: Run, tmp_path: Path) -> None:
    async def scenario(node: Node) -> None:
        files = node.images.volumes[ARTIFACT.id] = ImageFiles(Resource("tree", "1" * 64), tmp_path, "")
        sandbox_id = await node.run_pod()
        container_id = await node.create(sandbox_id, mounts=[volume()])
        guest = guest_of(node, sandbox_id, container_id)
        assert guest.mounts[-1] == MountSpec(str(tmp_path), "/data", readonly=True, propagate=False)
        for _ in range(2):
            [shown] = (await node.status(container_id)).mounts
            assert (shown.image.image_ref, shown.host_path, shown.readonly) == (ARTIFACT.id, "", True)
            assert node.images.held_files == {container_id: (files.resource,)}
            await node.restart()
        await node.client("RemoveContainer", container_id=container_id)
        assert not node.images.held_files

    node(scenario)


def test_an_image_that_cannot_be_mounted_is_told_as_the_kubelet_expects_it(node: Run, tmp_path: Path) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        text = await refused(node, sandbox_id, grpc.StatusCode.NOT_FOUND, mounts=[volume()])
        assert text.startswith("ImageVolumeMountFailed: image")
        node.images.volumes[ARTIFACT.id] = ImageFiles(Resource("tree", "1" * 64), tmp_path, "")
        mounts = [volume(image_sub_path="missing")]
        text = await refused(node, sandbox_id, grpc.StatusCode.INVALID_ARGUMENT, mounts=mounts)
        assert text.startswith("ImageVolumeMountFailed: image")
        assert "'missing'" in text
        assert not node.images.held_files

    node(scenario)
