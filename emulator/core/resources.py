"""What most Google APIs do alike: stored collections, names, field masks, labels, etags, timestamps.

Source: AIP-131 to AIP-135 (standard methods), AIP-161 (field masks), kinds.md sections 1 and 2.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from emulator.core.failures import ApiFailure
from emulator.core.world import World

LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
LABELS_MOST = 64


def missing(_: str) -> ApiFailure:
    """The wording of most APIs for a name that is not there (kinds.md 1.4)."""
    return ApiFailure("NOT_FOUND", "Requested entity was not found.")


def taken(_: str) -> ApiFailure:
    """The wording of most APIs for a name that is there already."""
    return ApiFailure("ALREADY_EXISTS", "the resource already exists")


def as_given(_: World, name: str) -> str:
    """Names are kept as callers write them."""
    return name


def by_id(world: World, name: str) -> str:
    """A name with the project's id, however the caller named the project (kinds.md 1.1)."""
    words = name.split("/")
    if len(words) > 1:
        words[1] = world.project_id(words[1]) or words[1]
    return "/".join(words)


@dataclass(frozen=True)
class Collection:
    """Messages of one type, stored by their `name` field.

    Args:
        kind: Kind in the store.
        message: Raw protobuf class with a field `name`.
        pattern: How their names are made: `projects/*/topics/*`; with `|` between several ways.
        missing: The API's refusal for a name that is not there.
        taken: The API's refusal for a name that is taken.
        key: The stored name of what a caller names, or the API's refusal of a malformed name.
        place: The same for the parent whose members a caller lists.
    """

    kind: str
    message: Any
    pattern: str
    missing: Callable[[str], ApiFailure] = missing
    taken: Callable[[str], ApiFailure] = taken
    key: Callable[[World, str], str] = as_given
    place: Callable[[World, str], str] = as_given

    def find(self, world: World, name: str) -> Any:
        """The message, or None."""
        body = world.store.get(self.kind, name)
        return None if body is None else self.message.FromString(body)

    def get(self, world: World, name: str) -> Any:
        """The message.

        Raises:
            ApiFailure: It is not there.
        """
        found = self.find(world, name)
        if found is None:
            raise self.missing(name)
        return found

    def insert(self, world: World, message: Any) -> None:
        """Store a new message.

        Raises:
            ApiFailure: The name is taken.
        """
        with world.store.transaction():
            if world.store.get(self.kind, message.name) is not None:
                raise self.taken(message.name)
            self.save(world, message)

    def save(self, world: World, message: Any) -> None:
        """Store a message, whether it was there or not."""
        world.store.put(self.kind, message.name, message.SerializeToString())

    def remove(self, world: World, name: str) -> None:
        """Delete a message.

        Raises:
            ApiFailure: It is not there.
        """
        if not world.store.delete(self.kind, name):
            raise self.missing(name)

    def all(self, world: World, prefix: str = "") -> list[Any]:
        """Every message whose name starts with `prefix`, by name."""
        return self.read(body for _, body in world.store.list(self.kind, prefix))

    def read(self, bodies: Iterable[bytes]) -> list[Any]:
        """Messages from their stored form."""
        return [self.message.FromString(body) for body in bodies]

    def below(self, world: World, parent: str) -> list[bytes]:
        """The members of a parent as stored, by name; `-` in the parent stands for every id.

        Raises:
            ApiFailure: INVALID_ARGUMENT for a parent that has no such members.
        """
        head, plural = re.sub(r"/\w+/\*(?=\||$)", "", self.pattern), self.pattern.rsplit("/", 2)[1]
        if not fits(head, parent):
            raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name {parent!r}.")
        members = f"{parent}/{plural}/".replace("/-/", "/*/")
        stored = world.store.list(self.kind, members.partition("*")[0])
        return [body for name, body in stored if "*" not in members or fits(f"{members}*", name)]


def fits(pattern: str, name: str) -> bool:
    """Whether a name is made as a pattern says: `*` is one id, `|` parts several ways."""
    words = name.split("/")
    return any(_fits(way.split("/"), words) for way in pattern.split("|"))


def _fits(wanted: list[str], words: list[str]) -> bool:
    return len(words) == len(wanted) and all(
        bool(word) if want == "*" else want == word for want, word in zip(wanted, words, strict=True)
    )


def refuse_query(request: Any, fields: Iterable[str] = ("filter", "order_by")) -> None:
    """A filter or an order that nobody implements must not be ignored silently.

    Raises:
        ApiFailure: UNIMPLEMENTED.
    """
    for field in fields:
        if getattr(request, field, ""):
            raise ApiFailure("UNIMPLEMENTED", f"The emulator does not know {field}={getattr(request, field)!r} here.")


