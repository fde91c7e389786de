"""The job and its passes, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from reconciler.render.moments import ago, minute
from reconciler.render.values import one_line


def status_lines(found: dict[str, Any], now: datetime) -> Iterator[str]:
    """Say what the job is, when it starts, and what its latest pass found.

    Args:
        found: As `Installed.status` gives it.
        now: The time, for ages.
    """
    due = f", next {minute(found['next'])} UTC" if found["next"] else ""
    paused = ", paused: mlservice operator resume" if found["paused"] else due
    when = f"{found['schedule']} ({found['timeZone']}){paused}" if found["schedule"] else "its schedule is gone"
    yield f"{found['name']} in {found['region']}: {when}"
    yield f"  image   {found['image'] or 'its job is gone'}"
    yield f"  shards  {found['shards'] or 'not known'}"
    if found["page"]:
        yield f"  page    {one_line(found['page'])}"
    for report in found["passes"]:
        yield from pass_lines(report, f" ({ago(report['ended'], now)})")
    if not found["passes"] and found["unreadable"]:
        yield "  what the latest pass did cannot be read; another one writes it anew: mlservice operator run"
    elif not found["passes"]:
        yield "  no pass has reported yet: mlservice operator run"
    for each in found["needsYou"]:
        yield f"  needs you  {one_line(each['name'])}: {one_line(each['why'])}"
    for missing in found["missing"]:
        yield f"  missing {one_line(missing)}: mlservice install"
    for problem in found["problems"]:
        yield f"  problem {one_line(problem)}"


def pass_lines(report: dict[str, Any], age: str = "") -> Iterator[str]:
    """Say in short what came of a pass.

    Args:
        report: Of one shard, as it is stored.
        age: How long ago that was, in words.
    """
    bundle = report["bundle"] or {}
    commit = f", commit {one_line(bundle['commit'])[:12]}" if bundle.get("commit") else ""
    kind = one_line((report.get("source") or {}).get("kind", "bundle"))
    source = f"{kind} {one_line(bundle['digest'])[:12]}{commit}" if bundle else "specs of the image"
    states: dict[str, list[str]] = {}
    for name, service in sorted(report["services"].items()):
        states.setdefault(one_line(service["state"]), []).append(one_line(name))
    shown = [f"{len(names)} {state}" for state, names in sorted(states.items())]
    what = ", ".join(shown) or "no services"
    yield f"  pass    {report['ended']}{age} shard {report['shard']['index']}, {source}: {what}"
    for state, names in sorted(states.items()):
        if state not in {"ok", "changed"}:
            yield f"          {state}: {', '.join(names)}"
    for orphan in report["orphaned"]:
        yield f"          {one_line(_orphan_line(orphan))}"
    for warning in report.get("warnings", ()):
        yield f"          warning: {one_line(warning)}"


def log_lines(report: dict[str, Any]) -> Iterator[str]:
    """Say line by line what a pass did.

    Args:
        report: Of one shard, as it is stored.
    """
    yield from map(one_line, _logged(report))


def _logged(report: dict[str, Any]) -> Iterator[str]:
    here = f"{report['ended']} shard {report['shard']['index']}"
    for problem in report["problems"]:
        yield f"{here} ERROR {problem}"
    for warning in report.get("warnings", ()):
        yield f"{here} WARNING {warning}"
    for name, service in sorted(report["services"].items()):
        yield from (f"{here} {_change_line(change)}" for change in service["changes"])
        yield from (f"{here} {service['state']} {name}: {problem}" for problem in service["problems"])
    for orphan in report["orphaned"]:
        yield f"{here} {_orphan_line(orphan)}"
        yield from (f"{here} {_change_line(change)}" for change in orphan.get("changes", ()))
    for each in report.get("calls", ()):
        if each["throttled"]:
            refused = f"{each['throttled']} of {each['calls']} calls"
            yield f"{here} WARNING {each['api']} refused {refused} for their rate: waited {each['waitedSeconds']} s"
    services, changed = len(report["services"]), report["changed"]
    yield f"{here} pass over {services} services done in {report['seconds']} s, {changed} changed"


def _orphan_line(orphan: dict[str, Any]) -> str:
    """Say what became of a service that no spec wants any more, and why it stays where it does."""
    reason = f": {orphan['reason']}" if orphan.get("reason") else ""
    since = f" since {orphan['since']}" if orphan.get("since") else ""
    return f"{orphan.get('state', 'orphaned')}{since}: {orphan['name']} in {orphan['region']}{reason}"


def _change_line(change: dict[str, Any]) -> str:
    fields = f" {', '.join(each['path'] for each in change['fields'])}" if change["fields"] else ""
    reason = f" ({change['reason']})" if change["reason"] else ""
    error = f": {change['error']}" if change.get("error") else ""
    return f"{change['outcome']} {change['action']} {change['address']}{fields}{reason}{error}"
