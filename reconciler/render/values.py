"""How values read: short, on one line, and never a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from types import NoneType
from typing import Any

from reconciler.core.plan import Change
from reconciler.core.reference import Ref, is_plain_ref
from reconciler.core.secrecy import looks_secret, masked
from schemas.redaction import HIDDEN, redacted

_LONGEST = 96
_CONTEXT = 20
"""Characters shown before the place where two long values part."""

_MARGIN = 4096
"""Characters that are looked at beyond those shown, so that a secret is known that is cut by what is shown: looking for
secrets takes a second or more for each hundred thousand, and whoever writes a report chooses how many there are."""

_ACCESS, _WHOLE = frozenset({"condition", "permissions", "mapping", "issuer", "audiences", "keys"}), 16_384
"""Fields that say who may do what, and their most characters: a part of one could be consented to as anything. What has
one gives access; of a provider of identities the mapping says who somebody is taken for."""

_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
_FEATURES = "model.features"


def shown(path: str, value: Any) -> str:
    """Give a value as people read it.

    Args:
        path: Where it stands; values of environment variables that look secret are hidden.
        value: Plain data.
    """
    return _cut(_said(path, value), _longest(path))


def _said(path: str, value: Any) -> str:
    if isinstance(value, str):
        value = value[: _longest(path) + _MARGIN]
    if is_plain_ref(value):
        return _later(value)
    if looks_secret(path, value):
        return HIDDEN
    if path == "traffic" and _is_split(value):
        return traffic(value)
    if isinstance(value, Mapping):
        return feature(value) if _is_feature(path) else _mapping(path, value)
    if isinstance(value, list):
        return _joined((_said(path, item) for item in masked(path, value)), _longest(path)) or "[]"
    return _scalar(masked(path, value) if isinstance(value, str) else value)


def _later(reference: Mapping[str, str]) -> str:
    """Say a reference; what only looks like one, in a report that a stranger wrote, is a value like any other."""
    try:
        return f"(known after apply: {reference['output']} of {Ref.of_plain(reference).address})"
    except ValueError:
        return _mapping("", reference)


def _mapping(path: str, value: Mapping[str, Any]) -> str:
    parts = (f"{name}={_said(f'{path}.{name}', item)}" for name, item in value.items())
    return _joined(parts, _longest(path)) or "{}"


def _joined(parts: Iterable[str], longest: int = _LONGEST) -> str:
    """Join as many as anybody will see."""
    kept: list[str] = []
    left = longest + 2 * _MARGIN
    for part in parts:
        kept.append(part)
        left -= len(part)
        if left < 0:
            break
    return ", ".join(kept)


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "(none)", True: "yes", False: "no"}[value]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = redacted(str(value))
    text = f'"{text}"' if not text or text != text.strip() or "\n" in text else text
    return _DIGEST.sub(r"\1…", text.replace("\n", "\\n"))


def _cut(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def gives_access(path: str) -> bool:
    """Tell whether a field says who may do what, and is shown whole."""
    return path.partition(".")[0] in _ACCESS


def _longest(path: str) -> int:
    return _WHOLE if gives_access(path) else _LONGEST


def one_line(text: Any) -> str:
    """Give a text as one line: whoever wrote it draws no table of his own."""
    return " ".join(str(text).split())


def traffic(shares: Any) -> str:
    """Give a traffic split, such as `latest 20%, churn-00001-abc 80% (tag stable)`."""
    said = [f"{s['version']} {s['percent']}%" + (f" (tag {s['tag']})" if s["tag"] else "") for s in shares or []]
    return ", ".join(said) or "(none)"


def _is_split(value: Any) -> bool:
    """Tell whether it is what `traffic` says; a report that a stranger wrote may have anything there."""
    shares = [] if value is None else value
    return isinstance(shares, list) and all(
        isinstance(share, Mapping) and {"version", "percent", "tag"} <= share.keys() for share in shares
    )


def feature(described: Mapping[str, Any]) -> str:
    """Give a model's feature, such as `number 0..100`, `category basic|pro` or `string, not logged`."""
    least, most = described.get("min"), described.get("max")
    values = described.get("values", ())
    said = [str(described.get("type", "")), "|".join(map(str, values)) if isinstance(values, (list, tuple)) else ""]
    if least is not None or most is not None:
        said.append(f"{'' if least is None else _scalar(least)}..{'' if most is None else _scalar(most)}")
    off = [words for name, words in (("log", "logged"), ("monitor", "monitored")) if described.get(name) is False]
    return " ".join(part for part in said if part) + "".join(f", not {words}" for words in off)


