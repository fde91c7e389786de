"""What was made, written down before it is made: one file a run, found by the next one."""

from __future__ import annotations

import fcntl
import hashlib
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
_RANDOM, _CHECK = 2, 4
_RUN = re.compile(rf"mlc[0-9a-z]{{{_MINUTES + _RANDOM + _CHECK}}}")
NAME = re.compile(rf"({_RUN.pattern})[0-9a-z][-_]")
"""What names begin with: the run, in which stands when it began, and a letter for each example of it."""
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
"""No run began before."""
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
    digits += "".join(secrets.choice(DIGITS) for _ in range(_RANDOM))
    return f"mlc{digits}{_check(digits)}"


def _check(digits: str) -> str:
    """Give what stands behind the rest of a run's name, so that no word is taken for one: `mlcatalogue-`."""
    left, found = int(hashlib.sha256(f"{LABEL}:{digits}".encode()).hexdigest(), 16), ""
    for _ in range(_CHECK):
        left, digit = divmod(left, len(DIGITS))
        found += DIGITS[digit]
    return found


def is_run(said: str) -> bool:
    """Tell whether a text is a run's name and nothing else: its form, when it began, and its check digits."""
    if not _RUN.fullmatch(said) or _check(said[3:-_CHECK]) != said[-_CHECK:]:
        return False
    return FIRST <= began(said) <= datetime.now(UTC) + timedelta(days=1)


def run_in(name: str) -> str:
    """Give the run that a name belongs to; nothing where it is not one of ours."""
    found = NAME.match(name.rpartition("/")[2])
    return found[1] if found and is_run(found[1]) else ""


def account_of(member: str) -> str:
    """The account that a member is or, where it was deleted meanwhile, was: `deleted:serviceAccount:a@b?uid=1`."""
    return member.removeprefix("deleted:").removeprefix("serviceAccount:").partition("@")[0]


def began(run: str) -> datetime:
    """Say when a run began, to the minute.

    Raises:
        ValueError: It is no run: ask `is_run` first.
    """
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
        """Give what was written of this run; a torn last line was never acted on."""
        return [made for made in self._read() if self._is_ours(made)]

    def foreign(self) -> list[Made]:
        """Give what stands in the file and is not of its run, whoever wrote it there: nobody may take it away."""
        return [made for made in self._read() if not self._is_ours(made)]

    def _is_ours(self, made: Made) -> bool:
        """Tell by name; what the server named is found by its label and not by what stands here."""
        if made.name.endswith("?"):
            return True
        elsewhere = made.name.startswith("projects/") and made.name.split("/")[1] not in {self.project, "-"}
        return not elsewhere and run_in(account_of(made.name)) == self.run

    def _read(self) -> Iterator[Made]:
        """Give what was written, by this process or by one that is gone."""
        for line in self.path.read_text().splitlines()[1:]:
            try:
                made = Made(**json.loads(line))
            except (ValueError, TypeError):
                return
            yield Made(str(made.sort), str(made.name))

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
    """Take over the journals of runs that are no longer alive; a file that no run has written is none."""
    for path in sorted((folder / project).glob("mlc*.jsonl")):
        if not is_run(path.stem):
            continue
        try:
            first = json.loads(path.read_text().partition("\n")[0] or "{}")
            yield Journal(path, project, str(first.get("region", "")))
        except BlockingIOError:
            continue  # a run at work
