"""What was said of predictions becomes points of Cloud Monitoring: people are told by an alert on them.

Cloud Monitoring takes points of now and in the order of time, so of windows that were judged together only the newest
is written, and none that is older than what was said before. That nothing could be written is said in the log, and is
no reason to judge a window again.

Source: `projects.timeSeries.create` of monitoring v3: a point of a series every five seconds, none older than 25 hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from runtime.retraining import telling
from runtime.retraining.google import Google, Refused, Unavailable
from runtime.retraining.handling import NotNow
from runtime.retraining.settings import Settings
from runtime.retraining.watching.windows import Window, Windows

TRIES = 2
"""Of a write that gets no answer: a window is judged once, and a point that was lost is not written later. Each takes
35 seconds at most, and a delivery has five minutes."""
INVALID = 400
_THERE = ("more frequently", "in order")
"""Of Google's words where a point of that time is there: another look has just written it, or the try before did."""


class Points:
    """Keeps what one look judges, and writes the newest.

    Args:
        settings: Whose.
        google: Calls with.
        claim: Tells whether nobody else writes a window's points, and nobody has: one whose training gets no answer is
            judged again with each look, and two looks may judge the same at once.
    """

    def __init__(self, settings: Settings, google: Google, claim: Callable[[Window], bool] = lambda _: True) -> None:
        self._settings, self._google, self._claim = settings, google, claim
        self._told: Mapping[str, Any] = (settings.performance or {}).get("points") or {}
        self._newest: Window | None = None

    def seen(self, windows: Iterable[Window], known: Windows) -> Iterator[Window]:
        """Give the windows as they come, and keep the newest one that something was said of.

        Args:
            windows: That are judged, the oldest first.
            known: What was remembered before.
        """
        for window in windows:
            if window.says is not None and not _older(window, known):
                self._newest = window
            yield window

    def write(self, now: datetime) -> None:
        """Write the points, at most once; what keeps them from being written is in the log.

        Args:
            now: The time it is, aware.
        """
        if self._newest is None or not self._told:
            return
        window, self._newest = self._newest, None
        try:
            if self._claim(window):
                self._create(list(series_of(window.to_json(), self._told, now)))
        except NotNow as error:
            telling.log("WARNING", f"{self._settings.service}: no alert and no dashboard knows of the window: {error}")
        except (Refused, Unavailable) as error:
            service = self._settings.service
            if _is_there(error):
                telling.log("INFO", f"{service}: a point of this time is there, and the window's is left out: {error}")
            else:
                telling.log("WARNING", f"{service}: no alert and no dashboard knows of the window: {error}")

    def _create(self, series: list[dict[str, Any]]) -> None:
        url = f"{self._google.address('monitoring')}/v3/projects/{self._settings.project}/timeSeries"
        for left in reversed(range(TRIES)):
            try:
                self._google.call("write how right predictions were", "POST", url, json={"timeSeries": series})
            except Unavailable:
                if not left:
                    raise
            else:
                return


def _is_there(error: Exception) -> bool:
    return isinstance(error, Refused) and error.status == INVALID and any(words in str(error) for words in _THERE)


def series_of(window: Mapping[str, Any], told: Mapping[str, Any], now: datetime) -> Iterator[dict[str, Any]]:
    """Give the series of a window, as Cloud Monitoring takes them: whether it is a breach, and each measure's value.

    Args:
        window: As plain data.
        told: Names of the metrics, and the resource that they are of: `value`, `breach`, `resource`.
        now: The time it is, aware.
    """
    interval = {"endTime": now.astimezone(UTC).isoformat()}

    def series(metric: Mapping[str, Any], kind: str, value: Mapping[str, Any]) -> dict[str, Any]:
        point = {"interval": interval, "value": value}
        about = {"metric": metric, "resource": told["resource"], "metricKind": "GAUGE", "valueType": kind}
        return {**about, "points": [point]}

    breach = str(int(window["finding"] == "Breach"))
    yield series({"type": told["breach"]}, "INT64", {"int64Value": breach})
    for each in window["columns"]:
        if each.get("value") is not None:
            labels = {"measure": each["name"]}
            yield series({"type": told["value"], "labels": labels}, "DOUBLE", {"doubleValue": each["value"]})


def _older(window: Window, known: Windows) -> bool:
    """Tell whether something was said of a later window before: one that was measured at last may be older."""
    said = known.said(window.sort)
    return said is not None and said > window.at
