"""Which fields differ between what is wanted and what is there: like with like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from reconciler.core.reference import SCALARS, Ref, is_plain_ref
from reconciler.core.thread_imports import without


@dataclass(frozen=True, slots=True, order=True)
class FieldChange:
    """One field that is not as wanted.

    Args:
        path: Path in the record, such as `env.LOG_LEVEL` or `traffic[0].percent`.
        before: Value observed; None when absent.
        after: Value wanted; None when it is to go.
    """

    path: str
    before: Any
    after: Any

    @property
    def field(self) -> str:
        """Name of the record's field that the path begins with."""
        return self.path.split(".", 1)[0].split("[", 1)[0]


def plain(value: Any) -> Any:
    """Turn a record into dictionaries, lists and scalars: what plans store and deepdiff compares."""
    if type(value) in SCALARS:  # most are, and asking what else they might be takes long
        return value
    if isinstance(value, Ref):
        return value.to_plain()
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list, set, frozenset)):
        items = [plain(v) for v in value]
        return items if isinstance(value, (tuple, list)) else sorted(items)
    return value


def only_ours(want: dict[str, Any], seen: dict[str, Any], ours: Mapping[str, frozenset[str]]) -> dict[str, Any]:
    """Leave out of `seen` the map keys that are somebody else's.

    Args:
        want: Plain record as wanted.
        seen: Plain record as observed.
        ours: For each map field that others may write to, the keys the inventory says we wrote.
    """
    kept = dict(seen)
    for name, written in ours.items():
        if isinstance(kept.get(name), dict):
            known = written | set(want.get(name) or {})
            kept[name] = {k: v for k, v in kept[name].items() if k in known}
    return kept


def diff_fields(want: Any, seen: Any, ours: Mapping[str, frozenset[str]] | None = None) -> tuple[FieldChange, ...]:
    """Compare two records of one kind.

    Args:
        want: Record wanted.
        seen: Record observed.
        ours: See `only_ours`.

    Returns:
        One change per differing leaf, sorted by path. Empty when they agree.
    """
    wanted = plain(want)
    there = only_ours(wanted, plain(seen), ours or {})
    if wanted == there:
        return ()
    return tuple(sorted(_differences(wanted, there), key=lambda change: change.path))


def gone_keys(changes: Iterable[FieldChange], field: str) -> frozenset[str]:
    """Give the keys of ours that are to go from a map field."""
    return frozenset(c.path.removeprefix(f"{field}.") for c in changes if c.field == field and c.after is None)


def _differences(wanted: dict[str, Any], there: dict[str, Any]) -> list[FieldChange]:
    # Imported late: most comparisons never come here. Without data frames, which no record holds: with them deepdiff
    # takes 0.3 s and 500 modules where pandas is installed, without them 0.04 s and 73.
    with without("numpy", "pandas", "polars"):
        from deepdiff import DeepDiff  # noqa: PLC0415 - late

    before, after = _leafed(there), _leafed(wanted)
    tree = DeepDiff(before, after, view="tree", threshold_to_diff_deeper=0, ignore_type_in_groups=[(int, float)])
    return [
        FieldChange(_path(level.path(output_format="list")), _value(level.t1), _value(level.t2))
        for levels in tree.values()
        for level in levels
    ]


class _Leaf(str):
    """What is one value though it has parts: a reference not known yet, or arguments: one tells of the next."""

    __slots__ = ("ref",)
    ref: Any


_WHOLE = frozenset({"args", "command"})


def _leafed(value: Any) -> Any:
    if is_plain_ref(value):
        return _leaf(value)
    if isinstance(value, dict):
        return {
            key: _leaf(item) if key in _WHOLE and isinstance(item, list) else _leafed(item)
            for key, item in value.items()
        }
    return [_leafed(item) for item in value] if isinstance(value, list) else value


def _leaf(value: Any) -> _Leaf:
    leaf = _Leaf(value)
    leaf.ref = value
    return leaf


def _value(found: Any) -> Any:
    if isinstance(found, _Leaf):
        return found.ref
    if isinstance(found, dict):
        return {key: _value(item) for key, item in found.items()}
    if isinstance(found, list):
        return [_value(item) for item in found]
    return None if type(found).__name__ == "NotPresent" else found


def _path(parts: list[Any]) -> str:
    text = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts)
    return text.removeprefix(".")
