"""What monitors measured, as one page of HTML that needs nothing else: no script, no font, no address.

Whoever sends a request chooses the labels that stand here, so every value is escaped, and the page itself forbids its
reader to load or run anything. It is XML as well, so that a test can read all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from reconciler.render.moments import minute
from reconciler.render.monitoring import (
    AGAINST,
    MEASURES,
    NAMES,
    QUIET,
    amiss,
    by_logarithm,
    distance_cells,
    headline,
    lines,
    measure_cells,
    number,
    ordered,
    outcome_lines,
    quiet,
    standing,
    troubles,
    unmeasured,
    words_of,
)
from reconciler.render.safe import visible
from schemas.redaction import redacted

_LONGEST = 4096
_BAR, _HEIGHT, _WIDTH = 12, 44, 150
_STYLE = """\
:root { color-scheme: light dark; --ink: #1c2024; --dim: #60646c; --page: #fff; --line: #d9d9e0; --before: #8b8d98;
  --now: #0b68cb; --bad: #c62a2f; --odd: #8f5a00; --good: #18794e; }
@media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --dim: #b0b4ba; --page: #18191b; --line: #43484e;
  --before: #8b8d98; --now: #70b8ff; --bad: #ff9592; --odd: #ffca16; --good: #3dd68c; } }
body { background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 75rem; padding: 0 1rem; }
h1, h2 { line-height: 1.2; margin: 1.5rem 0 .25rem; } h2 small, h1 small { font-weight: 400; font-size: .7em; }
p { margin: .25rem 0; } .dim { color: var(--dim); } .bad { color: var(--bad); } .odd { color: var(--odd); }
.good { color: var(--good); } .scroll { overflow-x: auto; } table { border-collapse: collapse; margin: .75rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .75rem; text-align: left; vertical-align: middle; }
.number { text-align: right; font-variant-numeric: tabular-nums; } td:first-child { overflow-wrap: anywhere; }
.verdict { white-space: nowrap; }
svg { display: block; } svg.key { display: inline; } .before { fill: var(--before); } .now { fill: var(--now); }
.far { fill: none; stroke: var(--now); stroke-width: 1.5; } .limit { stroke: var(--bad); stroke-dasharray: 4 3; }
.axis { stroke: var(--line); } summary { cursor: pointer; }
"""
_SQUARE = '<svg class="key" width="10" height="10"><rect class="{}" width="10" height="10"/></svg>'
_KEY = f'<p class="dim">{_SQUARE.format("before")} baseline {_SQUARE.format("now")} this window</p>'
_CLASSES = {"bold red": "bad", "red": "bad", "yellow": "odd", "green": "good", "dim": "dim"}
_HEAD = ("column", "verdict", "distance", "limit", "by chance", "values", "in baseline", "missing", "in baseline")
_NUMBERS = 2
"""The first column of the head that has numbers."""


def render_page(found: Mapping[str, Any], *, now: datetime) -> str:
    """Render what `engine.monitoring` found.

    Args:
        found: As plain data.
        now: The time, for ages.
    """
    said, style = headline(found)
    title = f"{_text(found['name'])}: {_text(said)}"
    monitor = (
        f"monitor {found['monitor']} of {found['model']}, version {found['version']}; " if found["monitor"] else ""
    )
    told = f"{monitor}{minute(now.isoformat())} UTC"
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8"/>',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>",
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
        f"<title>{title}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{_text(found['name'])} <small>{_text(found['region'])} {_styled(said, style)}</small></h1>",
        f'<p class="dim">{_text(told)}</p>',
        _KEY,
        *(line for each in found["comparisons"] for line in _comparison(each, now)),
        *(_performance(found["performance"], now) if found["performance"] else ()),
        *(f'<p class="bad">{_text(line)}</p>' for line in amiss(found)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _text(value: Any) -> str:
    """Give a value as it may stand anywhere in the page."""
    line = redacted(" ".join(str(value)[: 2 * _LONGEST].split()))
    return escape(visible(line[:_LONGEST]), quote=True)


def _styled(value: Any, style: str) -> str:
    return f'<span class="{_CLASSES.get(style, "dim")}">{_text(value)}</span>'


def _comparison(found: Mapping[str, Any], now: datetime) -> Iterator[str]:
    words, style = words_of(found["finding"])
    said = _styled(words + standing(found, now), style)
    yield f"<section><h2>{_text(NAMES[found['which']])} <small>{said}</small></h2>"
    yield f'<p class="dim">{_text(AGAINST[found["which"]])}</p>'
    yield from (f"<p>{_text(line)}</p>" for line in lines(found, now))
    yield from (f"<p>{_styled(line, how)}</p>" for line, how in troubles(found))
    past = [each for each in reversed(found["history"]) if each["distances"]]
    loud = [each for each in found["columns"] if each["finding"] not in QUIET]
    calm = [each for each in found["columns"] if each["finding"] in QUIET]
    if loud:
        yield from _table(loud, past)
    if calm:
        shown = "" if loud else ' open="open"'
        yield f"<details{shown}><summary>{_text(quiet(calm))}</summary>"
        yield from _table(calm, past)
        yield "</details>"
    yield "</section>"


def _performance(found: Mapping[str, Any], now: datetime) -> Iterator[str]:
    words, style = words_of(found["finding"])
    said = _styled(words + standing(found, now), style)
    yield f"<section><h2>performance <small>{said}</small></h2>"
    yield f'<p class="dim">{AGAINST["performance"]}</p>'
    yield from (f"<p>{_text(line)}</p>" for line in outcome_lines(found, now))
    if found["unmeasured"]:
        yield f"<p>{_styled(unmeasured(found), 'red')}</p>"
    past = [{**each, "distances": each["values"]} for each in reversed(found["history"])]
    heads = "".join(f'<th scope="col"{_number_class(n)}>{_text(each)}</th>' for n, each in enumerate(MEASURES))
    yield f'<div class="scroll"><table><thead><tr>{heads}<th scope="col">value over windows</th></tr></thead><tbody>'
    yield from (_measure(each, past) for each in found["measures"])
    yield "</tbody></table></div></section>"


def _measure(measure: Mapping[str, Any], past: Sequence[Mapping[str, Any]]) -> str:
    name, words, *numbers = measure_cells(measure)
    verdict = _styled(words, words_of(measure["finding"])[1])
    cells = "".join(f'<td class="number">{_text(each)}</td>' for each in numbers)
    return f'<tr><th scope="row">{_text(name)}</th><td>{verdict}</td>{cells}<td>{_over_time(measure, past)}</td></tr>'


def _table(columns: Sequence[Mapping[str, Any]], past: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    heads = "".join(f'<th scope="col"{_number_class(n)}>{_text(each)}</th>' for n, each in enumerate(_HEAD))
    more = "".join(f'<th scope="col">{each}</th>' for each in ("histogram", "distance over windows"))
    yield f'<div class="scroll"><table><thead><tr>{heads}{more}</tr></thead><tbody>'
    yield from (_row(each, past) for each in columns)
    yield "</tbody></table></div>"


def _number_class(column: int) -> str:
    return ' class="number"' if column >= _NUMBERS else ""


def _row(column: Mapping[str, Any], past: Sequence[Mapping[str, Any]]) -> str:
    words, style = words_of(column["finding"])
    since = f"<br/><small>since {_text(minute(column['since']))} UTC</small>" if column.get("since") else ""
    numbers = (
        *distance_cells(column),
        number(column.get("rows"), ",d"),
        number(column.get("baselineRows"), ",d"),
        number(column.get("missing"), ".1%"),
        number(column.get("baselineMissing"), ".1%"),
    )
    cells = "".join(f'<td class="number">{_text(each)}</td>' for each in numbers)
    drawn = f"<td>{histogram(column.get('histogram'))}</td><td>{_over_time(column, past)}</td>"
    verdict = f'<td class="verdict">{_styled(words, style)}{since}</td>'
    scale = "<br/><small>by the logarithm</small>" if by_logarithm(column) else ""
    row = f'<tr><th scope="row">{_text(column["name"])}{scale}</th>{verdict}{cells}{drawn}</tr>'
    return row + _order(column)


def _order(column: Mapping[str, Any]) -> str:
    """Give the row below a column's: what is said of its order; nothing where that has no limit."""
    found = ordered(column)
    if found is None:
        return ""
    words, style = words_of(found["finding"])
    cells = "".join(f'<td class="number">{_text(each)}</td>' for each in distance_cells(found))
    head = '<th scope="row"><small>by order</small></th>'
    return f'<tr>{head}<td class="verdict">{_styled(words, style)}</td>{cells}<td colspan="6"></td></tr>'


def histogram(shape: Mapping[str, Any] | None) -> str:
    """Draw both sides beside each other, bin by bin, each with a tooltip; nothing without a shape."""
    if not shape or not shape["bins"]:
        return ""
    most = max((*shape["baseline"], *shape["serving"])) or 1.0
    width = len(shape["bins"]) * (2 * _BAR + 3)
    bars = "".join(_bars(n, shape, most) for n in range(len(shape["bins"])))
    label = f"{len(shape['bins'])} bins, baseline beside this window"
    return f'<svg width="{width}" height="{_HEIGHT}" role="img" aria-label="{label}">{bars}{_axis(width)}</svg>'


def _bars(n: int, shape: Mapping[str, Any], most: float) -> str:
    before, now = shape["baseline"][n], shape["serving"][n]
    left, title = n * (2 * _BAR + 3), f"{_bin(shape, n)}: {before:.1%} of the baseline, {now:.1%} now"
    drawn = ((left, before, "before"), (left + _BAR, now, "now"))
    rects = "".join(_rect(at, share / most * (_HEIGHT - 1), name) for at, share, name in drawn)
    return f"<g><title>{_text(title)}</title>{rects}</g>"


def _rect(left: int, height: float, name: str) -> str:
    top = _HEIGHT - 1 - height
    return f'<rect class="{name}" x="{left}" y="{top:.1f}" width="{_BAR}" height="{height:.1f}"/>'


def _bin(shape: Mapping[str, Any], n: int) -> str:
    bins = shape["bins"]
    if "end" not in shape:
        return str(bins[n])
    return f"{bins[n]} to {bins[n + 1] if n + 1 < len(bins) else format(shape['end'], '.6g')}"


def _axis(width: int) -> str:
    return f'<line class="axis" x1="0" x2="{width}" y1="{_HEIGHT - 0.5}" y2="{_HEIGHT - 0.5}"/>'


def _over_time(column: Mapping[str, Any], past: Sequence[Mapping[str, Any]]) -> str:
    """Draw the distance over the windows, the oldest first, beside its limit."""
    far = [(each["at"], each["distances"][column["name"]]) for each in past if column["name"] in each["distances"]]
    if len(far) < 2:  # noqa: PLR2004 - a line has two ends
        return ""
    limit = column.get("limit")
    most = max(*(distance for _, distance in far), limit or 0.0) or 1.0
    step = _WIDTH / (len(far) - 1)
    points = " ".join(f"{n * step:.1f},{_up(distance, most):.1f}" for n, (_, distance) in enumerate(far))
    label = f"{len(far)} windows from {minute(far[0][0])} to {minute(far[-1][0])} UTC, the last {far[-1][1]:.3f}"
    line = f'<polyline class="far" points="{points}"/>'
    text, parts = _text(label), f"{_limit(limit, most)}{line}{_axis(_WIDTH)}"
    size = f'width="{_WIDTH}" height="{_HEIGHT}"'
    return f'<svg {size} role="img" aria-label="{text}"><title>{text}</title>{parts}</svg>'


def _limit(limit: float | None, most: float) -> str:
    if not limit:
        return ""
    at = f"{_up(limit, most):.1f}"
    return f'<line class="limit" x1="0" x2="{_WIDTH}" y1="{at}" y2="{at}"/>'


def _up(distance: float, most: float) -> float:
    return (_HEIGHT - 2) * (1 - distance / most) + 1
