"""Where things stand in a drawing: a band for each group, columns in the order that things flow, lines between. Pure.

No line crosses a box: it runs beside the columns, and along the top of a band where it goes further than the next
column. Lines that begin at one box share their way; others never lie on each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import pairwise

from reconciler.core.flow import Group
from reconciler.core.graph import Edge, Graph, Node

Point = tuple[int, int]

BOX_WIDTH, BOX_HEIGHT = 216, 60
CHARACTER = 6.3
"""Width of a character of the labels, in pixels, on average and rather more."""
_PORT, _GAP, _TRACK = 16, 20, 8
_MARGIN, _HEAD, _LEFT = 12, 24, 14
"""All heights are multiples of four: where lines begin, a pixel further, none ends, or they would lie on each other."""
_COLUMNS = 4
"""Columns that a band is spread over before it becomes higher."""
_LABEL_LEAST, _LABEL_MOST = 34, 190


@dataclass(frozen=True, slots=True)
class Box:
    """A node's place, in pixels from the upper left corner."""

    x: int
    y: int
    height: int
    width: int = BOX_WIDTH

    @property
    def out(self) -> Point:
        """Where its lines begin."""
        return self.x + self.width, self.y + BOX_HEIGHT // 2 - 1


@dataclass(frozen=True, slots=True)
class Band:
    """A group's place over the whole width."""

    group: Group
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Wire:
    """An edge's way.

    Args:
        edge: Which.
        points: Corners, from its beginning to its end.
        label: Where what goes along it is written: the lower right corner of the text.
    """

    edge: Edge
    points: tuple[Point, ...]
    label: Point


@dataclass(frozen=True, slots=True)
class Layout:
    """A drawing, in pixels."""

    width: int
    height: int
    boxes: Mapping[str, Box]
    bands: tuple[Band, ...]
    wires: tuple[Wire, ...]


def layout_of(graph: Graph) -> Layout:
    """Lay a graph out. The same graph gives the same drawing."""
    return _Layout(graph).done()


