"""The text of a component that hands wasmtime's own wasi:http for calls on to the host.

A component that is given requests gets its ``wasi:http/types`` from the host, and the calls that it makes in turn are
to be made by wasmtime. No host can call that directly, but it can call a component that imports it. This one exports
each function that a call takes under a name of its own, with the same parameters and result; its memory holds what is
on the way.
"""

from collections.abc import Iterator
from typing import NamedTuple

_RESULT_BYTES = 512
_HEAP = 1024


class Passed(NamedTuple):
    name: str
    """In the interface."""
    parameters: tuple[str, ...]
    """Types of the component model."""
    result: str
    core: str
    """Its parameters as core WebAssembly has them."""
    returns: str
    """The result likewise; empty: it is left in memory."""
    interface: str = "types"


_HEADERS = "(list (tuple string (list u8)))"
_SELF_REQUEST = "(borrow $outgoing-request)"
_OPTIONS = "(borrow $request-options)"
_FLAT_RESULT = "i32"

FUNCTIONS = {
    "fields-from-list": Passed(
        "[static]fields.from-list", (_HEADERS,), "(result (own $fields) (error $header-error))", "i32 i32", ""
    ),
    "entries": Passed("[method]fields.entries", ("(borrow $fields)",), _HEADERS, "i32", ""),
    "new-request": Passed(
        "[constructor]outgoing-request", ("(own $fields)",), "(own $outgoing-request)", "i32", _FLAT_RESULT
    ),
    "set-method": Passed(
        "[method]outgoing-request.set-method", (_SELF_REQUEST, "$method"), "(result)", "i32 i32 i32 i32", _FLAT_RESULT
    ),
    "set-path": Passed(
        "[method]outgoing-request.set-path-with-query",
        (_SELF_REQUEST, "(option string)"),
        "(result)",
        "i32 i32 i32 i32",
        _FLAT_RESULT,
    ),
    "set-scheme": Passed(
        "[method]outgoing-request.set-scheme",
        (_SELF_REQUEST, "(option $scheme)"),
        "(result)",
        "i32 i32 i32 i32 i32",
        _FLAT_RESULT,
    ),
    "set-authority": Passed(
        "[method]outgoing-request.set-authority",
        (_SELF_REQUEST, "(option string)"),
        "(result)",
        "i32 i32 i32 i32",
        _FLAT_RESULT,
    ),
    "request-body": Passed(
        "[method]outgoing-request.body", (_SELF_REQUEST,), "(result (own $outgoing-body))", "i32", ""
    ),
    "body-write": Passed(
        "[method]outgoing-body.write", ("(borrow $outgoing-body)",), "(result (own $output-stream))", "i32", ""
    ),
    "body-finish": Passed(
        "[static]outgoing-body.finish",
        ("(own $outgoing-body)", "(option (own $fields))"),
        "(result (error $error-code))",
        "i32 i32 i32",
        "",
    ),
    "new-options": Passed("[constructor]request-options", (), "(own $request-options)", "", _FLAT_RESULT),
    **{
        f"set-{name}": Passed(
            f"[method]request-options.set-{name}-timeout",
            (_OPTIONS, "(option u64)"),
            "(result)",
            "i32 i32 i64",
            _FLAT_RESULT,
        )
        for name in ("connect", "first-byte", "between-bytes")
    },
    "handle": Passed(
        "handle",
        ("(own $outgoing-request)", "(option (own $request-options))"),
        "(result (own $future-incoming-response) (error $error-code))",
        "i32 i32 i32",
        "",
        interface="outgoing-handler",
    ),
    "response-subscribe": Passed(
        "[method]future-incoming-response.subscribe",
        ("(borrow $future-incoming-response)",),
        "(own $pollable)",
        "i32",
        _FLAT_RESULT,
    ),
    "response-get": Passed(
        "[method]future-incoming-response.get",
        ("(borrow $future-incoming-response)",),
        "(option (result (result (own $incoming-response) (error $error-code))))",
        "i32",
        "",
    ),
    "response-status": Passed(
        "[method]incoming-response.status", ("(borrow $incoming-response)",), "u16", "i32", _FLAT_RESULT
    ),
    "response-headers": Passed(
        "[method]incoming-response.headers", ("(borrow $incoming-response)",), "(own $fields)", "i32", _FLAT_RESULT
    ),
    "response-consume": Passed(
        "[method]incoming-response.consume",
        ("(borrow $incoming-response)",),
        "(result (own $incoming-body))",
        "i32",
        "",
    ),
    "body-stream": Passed(
        "[method]incoming-body.stream", ("(borrow $incoming-body)",), "(result (own $input-stream))", "i32", ""
    ),
    "incoming-finish": Passed(
        "[static]incoming-body.finish", ("(own $incoming-body)",), "(own $future-trailers)", "i32", _FLAT_RESULT
    ),
    "trailers-subscribe": Passed(
        "[method]future-trailers.subscribe", ("(borrow $future-trailers)",), "(own $pollable)", "i32", _FLAT_RESULT
    ),
    "trailers-get": Passed(
        "[method]future-trailers.get",
        ("(borrow $future-trailers)",),
        "(option (result (result (option (own $fields)) (error $error-code))))",
        "i32",
        "",
    ),
}

