"""In which order the plugins of a network are run, and what each learns of the others. No I/O: the caller runs them.

CNI: section 3 (execution of network configurations) of the specification. The first failure ends a chain, but for GC.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from sandbox.network.cni.invocation import Invocation, Result, Target, garbage_invocation, invocation, status_invocation
from sandbox.network.cni.network_config import NetworkConfig
from sandbox.network.cni.results import PluginFailed, parse_result

_FIRST_WITH_CHECK = "0.4.0"
"""And with the former result at DEL."""
_FIRST_WITH_STATUS = "1.1.0"
"""And GC."""

Run = Callable[[Invocation], Awaitable[bytes]]
"""A plugin's output. Raises PluginFailed."""


class CniAttachment(NamedTuple):
    """All that it takes to take a pod off its network again."""

    config: NetworkConfig
    target: Target
    result: Result | None
    """None: ADD has not come to its end."""


async def add(run: Run, config: NetworkConfig, target: Target) -> Result:
    result: Result | None = None
    for plugin in config.plugins:
        call = invocation("ADD", config, plugin, target, result)
        result = parse_result(call, await run(call))
    assert result is not None  # a network has plugins
    return result


async def delete(run: Run, attachment: CniAttachment) -> None:
    """Backwards. Also for an ADD that failed on its way."""
    config, target, result = attachment
    known = result if config.speaks(_FIRST_WITH_CHECK) else None
    for plugin in reversed(config.plugins):
        await run(invocation("DEL", config, plugin, target, known))


async def check(run: Run, attachment: CniAttachment) -> None:
    """Does nothing where the network has no CHECK."""
    config, target, result = attachment
    if config.disable_check or not config.speaks(_FIRST_WITH_CHECK):
        return
    for plugin in config.plugins:
        await run(invocation("CHECK", config, plugin, target, result))


async def collect_garbage(run: Run, config: NetworkConfig, valid: list[str]) -> None:
    """Does nothing where the network has no GC. ``valid``: the sandboxes that are attached.

    Every plugin is run; then the first failure is raised.
    """
    if config.disable_gc or not has_status(config):
        return
    failures: list[PluginFailed] = []
    for plugin in config.plugins:
        try:
            await run(garbage_invocation(config, plugin, valid))
        except PluginFailed as error:
            failures.append(error)
    if failures:
        raise failures[0]


def has_status(config: NetworkConfig) -> bool:
    return config.speaks(_FIRST_WITH_STATUS)


async def status(run: Run, config: NetworkConfig) -> None:
    """Raises what the first plugin that is not ready says."""
    for plugin in config.plugins:
        await run(status_invocation(config, plugin))