def columns_of(graph: Graph) -> dict[str, int]:
    """Give each node's column in its band: after everything in the band that flows into it, but for circles.

    What nothing in its band flows to or from stands where the band is lowest.
    """
    column: dict[str, int] = {}
    bands: dict[Group, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        bands[node.group].append(node)
    for nodes in bands.values():
        column |= _columns([node.id for node in nodes], graph.edges)
    return column


def _columns(nodes: Sequence[str], edges: Iterable[Edge]) -> dict[str, int]:
    inside = [edge for edge in edges if edge.source in nodes and edge.target in nodes]
    onward = _without_circles(nodes, _leading(inside))
    column = dict.fromkeys(onward, 0)
    for here in _in_order(onward):
        for there in onward[here]:
            column[there] = max(column[there], column[here] + 1)
    joined = {end for edge in inside for end in (edge.source, edge.target)}
    stacks = [0] * max(_COLUMNS, *(at + 1 for at in column.values()))
    for node in joined:
        stacks[column[node]] += 1
    entered = {edge.target for edge in edges}
    for node in sorted(nodes, key=lambda node: (node in entered, node)):
        if node not in joined:
            column[node] = stacks.index(min(stacks))
            stacks[column[node]] += 1
    return column


def _leading(edges: Iterable[Edge]) -> dict[str, list[str]]:
    """Give what leads on to what."""
    found: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        found[edge.source].append(edge.target)
    return found


def _without_circles(nodes: Sequence[str], onward: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Leave out each edge that closes a circle, from where nothing flows in: there people begin to read."""
    entered = {there for many in onward.values() for there in many}
    kept: dict[str, list[str]] = {node: [] for node in nodes}
    done: set[str] = set()
    for first in sorted(nodes, key=lambda node: (node in entered, node)):
        _descend(first, onward, kept, done)
    return kept


def _descend(first: str, onward: Mapping[str, Sequence[str]], kept: dict[str, list[str]], done: set[str]) -> None:
    if first in done:
        return
    done.add(first)
    path, above = [(first, iter(onward.get(first, ())))], {first}
    while path:
        here, rest = path[-1]
        there = next(rest, None)
        if there is None:
            path.pop()
            above.discard(here)
            continue
        if there in above:
            continue
        kept[here].append(there)
        if there not in done:
            done.add(there)
            above.add(there)
            path.append((there, iter(onward.get(there, ()))))


def _in_order(onward: Mapping[str, Sequence[str]]) -> list[str]:
    """Give nodes so that each comes before all that it leads to."""
    before: dict[str, list[str]] = {node: [] for node in onward}
    for here, many in onward.items():
        for there in many:
            before[there].append(here)
    return [*TopologicalSorter(before).static_order()]


class _Tracks:
    """Ways side by side: one for each source, in the order they are asked for."""

    def __init__(self) -> None:
        self._of: dict[tuple[int, str], int] = {}
        self.count: dict[int, int] = defaultdict(int)

    def take(self, place: int, source: str) -> int:
        if (place, source) not in self._of:
            self._of[place, source] = self.count[place]
            self.count[place] += 1
        return self._of[place, source]


class _Layout:
    """One layout on its way."""

    def __init__(self, graph: Graph) -> None:
        self._graph, self._column = graph, columns_of(graph)
        used = sorted(set(self._column.values()))
        self._column = {node: used.index(at) for node, at in self._column.items()}
        self._columns = len(used)
        self._groups = [group for group in Group if any(node.group is group for node in graph.nodes)]
        self._band = {node.id: self._groups.index(node.group) for node in graph.nodes}
        self._into: dict[str, list[Edge]] = defaultdict(list)
        for edge in graph.edges:
            self._into[edge.target].append(edge)
        self._beside, self._above = _Tracks(), _Tracks()
        self._claim()

    def _claim(self) -> None:
        """Count the ways that lie side by side, before anything has a place."""
        for edge in self._graph.edges:
            self._beside.take(self._column[edge.source] + 1, edge.source)
            if not self._near(edge):
                self._beside.take(self._column[edge.target], edge.source)
                self._above.take(self._band[edge.target], edge.source)

    def _near(self, edge: Edge) -> bool:
        return self._column[edge.target] == self._column[edge.source] + 1

    def done(self) -> Layout:
        gutters, width = self._across()
        bands, height = self._down()
        boxes = dict(self._boxes(gutters, bands))
        wires = tuple(self._wires(gutters, bands, boxes))
        return Layout(width, height, boxes, tuple(bands), wires)

    def _across(self) -> tuple[list[int], int]:
        """Give where the space beside each column begins, and how wide all is."""
        at, found = _LEFT, []
        for column in range(self._columns + 1):
            found.append(at)
            labels = [
                len(edge.what)
                for id_, edges in self._into.items()
                for edge in edges
                if self._column[id_] == column and edge.what
            ]
            wide = min(_LABEL_MOST, max([_LABEL_LEAST, *(int(n * CHARACTER) + 20 for n in labels)])) if labels else 16
            at += self._beside.count[column] * _TRACK + (wide if column < self._columns else 0) + _GAP
            at += BOX_WIDTH if column < self._columns else 0
        return found, at

    def _down(self) -> tuple[list[Band], int]:
        at, found = _MARGIN, []
        for number, group in enumerate(self._groups):
            way = self._above.count[number] * _TRACK
            tall = max(
                sum(self._tall(node) + _GAP for node in self._stack(number, column)) for column in range(self._columns)
            )
            found.append(Band(group, at, _HEAD + way + tall))
            at += found[-1].height + _MARGIN
        return found, at

    def _stack(self, band: int, column: int) -> list[Node]:
        return [n for n in self._graph.nodes if self._band[n.id] == band and self._column[n.id] == column]

    def _tall(self, node: Node) -> int:
        return max(BOX_HEIGHT, len(self._into[node.id]) * _PORT + 12)

    def _boxes(self, gutters: Sequence[int], bands: Sequence[Band]) -> Iterator[tuple[str, Box]]:
        for column in range(self._columns):
            left = gutters[column + 1] - BOX_WIDTH
            for number, band in enumerate(bands):
                y = band.y + _HEAD + self._above.count[number] * _TRACK
                for node in self._stack(number, column):
                    yield node.id, Box(left, y, self._tall(node))
                    y += self._tall(node) + _GAP

    def _wires(self, gutters: Sequence[int], bands: Sequence[Band], boxes: Mapping[str, Box]) -> Iterator[Wire]:
        for edge in self._graph.edges:
            start, box = boxes[edge.source].out, boxes[edge.target]
            number = self._into[edge.target].index(edge)
            spare = box.height - len(self._into[edge.target]) * _PORT
            end = (box.x, box.y + spare // 2 + number * _PORT + 12)
            first = self._x(gutters, self._column[edge.source] + 1, edge.source)
            if self._near(edge):
                points = [start, (first, start[1]), (first, end[1]), end]
            else:
                over = (
                    bands[self._band[edge.target]].y
                    + _HEAD
                    + self._above.take(self._band[edge.target], edge.source) * _TRACK
                )
                last = self._x(gutters, self._column[edge.target], edge.source)
                points = [start, (first, start[1]), (first, over), (last, over), (last, end[1]), end]
            yield Wire(edge, _straight(points), (end[0] - 10, end[1] - 4))

    def _x(self, gutters: Sequence[int], column: int, source: str) -> int:
        return gutters[column] + _GAP // 2 + self._beside.take(column, source) * _TRACK


def _straight(points: Sequence[Point]) -> tuple[Point, ...]:
    """Leave out corners that are none."""
    kept = [points[0], *(there for here, there in pairwise(points) if here != there)]
    return tuple(
        each
        for number, each in enumerate(kept)
        if number in {0, len(kept) - 1} or not _between(kept[number - 1], each, kept[number + 1])
    )


def _between(before: Point, here: Point, after: Point) -> bool:
    return before[0] == here[0] == after[0] or before[1] == here[1] == after[1]