_RESOURCES = (
    *("fields", "outgoing-request", "request-options", "future-incoming-response", "incoming-response"),
    *("incoming-body", "outgoing-body", "future-trailers"),
)
_NAMED = ("method", "scheme", "header-error", "error-code")

_ERROR_CASES = """
  (case "DNS-timeout") (case "DNS-error" $dns-error) (case "destination-not-found") (case "destination-unavailable")
  (case "destination-IP-prohibited") (case "destination-IP-unroutable") (case "connection-refused")
  (case "connection-terminated") (case "connection-timeout") (case "connection-read-timeout")
  (case "connection-write-timeout") (case "connection-limit-reached") (case "TLS-protocol-error")
  (case "TLS-certificate-error") (case "TLS-alert-received" $tls-alert) (case "HTTP-request-denied")
  (case "HTTP-request-length-required") (case "HTTP-request-body-size" (option u64))
  (case "HTTP-request-method-invalid") (case "HTTP-request-URI-invalid") (case "HTTP-request-URI-too-long")
  (case "HTTP-request-header-section-size" (option u32)) (case "HTTP-request-header-size" (option $field-size))
  (case "HTTP-request-trailer-section-size" (option u32)) (case "HTTP-request-trailer-size" $field-size)
  (case "HTTP-response-incomplete") (case "HTTP-response-header-section-size" (option u32))
  (case "HTTP-response-header-size" $field-size) (case "HTTP-response-body-size" (option u64))
  (case "HTTP-response-trailer-section-size" (option u32)) (case "HTTP-response-trailer-size" $field-size)
  (case "HTTP-response-transfer-coding" (option string)) (case "HTTP-response-content-coding" (option string))
  (case "HTTP-response-timeout") (case "HTTP-upgrade-failed") (case "HTTP-protocol-error") (case "loop-detected")
  (case "configuration-error") (case "internal-error" (option string))"""

_TYPES = f"""
  (alias outer 1 $pollable (type $outer-pollable))
  (alias outer 1 $input-stream (type $outer-input))
  (alias outer 1 $output-stream (type $outer-output))
  (export "pollable" (type $pollable (eq $outer-pollable)))
  (export "input-stream" (type $input-stream (eq $outer-input)))
  (export "output-stream" (type $output-stream (eq $outer-output)))
  (type $methods (variant (case "get") (case "head") (case "post") (case "put") (case "delete") (case "connect")
    (case "options") (case "trace") (case "patch") (case "other" string)))
  (export "method" (type $method (eq $methods)))
  (type $schemes (variant (case "HTTP") (case "HTTPS") (case "other" string)))
  (export "scheme" (type $scheme (eq $schemes)))
  (type $dns-error-record (record (field "rcode" (option string)) (field "info-code" (option u16))))
  (export "DNS-error-payload" (type $dns-error (eq $dns-error-record)))
  (type $tls-alert-record (record (field "alert-id" (option u8)) (field "alert-message" (option string))))
  (export "TLS-alert-received-payload" (type $tls-alert (eq $tls-alert-record)))
  (type $field-size-record (record (field "field-name" (option string)) (field "field-size" (option u32))))
  (export "field-size-payload" (type $field-size (eq $field-size-record)))
  (type $header-errors (variant (case "invalid-syntax") (case "forbidden") (case "immutable")))
  (export "header-error" (type $header-error (eq $header-errors)))
  (type $error-codes (variant {_ERROR_CASES}))
  (export "error-code" (type $error-code (eq $error-codes)))"""

_STREAMS = """
  (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "input-stream" (type (sub resource))) (export "output-stream" (type (sub resource)))))
  (alias export $streams "input-stream" (type $input-stream))
  (alias export $streams "output-stream" (type $output-stream))"""

_MEMORY = f"""
  (core module $memory
    (memory (export "memory") 1)
    (global $end (mut i32) (i32.const {_HEAP}))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $start i32)
      (local.set $start
        (i32.and (i32.sub (i32.add (global.get $end) (local.get 2)) (i32.const 1))
          (i32.sub (i32.const 0) (local.get 2))))
      (global.set $end (i32.add (local.get $start) (local.get 3)))
      (block $enough (loop $more
        (br_if $enough (i32.le_u (global.get $end) (i32.shl (memory.size) (i32.const 16))))
        (if (i32.lt_s (memory.grow (i32.const 1)) (i32.const 0)) (then (unreachable)))
        (br $more)))
      (local.get $start)))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $memory))
  (alias core export $memory "realloc" (core func $realloc))"""


