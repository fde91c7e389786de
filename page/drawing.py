"""Where things of a drawing are: values to coordinates of SVG, rounded. Pure; templates write the marks.

No attribute `style` is ever written: the page's policy forbids it, and paper has no mouse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_TICKS = 5
_STEPS_S = (60, 300, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000)
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Box:
    """A drawing's size, and the room that its labels take.

    Args:
        width: Of the whole.
        height: Of the whole.
        left: For labels of values.
        bottom: For labels of times.
        top: Above the highest value.
        right: Beyond the latest time.
    """

    width: int = 640
    height: int = 160
    left: int = 52
    bottom: int = 20
    top: int = 8
    right: int = 10

    def across(self, share: float) -> float:
        """Give x of a share of the width, 0 to 1."""
        return round(self.left + share * (self.width - self.left - self.right), 1)

    def down(self, share: float) -> float:
        """Give y of a share of the height, 0 at the foot."""
        return round(self.height - self.bottom - share * (self.height - self.top - self.bottom), 1)


def spark_points(values: Sequence[float | None], width: int = 80, height: int = 18) -> list[str]:
    """Give the lines of a row's sparkline, broken where there is no value; 0 is the foot, and 1.5 limits the top."""
    most = max(1.5, *(value or 0 for value in values)) if values else 1.5
    step = width / max(1, len(values) - 1)
    lines: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            lines.append([])
        else:
            lines[-1].append(f"{place * step:.0f},{height - 1 - min(value, most) / most * (height - 2):.0f}")
    return [" ".join(line if len(line) > 1 else line * 2) for line in lines if line]


def spark_limit(values: Sequence[float | None], height: int = 18) -> float:
    """Give y of the limit in a row's sparkline."""
    most = max(1.5, *(value or 0 for value in values)) if values else 1.5
    return round(height - 1 - (height - 2) / most, 1)


def nice(most: float) -> float:
    """Give a round number that is not below."""
    if most <= 0:
        return 1.0
    size = 10.0 ** (len(f"{int(most)}") - 1) if most >= 1 else 1.0
    while size > most:
        size /= 10
    return next((size * each for each in _NICE if size * each >= most * 0.999), size * 10)


def chart(
    points: Sequence[Mapping[str, Any]],
    lines: Iterable[str],
    box: Box | None = None,
    most: float = 0,
    shaded: Sequence[Mapping[str, Any]] = (),
) -> Any:
    """Lay out lines over time.

    Args:
        points: Each with `at`, and a value or None by each line's name.
        lines: Names of lines.
        box: Its size.
        most: At least so much is on the scale.
        shaded: Spans of time, each with `kind`, `since`, `until`.

    Returns:
        `box`, `lines` by name (several parts each where values are missing), `bands`, `levels` and `times` for the
        axes; None where there are fewer than two points.
    """
    box, names = box or Box(), [*lines]
    if len(points) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    moments = [datetime.fromisoformat(each["at"]) for each in points]
    top = nice(max([most, *(each[name] for each in points for name in names if each.get(name) is not None)]))
    x = _over(moments[0], moments[-1], box)
    across = [x(moment) for moment in moments]
    return {
        "box": box,
        "top": top,
        "bands": bands(shaded, moments[0], moments[-1], box),
        "lines": {name: _parts([*zip(across, _down(points, name, box, top), strict=True)]) for name in names},
        "levels": [{"value": top * share, "y": box.down(share)} for share in (0, 0.5, 1)],
        "times": ticks(moments[0], moments[-1], box),
    }


def bands(shaded: Iterable[Mapping[str, Any]], first: datetime, last: datetime, box: Box) -> list[dict[str, Any]]:
    """Lay out spans of time, as far as they are within a chart.

    Args:
        shaded: Each with `kind`, `since`, `until`.
        first: Where the chart begins.
        last: Where it ends.
        box: Its size.
    """
    x = _over(first, last, box)
    found = []
    for each in shaded:
        begins = max(first, datetime.fromisoformat(each["since"]))
        ends = min(last, datetime.fromisoformat(each["until"]))
        if begins < ends:
            found.append({"kind": each["kind"], "x": x(begins), "width": round(x(ends) - x(begins), 1)})
    return found


def _over(first: datetime, last: datetime, box: Box) -> Callable[[datetime], float]:
    whole = max(1.0, (last - first).total_seconds())
    return lambda moment: box.across((moment - first).total_seconds() / whole)


def _down(points: Sequence[Mapping[str, Any]], name: str, box: Box, top: float) -> list[float | None]:
    values = [each.get(name) for each in points]
    return [None if value is None else box.down(max(0.0, min(1.0, value / top))) for value in values]


