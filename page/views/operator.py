"""The operator: whether it works, what its last passes did, and what stopped them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from page.commands import of_operator
from page.documents import Data
from page.snapshot import OPERATOR, Snapshot
from page.state import SIGNS
from page.words import short


def operator_view(snapshot: Snapshot) -> Data:
    """Make the view."""
    told = {(each["operator"], each["shard"]["index"]): each for each in snapshot.standings}
    passes = [
        _pass(each, told.get((each["operator"], each["shard"]["index"])), snapshot.uninstalled)
        for each in snapshot.passes
    ]
    there = passes and not snapshot.over
    commands = ("operator status", "operator run", "operator logs") if there else ("install", "doctor")
    about = next(iter([*snapshot.passes, *snapshot.standings]), {"local": snapshot.local})
    return {
        "passes": passes,
        "unreadable": list(snapshot.unreadable),
        "orphaned": [each for report in snapshot.passes for each in report["orphaned"]],
        "held": [
            {"address": address, "reason": reason}
            for report in snapshot.passes
            for address, reason in sorted(((report["canary"] or {}).get("held") or {}).items())
        ],
        "warnings": [each for told in snapshot.standings for each in told["warnings"]],
        "commands": [of_operator(each, about).to_json() for each in commands],
    }


def _pass(report: Data, standing: Data | None, uninstalled: Mapping[str, datetime]) -> Data:
    gone = uninstalled.get(report["operator"])
    states = Counter(each["state"] for name, each in report["services"].items() if not name.startswith(OPERATOR))
    bundle, build, source = report["bundle"] or {}, report["build"] or {}, report["source"] or {}
    tone, word = ("bad", "not all well") if report["exitCode"] else ("good", "well")
    if gone:
        tone, word = "quiet", "uninstalled"
    return {
        "operator": report["operator"],
        "shard": report["shard"]["index"],
        "shards": report["shard"]["count"],
        "started": report["started"],
        "ended": report["ended"],
        "seconds": report["seconds"],
        "tone": tone,
        "sign": SIGNS[tone],
        "word": word,
        "uninstalled": gone.isoformat() if gone else None,
        "exitCode": report["exitCode"],
        "changed": report["changed"],
        "services": sum(states.values()),
        "states": [{"state": state, "count": count} for state, count in sorted(states.items())],
        "problems": list(report["problems"]),
        "warnings": list(report["warnings"]),
        "mode": report["drift"],
        "dryRun": report["dryRun"],
        "execution": report["execution"],
        "program": report["program"],
        "image": short(build.get("image") or ""),
        "source": " ".join(filter(None, (source.get("kind"), source.get("place")))),
        "commit": short(bundle.get("commit") or ""),
        "author": bundle.get("author") or "",
        "written": bundle.get("written") or "",
        "calls": list(report["calls"]),
        "callsAll": sum(each["calls"] for each in report["calls"]),
        "throttled": sum(each["throttled"] for each in report["calls"]),
        "waitedSeconds": round(sum(each["waitedSeconds"] for each in report["calls"]), 1),
        "next": [] if gone else list((standing or {}).get("next") or ()),
    }
