"""A fleet in every state, as the documents of the state bucket tell of it: the same for the same seed."""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.core.standings.fitting import LARGEST, fitted
from schemas.kept import HistoryEntry, PassReport, Standings

NOW = datetime(2026, 11, 26, 14, 5, tzinfo=UTC)
EVERY = timedelta(minutes=5)
MANY = 400
"""From so many services on not all that is known of each is kept."""
OPERATOR, PROJECT, REGION = "mlservice", "acme-ml", "us-central1"
REGIONS = (REGION, "europe-west1", "asia-east1")
TEAMS = ("growth", "risk", "search", "supply")
NOUNS = ("churn", "fraud", "ranker", "demand", "eta", "ads", "spam", "price", "intent", "yield")
TAILS = ("scorer", "model", "filter", "api", "classifier")
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; DROP TABLE services; --",
    "</script><script>alert(2)</script>",
    "</textarea></title></style><svg/onload=alert(3)>",
    "javascript:alert(4)",
    "{{ 7 * 7 }}{% raw %}${7*7}<%= 7*7 %>",
    "&lt;b&gt;&amp;&#x3c;script&#x3e;",
    "\u202egnp.exe\u202c \u200b\u2066x\u2069",
    "a\r\nSet-Cookie: a=b\r\n\r\n<h1>",
    "\x1b[31mred\x1b[0m \x07\x00\x7f",
    '=HYPERLINK("http://evil.example")',
    "../../../../etc/passwd%00?a=b&c=d#e",
    "x" * 290,
    "\U0001f4a9\ufffd\u0301\u0301 \u05d0\u0628",
    "` onmouseover=alert(5) `",
    "<!-- --><![CDATA[ ]]>",
    "__proto__",
)
"""What a stranger would write into names and reasons."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What the bucket holds.

    Args:
        standings: Of the last pass.
        report: Of the last pass.
        history: Entries, the oldest first.
        states: What was made of each service, by region and name.
    """

    standings: Standings
    report: PassReport
    history: tuple[HistoryEntry, ...]
    states: Mapping[tuple[str, str], str]


@dataclass(slots=True)
class _Making:
    """One service that is being made.

    Args:
        of: Where chance comes from.
        name: Its name.
        region: Where it is.
        now: The time of the pass.
        word: Makes a text a hostile one, or leaves it.
    """

    of: random.Random
    name: str
    region: str
    now: datetime
    word: Callable[[str], str]
    standing: dict[str, Any] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)

    def ago(self, **lasts: float) -> str:
        """Give a moment before now."""
        return (self.now - timedelta(**lasts)).isoformat(timespec="seconds")

    def coming(self, **lasts: float) -> str:
        """Give a moment to come."""
        return (self.now + timedelta(**lasts)).isoformat(timespec="seconds")

    def hash(self) -> str:
        """Give a hash of a version."""
        return f"{self.of.getrandbits(48):012x}"


