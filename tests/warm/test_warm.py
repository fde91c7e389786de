"""Programs that are forked: each is one like any other, as far as it and its callers can see."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.warm.process import Process
from tests.warm.stock import ROOT, Stock

PROBE = "tests.warm.probe"
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TOLD": "ü", "TZ": "Asia/Tokyo"}
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def stock() -> Iterator[Stock]:
    """A stock that has imported little."""
    made = Stock("json", {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)})
    yield made
    made.close()


def forked(stock: Stock, folder: Path, *arguments: str) -> Process:
    """Start the probe."""
    return stock.run(PROBE, *arguments, folder=folder, env=ENVIRONMENT)


CASES = [
    (["found"], ""),
    (["read"], "a\r\nb\rc\n"),
    (["end", "null"], ""),
    (["end", "3"], ""),
    (["end", "-1"], ""),
    (["end", '"why"'], ""),
    (["kill", "15"], ""),
    (["kill", "9"], ""),
    (["late"], ""),
    (["half"], ""),
]


@pytest.mark.parametrize(("arguments", "stdin"), CASES, ids=["-".join(each) for each, _ in CASES])
def test_it_is_what_a_new_interpreter_is(stock, tmp_path, arguments, stdin):
    """What it sees, what it says, and how it ends."""
    started = [sys.executable, "-m", PROBE, *arguments]
    done = subprocess.run(
        started, cwd=tmp_path, env=ENVIRONMENT, input=stdin.encode(), capture_output=True, check=False
    )
    process = stock.run(PROBE, *arguments, folder=tmp_path, env=ENVIRONMENT)
    process.stdout.reconfigure(errors="surrogateescape")

    out, err = process.communicate(stdin, PATIENCE_S)

    assert process.returncode == done.returncode
    assert (out.encode(errors="surrogateescape"), err.encode()) == (done.stdout, done.stderr)


def test_what_cannot_be_written_is_told(stock, tmp_path):
    """By the exit status of an interpreter that could not."""
    process = forked(stock, tmp_path, "closed")

    out, err = process.communicate("", PATIENCE_S)

    assert (process.returncode, out) == (120, "")
    assert "Bad file descriptor" in err


def test_output_that_is_no_text_is_an_error(stock, tmp_path):
    """And none that is empty."""
    with pytest.raises(UnicodeDecodeError):
        forked(stock, tmp_path, "bytes").communicate("", PATIENCE_S)


def test_what_follows_a_line_that_was_read_is_there(stock, tmp_path):
    """Nothing of it is lost in between."""
    process = forked(stock, tmp_path, "late")

    assert process.stdout.readline() == "main\n"
    assert process.communicate("", PATIENCE_S) == ("thread\nbefore\nlast\n", "")


def test_who_reads_nothing_may_be_told_anything(stock, tmp_path):
    """More than a pipe holds: it ends as it would."""
    process = forked(stock, tmp_path, "end", "4")

    assert process.communicate("told " * 200_000, PATIENCE_S) == ("", "")
    assert process.returncode == 4


def test_tests_that_are_killed_leave_nothing_running(tmp_path):
    """Nobody else knows of what they started. Its output ends with the last one that holds it."""
    killed = (
        "import os; from pathlib import Path; from tests.warm.stock import Stock\n"
        f"stock = Stock('json', dict(os.environ))\n"
        f"stock.run({PROBE!r}, 'wait', folder=Path({str(tmp_path)!r}), env=os.environ, streams=(0, 1, 2))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    started = [sys.executable, "-c", killed]

    done = subprocess.run(
        started, cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60
    )

    assert done.returncode == -9
    assert int(done.stdout or b"1") > 0


def test_servers_that_were_forked_name_requests_each_for_itself(tmp_path):
    """Whoever joins requests of two of them by their ids finds each once."""
    prepared = Stock("runtime.telemetry.request_ids", {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)})
    try:
        started = [prepared.run(PROBE, "named", folder=tmp_path, env=ENVIRONMENT) for _ in range(2)]
        told = {each.communicate("", PATIENCE_S) for each in started}
    finally:
        prepared.close()

    assert len(told) == 2
    assert all(out.endswith("-1\n") for out, _ in told)