def _is_feature(path: str) -> bool:
    return path.startswith(f"{_FEATURES}.")


def leaves(record: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Give every value of a plain record that says something, with its path; a feature counts as one value."""
    for name, value in record.items():
        here = f"{path}.{name}" if path else name
        if isinstance(value, Mapping) and not (_is_feature(here) or is_plain_ref(value)):
            yield from leaves(value, here)
        elif value not in ("", None, [], {}):
            yield here, value


def listing(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give what a new object will be, a line per field; the features of a model share one."""
    features: list[str] = []
    for path, value in leaves(record):
        if _is_feature(path):
            features.append(f"{path.removeprefix(f'{_FEATURES}.')} {_said(path, value)}")
            continue
        if features:
            yield _FEATURES, _folded(features)
            features = []
        # The columns are the names of the features, which are said already.
        if path != "columns":
            yield path, shown(path, value)
    if features:
        yield _FEATURES, _folded(features)


def _folded(items: Sequence[str]) -> str:
    """Give a count and as many as fit on a line."""
    text = f"{len(items)}: {items[0]}"
    for item in items[1:]:
        if len(text) + len(item) > _LONGEST:
            return f"{text}, …"
        text += f", {item}"
    return text


_BESIDE = "service.annotations.mlservice.dev/"
"""What a rollout writes beside the traffic: for programs."""


def differences(change: Change) -> Iterator[tuple[str, str, str]]:
    """Give what differs as path, before and after; a list counts as one value."""
    whole: set[str] = set()
    for item in change.changes:
        if item.path.startswith(_BESIDE):
            continue  # why traffic moves is said in words
        desired = (change.desired or {}).get(item.field)
        if isinstance(desired, list):
            if item.field not in whole:
                whole.add(item.field)
                yield item.field, *_contrast(item.field, (change.observed or {}).get(item.field), desired)
        elif {type(item.before), type(item.after)} in ({list}, {list, NoneType}):
            yield from _by_element(item.path, item.before or [], item.after or [])
        elif any(isinstance(value, Mapping) and not is_plain_ref(value) for value in (item.before, item.after)):
            yield from _whole_map(item.path, item.before, item.after)
        else:
            yield item.path, *_contrast(item.path, item.before, item.after)


def _by_element(path: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[tuple[str, str, str]]:
    """Give the arguments that differ, one by one; what is secret is known by the one before it."""
    old, new = (masked(path, list(each)) for each in (before, after))
    for place in range(max(len(before), len(after))):
        pair = [each[place] if place < len(each) else None for each in (before, after)]
        if pair[0] != pair[1]:
            shown = [each[place] if place < len(each) else None for each in (old, new)]
            yield f"{path}[{place}]", *_contrast(f"{path}[{place}]", *shown)


def _whole_map(path: str, before: Any, after: Any) -> Iterator[tuple[str, str, str]]:
    if _is_feature(path):
        yield path, *_contrast(path, before, after)
        return
    old, new = (dict(_parts(value, path)) for value in (before, after))
    for key in sorted(old.keys() | new.keys()):
        yield key, *_contrast(key, old.get(key), new.get(key))


def _parts(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from leaves(value, path)
    elif value:
        yield path, value


def _near(old: Any, new: Any) -> tuple[Any, Any]:
    """Leave out what long values share far before they part."""
    if isinstance(old, str) and isinstance(new, str):
        margin = _MARGIN
    elif isinstance(old, list) and isinstance(new, list):
        margin = 1
    else:
        return old, new
    if max(len(old), len(new)) <= _MARGIN:
        return old, new
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    first = max(0, same - margin)
    return old[first:], new[first:]


def _contrast(path: str, before: Any, after: Any) -> tuple[str, str]:
    """Give two values so that what differs is seen, however long they are."""
    if gives_access(path):
        return shown(path, before), shown(path, after)
    old, new = (_said(path, value) for value in _near(before, after))
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    if max(len(old), len(new)) > _LONGEST and same > _CONTEXT:
        old, new = (f"…{text[same - _CONTEXT :]}" for text in (old, new))
    return _cut(old), _cut(new)
