"""bq, a client that none of us wrote, with the description of the API that it brings along."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HOME = Path(shutil.which("bq") or "/").resolve().parents[1] / "platform" / "bq" if shutil.which("bq") else Path("/none")
DESCRIPTION = HOME / "discovery_next" / "bigquery.json"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DESCRIPTION.exists(), reason="bq is not installed"),
]


@pytest.fixture
def bq(emulator, tmp_path):
    """Runs commands of bq in one process; returns the JSON that each printed, and the errors."""

    def run(*lines):
        settings = {"api": emulator.http, "discovery_file": DESCRIPTION, "oauth_access_token": "x", "format": "json"}
        flags = [f"--{key}={value}" for key, value in settings.items()]
        command = ["python3", str(HOME / "bq.py"), *flags, "--project_id=local", "--quiet", "--headless", "shell"]
        done = subprocess.run(
            command, input="\n".join(lines), env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        return list(documents(done.stdout)), done.stdout + done.stderr

    return run


def documents(text):
    """The documents of JSON among other lines."""
    for line in text.splitlines():
        try:
            yield json.loads(re.sub(r"^(local> )+", "", line))
        except ValueError:
            continue


def test_bq_makes_loads_queries_and_shows(bq, tmp_path):
    """What a person types."""
    (tmp_path / "t.csv").write_text("1,x\n2,y\n")

    found, said = bq(
        "mk --dataset shop",
        f"load --source_format=CSV shop.t {tmp_path / 't.csv'} a:INTEGER,b:STRING",
        "query --use_legacy_sql=false 'SELECT a, b, TIMESTAMP_SECONDS(a) AS c FROM shop.t ORDER BY a'",
        "head -n 1 shop.t",
        "ls shop",
        "query --use_legacy_sql=false 'SELECT zz FROM shop.t'",
    )

    assert len(found) == 3, said
    rows, head, tables = found
    assert rows == [{"a": "1", "b": "x", "c": "1970-01-01 00:00:01"}, {"a": "2", "b": "y", "c": "1970-01-01 00:00:02"}]
    assert head == [{"a": "1", "b": "x"}]
    assert [each["tableReference"]["tableId"] for each in tables] == ["t"]
    assert "Unrecognized name: zz" in said