def part(name: str, collection: str) -> str:
    """The id that follows `collection` in a resource name: `part("projects/p/topics/t", "topics")` is `t`.

    Raises:
        ApiFailure: INVALID_ARGUMENT when the name has no such part.
    """
    words = name.split("/")
    if collection not in words[::2] or len(words) % 2:
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name {name!r}.")
    return words[2 * words[::2].index(collection) + 1]


def check_id(field: str, value: str, pattern: str) -> None:
    """Check an id against a regular expression.

    Raises:
        ApiFailure: INVALID_ARGUMENT that names field and value.
    """
    if not re.fullmatch(pattern, value):
        raise ApiFailure("INVALID_ARGUMENT", f'invalid {field} "{value}": must match {pattern}')


def check_labels(labels: Iterable[tuple[str, str]]) -> None:
    """Check labels.

    Raises:
        ApiFailure: INVALID_ARGUMENT.

    Source:
        https://cloud.google.com/resource-manager/docs/labels-overview (constraints.md section 1).
    """
    found = list(labels)
    if len(found) > LABELS_MOST:
        raise ApiFailure("INVALID_ARGUMENT", f"a resource has at most {LABELS_MOST} labels")
    for key, value in found:
        if not LABEL_KEY.fullmatch(key):
            raise ApiFailure("INVALID_ARGUMENT", f'invalid label key "{key}"')
        if not LABEL_VALUE.fullmatch(value):
            raise ApiFailure("INVALID_ARGUMENT", f'invalid label value "{value}" of "{key}"')


def timestamp(when: datetime) -> Timestamp:
    """A time as a message."""
    stamp = Timestamp()
    stamp.FromDatetime(when)
    return stamp


def etag_of(message: Any) -> str:
    """An etag over everything but the etag itself."""
    copy = type(message)()
    copy.CopyFrom(message)
    copy.ClearField("etag")
    digest = hashlib.sha256(copy.SerializeToString(deterministic=True)).digest()
    return base64.b64encode(digest[:9]).decode()


def check_etag(sent: str, current: str) -> None:
    """Refuse a write made for another state of the resource; an empty etag overwrites (kinds.md 1.2).

    Raises:
        ApiFailure: ABORTED.
    """
    if sent and sent != current:
        raise ApiFailure("ABORTED", f"etag mismatch: the resource has {current}, the request has {sent}")


def apply_mask(target: Any, source: Any, paths: Iterable[str], *, keep: Iterable[str] = ()) -> None:
    """Copy the masked fields of `source` into `target`. A masked field that `source` leaves out is cleared.

    Args:
        target: Changed in place.
        source: What the caller sent.
        paths: Of the mask; `*` means every field.
        keep: Output-only or immutable fields: naming them changes nothing.

    Raises:
        ApiFailure: INVALID_ARGUMENT for a path that is not a field.

    Source:
        Recording pubsub_subscription/push-oidc: `retainAckedMessages` in the mask, not in the body, was cleared.
    """
    chosen = list(paths)
    if "*" in chosen:
        chosen = [field.name for field in target.DESCRIPTOR.fields]
    for path in chosen:
        field = field_of(target, path.partition(".")[0])
        if field is None or field.name not in keep:
            _copy(target, source, path, path)


def _copy(target: Any, source: Any, path: str, whole: str) -> None:
    first, _, rest = path.partition(".")
    field = field_of(target, first)
    if field is None:
        raise ApiFailure("INVALID_ARGUMENT", f'Invalid field "{whole}" in update_mask.')
    if rest and is_map(field):
        _copy_entry(getattr(target, field.name), getattr(source, field.name), rest)
    elif rest and field.message_type is not None and not field.is_repeated:
        _copy(getattr(target, field.name), getattr(source, field.name), rest, whole)
    else:
        _replace(target, source, field)


def field_of(message: Any, name: str) -> Any:
    """A field by its name in the API. Google's Python classes write `format` and `type` as `format_` and `type_`."""
    fields = message.DESCRIPTOR.fields_by_name
    return fields.get(name) or fields.get(name + "_")


def _replace(target: Any, source: Any, field: Any) -> None:
    target.ClearField(field.name)
    sent = getattr(source, field.name)
    if is_map(field) or (field.message_type is not None and (field.is_repeated or source.HasField(field.name))):
        getattr(target, field.name).MergeFrom(sent)
    elif field.is_repeated:
        getattr(target, field.name).extend(sent)
    elif field.message_type is None and (not field.has_presence or source.HasField(field.name)):
        setattr(target, field.name, sent)


def _copy_entry(target: Any, source: Any, key: str) -> None:
    target.pop(key, None)
    if key not in source:
        return
    if hasattr(source[key], "CopyFrom"):
        target[key].CopyFrom(source[key])
    else:
        target[key] = source[key]


def is_map(field: Any) -> bool:
    """Whether a field is a map."""
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)