def _parts(found: Sequence[tuple[float, float | None]]) -> list[str]:
    """Join places to lines, broken where there is no value."""
    parts: list[list[str]] = [[]]
    for x, y in found:
        if y is None:
            parts.append([])
        else:
            parts[-1].append(f"{x},{y}")
    return [" ".join(part) for part in parts if part]


def ticks(first: datetime, last: datetime, box: Box) -> list[dict[str, Any]]:
    """Give moments for the foot of a chart, at whole hours or days of UTC, with where they are.

    Their text is in UTC; a browser writes them anew in the zone of its reader, as all other times.
    """
    whole = (last - first).total_seconds()
    step = next((each for each in _STEPS_S if whole / each <= _TICKS), _STEPS_S[-1])
    start = first.astimezone(UTC)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    passed = (start - midnight).total_seconds()
    moment = midnight + timedelta(seconds=-(-passed // step) * step)
    x = _over(first, last, box)
    found: list[dict[str, Any]] = []
    while moment <= last and len(found) <= _TICKS:
        form = f"{moment.day} {moment:%b}" if step >= _STEPS_S[9] else f"{moment:%H:%M}"
        of = "day" if step >= _STEPS_S[9] else "hour"
        found.append({"x": x(moment), "text": form, "at": moment.isoformat(), "form": of})
        moment += timedelta(seconds=step)
    return found


def steps(parts: Sequence[Mapping[str, Any]], box: Box | None = None, shaded: Sequence[Mapping[str, Any]] = ()) -> Any:
    """Lay out the percent of traffic over time as an area with steps, and what marked it.

    Args:
        parts: Each with `since`, `until`, `percent`, `action`.
        box: Its size.
        shaded: Spans of time, each with `kind`, `since`, `until`.
    """
    box = box or Box()
    if not parts:
        return None
    first = datetime.fromisoformat(parts[0]["since"])
    last = max(datetime.fromisoformat(parts[-1]["until"]), first + timedelta(minutes=1))
    x = _over(first, last, box)
    corners, marks = [f"{box.across(0)},{box.down(0)}"], []
    for place, part in enumerate(parts):
        begins = datetime.fromisoformat(part["since"])
        ends = datetime.fromisoformat(parts[place + 1]["since"]) if place + 1 < len(parts) else last
        y = box.down(part["percent"] / 100)
        corners += [f"{x(begins)},{y}", f"{x(ends)},{y}"]
        if part["action"]:
            marks.append({"x": x(begins), "y": y, "percent": part["percent"], "action": part["action"]})
    corners.append(f"{box.across(1)},{box.down(0)}")
    return {
        "box": box,
        "area": " ".join(corners),
        "line": " ".join(corners[1:-1]),
        "bands": bands(shaded, first, last, box),
        "marks": marks,
        "levels": [{"value": share * 100, "y": box.down(share)} for share in (0, 0.5, 1)],
        "times": ticks(first, last, box),
    }


def bars(bins: Sequence[Mapping[str, Any]], width: int = 300, height: int = 72) -> Any:
    """Lay out pairs of bars: how a column was distributed, and how it is.

    Returns:
        `width`, `height`, and by `baseline` and `serving` where each bar is; None where there is none.
    """
    if not bins:
        return None
    most = max(max(each["baseline"], each["serving"]) for each in bins) or 1.0
    step = width / len(bins)
    wide = round(step * 0.38, 1)

    def bar(place: int, value: float, offset: float) -> dict[str, float]:
        high = round(value / most * (height - 2), 1)
        return {"x": round((place + offset) * step, 1), "y": round(height - high, 1), "width": wide, "height": high}

    return {
        "width": width,
        "height": height,
        "baseline": [bar(place, each["baseline"], 0.08) for place, each in enumerate(bins)],
        "serving": [bar(place, each["serving"], 0.52) for place, each in enumerate(bins)],
    }


def shaped(found: Iterable[Mapping[str, float]], height: int) -> str:
    """Give bars that stand on the foot of a drawing as one path: a quarter of the bytes of a rectangle for each.

    Args:
        found: Each with `x`, `y`, `width`.
        height: Of the drawing.
    """
    return "".join(f"M{each['x']:g} {height}V{each['y']:g}h{each['width']:g}V{height}z" for each in found)


def heat(ratio: float | None) -> str:
    """Give the class of a cell: `none` where nothing was measured, else 0 to 7; from 5 on it is beyond its limit."""
    if ratio is None:
        return "none"
    bounds = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5)
    return str(sum(ratio > bound for bound in bounds))
