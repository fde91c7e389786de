"""Where tiles stand: three in a row at first; afterwards where people put them, and new ones below.

Source:
    `MosaicLayout` of google-cloud-monitoring-dashboards 3.2.0; constraints.md section 8: 1 to 48 columns, and no tile
    on another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COLUMNS = 48
_WIDTH, _HEIGHT = 16, 16
_BANNER_HEIGHT = 6


@dataclass(frozen=True, slots=True)
class Place:
    """A tile's place, in blocks of the grid.

    Args:
        x: From the left, from 0.
        y: From the top, from 0.
        width: 1 or more.
        height: 1 or more.
    """

    x: int
    y: int
    width: int
    height: int

    def meets(self, other: Place) -> bool:
        """Tell whether two share a block."""
        across = self.x < other.x + other.width and other.x < self.x + self.width
        return across and self.y < other.y + other.height and other.y < self.y + self.height


def place_of(tile: Mapping[str, Any]) -> Place:
    """Read the place of a live tile; Google leaves out what is 0."""
    return Place(*(int(tile.get(name, 0)) for name in ("xPos", "yPos", "width", "height")))


def place_to_json(place: Place) -> dict[str, int]:
    """Give a place as a tile says it."""
    return {"xPos": place.x, "yPos": place.y, "width": place.width, "height": place.height}


def arranged(titles: Sequence[str], banners: Iterable[str], before: Mapping[str, Place]) -> dict[str, Place]:
    """Give every tile a place.

    Args:
        titles: All tiles, in the order in which people read.
        banners: Those as wide as the whole.
        before: Where those that are there already stand: there they stay.

    Returns:
        A place for each title; no two meet, and none leaves the grid.
    """
    kept: dict[str, Place] = {}
    for title in titles:
        there = before.get(title)
        if there and _inside(there) and not any(there.meets(other) for other in kept.values()):
            kept[title] = there
    return kept | _below(kept, [title for title in titles if title not in kept], frozenset(banners))


def _inside(place: Place) -> bool:
    return place.x >= 0 and place.y >= 0 and min(place.width, place.height) > 0 and place.x + place.width <= COLUMNS


def _below(kept: Mapping[str, Place], new: Sequence[str], banners: frozenset[str]) -> dict[str, Place]:
    """Put tiles below those that stay, from left to right."""
    x, y = 0, max((each.y + each.height for each in kept.values()), default=0)
    found: dict[str, Place] = {}
    for title in new:
        wide, high = (COLUMNS, _BANNER_HEIGHT) if title in banners else (_WIDTH, _HEIGHT)
        if x + wide > COLUMNS:
            x, y = 0, y + _HEIGHT
        found[title] = Place(x, y, wide, high)
        x, y = (0, y + high) if wide == COLUMNS else (x + wide, y)
    return found
