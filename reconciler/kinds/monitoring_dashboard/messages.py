"""Between our record and the JSON of dashboards, version v1.

Source:
    `google.cloud.monitoring_dashboard_v1.types`; kinds.md 9.4: what the server fills in depends on the widget, so only
    what we write is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.kinds.monitoring_dashboard.layout import COLUMNS, Place, arranged, place_of, place_to_json
from reconciler.kinds.monitoring_dashboard.record import LIMIT, LINE, TEXT, Dashboard, Shown

LAYOUTS = ("gridLayout", "mosaicLayout", "rowLayout", "columnLayout")
_SAYS_NOTHING = frozenset({"title", "id", "visibilityCondition"})
_NO_TITLE = "a tile without a title"


def dashboard_of(live: Mapping[str, Any]) -> Dashboard:
    """Read a `Dashboard`."""
    return Dashboard(
        display_name=live.get("displayName", ""),
        tiles={title: shown_of(widget) for title, widget in _titled(_widgets(live))},
        labels=dict(live.get("labels", {})),
    )


def _widgets(live: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give every widget, whatever layout somebody chose."""
    yield from (tile.get("widget", {}) for tile in live.get("mosaicLayout", {}).get("tiles", ()))
    yield from live.get("gridLayout", {}).get("widgets", ())
    for layout, part in (("rowLayout", "rows"), ("columnLayout", "columns")):
        for each in live.get(layout, {}).get(part, ()):
            yield from each.get("widgets", ())


def _titled(widgets: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name every widget by its title; of those with one title, and without any, the later ones by a number too."""
    seen: dict[str, int] = {}
    for widget in widgets:
        title = str(widget.get("title", "")) or _NO_TITLE
        seen[title] = seen.get(title, 0) + 1
        yield (title if seen[title] == 1 else f"{title} ({seen[title]})"), widget


def shown_of(widget: Mapping[str, Any]) -> tuple[Shown, ...]:
    """Read what a widget shows; of a sort that we never write only which it is, so that it differs."""
    if "text" in widget:
        return (Shown(TEXT, widget["text"].get("content", "")),)
    if "xyChart" in widget:
        chart = widget["xyChart"]
        lines = map(_series, chart.get("dataSets", ()))
        limits = (Shown(LIMIT, at.get("label", ""), limit=float(at.get("value", 0))) for at in _limits(chart))
        return (*lines, *limits)
    return tuple(Shown(sort, "") for sort in sorted(widget.keys() - _SAYS_NOTHING))


def _limits(chart: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    found: Iterable[Mapping[str, Any]] = chart.get("thresholds", ())
    return found


def _series(data: Mapping[str, Any]) -> Shown:
    query = data.get("timeSeriesQuery", {})
    how, text = data.get("plotType", LINE), data.get("legendTemplate", "")
    ratio = query.get("timeSeriesFilterRatio")
    part = ratio.get("numerator", {}) if ratio else query.get("timeSeriesFilter", {})
    step = part.get("aggregation", {})
    return Shown(
        how=how,
        text=text,
        filter=part.get("filter", "") or query.get("prometheusQuery", "") or query.get("timeSeriesQueryLanguage", ""),
        aligner=_word(step, "perSeriesAligner", "ALIGN_"),
        reducer=_word(step, "crossSeriesReducer", "REDUCE_"),
        groups=tuple(step.get("groupByFields", ())),
        over=ratio.get("denominator", {}).get("filter", "") if ratio else "",
        period_s=int(float(str(step.get("alignmentPeriod", "0s")).removesuffix("s"))),
    )


def _word(step: Mapping[str, Any], name: str, prefix: str) -> str:
    return str(step.get(name, "")).removeprefix(prefix).replace("NONE", "")


def widget_to_json(title: str, shown: Iterable[Shown]) -> dict[str, Any]:
    """Give a `Widget`."""
    everything = list(shown)
    texts = [each.text for each in everything if each.how == TEXT]
    if texts:
        return {"title": title, "text": {"content": texts[0], "format": "MARKDOWN"}}
    limits = [{"value": each.limit, "label": each.text} for each in everything if each.how == LIMIT]
    lines = [_series_to_json(each) for each in everything if each.how != LIMIT]
    chart = {"dataSets": lines, "thresholds": limits, "chartOptions": {"mode": "COLOR"}}
    return {"title": title, "xyChart": chart}


def _series_to_json(shown: Shown) -> dict[str, Any]:
    if not shown.aligner:
        asked = {"timeSeriesQuery": {"prometheusQuery": shown.filter}}
        return {"plotType": shown.how, "legendTemplate": shown.text, **asked}
    period = f"{shown.period_s}s"
    step = {
        "alignmentPeriod": period,
        "perSeriesAligner": f"ALIGN_{shown.aligner}",
        **({"crossSeriesReducer": f"REDUCE_{shown.reducer}"} if shown.reducer else {}),
        "groupByFields": list(shown.groups),
    }
    part = {"filter": shown.filter, "aggregation": step}
    below = {"filter": shown.over, "aggregation": step}
    ratio = {"timeSeriesFilterRatio": {"numerator": part, "denominator": below}}
    return {
        "plotType": shown.how,
        "legendTemplate": shown.text,
        "minAlignmentPeriod": period,
        "timeSeriesQuery": ratio if shown.over else {"timeSeriesFilter": part},
    }


def dashboard_to_json(fields: Dashboard, live: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """Give a `Dashboard`.

    Args:
        fields: What we want.
        live: What is there; nothing for a new one. A tile that is as wanted stays as it is, with all that people set
            in it, and every tile where it stands.
        labels: All of them, those of others among them.
    """
    tiles = {title: tile for tile in live.get("mosaicLayout", {}).get("tiles", ()) for title in [_title(tile)] if title}
    same = {
        title: tiles[title]["widget"]
        for title, shown in fields.tiles.items()
        if title in tiles and shown_of(tiles[title].get("widget", {})) == tuple(shown)
    }
    before: dict[str, Place] = {title: place_of(tile) for title, tile in tiles.items()}
    banners = [title for title, shown in fields.tiles.items() if any(each.how == TEXT for each in shown)]
    places = arranged(list(fields.tiles), banners, before)
    made = [
        {**place_to_json(places[title]), "widget": same.get(title) or widget_to_json(title, shown)}
        for title, shown in fields.tiles.items()
    ]
    theirs = {name: value for name, value in live.items() if name not in LAYOUTS}
    return {
        **theirs,
        "displayName": fields.display_name,
        "labels": dict(labels),
        "mosaicLayout": {"columns": COLUMNS, "tiles": made},
    }


def _title(tile: Mapping[str, Any]) -> str:
    return str(tile.get("widget", {}).get("title", ""))
