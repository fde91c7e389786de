"""Which words of a spec no kind acts on yet: understood, checked, and without effect so far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

EVERYTHING_BELOW = ".*"

ENGINE = frozenset(
    {
        *("region", "management.*", "usage.*", "registry.scan.*", "registry.signed.*", "registry.provenance"),
        *("budget.planLimit", "budget.currency", "budget.perUsd", "budget.actions.*"),
    }
)
"""What the engine itself acts on, whatever the kinds."""

OPERATOR = frozenset(
    {
        *("region", "version", "image", "schedule", "timeZone", "paused", "environment", "shards", "identity"),
        *("drift", "freeze.*", "limits.*", "orphans.*", "resources.*", "specs.bundle", "specs.image.*"),
        *("specs.git.*", "notifications.*", "ci.*", "page.*"),
    }
)
"""Words of an operator's document that have an effect."""


def without_effect(written: Mapping[str, Any], acts_on: Iterable[str]) -> Iterator[str]:
    """Give the paths that somebody wrote and nothing comes of, each as high up as all of it is without effect.

    Args:
        written: What the spec says, as plain data with YAML's names.
        acts_on: Paths that have an effect; `a.*` is everything below `a`. Elements of lists have no index there.
    """
    whole = {path.removesuffix(EVERYTHING_BELOW) for path in acts_on if path.endswith(EVERYTHING_BELOW)}
    single = {path for path in acts_on if not path.endswith(EVERYTHING_BELOW)}
    inner = {path[:at] for path in whole | single for at in range(len(path)) if path[at] == "."}
    for name, value in written.items():
        yield from _without(value, name, name, (whole, single, inner))


def _without(value: Any, path: str, plain: str, effects: tuple[set[str], set[str], set[str]]) -> Iterator[str]:
    whole, single, inner = effects
    if plain in whole:
        return
    if isinstance(value, list) and plain in inner:
        for index, item in enumerate(value):
            yield from _without(item, f"{path}[{index}]", plain, effects)
    elif isinstance(value, Mapping) and (plain in inner or plain in single):
        for name, item in value.items():
            yield from _without(item, f"{path}.{name}", f"{plain}.{name}", effects)
    elif plain not in single:
        yield path
