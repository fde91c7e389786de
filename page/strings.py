"""Words of the page that several places use: English alone, in one file."""

from __future__ import annotations

TITLES = {
    "fleet": "Fleet",
    "cost": "Cost",
    "changes": "Changes",
    "operator": "Operator",
    "service": "Service",
    "rollout": "Rollout",
    "drift": "Data drift",
    "retraining": "Retraining",
}
WAITS = {
    "Hold": "holds",
    "NotEnoughData": "waits for data",
    "MetricsMissing": "metrics missing",
    "Approval": "waits for approval",
    "Paused": "paused",
    "Frozen": "frozen",
    "StableFailing": "stable fails, too",
    "NoCapacity": "no capacity",
    "OtherRegionFirst": "another region first",
}
PHASES = {
    "Steady": "nothing on its way",
    "Starting": "starting",
    "Preview": "before any traffic",
    "Step": "on its way",
    "Bake": "all traffic, still watched",
    "RolledBack": "rolled back",
    "Pinned": "pinned by hand",
    "Failed": "failed",
}
