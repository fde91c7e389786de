"""One service: what it is now, what was asked for, what waits, and how to ask it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

from page.commands import Command, of_operator, of_service
from page.documents import Data
from page.snapshot import Past
from page.state import SIGNS, is_moving
from page.views.changes import told_entry
from page.views.fleet import row_of
from page.words import short

RECENT = 10
_CLOUD_RUN = re.compile(r"https://(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+run\.app/?")
_THIS_MACHINE = re.compile(r"http://(?:127\.0\.0\.1|localhost)(?::[0-9]{1,5})?/?")
"""Nothing stands before the host, such as a name that looks like one, and no path after it."""


def service_view(service: Data, past: Past) -> Data:
    """Make the view.

    Args:
        service: As a snapshot has it.
        past: What became of it.
    """
    row = row_of(service).data
    return {
        **row,
        "url": _address(service),
        "operator": service.get("operator") or "",
        "report": _report(service.get("report")),
        "problem": service.get("problem") or "",
        "conditions": [_condition(each) for each in service.get("conditions") or ()],
        "versions": [_version(each) for each in service.get("versions") or ()],
        "pending": _pending(service),
        "commands": [each.to_json() for each in _commands(service)],
        "call": _call(service),
        "history": [told_entry(each) for each in past.entries[:RECENT]],
        "historyCommand": of_service("history", service).words,
        "historyOlder": past.older + max(0, len(past.entries) - RECENT),
        "unreadable": list(past.unreadable),
        "has": {
            "rollout": bool(service.get("rollout") or service.get("trail")),
            "drift": bool(service.get("monitoring")),
            "retraining": bool(service.get("retraining")),
        },
    }


def _address(service: Data) -> str:
    """Give an address that a link and a command may lead to: Google's, or on the emulator this machine's; else nothing.

    Whoever writes documents must not get the clicks, and still less the tokens, of those who read the page.
    """
    url = service.get("url") or ""
    known = _CLOUD_RUN.fullmatch(url) or (service.get("local") and _THIS_MACHINE.fullmatch(url))
    return url if known else ""


def _report(told: Data | None) -> Data | None:
    return {"state": told["state"], "problems": list(told["problems"])} if told else None


_CONDITIONS = {"true": "good", "succeeded": "good", "false": "bad", "failed": "bad"}


def _condition(text: str) -> Data:
    """Read what Cloud Run says of a service: `Ready: succeeded`, `RoutesReady: failed: why`."""
    name, _, said = text.partition(": ")
    state, _, why = said.partition(": ")
    tone = _CONDITIONS.get(state.lower(), "quiet")
    words = why if state.lower() in _CONDITIONS else said
    return {"name": name, "tone": tone, "sign": SIGNS[tone], "text": words}


def _version(each: Data) -> Data:
    return {**each, "short": short(each["version"] or each["revision"]), "digest": short(each["image"])}


def _pending(service: Data) -> list[Data]:
    """Give what was not made: what standings tell, else what the report tells and did not do."""
    told = service.get("pending") or (service.get("report") or {}).get("changes") or ()
    return [each for each in told if each["outcome"] != "done"]


def _commands(service: Data) -> Iterable[Command]:
    rollout = service.get("rollout") or {}
    if is_moving(service):
        yield of_service("promote", service, step=rollout["step"] or None)
        yield of_service("pause", service) if rollout["wait"] != "Paused" else of_service("resume", service)
        yield of_service("abort", service)
    elif rollout.get("phase") == "Pinned":
        yield of_service("resume", service)
    elif rollout.get("phase") in {"RolledBack", "Failed"}:
        yield of_service("retry", service)
    elif any(
        each["state"] == "ready" and not each["rejected"] and not each["percent"]
        for each in service.get("versions") or ()
    ):
        yield of_service("rollback", service)
    if service.get("retraining"):
        yield of_service("retrain", service)
    if any(step["state"] == "taken" for step in (service.get("budget") or {}).get("steps") or ()):
        yield of_service("budget lift", service)
    yield of_service("why", service)
    yield of_service("status", service)
    yield of_service("graph", service)
    if _pending(service):
        yield of_operator("plan", service)


_BODIES: Mapping[str, tuple[str, str]] = {
    "vertex": ("/predict", '{"instances": [ … ]}'),
    "v1": ("/v1/models/{name}:predict", '{"instances": [ … ]}'),
    "v2": ("/v2/models/{name}/infer", '{"inputs": [ … ]}'),
}


def _call(service: Data) -> list[Data]:
    """Say how it is asked, on the command line and by curl."""
    url, name = _address(service), service["name"]
    told = [{"by": "mlservice", "command": of_service("predict", service, "rows.json").words}]
    if url and service.get("protocol"):
        path, body = _BODIES.get(service["protocol"], _BODIES["vertex"])
        token = "$(gcloud auth print-identity-token)"  # noqa: S105 - a command that gives one
        where = shlex.quote(f"{url.rstrip('/')}{path.format(name=name)}")
        sent = f'-H "Content-Type: application/json" -d {shlex.quote(body)} {where}'
        # A real token is for a real service: the emulator asks for none, and may be anybody's program.
        curl = f"curl {sent}" if service.get("local") else f'curl -H "Authorization: Bearer {token}" {sent}'
        told.append({"by": "curl", "command": curl})
    return told
