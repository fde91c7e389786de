"""Data drift: which input moved, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from page.documents import Data
from page.views.fleet import head_of
from page.views.measures import ratio, spark, windows_of, worst
from page.words import number

WINDOWS = 20
"""Columns of the heat map: with 40 features and their distances it stays readable."""
FEATURES = 30
TITLES: Mapping[str, str] = {
    "skew": "Requests against the training data",
    "drift": "Requests against earlier requests",
    "predictiondrift": "Answers against earlier answers",
    "performance": "Answers against what came true",
}


def data_view(service: Data) -> Data:
    """Make the view."""
    monitoring = service.get("monitoring") or {}
    shapes = monitoring.get("shapes") or {}
    comparisons = monitoring.get("comparisons") or ()
    return {
        **head_of(service),
        "looked": monitoring.get("looked"),
        "problem": monitoring.get("problem") or "",
        "comparisons": [
            _comparison(each, windows_of(service, each["which"]), shapes.get(each["which"]) or {})
            for each in comparisons
        ],
        "rollouts": _marks(service),
    }


def _comparison(told: Data, windows: Sequence[Data], shapes: Mapping[str, Data]) -> Data:
    shown = windows[-WINDOWS:]
    names = _features(shown)
    return {
        "which": told["which"],
        "title": TITLES.get(told["which"], told["which"]),
        "finding": told["finding"],
        "reason": told["reason"],
        "at": told["at"],
        "since": told["since"],
        "breachedWindows": told["windows"],
        "breached": list(told["columns"]),
        "windows": [{name: each[name] for name in ("at", "finding", "samples")} for each in shown],
        "features": [_feature(name, shown, shapes.get(name)) for name in names[:FEATURES]],
        "featuresLeftOut": max(0, len(names) - FEATURES),
        "worst": spark(windows),
        "sentence": _sentence(shown),
    }


def _features(windows: Sequence[Data]) -> list[str]:
    """Name the features, the one that is worst in the latest window that has it first."""
    latest: dict[str, Data] = {}
    for window in windows:
        latest |= {each["name"]: each for each in window["columns"]}
    order = sorted(latest.values(), key=lambda each: (-float(ratio(each) or 0), each["name"]))
    return [each["name"] for each in order]


def _feature(name: str, windows: Sequence[Data], shape: Data | None) -> Data:
    cells = [next((each for each in window["columns"] if each["name"] == name), None) for window in windows]
    last = next((each for each in reversed(cells) if each is not None), None)
    return {
        "name": name,
        "distance": (last or {}).get("distance"),
        "limit": (last or {}).get("limit"),
        "ratio": ratio(last or {}),
        "samples": (last or {}).get("samples"),
        "finding": (last or {}).get("finding") or "",
        "reason": (last or {}).get("reason") or "",
        "cells": [None if each is None else _cell(each) for each in cells],
        "shape": _shape(shape),
    }


def _cell(each: Data) -> Data:
    return {"ratio": ratio(each), "distance": each["distance"], "finding": each["finding"]}


def _shape(shape: Data | None) -> Data | None:
    if not shape:
        return None
    labels = list(shape["labels"]) or _between(shape["edges"])
    bins = [
        {"label": label, "baseline": base, "serving": now}
        for label, base, now in zip(labels, shape["baseline"], shape["serving"], strict=False)
    ]
    moved = max(bins, key=lambda each: abs(each["serving"] - each["baseline"]), default=None)
    return {"numbers": bool(shape["edges"]), "bins": bins, "moved": moved}


def _between(edges: Sequence[float]) -> list[str]:
    return [f"{number(low)} to {number(high)}" for low, high in pairwise(edges)]


def _sentence(windows: Sequence[Data]) -> str:
    """Say what the heat map shows, for who does not see it."""
    empty = sum(not each["columns"] for each in windows)
    columns = worst(windows[-1]["columns"]) if windows else None
    if columns is None:
        return f"Nothing was measured in the latest of {len(windows)} windows."
    unseen = f" {empty} windows have no data." if empty else ""
    beyond = "beyond" if float(ratio(columns) or 0) > 1 else "within"
    distance, limit = number(columns["distance"]), number(columns["limit"])
    return (
        f"In the latest of {len(windows)} windows {columns['name']} is farthest: distance {distance}, {beyond} its "
        f"limit {limit}.{unseen}"
    )


def _marks(service: Data) -> list[Data]:
    """Give when traffic moved, to be seen beside what the data did."""
    return [
        {"at": each["since"], "percent": each["percent"], "version": each["version"][:12], "action": each["action"]}
        for each in service.get("trail") or ()
        if each["action"]
    ][-20:]
