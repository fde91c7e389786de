"""What Google refuses of a dashboard.

Source: constraints.md section 8; comments of the messages of google-cloud-monitoring-dashboards 3.2.0.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from emulator.apis.monitoring.series.alignment import ALIGNERS
from emulator.apis.monitoring.series.reading import aggregation_of, selector_of
from emulator.apis.monitoring.series.reduction import REDUCERS
from emulator.core.failures import ApiFailure
from emulator.core.resources import check_labels

COLUMNS_MOST, TILES_MOST = 48, 500
"""The columns are Google's; the tiles are ours: each is compared with every other one."""
CHARTED = ("xy_chart", "time_series_table", "pie_chart")
"""Contents with several sets of data."""
ONE = ("scorecard",)


def invalid(field: str, why: str) -> ApiFailure:
    """How a field is refused."""
    return ApiFailure("INVALID_ARGUMENT", f"Field {field} has an invalid value: {why}")


def widgets(made: Any) -> Iterator[Any]:
    """Every widget, whatever the layout."""
    layout = made.WhichOneof("layout")
    if layout == "mosaic_layout":
        yield from (tile.widget for tile in made.mosaic_layout.tiles)
    elif layout == "grid_layout":
        yield from made.grid_layout.widgets
    elif layout == "row_layout":
        yield from (widget for row in made.row_layout.rows for widget in row.widgets)
    elif layout == "column_layout":
        yield from (widget for column in made.column_layout.columns for widget in column.widgets)


def check(made: Any) -> None:
    """Refuse one without a name or a layout, tiles that are outside or on each other, and queries that are none.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    if not made.display_name:
        raise invalid("dashboard.display_name", "it is required.")
    if made.WhichOneof("layout") is None:
        raise invalid("dashboard.layout", "one of grid, mosaic, row and column is required.")
    check_labels(made.labels.items())
    if made.WhichOneof("layout") == "mosaic_layout":
        check_tiles(made.mosaic_layout)
    for number, widget in enumerate(widgets(made)):
        check_widget(f"widget[{number}]", widget)


def check_tiles(layout: Any) -> None:
    """Refuse tiles that are not in the grid, or on each other.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    if not 1 <= layout.columns <= COLUMNS_MOST:
        raise invalid("mosaicLayout.columns", f"{layout.columns} is not from 1 to {COLUMNS_MOST}.")
    if len(layout.tiles) > TILES_MOST:
        raise invalid("mosaicLayout.tiles", f"the emulator compares {TILES_MOST} at most, not {len(layout.tiles)}.")
    for number, tile in enumerate(layout.tiles):
        where = f"mosaicLayout.tiles[{number}]"
        if min(tile.width, tile.height) < 1 or min(tile.x_pos, tile.y_pos) < 0:
            raise invalid(where, "width and height are 1 or more, xPos and yPos 0 or more.")
        if tile.x_pos + tile.width > layout.columns:
            raise invalid(where, f"it is not contained in the {layout.columns} columns.")
    for (one, a), (other, b) in combinations(enumerate(layout.tiles), 2):
        # A group is the area of its members (comment of `CollapsibleGroup`).
        grouped = "group" in f"{a.widget.WhichOneof('content')}{b.widget.WhichOneof('content')}"
        if not grouped and overlap(a, b):
            raise invalid(f"mosaicLayout.tiles[{other}]", f"it overlaps with tiles[{one}].")


def overlap(a: Any, b: Any) -> bool:
    """Whether two tiles share a block."""
    return bool(
        a.x_pos < b.x_pos + b.width
        and b.x_pos < a.x_pos + a.width
        and a.y_pos < b.y_pos + b.height
        and b.y_pos < a.y_pos + a.height
    )


def check_widget(where: str, widget: Any) -> None:
    """Refuse queries that are none, and what a chart cannot show.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    content = widget.WhichOneof("content")
    found: Any = getattr(widget, content) if content else None
    if content in CHARTED:
        for number, each in enumerate(found.data_sets):
            check_query(f"{where}.dataSets[{number}].timeSeriesQuery", each.time_series_query)
    if content in ONE:
        check_query(f"{where}.timeSeriesQuery", found.time_series_query)
    if content == "xy_chart" and any(each.color or each.direction for each in found.thresholds):
        raise invalid(f"{where}.xyChart.thresholds", "color and direction are not allowed in an XyChart.")


def check_query(where: str, query: Any) -> None:
    """Refuse a query without a source, filters that are none, and steps that cannot be applied.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    source = query.WhichOneof("source")
    if source is None:
        raise invalid(where, "one source of data is required.")
    if source == "time_series_filter":
        check_part(f"{where}.timeSeriesFilter", query.time_series_filter)
    if source == "time_series_filter_ratio":
        ratio = query.time_series_filter_ratio
        for name in ("numerator", "denominator"):
            check_part(f"{where}.timeSeriesFilterRatio.{name}", getattr(ratio, name))


def check_part(where: str, part: Any) -> None:
    """Refuse a filter without a metric, and a step that is not whole.

    Raises:
        ApiFailure: INVALID_ARGUMENT, UNIMPLEMENTED.
    """
    if not part.filter:
        raise invalid(f"{where}.filter", "it is required.")
    selector_of(part.filter, f"{where}.filter")
    if not part.HasField("aggregation"):
        return
    how = aggregation_of(part.aggregation)  # refuses steps that are not whole
    if how.aligner != "ALIGN_NONE" and how.aligner not in ALIGNERS:
        raise ApiFailure("UNIMPLEMENTED", f"The emulator does not know the aligner {how.aligner}.")
    if how.reducer != "REDUCE_NONE" and how.reducer not in REDUCERS:
        raise ApiFailure("UNIMPLEMENTED", f"The emulator does not know the reducer {how.reducer}.")