def text() -> str:
    handler = FUNCTIONS["handle"]
    of_types = "".join(map(_import_function, (each for each in FUNCTIONS.values() if each.interface == "types")))
    resources = "".join(f'\n  (export "{name}" (type ${name} (sub resource)))' for name in _RESOURCES)
    aliases = "".join(f'\n  (alias export $types "{name}" (type ${name}))' for name in (*_RESOURCES, *_NAMED))
    return f"""(component {_STREAMS}
  (import "wasi:http/types@0.2.0" (instance $types {_TYPES} {resources} {of_types})) {aliases}
  (import "wasi:http/outgoing-handler@0.2.0" (instance $outgoing-handler {_outer(handler)} {_import_function(handler)}))
  {_MEMORY} {"".join(_lowered())}
  (core module $pass (import "" "memory" (memory 1)) {"".join(_imports())} {"".join(_wrappers())})
  (core instance $passed (instantiate $pass (with "" (instance (export "memory" (memory $memory))
    {"".join(_given())})))) {"".join(_exports())}
)
"""


def _outer(handler: Passed) -> str:
    names = ("outgoing-request", "request-options", "future-incoming-response", "error-code")
    return "".join(
        f'\n  (alias outer 1 ${name} (type $outer-{name})) (export "{name}" (type ${name} (eq $outer-{name})))'
        for name in names
    )


def _signature(passed: Passed) -> str:
    names = [f'(param "{_parameter(passed, place)}" {kind})' for place, kind in enumerate(passed.parameters)]
    return f"{' '.join(names)} (result {passed.result})"


_PARAMETERS = {
    "[static]fields.from-list": ("entries",),
    "[constructor]outgoing-request": ("headers",),
    "[method]outgoing-request.set-path-with-query": ("self", "path-with-query"),
    "[static]outgoing-body.finish": ("this", "trailers"),
    "[static]incoming-body.finish": ("this",),
    "handle": ("request", "options"),
}


def _parameter(passed: Passed, place: int) -> str:
    """Names belong to a type, too."""
    if passed.name in _PARAMETERS:
        return _PARAMETERS[passed.name][place]
    if place == 0:
        return "self"
    return "duration" if "timeout" in passed.name else passed.name.partition(".set-")[2]


def _import_function(passed: Passed) -> str:
    return f'\n  (export "{passed.name}" (func {_signature(passed)}))'


def _lent(passed: Passed) -> str:
    """The resource that a function is lent; its handle has to be dropped before the end."""
    first = passed.parameters[0] if passed.parameters else ""
    return first.removeprefix("(borrow $").removesuffix(")") if first.startswith("(borrow $") else ""


_LENT = tuple(dict.fromkeys(filter(None, map(_lent, FUNCTIONS.values()))))


def _lowered() -> Iterator[str]:
    for name in _LENT:
        yield f"\n  (core func $drop-{name} (canon resource.drop ${name}))"
    for name, passed in FUNCTIONS.items():
        options = "(memory $memory) (realloc (core func $realloc))"
        yield f'\n  (core func ${name} (canon lower (func ${passed.interface} "{passed.name}") {options}))'


def _core_type(passed: Passed) -> str:
    parameters = f"{passed.core} i32".strip() if not passed.returns else passed.core
    result = f"(result {passed.returns})" if passed.returns else ""
    return f"(param {parameters}) {result}"


def _imports() -> Iterator[str]:
    for name in _LENT:
        yield f'\n    (import "" "drop-{name}" (func $drop-{name} (param i32)))'
    for name, passed in FUNCTIONS.items():
        yield f'\n    (import "" "{name}" (func ${name} {_core_type(passed)}))'


def _wrappers() -> Iterator[str]:
    """A function that leaves its result in memory is told where, and this tells where it is."""
    for name, passed in FUNCTIONS.items():
        arguments = " ".join(f"(local.get {place})" for place in range(len(passed.core.split())))
        call = f"(call ${name} {arguments}"
        body = f"{call})" if passed.returns else f"{call} (i32.const {_RESULT_BYTES})) (i32.const {_RESULT_BYTES})"
        if lent := _lent(passed):
            body += f" (call $drop-{lent} (local.get 0))"
        yield f'\n    (func (export "{name}") (param {passed.core}) (result i32) {body})'


def _given() -> Iterator[str]:
    for name in _LENT:
        yield f'\n    (export "drop-{name}" (func $drop-{name}))'
    for name in FUNCTIONS:
        yield f'\n    (export "{name}" (func ${name}))'


def _exports() -> Iterator[str]:
    for name, passed in FUNCTIONS.items():
        options = "(memory $memory) (realloc (core func $realloc))"
        lifted = f'(canon lift (core func $passed "{name}") {options})'
        yield f'\n  (func (export "{name}") {_signature(passed)} {lifted})'
