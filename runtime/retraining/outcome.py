"""Whether a trained model is better than the one that serves: a pure function of what was measured."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.retraining.words import short

LONGEST = 1 << 20
"""Bytes of a metrics file that are read; a file of measures is a few lines."""


LARGEST = 1e100
"""Of a measure, either way. Two that are far larger differ by infinity, which no JSON can hold."""
_NAME_SHOWN = 40
"""Characters of a name in a metrics file that a reason quotes."""


class Unmeasured(ValueError):
    """A metrics file says nothing of use. The text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How models are compared: `retraining.evaluation` of the spec.

    Args:
        metric: Name of the measure in the metrics file, such as `auroc`.
        lower_is_better: Whether a smaller value is the better one, as with an error.
        min_gain: By how much the new model must be better; 0 takes one that is as good.
    """

    metric: str
    lower_is_better: bool = False
    min_gain: float = 0.0


@dataclass(frozen=True, slots=True)
class Measures:
    """What a training measured.

    Args:
        candidate: Of the new model.
        live: Of the model that serves, on the same rows; None where the training did not measure it.
    """

    candidate: float
    live: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the new model is taken, and why.

    Args:
        better: Whether it is.
        reason: A sentence with both numbers.
        numbers: What was compared, by name.
    """

    better: bool
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)


def measures(content: bytes, metric: str) -> Measures:
    """Read a metrics file: `{"auroc": 0.83, "live": {"auroc": 0.81}}`.

    Args:
        content: The file.
        metric: The measure that the spec names.

    Raises:
        Unmeasured: It is no JSON, has not that measure, or the measure is no number, or none that can be compared.
    """
    if len(content) > LONGEST:
        raise Unmeasured(f"the metrics file has more than {LONGEST} bytes")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unmeasured(f"the metrics file is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Unmeasured("the metrics file is no JSON object")
    live = found.get("live")
    return Measures(
        _number(found, metric, "the new model"),
        None if live is None else _number(live, metric, "the live model"),
    )


def _number(found: Any, metric: str, whose: str) -> float:
    if not isinstance(found, dict) or metric not in found:
        named = ", ".join(short(name, _NAME_SHOWN) for name in sorted(found)[:10]) if isinstance(found, dict) else ""
        raise Unmeasured(f"no {metric} of {whose} in the metrics file, which has {named or 'nothing'}")
    value = found[metric]
    # Python reads NaN and Infinity, and integers of any length, out of JSON.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unmeasured(f"the {metric} of {whose} is no number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Unmeasured(f"the {metric} of {whose} is no finite number")
    if abs(number) > LARGEST:
        raise Unmeasured(f"the {metric} of {whose} is larger than {LARGEST:g}: nothing can be compared with it")
    return number


def judge(measured: Measures, evaluation: Evaluation, *, recorded: float | None) -> Verdict:
    """Compare the new model with the one that serves.

    Args:
        measured: What the training measured.
        evaluation: The measure, its direction and the gain asked for.
        recorded: What the live model's own training measured, where this one did not measure it; None without one.

    Returns:
        The verdict. Without anything to compare with, the new model is the first, and is taken.
    """
    live = recorded if measured.live is None else measured.live
    numbers = {"candidate": measured.candidate, "minGain": evaluation.min_gain}
    name = evaluation.metric
    if live is None:
        return Verdict(
            better=True, reason=f"{name} {measured.candidate:.6g}; no model to compare with", numbers=numbers
        )
    gain = live - measured.candidate if evaluation.lower_is_better else measured.candidate - live
    rows = "on the same rows" if measured.live is not None else "as recorded when that one was trained"
    better = gain >= evaluation.min_gain
    reason = f"{name} {measured.candidate:.6g} against {live:.6g} {rows}: "
    reason += _words(gain, evaluation, better=better)
    return Verdict(better, reason, {**numbers, "live": live, "gain": gain})


def _words(gain: float, evaluation: Evaluation, *, better: bool) -> str:
    how = "better" if gain > 0 else "worse" if gain < 0 else "the same"
    told = how if gain == 0 else f"{how} by {abs(gain):.3g}"
    return told if better else f"{told}, where better by {evaluation.min_gain:g} is asked for"
