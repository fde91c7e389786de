"""Columns that are compared by their logarithm: how a query says it, and what a query says of it. Pure.

Model Monitoring knows ten buckets of equal width and no other scale, and reads a query's answer as it is: so what it is
given is the logarithm, under the column's own name, on both sides.

Source:
    aiplatform v1beta1 `ModelMonitoringBigQuerySource.query`; model_monitoring.md A.5, B.4. GoogleSQL's `LN` of 0 and
    below is an error, which would end the job: such values are null, which Model Monitoring counts as missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from reconciler.core.googlesql import identifier

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from schemas import MLService

_QUOTED = r"`((?:[^`\\]|\\.)+)`"
_TAKEN = re.compile(rf"IF\({_QUOTED} > 0(?: AND NOT IS_NAN\(`\1`\))?, LN\(`\1`\), NULL\) AS `\1`")
_TABLE = re.compile(rf" FROM {_QUOTED}")


def logarithmic(service: MLService) -> frozenset[str]:
    """Give the columns of a service that are compared by their logarithm."""
    monitoring = service.spec.monitoring
    return frozenset(monitoring.logarithmic) if monitoring else frozenset()


def selected(names: Iterable[str], by_logarithm: frozenset[str]) -> str:
    """Give the columns of a query, in GoogleSQL.

    Args:
        names: Of all of them, in order.
        by_logarithm: Those of which the logarithm is taken.
    """
    return ", ".join(_taken(name) if name in by_logarithm else identifier(name) for name in names)


def _taken(name: str) -> str:
    column = identifier(name)
    # GoogleSQL says that NaN is not above 0; engines that sort it above all numbers say that it is.
    return f"IF({column} > 0 AND NOT IS_NAN({column}), LN({column}), NULL) AS {column}"


def taken_in(query: str) -> frozenset[str]:
    """Give the columns of which a query of ours takes the logarithm; nothing of what somebody else wrote otherwise."""
    return frozenset(map(_plain, _TAKEN.findall(query)))


def table_of(query: str) -> str:
    """Give the table that a query of ours reads; empty where that cannot be told."""
    found = _TABLE.search(query)
    return _plain(found[1]) if found else ""


def _plain(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name)


def consequence(changes: Sequence[FieldChange], path: str) -> str:
    """Say of which columns the scale becomes another one: distances before and after are not alike.

    Args:
        changes: Of a record with a query of ours.
        path: Where in it that query is.
    """
    queries = [(change.before, change.after) for change in changes if change.path == path]
    before, after = (taken_in(each) if isinstance(each, str) else frozenset() for each in (queries or [("", "")])[0])
    new, old = sorted(after - before), sorted(before - after)
    said = [f"{', '.join(new)} by the logarithm"] if new else []
    said += [f"{', '.join(old)} by the value"] if old else []
    return f"compares {' and '.join(said)} from now on: limits of before are of another scale" if said else ""
