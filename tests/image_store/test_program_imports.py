"""What a program needs that nobody provides, told name by name."""

import pytest

from tests.guests.compiled import guest
from tests.image_store.conftest import Workshop


def unmet(workshop: Workshop, text: str) -> tuple[str, ...]:
    source = workshop.source(text.encode(), "app.wat")
    return workshop.runner.run(workshop.compiler.ensure(source, "the app")).unmet_imports


def test_a_module_that_has_all_it_needs(workshop: Workshop) -> None:
    assert unmet(workshop, '(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))))') == ()
    assert workshop.compile(guest("hello")).unmet_imports == ()


def test_every_import_is_named(workshop: Workshop) -> None:
    text = """(module
      (import "env" "foo" (func))
      (import "env" "memory" (memory 1))
      (import "wasi_snapshot_preview1" "sock_teleport" (func))
      (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))))"""
    assert unmet(workshop, text) == ('"env"."foo"', '"env"."memory"', '"wasi_snapshot_preview1"."sock_teleport"')


def test_an_import_of_another_type(workshop: Workshop) -> None:
    (reason,) = unmet(workshop, '(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i64))))')
    assert "incompatible import type for `wasi_snapshot_preview1::proc_exit`" in reason


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("(component)", ()),
        (
            """(component (import "wasi:cli/environment@0.2.3"
                 (instance (export "get-environment" (func (result (list (tuple string string))))))))""",
            (),
        ),
        ('(component (import "wasi:io/poll@0.2.0" (instance (export "pollable" (type (sub resource))))))', ()),
        (
            '(component (import "wasi:cli/environment@0.3.0" (instance (export "get-environment" (func)))))',
            ('"wasi:cli/environment@0.3.0"',),
        ),
        (
            """(component (import "wasi:http/types@0.2.0" (instance
                 (export "fields" (type $r (sub resource)))
                 (export "[constructor]fields" (func (result (own $r)))))))""",
            (),
        ),
        (
            """(component (import "wasi:keyvalue/store@0.2.0" (instance
                 (export "bucket" (type $r (sub resource)))
                 (export "[constructor]bucket" (func (result (own $r)))))))""",
            ('"wasi:keyvalue/store@0.2.0"',),
        ),
        (
            """(component (import "wasi:io/streams@0.2.0" (instance
                 (export "input-stream" (type $r (sub resource)))
                 (export "[method]input-stream.teleport" (func (param "self" (borrow $r)))))))""",
            ('"wasi:io/streams@0.2.0"."[method]input-stream.teleport"',),
        ),
        ('(component (import "hello" (func)))', ('"hello"',)),
        (
            """(component
                 (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
                 (alias export $poll "pollable" (type $p))
                 (import "my:types/only@1.0.0" (instance (export "pollable" (type (eq $p))))))""",
            (),
        ),
    ],
)
def test_interfaces_of_components(workshop: Workshop, text: str, names: tuple[str, ...]) -> None:
    assert unmet(workshop, text) == names


def test_an_interface_may_use_the_resources_of_another(workshop: Workshop) -> None:
    """As every component that prints does: its ``wasi:cli/stdout`` gives streams of ``wasi:io/streams``."""
    assert workshop.compile(guest("component")).unmet_imports == ()


def test_a_function_of_an_interface_with_another_type(workshop: Workshop) -> None:
    text = '(component (import "wasi:cli/environment@0.2.3" (instance (export "get-environment" (func)))))'
    (reason,) = unmet(workshop, text)
    assert "instance export `get-environment` has the wrong type" in reason


def test_nothing_of_a_component_is_run(workshop: Workshop) -> None:
    endless = "(core module $m (func $f (loop (br 0))) (start $f)) (core instance (instantiate $m))"
    assert unmet(workshop, f"(component {endless})") == ()


def test_entries(workshop: Workshop) -> None:
    text = b"""(module (func (export "serve")) (func (export "add") (param i32)) (memory (export "memory") 1))"""
    facts = workshop.runner.run(workshop.compiler.ensure(workshop.source(text, "app.wat"), "the app"))
    assert not facts.is_command
    assert facts.has_entry("serve")
    assert not any(facts.has_entry(name) for name in ("_start", "add", "memory"))


def test_a_component_that_is_a_command(workshop: Workshop) -> None:
    run = """
      (core module $m (func (export "run") (result i32) (i32.const 0)))
      (core instance $i (instantiate $m))
      (func $run (result (result)) (canon lift (core func $i "run")))
      (instance $cli (export "run" (func $run)))"""
    for version, is_command in (("0.2.0", True), ("0.2.6", True), ("0.3.0", False)):
        text = f'(component {run} (export "wasi:cli/run@{version}" (instance $cli)))'.encode()
        facts = workshop.runner.run(workshop.compiler.ensure(workshop.source(text, "app.wat"), "the app"))
        assert (facts.kind, facts.is_command) == ("component", is_command)
        assert not facts.has_entry("serve")
