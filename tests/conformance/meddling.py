"""What a stranger may do to an object: every field that Google's class of it has, changed by Google's own client."""

import importlib
import pkgutil
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.api_core import exceptions
from google.protobuf import duration_pb2, timestamp_pb2

from emulator.wire.table import load
from tests.conformance.documented import along
from tests.emulator.clients import client

TABLE = load()
DEEPEST = 6
"""Messages in messages, as in layouts of dashboards, have no end."""
DURATION, TIMESTAMP = (each.DESCRIPTOR.full_name for each in (duration_pb2.Duration, timestamp_pb2.Timestamp))
WRITTEN_BY_GOOGLE = re.compile(r"Output only|Identifier\.|[Rr]ead-?only|\[OutputOnly\]")


@dataclass(frozen=True)
class Path:
    """A field of a message: names from the outermost in; of a list its first element, of a map its last key."""

    fields: tuple[Any, ...]

    @property
    def text(self) -> str:
        """As field masks write it."""
        return ".".join(field.name for field in self.fields)


def leaves(descriptor: Any, above: tuple[Any, ...] = ()) -> Iterator[Path]:
    """Every field below a message that holds a value, however deep."""
    for field in descriptor.fields:
        here = (*above, field)
        kind = field.message_type
        whole = kind is None or is_map(field) or kind.full_name.startswith("google.protobuf.")
        if whole:
            yield Path(here)
        elif len(here) < DEEPEST and kind not in [each.message_type for each in above]:
            yield from leaves(kind, here)


def is_map(field: Any) -> bool:
    """Whether it is a map."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def is_ours_to_write(message: Any, path: Path) -> bool:
    """Whether Google's documentation lets callers write it."""
    return not any(WRITTEN_BY_GOOGLE.search(text) for text in along(message, path.text))


def changed(live: Any, path: Path) -> Iterator[Any]:
    """Copies of a message in which a field is another one: several, since who knows which Google takes."""
    *above, last = path.fields
    for value in others(last, found(live, path)):
        copy = type(live)()
        copy.CopyFrom(live)
        inside = copy
        for field in above:
            inside = getattr(inside, field.name)
            if field.is_repeated:
                inside = inside[0] if len(inside) else inside.add()
        try:
            put(inside, last, value)
        except (TypeError, ValueError):
            continue
        if copy != live:
            yield copy


def found(message: Any, path: Path) -> Any:
    """What stands there now; the field's own nothing where nothing does."""
    for field in path.fields[:-1]:
        message = getattr(message, field.name)
        if field.is_repeated:
            if not len(message):
                return None
            message = message[0]
    return getattr(message, path.fields[-1].name)


def put(inside: Any, field: Any, value: Any) -> None:
    """Set a field of a message."""
    if is_map(field):
        held = getattr(inside, field.name)
        key = max(held, default="theirs")  # one that is there, be it ours
        if field.message_type.fields_by_name["value"].message_type is None:
            held[key] = value
        else:
            held[key].Clear()
            held[key].SetInParent()
    elif field.is_repeated:
        if field.message_type is None:
            getattr(inside, field.name).append(value)
        else:
            getattr(inside, field.name).add()
    elif field.message_type is None:
        setattr(inside, field.name, value)
    else:
        into = getattr(inside, field.name)
        into.SetInParent()
        if hasattr(into, "value"):
            into.value = type(into.value)(value)
        elif hasattr(into, "seconds"):
            into.seconds = value
        elif hasattr(into, "paths"):
            into.paths.append("theirs")
        elif hasattr(into, "fields"):
            into["theirs"] = "theirs"


def others(field: Any, now: Any) -> Sequence[Any]:
    """Values that are not the one that is there."""
    if is_map(field):
        field = field.message_type.fields_by_name["value"]
        now = None
    if field.enum_type is not None:
        return [each.number for each in field.enum_type.values if each.number not in (0, now)] + [0]
    if field.message_type is not None:
        name = field.message_type.full_name
        if name in (DURATION, TIMESTAMP):
            at = now.seconds if now is not None and not field.is_repeated else 0
            return [at + 60, 600, 86_400, at + 3600, 2_000_000_000]
        return [True, 1, "theirs"] if "Value" in name else [None]
    if field.cpp_type == field.CPPTYPE_BOOL:
        return [not now] if not field.is_repeated else [True]
    if field.cpp_type == field.CPPTYPE_STRING:
        told = str(now) if now and not field.is_repeated and not isinstance(now, bytes) else ""
        texts = [
            *([told + "x"] if told else []),
            "1Gi",
            *([told[:-1]] if told else []),
            "theirs",
            "https://theirs.example.com/x",
            "/theirs",
            "60s",
        ]
        return [text.encode() for text in texts] if field.type == field.TYPE_BYTES else texts
    at = now if isinstance(now, (int, float)) else 0
    return [at + 1, at - 1, 1, 2, 10, 60, 600]


def updating(message: Any) -> Any:
    """The method of Google's that changes such objects, and the field of its request; None where there is none."""
    if message is None:
        return None
    name = message.pb().DESCRIPTOR.full_name
    rows = [
        (method, field)
        for method, row in TABLE.items()
        if re.search(r"/(Update|Patch)[A-Z]", method)
        for field in row.request.DESCRIPTOR.fields
        if field.message_type is not None and field.message_type.full_name == name
    ]
    return rows[0] if rows else None


_RENAMED = {"google.cloud.pubsub_v1.types": "google.pubsub_v1"}
"""Packages written around generated ones: once such a one is imported, messages say that they are of it."""


@cache
def client_class(package: str, method: str) -> Any:
    """Google's client that has a method, in a package."""
    module = importlib.import_module(package)
    for _, service, _ in pkgutil.iter_modules(module.services.__path__):
        inside = importlib.import_module(f"{package}.services.{service}")
        for each in vars(inside).values():
            name = getattr(each, "__name__", "")
            if name.endswith("Client") and not name.endswith("AsyncClient") and hasattr(each, method):
                return each
    raise LookupError(method)


def snake(name: str) -> str:
    """`UpdateTopic` -> `update_topic`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def write(operator: Any, message: Any, wanted: Any, path: Path) -> bool:
    """Write a field of an object, or all of it where the method has no mask; False where it is refused."""
    method, field = updating(message)
    package = message.__module__.partition(".types.")[0]
    package = _RENAMED.get(package, package)
    cls = client_class(package, snake(method.rpartition("/")[2]))
    request: dict[str, Any] = {field.name: message.wrap(wanted)}
    masks = [each.name for each in TABLE[method].request.DESCRIPTOR.fields if each.name.endswith("mask")]
    if masks:
        request[masks[0]] = {"paths": [path.fields[0].name]}
    if "name" in TABLE[method].request.DESCRIPTOR.fields_by_name:
        request["name"] = wanted.name
    if "sink_name" in TABLE[method].request.DESCRIPTOR.fields_by_name:
        request["sink_name"] = f"{operator.at.top}/sinks/{wanted.name}"
    if "unique_writer_identity" in TABLE[method].request.DESCRIPTOR.fields_by_name:
        request["unique_writer_identity"] = True  # left out it would be taken away, which is refused
    try:
        answer = getattr(client(operator.emulator, cls), snake(method.rpartition("/")[2]))(request=request)
    except (exceptions.GoogleAPICallError, TypeError, ValueError):
        return False
    if hasattr(answer, "result"):
        # What was written and does not work, or not for long, is a change as well.
        with suppress(exceptions.GoogleAPICallError, TimeoutError):
            answer.result(timeout=60)
    return True
