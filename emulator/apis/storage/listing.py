"""The list of objects: prefix, delimiter, offsets, glob, pages.

Source:
    cloud.google.com/storage/docs/json_api/v1/objects/list.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from emulator.apis.storage import errors, records
from emulator.apis.storage.wire import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.apis.storage.wire import Call


def list_(call: Call) -> Reply:
    """A page of objects and of the prefixes that stand for the ones below a delimiter."""
    records.find_bucket(call.world, call.path["bucket"])
    if call.flag("softDeleted"):
        raise errors.unimplemented("soft delete")
    limit = call.page_size()
    after = _after(call.query.get("pageToken"))
    items: list[dict[str, Any]] = []
    prefixes: list[str] = []
    last = b""
    answer: dict[str, Any] = {"kind": "storage#objects"}
    for key, entry in _entries(call):
        if key <= after:
            continue
        if len(items) + len(prefixes) == limit:
            answer["nextPageToken"] = base64.urlsafe_b64encode(last).decode()
            break
        last = key
        if isinstance(entry, str):
            prefixes.append(entry)
        else:
            items.append(entry)
    return Reply(answer | ({"prefixes": prefixes} if prefixes else {}) | ({"items": items} if items else {}))


def _entries(call: Call) -> Iterator[tuple[bytes, dict[str, Any] | str]]:
    """Objects and prefixes in order, each with a key that says where a page may go on."""
    prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
    versions = call.flag("versions")
    trailing = call.flag("includeTrailingDelimiter")
    seen = ""
    for resource in _matching(call, prefix, versions=versions):
        name = resource["name"]
        cut = name.find(delimiter, len(prefix)) if delimiter else -1
        if cut < 0:
            yield _key(resource), resource
            continue
        folder = name[: cut + len(delimiter)]
        if folder != seen:
            seen = folder
            # After every object below the folder, so that the next page does not show the folder again.
            yield folder.encode() + b"\xff", folder
        if trailing and name == folder:
            yield folder.encode() + b"\xff\x01", resource


def _matching(call: Call, prefix: str, *, versions: bool) -> Iterator[dict[str, Any]]:
    start, end = call.query.get("startOffset", "").encode(), call.query.get("endOffset", "").encode()
    glob = _compiled(call.query.get("matchGlob"))
    for record in records.objects(call.world, call.path["bucket"], prefix, versions=versions):
        name = record.resource["name"]
        if (start and name.encode() < start) or (end and name.encode() >= end):
            continue
        if glob is None or glob.fullmatch(name):
            yield record.resource


def _key(resource: dict[str, Any]) -> bytes:
    return f"{resource['name']}\n{int(resource['generation']):020d}".encode()


def _after(token: str | None) -> bytes:
    try:
        return base64.urlsafe_b64decode(token or "")
    except (binascii.Error, ValueError):
        raise errors.invalid("Invalid value for parameter pageToken") from None


def _compiled(glob: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(_expression(glob)) if glob else None
    except re.error:
        raise errors.invalid(f"Invalid value for parameter matchGlob: '{glob}'") from None


def _expression(glob: str) -> str:
    """A glob as a regular expression: `**` crosses slashes, `*` and `?` do not, `[..]` and `{a,b}` as in a shell."""
    found = re.findall(r"\*\*|\[[^\]]+\]|\{[^}]*\}|.", glob, flags=re.DOTALL)
    return "".join(_piece(token) for token in found)


def _piece(piece: str) -> str:
    known = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    if piece in known:
        return known[piece]
    if piece.startswith("[") and piece != "[":
        return "[" + piece[1:-1].replace("\\", "\\\\").replace("!", "^", 1) + "]"
    if piece.startswith("{") and piece.endswith("}"):
        return "(" + "|".join(_expression(choice) for choice in piece[1:-1].split(",")) + ")"
    return re.escape(piece)
