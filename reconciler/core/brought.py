"""Which images a plan brings, which serve already, and which it lets serve again. Pure.

An image is *newly deployed* where it comes to something that does not run it: a change of something else brings none,
and neither does going back to a revision that is there, which nobody is ever barred from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.address import Address
from reconciler.core.kind import Kind, Kinds, Routed
from reconciler.core.objects import Observed
from reconciler.core.plan import Action, Change, Plan
from reconciler.core.scanning.places import place_of
from reconciler.core.scanning.scans import Images


@dataclass(frozen=True, slots=True)
class Brought:
    """What one change does to the images of its object.

    Args:
        new: Those that it newly deploys.
        back: Those of what is there already, serves nothing, and will from now on.
        serving: Those that serve, or run, now.
    """

    new: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    serving: tuple[str, ...] = ()


def images_of(
    plan: Plan, seen: Mapping[Address, Observed[Any]], kinds: Kinds, names: Collection[str]
) -> dict[str, Images]:
    """Give the images of services, by name.

    Args:
        plan: Without what scans say.
        seen: What there is.
        kinds: The kinds we know.
        names: Services whose specs ask for scans.
    """
    found = {name: _Gathered() for name in names}
    pending = {change.address for change in plan.pending}
    for change in plan.changes:
        asking = [found[name] for name in change.services if name in found]
        if not asking:
            continue
        kind = kinds.of_address(change.address)
        brought = brought_by(kind, change, seen.get(change.address), acts=change.address in pending)
        for each in asking:
            each.add(brought)
    return {name: each.images for name, each in found.items()}


@dataclass(slots=True)
class _Gathered:
    """Images of a service, each once, in the order of addresses."""

    new: dict[str, None] = field(default_factory=dict)
    back: dict[str, None] = field(default_factory=dict)
    serving: dict[str, None] = field(default_factory=dict)
    replaced: dict[str, None] = field(default_factory=dict)

    def add(self, brought: Brought) -> None:
        """Add those of one object."""
        self.new |= dict.fromkeys(brought.new)
        self.back |= dict.fromkeys(brought.back)
        (self.replaced if brought.new else self.serving).update(dict.fromkeys(brought.serving))

    @property
    def images(self) -> Images:
        """All of them."""
        return Images(tuple(self.new), tuple(self.serving), tuple(self.replaced), tuple(self.back))


def brought_by(kind: Kind[Any], change: Change, seen: Observed[Any] | None, *, acts: bool) -> Brought:
    """Say what one change does to the images of its object.

    Args:
        kind: Of the object.
        change: What is done.
        seen: What there is; None for nothing.
        acts: Whether it is carried out at all.
    """
    serving = tuple(dict.fromkeys(_serving(kind, change, seen)))
    if not acts or not change.writes or change.desired is None:
        return Brought(serving=serving)
    images = tuple(dict.fromkeys(kind.images(change.desired)))
    anew, named = starts(kind, change), {_which(each) for each in images}
    reroutes = anew or kind.rerouting & _fields(change)
    routed = kind.routed(seen, change.desired, starts=anew) if kind.routed and seen and reroutes else Routed()
    # What is in the template and serves nothing was perhaps put there by somebody, or is a candidate of ours: it is
    # judged where something of it starts, or where requests go to it from now on, and not by changes around it.
    coming = images if anew else (*routed.newest, *(each for each in routed.others if _which(each) in named))
    served = {_which(each) for each in serving}
    # What a tag names is read anew by whatever is started anew: nobody knows that it is what was there.
    new = [each for each in coming if _which(each) not in served or (anew and place_of(each) is None)]
    known = served | named | {_which(each) for each in new}
    back = [each for each in routed.others if _which(each) not in known]
    return Brought(tuple(dict.fromkeys(new)), tuple(dict.fromkeys(back)), serving)


def starts(kind: Kind[Any], change: Change) -> bool:
    """Tell whether a change starts anything anew.

    Args:
        kind: Of the object.
        change: What is done.
    """
    return change.action is not Action.UPDATE or not _fields(change) <= kind.quiet | kind.rerouting


def _fields(change: Change) -> frozenset[str]:
    return frozenset(each.field for each in change.changes)


def _which(reference: str) -> str:
    """Give what makes an image the same as another one: its digest and its place, whatever tag stands beside."""
    place = place_of(reference)
    return place.uri if place else reference


def _serving(kind: Kind[Any], change: Change, seen: Observed[Any] | None) -> Iterable[str]:
    """Give the images that an object runs. Where it has revisions those with a share of requests, which may be none."""
    if kind.running is not None:
        return kind.running(seen) if seen else ()
    return kind.images(change.observed) if change.observed else ()
