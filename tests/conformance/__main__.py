"""`python -m tests.conformance run|clean --project ID`: the kinds against a project that somebody has."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.core.kind import Kind
from reconciler.engine.pool import Pool
from reconciler.kinds import KINDS
from tests.conformance.example import Example, examples_of
from tests.conformance.place import Place
from tests.conformance.target import ceiling, journal, leftovers, making
from tests.conformance.target.connection import Target
from tests.conformance.target.fidelity import Recording, judge
from tests.conformance.target.recorder import Recorder
from tests.conformance.target.report import case_name, report
from tests.conformance.target.scrubbing import Scrubber
from tests.conformance.target.trial import FAILED, Trial

OUT = Path("conformance")
WRONG_USAGE, NOT_DONE, STOPPED = 64, 1, 130


def main(arguments: Sequence[str]) -> int:
    """Run, or tidy up after runs that are gone; 1 where a claim failed or something was left."""
    chosen = _parser().parse_args(arguments)
    before = signal.signal(signal.SIGTERM, _stopped)
    try:
        with Pool() as pool:
            return int(chosen.act(chosen, pool))
    except KeyboardInterrupt:
        _say("stopped: what was made is taken away; what could not be is written down for the next run")
        return STOPPED
    finally:
        signal.signal(signal.SIGTERM, before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="make, read back, change and delete one of each kind")
    run.add_argument("--kinds", default="", help="some kinds, with commas between them")
    run.add_argument("--out", type=Path, default=OUT, help="folder of the report and of recordings")
    run.add_argument("--patience", type=float, default=30.0, help="seconds, for each kind, that replays wait in all")
    run.set_defaults(act=_run)
    clean = commands.add_parser("clean", help="take away what runs left that are gone")
    clean.set_defaults(act=_clean)
    for each in (run, clean):
        each.add_argument("--project", required=True, type=_project, help="id of the project")
        each.add_argument("--region", default="europe-west1", help="where what has a region is made")
        each.add_argument("--journals", type=Path, default=journal.FOLDER, help="what was made is written down here")
    return parser


def _project(said: str) -> str:
    if not said:
        raise argparse.ArgumentTypeError("no project is named: make conformance PROJECT=...")
    return said


def _stopped(*_: Any) -> None:
    raise KeyboardInterrupt


def _clean(chosen: argparse.Namespace, pool: Pool) -> int:
    """Show what would go, and take it away where somebody agrees."""

    def agreed(lines: Sequence[str]) -> bool:
        _say(f"in {chosen.project}, this would be taken away:", *(f"  {line}" for line in lines))
        return _agreed()

    left = _tidied(chosen, pool, agreed)
    if left is None:
        _say("nothing was done: say CONFIRM=yes, or answer yes")
        return WRONG_USAGE
    return NOT_DONE if left else 0


def _tidied(chosen: argparse.Namespace, pool: Pool, agreed: Callable[[Sequence[str]], bool]) -> list[str] | None:
    """Take away what dead runs of this machine left, and what an old run's label is on.

    Args:
        chosen: The command's arguments.
        pool: For clients.
        agreed: Asked once, where there is something, with a line for each.

    Returns:
        What is left; None where nobody agreed.
    """
    found = list(journal.abandoned(chosen.journals, chosen.project))
    for each in found:
        each.settle()
        _say(*(f"not of the run {each.run}, left alone: {made.sort} {made.name}" for made in each.foreign()))
    searched = list(_searched(chosen, pool, found))
    for _, each in searched:
        _say(*(f"not looked at: {line}" for line in each.unseen))
        _say(*(f"named like a run's, without its label or journal, left alone: {line}" for line in each.doubtful))
    lines = list(dict.fromkeys(line for _, each in searched for line in each.lines))
    if lines and not agreed(lines):
        for each in found:
            each.close(done=False)
        return None
    left: list[str] = []
    for target, each in searched:
        gone, kept = leftovers.take_away(target, each)
        _say(*(f"taken away: {name}" for name in gone), *(f"left: {line}" for line in kept))
        left += kept
    for each in found:
        each.close(done=not left)
    return left


def _searched(
    chosen: argparse.Namespace, pool: Pool, found: Sequence[journal.Journal]
) -> Iterator[tuple[Target, leftovers.Search]]:
    """Look into each region that a journal names, and into the chosen one."""
    now = datetime.now(UTC)
    ours = {each.run for each in found}
    regions = dict.fromkeys([chosen.region, *(each.region for each in found if each.region)])
    may = leftovers.may_go(ours, now)
    for region in regions:
        target = Target(Place(chosen.project, region, "none-"), pool, Recorder())
        mine = [each for each in found if each.region == region]
        noted = by_sort(made for each in mine for made in each.entries())
        yield target, leftovers.search(target, may, noted, now)


def by_sort(noted: Iterable[journal.Made]) -> dict[str, set[str]]:
    """Give names by their sort."""
    names: dict[str, set[str]] = {}
    for made in noted:
        names.setdefault(made.sort, set()).add(made.name)
    return names


def _run(chosen: argparse.Namespace, pool: Pool) -> int:
    run = journal.new_run(datetime.now(UTC))
    planned = list(_planned(chosen, run))
    if not planned:
        _say(f"no kind is called {chosen.kinds}; there are {', '.join(kind.name for kind in KINDS)}")
        return WRONG_USAGE
    bounds = [ceiling.bound(kind.name, example) for kind, example, _ in planned]
    _say(f"in {chosen.project}, {chosen.region}, all names begin with {run}:", ceiling.table(bounds))
    if not _agreed():
        _say("nothing was done: say CONFIRM=yes, or answer yes")
        return WRONG_USAGE
    _tidied(chosen, pool, lambda _: True)
    kept = journal.start(chosen.journals, chosen.project, chosen.region, run)
    course = Course(kept, pool, _number(chosen, pool))
    left: list[str] = ["what was made, since the run ended early"]
    patience_s = 0.0  # whoever stopped it does not wait for replays
    try:
        for kind, example, at in planned:
            course.take(kind, example, at)
        patience_s = chosen.patience
    finally:
        try:
            left = course.tidy()
        finally:
            kept.close(done=not left)
            code = course.tell(chosen.out, left, patience_s)
    return code


def _planned(chosen: argparse.Namespace, run: str) -> Sequence[tuple[Kind[Any], Example, Place]]:
    wanted = set(filter(None, chosen.kinds.split(",")))
    found: list[tuple[Kind[Any], Example, Place]] = []
    for kind in KINDS:
        for index in range(len(examples_of(kind.name)) if not wanted or kind.name in wanted else 0):
            at = journal.place_of(chosen.project, chosen.region, run, len(found))
            found.append((kind, examples_of(kind.name, at)[index], at))
    return found


def _agreed() -> bool:
    if os.environ.get("CONFIRM"):
        return os.environ["CONFIRM"] == "yes"
    return sys.stdin.isatty() and input("go on? (yes) ").strip() == "yes"


def _number(chosen: argparse.Namespace, pool: Pool) -> str:
    """Give the project's number, which is hidden in recordings."""
    target = Target(Place(chosen.project, chosen.region, "none-"), pool, Recorder())
    api = target.api("google.cloud.resourcemanager_v3", "projects", "Projects")
    return str(api.get_project(request={"name": target.at.top}).name.rpartition("/")[2])


