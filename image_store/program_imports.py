"""Which imports of a module or component nothing here provides, and which of its exports a container can start.

Runs in the compile process. It asks wasmtime itself, with the linkers that guests get, and runs nothing of the program.
"""

import re
from typing import Any

import wasmtime
from wasmtime import component as components

from image_store import host_interface

_RUN = "wasi:cli/run@0.2.0"
_HANDLER = "wasi:http/incoming-handler@0.2.0"
_ACCEPT = ("wasi_snapshot_preview1", "sock_accept")
_SOCKETS = {f"wasi:sockets/{name}" for name in ("tcp-create-socket", "udp-create-socket", "ip-name-lookup")}
_OUTGOING_HTTP = "wasi:http/outgoing-handler"
_MISSING = "implementation is missing"
_STARTS_NOTHING = "resource limit exceeded"
_OF_RESOURCE = re.compile(r"\[(method|static|constructor)\]([^.]+)")
_MOST_NAMES = 200
_I32 = wasmtime.ValType.i32()


def unmet_by_module(engine: wasmtime.Engine, module: wasmtime.Module) -> list[str]:
    """As ``"module"."name"``. Of a known name but of another type: wasmtime's own words."""
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    for name, count in host_interface.PARAMETERS.items():
        linker.define_func(host_interface.MODULE, name, wasmtime.FuncType([_I32] * count, [_I32]), _never_called)
    store = wasmtime.Store(engine)
    unmet = [_quoted(item.module, item.name or "") for item in module.imports if not _is_defined(linker, store, item)]
    return unmet[:_MOST_NAMES] or _mismatch_of_module(linker, module)


def _is_defined(linker: wasmtime.Linker, store: wasmtime.Store, item: wasmtime.ImportType) -> bool:
    try:
        linker.get(store, item.module, item.name or "")
    except wasmtime.WasmtimeError:
        return False
    return True


def _mismatch_of_module(linker: wasmtime.Linker, module: wasmtime.Module) -> list[str]:
    try:
        linker.instantiate_pre(module)
    except wasmtime.WasmtimeError as error:
        return [_one_line(error)]
    return []


def module_asks_host(module: wasmtime.Module) -> bool:
    return any(item.module == host_interface.MODULE for item in module.imports)


def _never_called(*_: int) -> int:
    raise AssertionError("nothing of the program is run here")


def module_accepts(module: wasmtime.Module) -> bool:
    """Preview 1 has no other way to use a listening socket."""
    return any((item.module, item.name) == _ACCEPT for item in module.imports)


def entries_of_module(module: wasmtime.Module) -> list[str]:
    """Exported functions without parameters and results: those that a container can start."""
    return [item.name for item in module.exports if _is_plain_function(item.type)][:_MOST_NAMES]


def _is_plain_function(type_: Any) -> bool:
    return isinstance(type_, wasmtime.FuncType) and not type_.params and not type_.results


def unmet_by_component(engine: wasmtime.Engine, component: components.Component) -> list[str]:
    """As ``"package:name/interface@version"``, followed by ``."name"`` where only that is missing of the interface."""
    prober = _Prober(engine)
    reason = prober.mismatch(component)
    # The whole is judged first: a part that is asked for by itself is not always asked for as it is meant.
    unmet = reason and [
        name
        for interface, extern in component.type.imports(engine).items()
        for name in prober.unmet(interface, extern.ty)
    ]
    return unmet[:_MOST_NAMES] or reason


def component_opens_sockets(engine: wasmtime.Engine, component: components.Component) -> bool:
    return any(name.split("@")[0] in _SOCKETS for name in component.type.imports(engine))


def component_calls_http(engine: wasmtime.Engine, component: components.Component) -> bool:
    return any(name.split("@")[0] == _OUTGOING_HTTP for name in component.type.imports(engine))


def component_runs(component: components.Component) -> bool:
    return component.get_export_index(_RUN) is not None


def component_handles_http(component: components.Component) -> bool:
    """A component that is a command as well runs as one."""
    return component.get_export_index(_HANDLER) is not None and not component_runs(component)


class _Prober:
    """Asks for imports by components that have nothing else. What a linker has cannot be listed, only asked for."""

    def __init__(self, engine: wasmtime.Engine) -> None:
        self._engine = engine
        self._linker = components.Linker(engine)
        self._linker.add_wasip2()
        self._linker.add_wasi_http()

    def unmet(self, name: str, type_: Any) -> list[str]:
        if not isinstance(type_, components.ComponentInstanceType):
            return [f'"{name}"'] if isinstance(type_, components.FuncType | components.ModuleType) else []
        members = {member: extern.ty for member, extern in type_.exports(self._engine).items()}
        asked = {member: probe for member in members if (probe := _probe(member, members[member]))}
        missing = [member for member, probe in asked.items() if self._lacks(name, probe)]
        if missing and len(missing) == len(asked):
            return [f'"{name}"']
        # A resource that the interface has from another one is not defined here: its functions tell.
        return [_quoted(name, member) for member in missing if isinstance(members[member], components.FuncType)]

    def _lacks(self, interface: str, probe: str) -> bool:
        return _MISSING in self._refusal(f'(component (import "{interface}" (instance {probe})))')

    def _refusal(self, probe: str) -> str:
        """Why the linker cannot do it, empty when it can. A probe that cannot be written is no proof of anything."""
        try:
            component = components.Component(self._engine, probe)
        except wasmtime.WasmtimeError:
            return ""
        return next(iter(self.mismatch(component)), "")

    def mismatch(self, component: components.Component) -> list[str]:
        """What wasmtime says of imports that do not fit. The instance itself is refused before any of it runs."""
        store = wasmtime.Store(self._engine)
        store.set_limits(instances=0)
        try:
            self._linker.instantiate(store, component)
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            return [] if _STARTS_NOTHING in str(error) else [_one_line(error)]
        return []


def _probe(member: str, type_: Any) -> str:
    """The member as an import would have it, roughly; empty for a type, which is only a name."""
    if isinstance(type_, components.ResourceType):
        return f'(export "{member}" (type (sub resource)))'
    if not isinstance(type_, components.FuncType):
        return ""
    belongs = _OF_RESOURCE.match(member)
    if belongs is None:
        return f'(export "{member}" (func))'
    kind, resource = belongs.groups()
    shape = {"method": '(param "self" (borrow $r))', "static": "", "constructor": "(result (own $r))"}[kind]
    return f'(export "{resource}" (type $r (sub resource))) (export "{member}" (func {shape}))'


def _quoted(module: str, name: str) -> str:
    return f'"{module}"."{name}"'


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