def fleet(count: int, *, seed: int = 0, hostile: bool = False, now: datetime = NOW, history: int = 3) -> Fleet:
    """Make a fleet.

    Args:
        count: Of services; from 24 on every state is among them.
        seed: Of chance.
        hostile: Texts are those of a stranger.
        now: When the last pass ended.
        history: Entries of each service, about.
    """
    of = random.Random(seed)  # noqa: S311 - nothing is kept secret by it
    word = (lambda text: f"{of.choice(HOSTILE)} {text}"[:290]) if hostile else str
    made = [_service(of, number, now, word) for number in range(count)]
    known = [each.standing for _, each in made]
    ended = now.isoformat(timespec="seconds")
    began = (now - timedelta(seconds=41)).isoformat(timespec="seconds")
    shard, run = {"index": 0, "count": 1}, "20261126T140419-7f3a"
    standings = {
        "format": Standings.form(),
        "operator": OPERATOR,
        "project": PROJECT,
        "program": "1.4.0",
        "run": run,
        "shard": shard,
        "at": ended,
        "next": [(now + EVERY * n).isoformat(timespec="seconds") for n in (1, 2)],
        "warnings": [word("monitoring of eta-api was not looked at: 503")] if count else [],
        "services": fitted(known, LARGEST) if count > MANY else known,
    }
    changed = sum(change["outcome"] == "done" for _, each in made for change in each.report["changes"])
    report = {
        "format": PassReport.form(),
        "operator": OPERATOR,
        "project": PROJECT,
        "program": "1.4.0",
        "execution": "mlservice-reconcile-8xk2p",
        "run": run,
        "shard": shard,
        "started": began,
        "ended": ended,
        "seconds": 41.0,
        "build": {"version": "1.4.0", "image": "us-docker.pkg.dev/acme-ml/tools/mlservice@sha256:" + "ab" * 32},
        "specs": "cd" * 32,
        "source": {"kind": "git", "place": "https://github.com/acme/models"},
        "bundle": {"digest": "cd" * 32, "commit": "9f2c41e7", "author": word("Ann <ann@acme.example>")},
        "problems": [],
        "warnings": [word("Google asked for fewer calls")] if count else [],
        "services": {each.name: each.report for _, each in made},
        "orphaned": [_orphan(now, word)] if count else [],
        "calls": [
            {"api": "run.googleapis.com", "calls": 14 + count // 10, "throttled": 2, "waitedSeconds": 0.4},
            {"api": "storage.googleapis.com", "calls": 30 + count, "throttled": 0, "waitedSeconds": 0.0},
        ],
        "changed": changed,
        "exitCode": 4 if count else 0,
    }
    entries = sorted(
        (entry for _, each in made for entry in _entries(each, history)),
        key=lambda each: (each["ended"], each["service"]),
    )
    return Fleet(
        Standings.read(standings),
        PassReport.read(report),
        tuple(map(HistoryEntry.read, entries)),
        {(each.region, each.name): state for state, each in made},
    )


def bare(count: int) -> dict[str, Any]:
    """Give the standings of services of which nothing is known but their names."""
    services = [{"name": f"model-{number}", "region": REGIONS[number % 3]} for number in range(count)]
    at = NOW.isoformat(timespec="seconds")
    return {"format": Standings.form(), "shard": {"index": 0, "count": 1}, "at": at, "services": services}


def write(fleet: Fleet, folder: Path) -> None:
    """Write documents under the names that they have in the bucket.

    Args:
        fleet: What.
        folder: Where.
    """
    shard = fleet.report.shard.index
    _put(folder / "operators" / OPERATOR / "latest" / f"{shard}.json", fleet.report.to_json())
    _put(folder / "operators" / OPERATOR / "standings" / f"{shard}.json", fleet.standings.to_json())
    for number, entry in enumerate(fleet.history):
        moment = datetime.fromisoformat(entry.ended).astimezone(UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3]
        _put(folder / "history" / entry.service / entry.region / f"{moment}Z-run-{number}.json", entry.to_json())


def _put(path: Path, document: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")


def _service(of: random.Random, number: int, now: datetime, word: Callable[[str], str]) -> tuple[str, _Making]:
    name = f"{NOUNS[number % len(NOUNS)]}-{TAILS[number // len(NOUNS) % len(TAILS)]}"
    name += f"-{number // 50}" if number >= len(NOUNS) * len(TAILS) else ""
    made = _Making(of, name, REGIONS[0] if number % 3 else REGIONS[number % len(REGIONS)], now, word)
    state = tuple(STATES)[number % len(STATES)]
    _steady(made)
    STATES[state](made)
    return state, made


def _steady(made: _Making) -> None:
    """All is well, a week after the last version."""
    of, name, stable = made.of, made.name, made.hash()
    requests, model = of.randrange(0, 90_000), of.randrange(3, 40)
    floor, limit = of.randrange(0, 4000) / 100, of.choice([50, 100, 250, 900])
    cost = {
        "floor": f"{floor:.2f}",
        "expected": f"{floor * 2 + 7:.2f}",
        "worst": f"{floor * 9 + 300:.2f}",
        "missing": ["run.gpu.nvidia-l4"] if of.random() < 0.1 else [],
    }
    made.standing = {
        "name": name,
        "region": made.region,
        "project": PROJECT,
        "environment": "prod" if of.random() < 0.7 else "",
        "owner": made.word(f"{of.choice(TEAMS)}@acme.example"),
        "labels": {"team": of.choice(TEAMS), "tier": made.word(of.choice(["gold", "silver"]))},
        "commit": f"{of.getrandbits(32):08x}",
        "url": f"https://{name}-x3k2p-uc.a.run.app",
        "protocol": of.choice(["json", "v2", "vertex"]),
        "asked": str(model),
        "serving": str(model),
        "state": "ok",
        "checked": made.ago(seconds=of.randrange(1, 40)),
        "changed": made.ago(days=of.randrange(1, 30), minutes=of.randrange(1440)),
        "conditions": ["Ready: True"],
        "versions": [
            _version(made, name, 2, stable, model, percent=100, tag="stable", state="serving", age=7),
            _version(made, name, 1, made.hash(), model - 1, percent=0, tag="", state="ready", age=20),
        ],
        "rollout": {
            "phase": "Steady",
            "strategy": "Canary",
            "step": 0,
            "of": 4,
            "steps": [5, 25, 50, 100],
            "percent": 0,
            "version": stable,
            "stable": f"{name}-00002-abc",
            "started": made.ago(days=8),
            "since": made.ago(days=7),
            "why": "what is wanted serves",
        },
        "trail": [_decision(made, 7 * 24 * 60, 0, "Steady", why="what is wanted serves", count=2016)],
        "monitoring": _monitoring(made, worst=0.04 + 0.05 * of.random()),
        "retraining": _retraining(made),
        "signals": {
            "requests": requests,
            "errors": requests // 4000,
            "p50Ms": 20.0 + of.randrange(60),
            "p95Ms": 90.0 + of.randrange(120),
            "of": 3600,
            "until": made.ago(minutes=3),
            "slo": {"availability": 0.999, "latencyMs": 250.0, "latencyShare": 0.95},
        },
        "cost": {**cost, "per1000": f"{0.01 + of.random() / 10:.4f}"},
        "budget": _budget(made, limit, share=0.2 + 0.5 * of.random()),
    }
    made.report = {"region": made.region, "state": "ok", "problems": [], "changes": [], "cost": cost}


def _version(made: _Making, name: str, number: int, hash_: str, model: int, **more: Any) -> dict[str, Any]:
    age = more.pop("age")
    return {
        "revision": f"{name}-{number:05}-abc",
        "version": hash_,
        "image": f"us-docker.pkg.dev/{PROJECT}/models/{name}@sha256:{made.of.getrandbits(256):064x}",
        "model": str(model),
        "created": made.ago(days=age),
        **more,
    }


def _gates(made: _Making, samples: int, *, worse: float = 0.0, verdict: str = "Pass") -> list[dict[str, Any]]:
    needed, said = 500, made.word(f"{samples} of 500 requests" if samples < 500 else "0.12 % errors, limit 1 %")
    rate = 0.001 + worse * 0.08
    return [
        {
            "gate": gate,
            "verdict": verdict if gate == "errors" else "Pass" if samples >= needed else "NotEnoughData",
            "why": said,
            "samples": samples,
            "needed": needed,
            "candidate": round(value, 5),
            "stable": round(value * (1 - worse), 5),
            "limit": limit,
            "evidence": round(worse * 12 - 0.4, 3),
            "border": 5.4,
        }
        for gate, value, limit in (("errors", rate, 0.01), ("latency", 0.02 + worse / 10, 0.05))
    ]


def _decision(made: _Making, begins: int, ends: int, phase: str, **more: Any) -> dict[str, Any]:
    """Give a decision that was made from so many minutes ago until so many."""
    told = {"step": 0, "percent": 0, "version": "", "action": "", "wait": "", "why": "", "gates": [], "count": 1}
    return {"since": made.ago(minutes=begins), "until": made.ago(minutes=ends), "phase": phase} | told | more


def _moving(made: _Making, phase: str, wait: str, why: str, **more: Any) -> None:
    """Put a candidate on its way: 5 %, then 25 %, where it is now."""
    name, hash_ = made.name, made.hash()
    model = int(made.standing["asked"]) + 1
    percent, step = more.pop("percent", 25), more.pop("step", 2)
    samples, verdict = more.pop("samples", 212), more.pop("verdict", "NotEnoughData")
    gates = _gates(made, samples, verdict=verdict, worse=more.pop("worse", 0.0))
    candidate = _version(made, name, 3, hash_, model, percent=percent, tag="candidate", state="serving", age=0.2)
    stable = made.standing["versions"][0] | {"percent": 100 - percent}
    made.standing["versions"] = [candidate, stable, *made.standing["versions"][1:]]
    serving = f"{model} {percent}%, {model - 1} {100 - percent}%" if percent else f"{model - 1}"
    made.standing |= {"asked": str(model), "serving": serving}
    of = {"version": hash_}
    made.standing["trail"] = [
        _decision(made, 300, 300, "Starting", action="started", why="a new version", **of),
        _decision(made, 295, 290, "Starting", wait="NotEnoughData", why="its revision starts", count=2, **of),
        _decision(made, 285, 285, "Step", action="step 1", step=1, percent=5, why="ready: 5 %", **of),
        *(
            _decision(
                made,
                280 - 5 * n,
                280 - 5 * n,
                "Step",
                step=1,
                percent=5,
                wait="NotEnoughData",
                why=made.word(f"{20 * n} of 400 requests; at 4.0 req/min step 1 ends about 11:40 UTC"),
                gates=_gates(made, 20 * n, verdict="NotEnoughData"),
                **of,
            )
            for n in range(20)
        ),
        _decision(made, 175, 175, "Step", action="step 2", step=2, percent=25, why="nothing speaks against 25 %", **of),
        _decision(
            made, 170, 0, phase, wait=wait, why=made.word(why), gates=gates, step=step, percent=percent, count=34, **of
        ),
    ]
    made.standing["rollout"] |= {
        "phase": phase,
        "step": step,
        "percent": percent,
        "version": hash_,
        "candidate": candidate["revision"],
        "stable": stable["revision"],
        "started": made.ago(minutes=300),
        "since": made.ago(minutes=175),
        "wait": wait,
        "why": made.word(why),
        "gates": gates,
        "checks": [{"check": "smoke", "verdict": "Pass", "why": made.word("3 of 3 answers were as asked")}],
        **more,
    }


def _needs(made: _Making, *texts: str, sort: str = "", state: str = "", problem: str = "") -> None:
    said = [made.word(text) for text in texts]
    made.standing["needsYou"] = said
    made.standing["needs"] = [{"kind": sort or state or "other", "why": text} for text in said]
    if state:
        made.standing["state"] = made.report["state"] = state
    if problem:
        made.standing["problem"] = made.word(problem)
        made.report["problems"] = [made.word(problem)]


def _waits_for_data(made: _Making) -> None:
    ends = {"forecast": made.coming(minutes=72), "ends": made.coming(hours=9)}
    _moving(made, "Step", "NotEnoughData", "212 of 500 requests; at 4.0 req/min step 2 ends about 15:17 UTC", **ends)


def _holds(made: _Making) -> None:
    ends = {"forecast": made.coming(minutes=20), "ends": made.coming(hours=2)}
    _moving(made, "Step", "Hold", "step 2 lasts until 14:25 UTC at least", samples=900, verdict="Pass", **ends)


def _asks(made: _Making) -> None:
    why = "nothing speaks against 50 %: it waits for `promote` (step 2)"
    _moving(made, "Step", "Approval", why, samples=900, verdict="Pass")
    _needs(made, f"an approval: mlservice promote {made.name} --step 2", sort="approval")


def _metrics_missing(made: _Making) -> None:
    _moving(made, "Step", "MetricsMissing", "metrics are missing: no point for 12 min", verdict="MetricsMissing")


def _late(made: _Making) -> None:
    why = "12 of 500 requests; no requests come; the deadline is over, and it waits for a person"
    _moving(made, "Step", "NotEnoughData", why, samples=12, overdue=True)
    _needs(made, "its rollout has too few requests, past its deadline", sort="no data")


def _frozen(made: _Making) -> None:
    _moving(made, "Step", "Frozen", "frozen until 2026-11-30 08:00 UTC", samples=900, verdict="Pass")


def _both_fail(made: _Making) -> None:
    why = "the stable version is beyond the limit, too: 4 % errors"
    _moving(made, "Step", "StableFailing", why, verdict="StableFails", worse=0.3, samples=900)
    _needs(made, "the stable version fails", sort="stuck")


def _paused(made: _Making) -> None:
    _moving(made, "Step", "Paused", "paused by ann@laptop; it waits for `resume`", samples=600, verdict="Pass")
    _needs(made, f"its rollout is paused: mlservice resume {made.name}", sort="paused")


def _starting(made: _Making) -> None:
    _moving(made, "Starting", "", "its revision starts", percent=0, step=0, samples=0)


def _preview(made: _Making) -> None:
    _moving(made, "Preview", "NotEnoughData", "waiting for smoke: it is asked", percent=0, step=0, samples=0)
    made.standing["rollout"]["checks"] = [{"check": "smoke", "verdict": "Waiting", "why": "the next pass asks it"}]


def _bakes(made: _Making) -> None:
    _moving(made, "Bake", "Hold", "it bakes until 16:00 UTC", percent=100, step=4, samples=4000, verdict="Pass")


def _rolled_back(made: _Making) -> None:
    why = "errors: 8.1 % errors of 640 requests, limit 1 %; odds of 40,121 to 1 that it is worse"
    _moving(made, "RolledBack", "", why, percent=0, step=0, worse=0.9, verdict="Fail", samples=640)
    made.standing["trail"][-1] |= {"action": "rolled back", "count": 1, "since": made.ago(minutes=170)}
    rejected = {"version": made.standing["rollout"]["version"], "why": made.word(why), "at": made.ago(minutes=170)}
    made.standing["rollout"]["rejected"] = [rejected]
    made.standing["versions"][0] |= {"rejected": made.word(why), "state": "ready", "tag": ""}
    _needs(
        made,
        f"version {rejected['version']} was rolled back: mlservice retry {made.name}, or another version",
        sort="rolled back",
    )


def _pinned(made: _Making) -> None:
    why = "somebody sent all traffic to another revision; it stays until mlservice resume"
    made.standing["rollout"] |= {"phase": "Pinned", "why": made.word(why)}
    made.standing["versions"][0]["percent"], made.standing["versions"][1]["percent"] = 0, 100
    made.standing["trail"].append(_decision(made, 60, 0, "Pinned", why=made.word(why), count=13))
    _needs(made, f"pinned by hand: mlservice resume {made.name}", sort="pinned")


def _failed_start(made: _Making) -> None:
    _moving(made, "Failed", "", "its revision cannot start", percent=0, step=0, samples=0)
    why = "the container failed to listen on PORT=8080"
    made.standing["versions"][0] |= {"state": "failed", "problem": made.word(why)}
    _needs(made, f"its new version cannot start: {why}", sort="not working")


def _drifts(made: _Making) -> None:
    made.standing["monitoring"] = _monitoring(made, worst=0.62)
    _needs(made, "drift of 2 columns since 3 windows, and nothing trains", sort="drift")


def _no_window(made: _Making) -> None:
    made.standing["monitoring"] = {
        "comparisons": [{"which": "drift", "finding": "NoWindow", "reason": "no window has ended yet"}],
        "windows": [],
        "shapes": {},
    }


def _circuit(made: _Making) -> None:
    made.standing["retraining"] |= {"circuitUntil": made.coming(days=1)}
    _needs(made, f"trainings failed in a row: mlservice retrain {made.name} --reset-circuit", sort="trainings")


def _better_waits(made: _Making) -> None:
    made.standing["retraining"] |= {"waits": str(int(made.standing["asked"]) + 1)}


def _capped(made: _Making) -> None:
    limit = 100
    made.standing["budget"] = _budget(made, limit, share=1.22)
    made.standing["retraining"] |= {"frozen": made.word("retraining frozen by budget until 1 Dec")}
    _needs(made, "capped by budget until 1 Dec", sort="budget")


def _failed(made: _Making) -> None:
    why = "cannot update run_service/us-central1/x: 403 Permission 'run.services.update' denied"
    _needs(made, "failed: mend the cause; the next pass tries again", state="failed", problem=why)
    change = _change(made, "failed") | {"error": made.word(why)}
    made.report["changes"] = [change]
    made.standing["pending"] = [change]


def _by_hand(made: _Making) -> None:
    _needs(made, state="reported")
    change = _change(made, "left") | {"reason": made.word("somebody changed it by hand (bob@acme.example)")}
    made.report["changes"] = [change]
    made.standing["pending"] = [change]


def _changed(made: _Making) -> None:
    _needs(made, state="changed")
    made.report["changes"] = [_change(made, "done")]
    made.standing["changed"] = made.ago(minutes=1)


def _gone(made: _Making) -> None:
    _needs(
        made,
        "not working: the Cloud Run service is gone",
        sort="not working",
        problem="the Cloud Run service is gone",
        state="failed",
    )
    made.standing |= {"versions": [], "rollout": None, "trail": [], "url": "", "serving": "", "signals": None}


def _open(made: _Making) -> None:
    _needs(made, "NOT PRIVATE: allUsers is let in; contradicts the spec", sort="open")


def _bare(made: _Making) -> None:
    """Somebody's own container: no model, monitoring, training, budget or rollout in steps."""
    bare = {"monitoring": None, "retraining": None, "budget": None, "rollout": None, "trail": [], "protocol": ""}
    made.standing |= bare | {"owner": "", "labels": {}, "commit": ""}


def _unseen(made: _Making) -> None:
    """Nothing is known but its name: the pass could not look."""
    made.standing = {"name": made.name, "region": made.region}
    made.report |= {"state": "refused", "problems": [made.word("its spec cannot be read")], "cost": None}


def _change(made: _Making, outcome: str) -> dict[str, Any]:
    fields = [
        {"path": "env.LOG_LEVEL", "before": made.word("debug"), "after": "info"},
        {"path": "concurrency", "before": 7},
    ]
    return {
        "address": f"run_service/{made.region}/{made.name}",
        "action": "update",
        "outcome": outcome,
        "reason": "config drift",
        "fields": fields,
        "seconds": 3.2,
        "error": "",
    }


def _monitoring(made: _Making, worst: float) -> dict[str, Any]:
    names = [made.word(name) for name in ("age", "balance", "country", "tenure", "plan", "visits")]
    limits = dict.fromkeys(names, 0.3)
    windows = []
    for n in range(12, 0, -1):
        columns = [
            {
                "name": name,
                "finding": "Breach" if (far := _distance(made, worst, place, n)) > limits[name] else "Calm",
                "distance": round(far, 4),
                "limit": limits[name],
                "samples": 4000,
            }
            for place, name in enumerate(names)
        ]
        columns.sort(key=lambda each: -each["distance"])
        breach = any(each["finding"] == "Breach" for each in columns)
        told = {"which": "drift", "at": made.ago(hours=6 * n), "job": f"job-{n}", "samples": 4000, "columns": columns}
        windows.append(told | {"finding": "Breach" if breach else "Calm", "reason": made.word("as its columns say")})
    windows[4] |= {"finding": "NotEnoughData", "samples": 40, "columns": []}
    windows[5] |= {"finding": "NotMeasured", "samples": None, "columns": [], "reason": "nothing was logged"}
    last = windows[-1]
    broken = [each["name"] for each in last["columns"] if each["finding"] == "Breach"]
    standing = {"which": "drift", "finding": last["finding"], "reason": last["reason"], "at": last["at"]}
    row = {"since": made.ago(hours=18), "windows": 3, "columns": broken} if broken else {}
    numbers = {
        "edges": [0.0, 10.0, 20.0, 30.0, 40.0],
        "baseline": [0.1, 0.4, 0.4, 0.1],
        "serving": [0.2, 0.2, 0.3, 0.3],
    }
    labels = {"labels": [made.word("DE"), "FR", "(others)"], "baseline": [0.6, 0.3, 0.1], "serving": [0.2, 0.3, 0.5]}
    shapes = {"drift": {name: labels if place == 2 else numbers for place, name in enumerate(names)}}
    return {"comparisons": [standing | row], "windows": windows, "shapes": shapes}


def _distance(made: _Making, worst: float, place: int, windows_ago: int) -> float:
    far = worst * (1 if place < 2 else 0.2) * (1 if windows_ago <= 3 else 0.3)
    return max(0.0, far + made.of.uniform(-0.01, 0.01))


def _retraining(made: _Making) -> dict[str, Any]:
    run = f"projects/1/locations/{made.region}/pipelineJobs/{made.name}-train-1"
    held = {"action": "Skip", "guard": "cooldown", "why": made.word("the last training began 2 h ago; cooldown is 6 h")}
    decisions = [
        {"key": "k3", "at": made.ago(hours=4), "trigger": "drift", "until": made.ago(minutes=-10), **held},
        {"key": "k2", "at": made.ago(hours=6), "trigger": "drift", "action": "Start", "why": "drift fired", "run": run},
        {
            "key": "k1",
            "at": made.ago(days=2),
            "trigger": "nightly",
            "action": "Skip",
            "guard": "minNewRows",
            "why": "12 new rows of 1000",
        },
    ]
    runs = [
        {
            "key": "k2",
            "trigger": "drift",
            "status": "Succeeded",
            "name": run,
            "claimed": made.ago(hours=6),
            "ended": made.ago(hours=5),
            "rows": 90_000,
            "version": made.standing.get("asked", "4"),
            "better": True,
        },
        {
            "key": "k0",
            "trigger": "manual",
            "status": "Failed",
            "name": run,
            "claimed": made.ago(days=9),
            "ended": made.ago(days=9),
            "why": made.word("out of memory"),
            "forced": "cooldown by ann@acme.example",
        },
    ]
    return {"decisions": decisions, "runs": runs, "looked": made.ago(seconds=20)}


def _budget(made: _Making, limit: int, share: float) -> dict[str, Any]:
    until = "2026-12-01T08:00:00+00:00"
    words = ((0.8, "Notify"), (1.0, "FreezeRetraining"), (1.2, "CapInstances"))
    steps = [
        {
            "step": f"{do} at {at:.0%}".replace("%", " %"),
            "at": f"{at}",
            "do": do,
            "state": "taken" if share >= at else "not taken",
            "why": made.word("the bill says so" if share >= at else f"{share:.0%} is spent"),
            "since": made.ago(days=1) if share >= at else None,
            "until": until if share >= at else None,
        }
        for at, do in words
    ]
    spent = {"spent": f"{limit * share:.2f}", "forecast": f"{limit * share * 1.15:.2f}", "source": "bill"}
    return {"limit": f"{limit}", "currency": "EUR", "at": made.ago(hours=2), "ends": until, "steps": steps, **spent}


def _orphan(now: datetime, word: Callable[[str], str]) -> dict[str, Any]:
    since = (now - timedelta(days=2)).isoformat(timespec="seconds")
    return {
        "region": REGION,
        "name": "old-model",
        "since": since,
        "state": "orphaned",
        "reason": word("no spec wants it"),
    }


def _entries(made: _Making, count: int) -> Iterator[dict[str, Any]]:
    """Give what became of a service of late: by git, by the operator, by a hand."""
    whos: Sequence[Mapping[str, str]] = (
        {"kind": "operator", "name": OPERATOR, "account": f"mlservice@{PROJECT}.iam.gserviceaccount.com"},
        {"kind": "person", "name": made.word("ann on laptop pid 12"), "account": "ann@acme.example"},
        {
            "kind": "ci",
            "name": "github",
            "account": "ci@acme.example",
            "address": "https://github.com/acme/models/actions/1",
        },
    )
    outcomes = ("changed", "failed", "changed", "partly", "ok")
    for n in range(count):
        at = made.now - timedelta(hours=made.of.randrange(1, 700), seconds=made.of.randrange(3600))
        outcome = made.of.choice(outcomes)
        done = _change(made, "failed" if outcome in {"failed", "partly"} else "done")
        yield {
            "format": HistoryEntry.form(),
            "project": PROJECT,
            "service": made.name,
            "region": made.region,
            "started": (at - timedelta(seconds=30)).isoformat(timespec="seconds"),
            "ended": at.isoformat(timespec="milliseconds"),
            "outcome": outcome,
            "decision": "1 change: 1 update",
            "reason": made.word("the spec changed" if n % 2 else "config drift"),
            "problems": [made.word("403")] if outcome == "failed" else [],
            "changes": [] if outcome == "ok" else [done],
            "by": {**whos[n % len(whos)], "run": f"run-{n}"},
            "source": {
                "commit": f"9f2c41e{n}",
                "author": made.word("Ann <ann@acme.example>"),
                "written": (at - timedelta(minutes=7 + n)).isoformat(timespec="seconds"),
            },
        }


STATES: Mapping[str, Callable[[_Making], None]] = {
    "steady": lambda _: None,
    "waits for data": _waits_for_data,
    "waits for approval": _asks,
    "rolled back": _rolled_back,
    "drifts": _drifts,
    "failed": _failed,
    "capped by budget": _capped,
    "bare": _bare,
    "holds": _holds,
    "metrics missing": _metrics_missing,
    "past its deadline": _late,
    "frozen": _frozen,
    "both fail": _both_fail,
    "paused": _paused,
    "starting": _starting,
    "preview": _preview,
    "bakes": _bakes,
    "pinned": _pinned,
    "cannot start": _failed_start,
    "no window yet": _no_window,
    "circuit open": _circuit,
    "better waits": _better_waits,
    "changed by hand": _by_hand,
    "changed": _changed,
    "gone": _gone,
    "open": _open,
    "not looked at": _unseen,
}
"""What a service may be, each as its name says."""