@dataclass
class Course:
    """The trials of one run, one after the other."""

    kept: journal.Journal
    pool: Pool
    number: str

    def __post_init__(self) -> None:
        """Have nothing yet."""
        self.trials: list[Trial] = []
        self.recordings: list[Recording] = []
        self.gone: set[journal.Made] = set()
        self.at = journal.place_of(self.kept.project, self.kept.region, self.kept.run, 0)
        self.recorder = Recorder(announce=self._announced)
        self.target = Target(self.at, self.pool, self.recorder)

    def _announced(self, verb: str, url: str, body: Any) -> None:
        for made in making.made_by(verb, url, body, self.at):
            self.kept.note(made)

    def take(self, kind: Kind[Any], example: Example, at: Place) -> None:
        """Run one trial and take away what it made."""
        started = time.monotonic()
        ends = started + 60 * ceiling.minutes_for(kind.name, example)
        trial = Trial(kind, example, self.target.elsewhere(at), ends)
        self.trials.append(trial)
        trial.run()
        scrubber = Scrubber(at, self.number)
        scrubbed = [scrubber.heard(heard) for heard in trial.heard]
        self.recordings.append(Recording(kind.name, case_name(trial), scrubbed))
        failed = [step for step in trial.steps if step.outcome == FAILED]
        _say(f"{trial.name}: {len(trial.steps)} steps, {len(failed)} failed, {time.monotonic() - started:.0f} s")
        _say(*(f"  {step.claim}: {step.why}" for step in failed))
        self.tidy()

    def tidy(self) -> list[str]:
        """Take away what this run made; what is left."""
        noted = [made for made in self.kept.entries() if made not in self.gone]
        now = datetime.now(UTC)
        found = leftovers.search(self.target, lambda seen: seen.run == self.kept.run, by_sort(noted), now)
        _, left = leftovers.take_away(self.target, found)
        self.gone |= set() if left else set(noted)
        return left

    def tell(self, out: Path, left: Sequence[str], patience_s: float) -> int:
        """Replay, write the report and the recordings, say where they are."""
        paths = {each.write(out / "recordings"): each for each in self.recordings}
        judged = list(judge(paths, patience_s))
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.md").write_text(report(self.trials, judged, left))
        failed = sum(step.outcome == FAILED for trial in self.trials for step in trial.steps)
        differ = sum(len(each.different) for each in judged)
        exchanges = sum(len(each.findings) for each in judged)
        _say(
            f"{failed} claims failed; {differ} of {exchanges} answers differ from the emulator's; {len(left)} left",
            f"{out / 'report.md'}, {out / 'recordings'}",
        )
        return NOT_DONE if failed or left else 0


def _say(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
