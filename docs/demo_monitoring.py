"""The demo's act of watching: requests become other ones, that is found, told, and trained for, and is over.

`make demo` tells it after the first act, `python docs/demo_monitoring.py [PAGE]` by itself. The training is a
statement of BigQuery ML on the rows of a table; the model server logs what it is asked, and Model Monitoring compares
the log with that table every hour. Patients of a second clinic are the shift: heavier ones than any that the model has
learnt of.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from demo_stage import REGION, ROOT, await_it, chapter, clients, identity, kept, mlservice, say, workspace

EXAMPLE = ROOT / "specs" / "diabetes"
SERVICE, OUTCOME = "progression", "progression"
PAGE = ROOT / ".mlservice" / "demo-monitor.html"
"""Stays when the demo is over, to be looked at; here, where no other place is told."""
JUDGED_BY = 11
"""Minute of an hour by which the window that ended with it was compared, and looked at."""
TWENTY_PAST = 20
"""Minute at which the act begins, so that no hour ends between one request and the next."""


def tell(folder: Path, first: int, page: Path = PAGE) -> None:
    """Tell the act.

    Args:
        folder: An empty one.
        first: Number of its first chapter.
        page: What the monitor found, as a page: a file to write.
    """
    example, rows = folder / "diabetes", folder / "patients"
    shutil.copytree(EXAMPLE, example)
    subprocess.run([sys.executable, str(EXAMPLE / "rows.py"), str(rows)], check=True)
    chapter(first, "A statement of BigQuery ML trains on the rows of a table; its model serves (specs/diabetes)")
    until(TWENTY_PAST)
    subprocess.run([sys.executable, str(EXAMPLE / "tables.py"), str(rows)], check=True)
    mlservice("apply", str(example), "--local", "--yes", quiet=True)
    mlservice("retrain", SERVICE, "--local", quiet=True)
    trained(1)
    mlservice("apply", str(example), "--local", "--yes", quiet=True)
    wrong = error(rows)
    chapter(
        first + 1, "A second clinic joins, whose patients are heavier: every hour the log is compared with the table"
    )
    ask(rows, "first-requests.jsonl")
    ask(rows, "second-requests.jsonl", times=4)
    hour_passes()
    page.parent.mkdir(exist_ok=True)
    mlservice("monitor", SERVICE, "--local", "--html", str(page))
    mails()
    chapter(first + 2, "It stays so for another hour: a training starts, with what has become of the new patients, too")
    fill("clinic.patients", lines(rows, "second.jsonl"))
    hour_passes()
    trained(2)
    chapter(
        first + 3, "What it learnt from is the baseline now, says the file; monitor, alert and dashboard move along"
    )
    snapshot("clinic.learnt_2")
    edit(example / "mlservice.yaml", "clinic.learnt_1", "clinic.learnt_2")
    mlservice("plan", str(example), "--local", "--detailed-exitcode", expect=2)
    mlservice("apply", str(example), "--local", "--yes", quiet=True)
    say(f"patients of both clinics that no training saw: wrong by {error(rows):.1f} on average, {wrong:.1f} before")
    chapter(
        first + 4, "The new version is asked about patients of both clinics: nothing to find any more, and that is told"
    )
    ask(rows, "first-requests.jsonl")
    ask(rows, "second-requests.jsonl")
    hour_passes()
    mlservice("monitor", SERVICE, "--local")
    mails()
    mlservice("destroy", SERVICE, "--local", "--yes", quiet=True)


def emulator(path: str) -> str:
    """Give an address of the emulator."""
    return f"{os.environ['MLSERVICE_EMULATOR']}/{path}"


def lines(rows: Path, name: str) -> list[dict[str, Any]]:
    """Read a file of patients."""
    return [json.loads(line) for line in (rows / name).read_text().splitlines()]


def snapshot(table: str) -> None:
    """Keep what a training learns from, as it is now: a baseline that grows would hide what is to be found."""
    query = f"CREATE TABLE {table} AS SELECT * EXCEPT ({OUTCOME}) FROM clinic.patients"  # noqa: S608 - our own words
    done = post("bigquery/v2/projects/local/queries", {"query": query, "useLegacySql": False, "location": REGION})
    if not done.get("jobComplete"):
        sys.exit(f"the demo failed: {done}")
    say(f"{table}: the patients that are learnt from")


def edit(path: Path, old: str, new: str) -> None:
    """Change the YAML as an editor would."""
    text = path.read_text()
    if old not in text:
        sys.exit(f"the demo failed: {path} has no {old}")
    path.write_text(text.replace(old, new))


def fill(table: str, rows: Iterable[dict[str, Any]]) -> None:
    """Put rows into a table."""
    dataset, _, name = table.partition(".")
    sent = {"rows": [{"json": row} for row in rows]}
    answer = post(f"bigquery/v2/projects/local/datasets/{dataset}/tables/{name}/insertAll", sent)
    if answer.get("insertErrors"):
        sys.exit(f"the demo failed: {answer['insertErrors']}")
    say(f"{table}: {len(sent['rows'])} more rows")


def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Call an API of Google's."""
    answer = httpx.post(emulator(path), json=body, timeout=60).raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


