"""The pod network that an administrator has installed as CNI plugins.

    folder of networks ──(looked at every second, and before each pod)──▶ the network of new pods
    RunPodSandbox      hold the namespace → record → ADD, plugin by plugin → record with the result
    StopPodSandbox     DEL, backwards, with what the record says → no record → namespace released

A pod keeps the network that it was attached to, whatever becomes of the folder.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import structlog

from sandbox.errors import SandboxError
from sandbox.network.cni import chain, namespace_file, results
from sandbox.network.cni.attachment_record import AttachmentRecords
from sandbox.network.cni.capabilities import capability_arguments, check_honoured
from sandbox.network.cni.chain import CniAttachment
from sandbox.network.cni.config_folder import Signature, load, signature
from sandbox.network.cni.invocation import Result, Target, pod_arguments
from sandbox.network.cni.network_config import NetworkConfig
from sandbox.network.cni.plugin_process import Plugins, end_orphans
from sandbox.network.own_thread import in_own_thread
from sandbox.network.provider import NO_REQUEST, Attachment, PodRequest
from sandbox.records import TornRecord

_LOOK_SECONDS = 1.0
_STATUS_SECONDS = 10.0
_RETRY_SECONDS = 10.0
_CLOSING_SECONDS = 5.0
_AT_A_TIME = 16
"""Pods that plugins are run for, so that many new pods do not slow each other down to the time limit."""

log = structlog.get_logger(__name__)
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class CniSettings:
    conf_dir: Path | None
    """None: no new pod is attached; those that were can be detached."""
    bin_dirs: tuple[Path, ...]
    plugin_seconds: float
    """The longest run of one plugin."""


class CniNetwork:
    """A ``NetworkProvider``. It belongs to one event loop."""

    def __init__(self, root: Path, state: Path, settings: CniSettings) -> None:
        """``root`` and ``state``: the server's lasting and volatile folders."""
        self._folder = settings.conf_dir
        self._namespaces = state / "netns"
        self._records = AttachmentRecords(root)
        self._run = Plugins(settings.bin_dirs, settings.plugin_seconds).run
        self._config: NetworkConfig | None = None
        self._seen: Signature | None = None
        self._failure = "no folder of CNI networks is configured"
        self._not_ready = ""
        """What a plugin says at STATUS."""
        self._attaching = asyncio.Semaphore(_AT_A_TIME)
        self._cleaning = asyncio.Semaphore(_AT_A_TIME)
        self._known: set[str] = set()
        """Sandboxes with a record or a namespace held."""
        self._inherited: set[str] = set()
        """Those of an earlier server, until the sweep has begun."""
        self._owed: set[str] = set()
        """Sandboxes whose DEL failed and that nobody else knows any more."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._pending: dict[str, asyncio.Task[Attachment]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watching: list[asyncio.Task[Any]] = []

    async def open(self) -> None:
        self._known = await in_own_thread(self._found)
        self._inherited = set(self._known)
        self._watching = [self._in_background(self._keep_cleaning())]
        if self._folder is not None:
            await self._look(self._folder)
            self._watching += map(self._in_background, (self._keep_looking(self._folder), self._keep_asking()))

    async def close(self) -> None:
        """What plugins are at then is cut short, and undone by the next server's sweep."""
        await self._cancel(self._watching)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSING_SECONDS)
        await self._cancel(list(self._tasks))

    async def _cancel(self, tasks: "list[asyncio.Task[Any]]") -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def attach(self, sandbox_id: str, netns_path: str, request: PodRequest = NO_REQUEST) -> Attachment:
        attaching = self._in_background(self._attach(sandbox_id, netns_path, request))
        self._pending[sandbox_id] = attaching
        attaching.add_done_callback(lambda done: self._pending.pop(sandbox_id, None))
        try:
            return await asyncio.shield(attaching)
        except asyncio.CancelledError:
            self._in_background(self._undo(attaching, sandbox_id))
            raise

    async def detach(self, sandbox_id: str, attachment_state: dict[str, Any]) -> None:
        """What an earlier server left is the sweep's, lest a plugin that hangs keep this one from serving."""
        if sandbox_id in self._inherited:
            return
        if pending := self._pending.get(sandbox_id):
            await asyncio.wait([pending])  # its caller was cancelled
        if sandbox_id in self._known:
            async with self._lock(sandbox_id):
                await self._detach(sandbox_id)

    def restore(self, sandbox_id: str, state: dict[str, Any]) -> None:
        """The plugins know, and the record."""

    async def sweep(self, live: set[str]) -> None:
        """In the background: plugins take their time, and may hang."""
        if gone := self._inherited - live:
            await in_own_thread(partial(end_orphans, gone))
        self._inherited = set()
        self._watching.append(self._in_background(self._sweep(live)))

    async def set_pod_cidr(self, cidr: str) -> None:
        """Whoever installed the plugins told them their range."""
        log.info("announced pod range is left to the CNI network, which has its own", pod_cidr=cidr)

    def condition(self) -> tuple[bool, str, str]:
        if self._config is None:
            return False, "NetworkPluginNotReady", f"pod network is not ready: {self._failure}"
        if self._not_ready:
            return False, "NetworkPluginNotReady", f"pod network is not ready: {self._not_ready}"
        return True, "NetworkPluginReady", ""

    # ---- one pod ----------------------------------------------------------------------------------------------------

    async def _attach(self, sandbox_id: str, netns_path: str, request: PodRequest) -> Attachment:
        async with self._lock(sandbox_id), self._attaching:
            if self._folder is not None:
                await self._look(self._folder)
            if self._config is None:
                raise SandboxError(f"pod sandbox {sandbox_id} gets no network: {self._failure}")
            attachment = CniAttachment(self._config, self._target(sandbox_id, request), None)
            check_honoured(attachment.target.capabilities, attachment.config, sandbox_id)
            try:
                return await self._added(attachment, netns_path)
            except SandboxError as error:
                await self._clean_up(sandbox_id)
                raise type(error)(f"pod sandbox {sandbox_id} cannot be attached to the network: {error}") from error

    def _target(self, sandbox_id: str, request: PodRequest) -> Target:
        path = str(self._namespace(sandbox_id))
        return Target(sandbox_id, path, pod_arguments(sandbox_id, request), capability_arguments(request))

    async def _added(self, attachment: CniAttachment, netns_path: str) -> Attachment:
        self._known.add(attachment.target.sandbox_id)
        await self._hold_namespace(attachment.target, netns_path)
        await in_own_thread(lambda: self._records.save(attachment))
        result = await chain.add(self._run, attachment.config, attachment.target)
        await in_own_thread(lambda: self._records.save(attachment._replace(result=result)))
        name = attachment.config.name
        return Attachment(_ips(result, name), {"cni": name, "result": result})

    async def _hold_namespace(self, target: Target, netns_path: str) -> None:
        try:
            await in_own_thread(lambda: namespace_file.hold(Path(target.netns), netns_path))
        except OSError as error:
            raise SandboxError(f"{netns_path}: {error.strerror}; see that its process lives") from error

    async def _clean_up(self, sandbox_id: str) -> None:
        try:
            await self._detach(sandbox_id)
        except (OSError, SandboxError) as error:
            if sandbox_id not in self._owed:
                log.warning("what an attachment left cannot be undone yet", sandbox_id=sandbox_id, cause=str(error))
            self._owed.add(sandbox_id)

    async def _clean_up_all(self, sandbox_ids: Iterable[str]) -> None:
        """Several at a time: where plugins hang, each takes as long as they may. New pods do not wait for it."""

        async def clean_up(sandbox_id: str) -> None:
            async with self._lock(sandbox_id), self._cleaning:
                await self._clean_up(sandbox_id)

        await asyncio.gather(*map(clean_up, sorted(sandbox_ids)))

    async def _undo(self, attaching: "asyncio.Task[Attachment]", sandbox_id: str) -> None:
        """Who wanted the attachment has gone."""
        await asyncio.wait([attaching])
        if not attaching.cancelled() and attaching.exception() is None:
            async with self._lock(sandbox_id):
                await self._clean_up(sandbox_id)

    async def _detach(self, sandbox_id: str) -> None:
        attachment = await in_own_thread(lambda: self._attachment(sandbox_id))
        if attachment is not None:
            await self._delete(attachment)
            await in_own_thread(lambda: self._records.remove(sandbox_id))
        await self._release_namespace(sandbox_id)
        self._known.discard(sandbox_id)
        self._owed.discard(sandbox_id)

    def _attachment(self, sandbox_id: str) -> CniAttachment | None:
        """Blocks."""
        try:
            return self._records.load(sandbox_id)
        except TornRecord as error:
            aside = self._records.set_aside(sandbox_id)
            log.error("an attachment was set aside: its plugins are not told", cause=str(error), file=aside)
            return None

    async def _delete(self, attachment: CniAttachment) -> None:
        """CNI: DEL without a namespace where it is no more."""
        target = attachment.target
        if not namespace_file.is_held(Path(target.netns)):
            attachment = attachment._replace(target=target._replace(netns=""))
        try:
            await chain.delete(self._run, attachment)
        except SandboxError as error:
            raise SandboxError(
                f"pod sandbox {target.sandbox_id} cannot be taken off the network: {error}; the next stop tries again"
            ) from error

    async def _release_namespace(self, sandbox_id: str) -> None:
        path = self._namespace(sandbox_id)
        try:
            await in_own_thread(lambda: namespace_file.release(path))
        except OSError as error:
            raise SandboxError(f"{path} cannot be unmounted: {error.strerror}; see who uses it") from error

    def _namespace(self, sandbox_id: str) -> Path:
        return self._namespaces / sandbox_id

    def _lock(self, sandbox_id: str) -> asyncio.Lock:
        """So long as somebody holds it."""
        return self._locks.setdefault(sandbox_id, asyncio.Lock())

    def _found(self) -> set[str]:
        """What an earlier server left. Blocks."""
        self._records.open()
        held = {path.name for path in self._namespaces.iterdir()} if self._namespaces.is_dir() else set()
        return self._records.all() | held

    # ---- after a start ----------------------------------------------------------------------------------------------

    async def _sweep(self, live: set[str]) -> None:
        await self._clean_up_all(self._known - live)
        await self._collect_garbage()
        for sandbox_id in sorted(self._known & live):
            await self._check(sandbox_id)

    async def _collect_garbage(self) -> None:
        async with self._nobody_attaching():
            if self._config is None:
                return
            try:
                valid = sorted(await in_own_thread(self._records.all))
                await chain.collect_garbage(self._run, self._config, valid)
            except SandboxError as error:
                log.warning("CNI plugins have not collected their garbage", cause=str(error))

    @asynccontextmanager
    async def _nobody_attaching(self) -> AsyncIterator[None]:
        """Plugins free what is not on their list, and it must not grow meanwhile."""
        held = 0
        try:
            while held < _AT_A_TIME:
                await self._attaching.acquire()
                held += 1
            yield
        finally:
            for _ in range(held):
                self._attaching.release()

    async def _keep_cleaning(self) -> None:
        while True:
            await asyncio.sleep(_RETRY_SECONDS)
            await self._clean_up_all(self._owed)

    async def _check(self, sandbox_id: str) -> None:
        """Told by the log alone: CRI has no way to, and plugins are known to be wrong with it."""
        async with self._lock(sandbox_id):
            attachment = await in_own_thread(lambda: self._attachment(sandbox_id))
            if attachment is None or attachment.result is None:
                return
            try:
                await chain.check(self._run, attachment)
            except SandboxError as error:
                log.warning("a CNI plugin finds a pod's network damaged", sandbox_id=sandbox_id, cause=str(error))

    # ---- the network ------------------------------------------------------------------------------------------------

    async def _keep_looking(self, folder: Path) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._look(folder)

    async def _look(self, folder: Path) -> None:
        """Take over what the folder says now, if that is something else."""
        seen = await in_own_thread(partial(signature, folder))
        if seen == self._seen:
            return
        try:
            self._config, self._failure = await in_own_thread(partial(load, folder)), ""
        except SandboxError as error:
            self._config, self._failure = None, str(error)
        self._seen, self._not_ready = seen, ""
        self._tell(seen)

    def _tell(self, seen: Signature) -> None:
        if self._config is None:
            log.warning("pod network is not ready", cause=self._failure)
        else:
            log.info(
                "new pods get a CNI network", network=self._config.name, version=self._config.version, file=seen.file
            )

    async def _keep_asking(self) -> None:
        while True:
            await self._ask()
            await asyncio.sleep(_STATUS_SECONDS if self._config and chain.has_status(self._config) else _LOOK_SECONDS)

    async def _ask(self) -> None:
        config = self._config
        if config is None or not chain.has_status(config):
            return
        try:
            await chain.status(self._run, config)
            told = ""
        except SandboxError as error:
            told = str(error)
        if config is self._config:
            self._tell_status(told)

    def _tell_status(self, told: str) -> None:
        if told and not self._not_ready:
            log.warning("pod network is not ready", cause=told)
        elif self._not_ready and not told:
            log.info("pod network is ready")
        self._not_ready = told

    def _in_background(self, work: Coroutine[Any, Any, Outcome]) -> "asyncio.Task[Outcome]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _ips(result: Result, network: str) -> list[str]:
    """CRI: a pod without an address would be made again and again."""
    found = [str(address.interface.ip) for address in results.addresses(result)]
    if not found:
        raise SandboxError(f"CNI network {network} gave the pod no address: see its address management")
    return found
