"""What was made, written down before it is made: one file a run, found by the next one."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import string
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.conformance.place import Place

FOLDER = Path(".mlservice/conformance")
LABEL = "mlservice-conformance"
DIGITS = string.digits + string.ascii_lowercase
_MINUTES = 5
"""Digits of base 36 that hold the minutes since 1970, until 2085."""
NAME = re.compile(rf"(mlc([0-9a-z]{{{_MINUTES}}})[0-9a-z]{{2}})[0-9a-z][-_]")
"""What names begin with: the run, in which stands when it began, and a letter for each example of it."""
IN_FLIGHT_S = 5.0
"""How long a request may take that nobody waits for any more."""
ABANDONED_AFTER = timedelta(hours=4)
"""Longer than any run lasts: what is older is nobody's, whoever made it."""


def new_run(now: datetime) -> str:
    """Name a run by when it begins, and by two letters that another of the same minute does not have."""
    minutes, digits = int(now.timestamp()) // 60, ""
    for _ in range(_MINUTES):
        minutes, digit = divmod(minutes, len(DIGITS))
        digits = DIGITS[digit] + digits
    return f"mlc{digits}{secrets.choice(DIGITS)}{secrets.choice(DIGITS)}"


def run_in(name: str) -> str:
    """Give the run that a name belongs to; nothing where it is not one of ours."""
    found = NAME.match(name.rpartition("/")[2])
    return found[1] if found else ""


def began(run: str) -> datetime:
    """Say when a run began, to the minute."""
    return datetime.fromtimestamp(int(run[3 : 3 + _MINUTES], len(DIGITS)) * 60, UTC)


def place_of(project: str, region: str, run: str, number: int) -> Place:
    """Give the place of one example of a run: its names, which no other example has, and its label."""
    return Place(project, region, f"{run}{DIGITS[number]}-", {LABEL: run})


@dataclass(frozen=True)
class Made:
    """Something that was about to be made.

    Args:
        sort: What, such as `topic`.
        name: Its resource name; where names are the server's, what it is found by.
    """

    sort: str
    name: str


class Journal:
    """One run's file, which is held as long as the run lives."""

    def __init__(self, path: Path, project: str, region: str) -> None:
        self.path, self.project, self.region = path, project, region
        self._known: set[Made] = set()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise
        if not path.stat().st_size:
            self._line({"project": project, "region": region})

    @property
    def run(self) -> str:
        """The run's name."""
        return self.path.stem

    def note(self, made: Made) -> None:
        """Write down, and have it on the disk, before it is made."""
        if made not in self._known:
            self._known.add(made)
            self._line(asdict(made))

    def _line(self, said: dict[str, str]) -> None:
        self._file.write(json.dumps(said) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def entries(self) -> list[Made]:
        """Give what was written, by this process or by one that is gone; a torn last line was never acted on."""
        found = []
        for line in self.path.read_text().splitlines()[1:]:
            try:
                found.append(Made(**json.loads(line)))
            except (ValueError, TypeError):
                break
        return found

    def settle(self) -> None:
        """Wait for what its process asked for just before it died: that may still be made."""
        time.sleep(max(0.0, self.path.stat().st_mtime + IN_FLIGHT_S - time.time()))

    def close(self, *, done: bool) -> None:
        """Let go of it; take it away where nothing is left."""
        if done:
            self.path.unlink(missing_ok=True)
        self._file.close()


def start(folder: Path, project: str, region: str, run: str) -> Journal:
    """Begin a run's journal."""
    return Journal(folder / project / f"{run}.jsonl", project, region)


def abandoned(folder: Path, project: str) -> Iterator[Journal]:
    """Take over the journals of runs that are no longer alive."""
    for path in sorted((folder / project).glob("mlc*.jsonl")):
        try:
            first = json.loads(path.read_text().partition("\n")[0] or "{}")
            yield Journal(path, project, str(first.get("region", "")))
        except BlockingIOError:
            continue  # a run at work
