"""The demo's act of money: what a plan costs, what is done once it is spent, and how a person takes that back.

`make demo` tells it before that of the job, `python docs/demo_budget.py` by itself. The budget, its notices and the
pass that reads them are those of Google Cloud, on this machine; a bill of two days comes in seconds.
"""

import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
from demo_stage import ROOT, chapter, clients, mlservice, say, workspace

EXAMPLE = ROOT / "specs" / "iris"
SERVICE = "flower-scorer"
SPEC = """apiVersion: mlservice/v1
kind: MLService
metadata: {name: flower-scorer}
spec:
  region: europe-west1
  model: {uri: ./model, version: "1"}
  scaling: {minInstances: 1, maxInstances: 4}
  usage: {requestsPerSecond: 20, requestDuration: 80ms}
  budget:
    amount: 120
    currency: USD
    label: mlservice-service
    planLimit: 900
    alerts: [0.5, 1.0]
    actions:
      - {at: 1.0, do: ScaleToZero}
      - {at: 1.2, do: CapInstances, maxInstances: 1}
  management: {deletion: Delete}
"""


def tell(folder: Path, first: int) -> None:
    """Tell the act.

    Args:
        folder: An empty one.
        first: Number of its first chapter.
    """
    spec = folder / "flowers"
    shutil.copytree(EXAMPLE / "model", spec / "model")
    (spec / "mlservice.yaml").write_text(SPEC)
    chapter(first, "What a service costs stands in its plan, and in detail with `cost`")
    not_at_the_end_of_a_month()
    mlservice("cost", str(spec))
    mlservice("apply", str(spec), "--local", "--yes", quiet=True)
    chapter(first + 1, "More is spent than was meant: the next pass keeps the service to its budget")
    mlservice("emulator", "spend", SERVICE, "150")
    mlservice("emulator", "advance", "30h")
    mlservice("reconcile", str(spec), "--local")
    mlservice("budget", "status", SERVICE, "--local")
    mlservice("plan", str(spec), "--local", "--detailed-exitcode")
    chapter(first + 2, "A person knows better, and takes it back")
    mlservice("budget", "lift", SERVICE, "--until", "2d", "--local")
    mlservice("apply", str(spec), "--local", "--yes")
    mlservice("destroy", SERVICE, "--local", "--yes", quiet=True)
    say("and it is gone again, its budget too")


def not_at_the_end_of_a_month() -> None:
    """Let a month that ends soon be over, by the clock that bills go by: what is spent counts for one month."""
    told = httpx.get(f"{os.environ['MLSERVICE_EMULATOR']}/_emulator/clock").json()
    now = datetime.fromisoformat(told["now"]).astimezone(ZoneInfo("America/Los_Angeles"))
    if (now + timedelta(hours=40)).month != now.month:
        mlservice("emulator", "advance", "42h", quiet=True)


def main() -> None:
    """Tell it by itself."""
    with workspace() as folder:
        mlservice("emulator", "start")
        clients()
        tell(folder, first=1)


if __name__ == "__main__":
    main()
