"""The demo's last chapter: a job that installs itself, reads what was published, and mends what it finds."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from demo_stage import REGION, ROOT, chapter, mlservice, say

PAGE = ROOT / ".mlservice" / "demo-page"
"""Where the page of what the job found is left, as files."""
REPORTS = "operators/mlservice/2"
"""Below which the reports of passes lie that changed something: by the day, so by its year."""
TEAM = """\
apiVersion: mlservice/v1
metadata: {{name: {service}}}
spec:
  region: {region}
  image: us-docker.pkg.dev/cloudrun/container/hello
  management: {{deletion: Delete}}
---
apiVersion: mlservice/v1
kind: Operator
metadata: {{name: mlservice}}
spec:
  region: {region}
  schedule: "*/10 * * * *"
"""


def tell(folder: Path, service: str, *, number: int, meanwhile: Callable[[], None], page: Path = PAGE) -> None:
    """Install the job, let it make a service, let it find what somebody changed meanwhile, and look at the page."""
    chapter(number, "The same by itself: a job that installs itself, reads what was published, and mends what it finds")
    team = folder / "team.yaml"
    team.write_text(TEAM.format(service=service, region=REGION))
    mlservice("install", str(team), "--local", "--yes", quiet=True)
    say("installed: a Cloud Run job, the schedule that starts it, an account with the roles that the service needs")
    mlservice("publish", str(team), "--local")
    mlservice("emulator", "advance", "10m")
    meanwhile()
    mlservice("emulator", "advance", "30m")
    mlservice("operator", "status", "--local")
    mended(service)
    shutil.rmtree(page, ignore_errors=True)
    mlservice("report", "--local", "--html", str(page))
    say("every view and service as a file; `mlservice page --local` is the same, live, while a job goes on")
    mlservice("uninstall", "--local", "--yes", quiet=True)
    mlservice("destroy", service, "--local", "--yes", quiet=True)


def mended(service: str) -> None:
    """Show what the passes changed: each that did left a report."""
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - only here
    from google.cloud import storage  # noqa: PLC0415 - only here

    client = storage.Client(project="local", credentials=AnonymousCredentials())
    reports = [json.loads(blob.download_as_bytes()) for blob in client.list_blobs("local-mlservice", prefix=REPORTS)]
    changes = [change for report in reports for change in report["services"][service]["changes"]]
    for change in changes:
        fields = ", ".join(f"{each['path']} {each['before']} -> {each['after']}" for each in change["fields"])
        say(f"by a pass: {change['action']} {change['address']} {fields} ({change['reason']})")
    if not any(change["reason"].startswith("config drift") for change in changes):
        sys.exit("the demo failed: the job mended nothing")
