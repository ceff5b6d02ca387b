"""Every message, field, enum value and method of `proto/api.proto` against the table of the CRI v1 contract."""

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, MethodDescriptor

from cri_server.cri_v1 import api_pb2

TABLE = Path(__file__).with_name("wire-v1.tsv")
FILE = api_pb2.DESCRIPTOR

SCALARS = {
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_UINT64: "uint64",
}


def local_name(full_name: str) -> str:
    return full_name.removeprefix(f"{FILE.package}.")


def map_entry(field: FieldDescriptor) -> Descriptor | None:
    message = field.message_type
    return message if message and message.GetOptions().map_entry else None


def type_name(field: FieldDescriptor) -> str:
    if entry := map_entry(field):
        return f"map<{','.join(type_name(part) for part in entry.fields)}>"
    named = field.message_type or field.enum_type
    return local_name(named.full_name) if named else SCALARS[field.type]


def label(field: FieldDescriptor) -> str:
    return "repeated" if field.is_repeated and not map_entry(field) else "single"


def field_row(holder: str, field: FieldDescriptor) -> str:
    deprecated = ["deprecated"] if field.GetOptions().deprecated else []
    return "\t".join(
        ["field", holder, str(field.number), field.name, f"{label(field)} {type_name(field)}", *deprecated]
    )


def enum_rows(enum: EnumDescriptor) -> Iterator[str]:
    for value in enum.values:
        yield f"enum\t{local_name(enum.full_name)}\t{value.number}\t{value.name}\t-"


def message_rows(message: Descriptor) -> Iterator[str]:
    name = local_name(message.full_name)
    if not message.fields:
        yield f"message\t{name}\t-\t-\t-"
    for field in message.fields:
        yield field_row(name, field)
    for enum in message.enum_types:
        yield from enum_rows(enum)
    for nested in message.nested_types:
        if not nested.GetOptions().map_entry:
            yield from message_rows(nested)


def streamed(message: Descriptor, streaming: bool) -> str:
    return ("stream " if streaming else "") + local_name(message.full_name)


def method_row(service: str, method: MethodDescriptor) -> str:
    request = streamed(method.input_type, method.client_streaming)
    response = streamed(method.output_type, method.server_streaming)
    return f"rpc\t{service}\t-\t{method.name}\t{request} -> {response}"


def generated_rows() -> Iterator[str]:
    for service in FILE.services_by_name.values():
        for method in service.methods:
            yield method_row(service.name, method)
    for enum in FILE.enum_types_by_name.values():
        yield from enum_rows(enum)
    for message in FILE.message_types_by_name.values():
        yield from message_rows(message)


def table_rows() -> list[str]:
    return TABLE.read_text().splitlines()[1:]


def test_nothing_of_the_contract_is_missing_or_different() -> None:
    assert sorted(set(table_rows()) - set(generated_rows())) == []


def test_nothing_stands_beside_the_contract() -> None:
    assert sorted(set(generated_rows()) - set(table_rows())) == []


def test_no_row_stands_twice() -> None:
    assert sorted(generated_rows()) == sorted(table_rows())


def test_the_services_have_the_43_methods_of_the_interface() -> None:
    methods = {name: len(service.methods) for name, service in FILE.services_by_name.items()}
    assert methods == {"RuntimeService": 37, "ImageService": 6}


def test_package_is_the_one_in_the_method_paths() -> None:
    assert FILE.package == "runtime.v1"


def test_no_field_is_optional_or_in_a_oneof() -> None:
    """Such a field would be equal on the wire, but a client could tell zero from absent where the contract cannot."""
    fields = [field for message in FILE.message_types_by_name.values() for field in message.fields]
    assert [field.full_name for field in fields if field.containing_oneof] == []
