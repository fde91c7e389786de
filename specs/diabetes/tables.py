"""Make the tables of this example on the emulator, from the rows that `rows.py` wrote.

    eval "$(mlservice emulator env)"
    python specs/diabetes/tables.py FOLDER

`clinic.patients` has the first clinic's, `clinic.holdout` some of both that no training sees, `clinic.learnt_1` what is
learnt from, without what came of it. On Google Cloud `bq` does it, see README.md.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

HERE = "bigquery/v2/projects/local"
REGION = "europe-west1"
LEARNT = "CREATE TABLE clinic.learnt_1 AS SELECT * EXCEPT (progression) FROM clinic.patients"


def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Call the emulated BigQuery."""
    emulator = os.environ.get("MLSERVICE_EMULATOR") or sys.exit('first: eval "$(mlservice emulator env)"')
    sent = Request(f"{emulator}/{HERE}/{path}", json.dumps(body).encode(), {"content-type": "application/json"})  # noqa: S310 - the emulator's address
    with urlopen(sent, timeout=60) as answer:  # noqa: S310 - the emulator's address
        found: dict[str, Any] = json.load(answer)
    return found


def table(name: str, file: Path) -> None:
    """Make a table of the rows of a file."""
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    fields = [{"name": column, "type": "FLOAT"} for column in rows[0]]
    post("datasets/clinic/tables", {"tableReference": {"tableId": name}, "schema": {"fields": fields}})
    post(f"datasets/clinic/tables/{name}/insertAll", {"rows": [{"json": row} for row in rows]})
    print(f"clinic.{name}: {len(rows)} rows", flush=True)


def make(folder: Path) -> None:
    """Make all of them."""
    post("datasets", {"datasetReference": {"datasetId": "clinic"}, "location": REGION})
    table("patients", folder / "first.jsonl")
    table("holdout", folder / "holdout.jsonl")
    if not post("queries", {"query": LEARNT, "useLegacySql": False, "location": REGION}).get("jobComplete"):
        sys.exit(f"this took too long: {LEARNT}")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
