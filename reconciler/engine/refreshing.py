"""Read list prices from Google's catalog: two lists and one more for each service, in parallel."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from reconciler.cost.catalog import Refreshed, refreshed, rules
from reconciler.cost.prices import packaged
from reconciler.engine.session import Session
from reconciler.gcp.catalog import services_of, skus_of


def read_prices(session: Session) -> Refreshed:
    """Read the prices that rules name.

    Args:
        session: The run's means.

    Raises:
        ApiError: The catalog cannot be read.
    """
    there = services_of(session.connection)
    wanted = sorted({rule.service for rule in rules()})
    read = [partial(skus_of, session.connection, each) for each in wanted if each in there]
    found = refreshed([sku for skus in session.pool.gather(read) for sku in skus], packaged())
    gone = tuple(f"service {each} is not in the catalog" for each in wanted if each not in there)
    return replace(found, kept=(*gone, *found.kept))
