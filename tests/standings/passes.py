"""Passes of an operator in this process, over specs, as the job makes them; and what they leave in the bucket."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from reconciler.core.orders import Orders
from reconciler.engine.entries import Circumstances
from reconciler.engine.job import Job, load_telling
from reconciler.engine.planning import make_plan
from reconciler.engine.shard import Shard
from schemas.kept import Standings
from schemas.kept.standings import ServiceStanding
from tests.operating import BUCKET, HELLO, REGION, Operator

NAME = "m"
ORDERS = Orders(name=NAME, region=REGION)
ALONE = Shard(0, 1)
PLACE = f"operators/{NAME}/standings"
MINE: dict[str, Any] = {
    "apiVersion": "mlservice/v1",
    "kind": "Operator",
    "metadata": {"name": NAME},
    "spec": {"region": REGION, "schedule": "*/5 * * * *"},
}


@dataclass
class Passes:
    """The passes of one operator.

    Attributes:
        operator: On whose cloud.
        orders: What they may do; without a name nobody keeps reports.
        shard: Which part of the services they are about.
    """

    operator: Operator
    orders: Orders = ORDERS
    shard: Shard = ALONE

    def make(self, *specs: dict[str, Any], dry_run: bool = False) -> int:
        """One pass; gives its exit code."""
        session = self.operator.session()
        at = session.clock.now().isoformat()
        by = {"kind": "operator", "name": NAME, "run": session.run_id}
        job = Job(
            session,
            partial(make_plan, session, runtime_image=HELLO, tries=not dry_run),
            self.orders,
            self.shard,
            None,
            "1.0",
            dry_run=dry_run,
            about=lambda *_: Circumstances("local", "", at, at, by, {}),
            started=time.monotonic(),
        )
        return job.of(*load_telling([self.operator.write(*specs)], None))

    def blob(self, shard: int = 0) -> Any:
        """The object that the shard's standings are in."""
        return self.operator.connection.storage.bucket(BUCKET).blob(f"{PLACE}/{shard}.json")

    def said(self, shard: int = 0) -> Any:
        """What is written there, as JSON; None where nothing is."""
        return json.loads(self.blob(shard).download_as_bytes()) if self.blob(shard).exists() else None

    def kept(self, shard: int = 0) -> Standings:
        """The same, read."""
        return Standings.read(self.said(shard))

    def of(self, name: str = "churn", shard: int = 0) -> ServiceStanding:
        """What is kept of one service."""
        return next(each for each in self.kept(shard).services if each.name == name)