@cache
def asked_at() -> tuple[str, str]:
    """Give where the service is asked, whatever its version, and an identity to ask with."""
    url = json.loads(mlservice("status", SERVICE, "--local", "-o", "json", quiet=True))[0]["url"]
    return url, identity(url)


def predicted(rows: list[dict[str, Any]]) -> list[float]:
    """Ask the service about patients."""
    url, token = asked_at()
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.post(f"{url}/predict", json={"instances": rows}, headers=headers, timeout=60).raise_for_status()
    return [float(value) for value in answer.json()["predictions"]]


def ask(rows: Path, name: str, times: int = 1) -> None:
    """Ask about patients, each as often as this."""
    some = lines(rows, name) * times
    predicted(some)
    say(f"asked about {len(some)} patients of the {name.partition('-')[0]} clinic")


def error(rows: Path) -> float:
    """Measure by how much the service is wrong about the patients that no training saw."""
    held_out = lines(rows, "holdout.jsonl")
    found = predicted([{name: value for name, value in row.items() if name != OUTCOME} for row in held_out])
    wrong = [abs(one - row[OUTCOME]) for one, row in zip(found, held_out, strict=True)]
    return sum(wrong) / len(wrong)


def until(minute: int) -> None:
    """Let time pass until it is this minute of the next hour."""
    now = datetime.fromisoformat(httpx.get(emulator("_emulator/clock")).json()["now"])
    goal = now.replace(minute=minute, second=0, microsecond=0) + timedelta(hours=1)
    mlservice("emulator", "advance", f"{int((goal - now).total_seconds()) + 1}s", quiet=True)


def hour_passes() -> None:
    """Let time pass until a window was compared and judged, and tell how."""
    before = len(judged())
    until(JUDGED_BY)
    await_it(lambda: len(judged()) > before, SERVICE)
    found = judged()[-1]
    say(f"{found['sort']}: {found['finding']}: {found['reason']}")


def judged() -> list[dict[str, Any]]:
    """Give what the retraining function said of each window."""
    found = kept(SERVICE, "windows.json")
    return [] if found is None else list(found["windows"])


def trained(count: int) -> None:
    """Wait for the end of a training, let its model be taken in, and tell what came of it."""
    await_it(lambda: started(count), SERVICE)
    await_it(lambda: len(models()) >= count, SERVICE)
    mlservice("emulator", "advance", "10m", quiet=True)
    say(await_it(lambda: verdict(count), SERVICE))


def models() -> list[Any]:
    """Give the models that statements made."""
    return list(httpx.get(emulator("bigquery/v2/projects/local/datasets/clinic/models")).json().get("models", []))


def started(count: int) -> bool:
    """Tell whether so many trainings began."""
    return len((kept(SERVICE, "history.json") or {"runs": []})["runs"]) >= count


def verdict(count: int) -> str:
    """Give what came of the last training; empty while nobody has looked at it."""
    runs = (kept(SERVICE, "history.json") or {"runs": []})["runs"]
    return str(runs[-1].get("why", "")) if len(runs) >= count else ""


def mails() -> None:
    """Show what people were sent."""
    for each in httpx.get(emulator("_emulator/notifications")).json():
        say(f"mail to {each['to']}: {each['subject']}")


if __name__ == "__main__":
    told = [Path(word).resolve() for word in sys.argv[1:2]]  # before the folder is another
    with workspace() as alone:
        mlservice("emulator", "start")
        clients()
        tell(alone, 1, *told)
