"""What `promote`, `pause`, `resume`, `abort`, `retry` and `rollback` have in common.

An order is left beside the traffic, for the version and the step that its author means, and one pass is made. Of a
service in several regions, each in a file of its own, one after the other: where one does not end well, the next ones
are not asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.commands.apply import How, carried_out, document_of
from reconciler.cli.commands.plan import show
from reconciler.cli.console import confirmed, data, say
from reconciler.cli.names import Name
from reconciler.cli.options import (
    Environment,
    Form,
    Local,
    LockTimeout,
    Output,
    Project,
    Region,
    State,
    Yes,
    spec_paths,
)
from reconciler.cli.planning import Target, joined, load_each, plan_documents, working
from reconciler.core import errors
from reconciler.core.exits import FAILED, PARTLY
from reconciler.core.rollout.record import LONGEST_REASON
from schemas.sections.management import Mode

if TYPE_CHECKING:
    from reconciler.core.planned import Planned
    from reconciler.core.rollout.record import Order
    from reconciler.engine.rollouts import Standing
    from reconciler.engine.session import Session
    from schemas import LoadedService, Specs

TAKES = "It takes run.services.update on the service, and what an apply of its spec takes."

Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--file", "-f", help="Its spec, or a folder; may be repeated. Left out: mlservice.yaml.", show_default=False
    ),
]
Version = Annotated[
    str | None,
    typer.Option(
        "--version",
        help="Hash of the version that is meant, as `rollout` shows it: of another one it is refused. Left out: the "
        "one that is on.",
        show_default=False,
    ),
]
Step = Annotated[
    int | None,
    typer.Option("--step", help="Number of the step that is meant. Left out: the one that is on.", show_default=False),
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for whoever asks later.", show_default=False)]
AsForm = Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks.

    Args:
        verb: Which order.
        name: Of the service.
        files: Its specs; None for the one beside us.
        region: Where; None for everywhere.
        version: Hash of the version that is meant; None for the one that is on.
        step: Number of the step that is meant; None for the one that is on.
        words: Further words of the order.
        target: Where the command works.
        yes: Do not ask.
        lock_timeout: Patience with another run, as a duration.
        output: Form of the output.
    """

    verb: str
    name: str
    files: list[Path] | None = None
    region: str | None = None
    version: str | None = None
    step: int | None = None
    words: Mapping[str, Any] = field(default_factory=dict)
    target: Target = field(default_factory=Target)
    yes: bool = False
    lock_timeout: str = "0s"
    output: Form = Form.TEXT


@dataclass(slots=True)
class _Place:
    """One region of the service.

    Args:
        document: Its spec there.
        planned: What was read.
        standing: Where its rollout is.
        order: That is left there.
        refused: Why it is not; empty where it is.
        done: What became of it, as plain data.
    """

    document: LoadedService
    planned: Planned
    standing: Standing
    order: Order | None = None
    refused: str = ""
    done: dict[str, Any] = field(default_factory=dict)

    @property
    def region(self) -> str:
        """Where it is."""
        return self.document.region

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        order = self.order and {
            "verb": self.order.verb,
            "version": self.order.version,
            "step": self.order.step,
            "by": self.order.by,
            "reason": self.order.reason or None,
        }
        head = {"service": self.document.name, "region": self.region}
        return {**head, "order": order, "refused": self.refused or None, "plan": None, "report": None, **self.done}


def command_of(verb: str, told: str) -> typer.Typer:
    """Make the command of an order that has no words of its own.

    Args:
        verb: Which order.
        told: What it does, for its help.
    """
    app = typer.Typer(add_completion=False)

    @app.command(help=f"{told}\n\n{TAKES}")
    def order(
        name: Name,
        *,
        file: Files = None,
        region: Region = None,
        version: Version = None,
        step: Step = None,
        reason: Reason = "",
        environment: Environment = None,
        project: Project = None,
        local: Local = False,
        state: State = None,
        yes: Yes = False,
        lock_timeout: LockTimeout = "0s",
        output: AsForm = Form.TEXT,
    ) -> int:
        target, words = Target(project, local, state, environment), {"reason": reason}
        return give(Wish(verb, name, file, region, version, step, words, target, yes, lock_timeout, output))

    return app


def give(wish: Wish) -> int:
    """Leave an order wherever it has a meaning, and make one pass there.

    Returns:
        0 done, 1 failed, 3 blocked, 4 where the order is left and waits for another run.

    Raises:
        UsageError: There is no such service, it would be carried out nowhere, or nobody agreed; or its reason is not
            one line.
    """
    _check_reason(wish.words.get("reason", ""))
    specs = joined(load_each(spec_paths(wish.files), wish.target))
    documents = _documents(specs, wish)
    places: list[_Place] = []
    quiet = wish.output is Form.JSON
    with working(wish.target, specs, quiet=quiet) as session:
        try:
            places += [_place(session, document, wish) for document in documents]
            _agree(places, wish)
            return _one_after_the_other(session, places, wish)
        finally:
            if quiet:
                data([each.to_json() for each in places])


def _check_reason(reason: str) -> None:
    if not reason.isprintable():
        raise errors.UsageError("--reason is one line, without control characters", hint="put it into one sentence")
    if len(reason) > LONGEST_REASON:
        raise errors.UsageError(f"--reason is longer than {LONGEST_REASON} characters", hint="link to the rest")


def _documents(specs: Specs, wish: Wish) -> Sequence[LoadedService]:
    found = [each for each in specs.services if each.name == wish.name and wish.region in {None, each.region}]
    if not found:
        known = sorted({f"{each.name} in {each.region}" for each in specs.services})
        hint = f"there are: {', '.join(known)}" if known else "--file names its spec"
        where = f" in {wish.region}" if wish.region else ""
        raise errors.UsageError(f"no spec here is of a service '{wish.name}'{where}", hint=hint)
    for each in found:
        if each.management.mode is Mode.OBSERVE:
            hint = "management.mode: Manage lets it be written"
            raise errors.UsageError(f"{each.name} in {each.region} is observed only", hint=hint)
    return found


def _place(session: Session, document: LoadedService, wish: Wish) -> _Place:
    """Tell what the order means in one region."""
    from reconciler.engine.rollouts import order_of, refusal_of, standings  # noqa: PLC0415 - late, for start-up

    planned = plan_documents(session, [document])
    [standing] = standings(planned, session.kinds)
    order = order_of(standing, wish.verb, session, version=wish.version, step=wish.step, **wish.words)
    return _Place(document, planned, standing, order, refusal_of(standing, order))


def _agree(places: Sequence[_Place], wish: Wish) -> None:
    """Say where it will not be carried out, and ask about the rest before anything is written.

    Raises:
        UsageError: It would be carried out nowhere, or nobody agreed.
    """
    hint = f"`mlservice rollout {wish.name}` shows where it is"
    asking = [each for each in places if not each.refused]
    if not asking:
        raise errors.UsageError("; ".join(f"{each.region}: {each.refused}" for each in places), hint=hint)
    for each in places:
        if each.refused:
            say(f"{each.region}: {each.refused}", "yellow")
    where = "; ".join(f"{each.region}: {_meant(each)}" for each in asking)
    if not wish.yes and not confirmed(f"{wish.verb} {wish.name} ({where})?"):
        raise errors.UsageError("nothing was asked of it", hint="answer yes, or add --yes")


def _meant(place: _Place) -> str:
    going, order = place.standing.going, place.order
    if going is None or order is None:
        return ""
    return f"version {order.version}, {going.rollout.phase}, step {going.rollout.number}, {going.rollout.percent} %"


def _one_after_the_other(session: Session, places: Sequence[_Place], wish: Wish) -> int:
    from reconciler.engine.rollouts import leave  # noqa: PLC0415 - late, for start-up

    asking = [each for each in places if each.order is not None and not each.refused]
    for number, place in enumerate(asking):
        if place.order is not None:
            asked, place.order = place.order, leave(session, place.planned, place.standing, place.order)
            if place.order is not asked:
                first = place.order
                say(f"{place.region}: {first.verb} of {first.by} waits already, and is what this pass carries out")
        code = _pass(session, place, wish)
        if code:
            left = ", ".join(each.region for each in asking[number + 1 :])
            if left:
                say(f"not asked, as {place.region} did not end well: {left}", "yellow")
            return code
    return 0


def _pass(session: Session, place: _Place, wish: Wish) -> int:
    """Make one pass over one region. What it does beside the order is asked about as by an apply."""

    def plan() -> Planned:
        return plan_documents(session, [place.document], tries=True)

    planned = plan()
    more = any(change.address != place.standing.address for change in planned.plan.pending)
    how = How(yes=wish.yes or not more, lock_timeout=wish.lock_timeout, again=plan)
    if wish.output is Form.TEXT:
        show(planned.plan, session.kinds, Output.TEXT)
    report = None
    try:
        code, report = carried_out(session, planned, how)
        if report is not None and not report.results and planned.plan.pending:
            code = _others_did(session, place, planned)
    except errors.Locked as error:
        say(f"the order is left, for that run or the next pass: {error.message}", "yellow")
        code = PARTLY
    except errors.StalePlan:
        code = _others_did(session, place, planned)
    finally:
        place.done = document_of(planned, report)
    return code


def _others_did(session: Session, place: _Place, planned: Planned) -> int:
    """Say what another run made of an order, which was faster than this one.

    Returns:
        0 where it did what this one would have done, 4 where the order still waits, 1 where it became something else.
    """
    from reconciler.engine.rollouts import serves_as, standings  # noqa: PLC0415 - late, for start-up

    order, now = place.order, plan_documents(session, [place.document])
    [standing] = standings(now, session.kinds)
    verb, where = (order.verb if order else ""), f"`mlservice rollout {place.document.name}` shows where it is"
    waits = standing.rollout.order if standing.rollout is not None else None
    if waits is not None and order is not None and waits.nonce == order.nonce:
        say(f"{place.region}: another run was at work: {verb} is left, for the next pass", "yellow")
        return PARTLY
    if serves_as(planned, now, place.standing.address):
        say(f"{place.region}: another run was faster, and carried {verb} out")
        return 0
    say(f"{place.region}: another run was faster: {verb} does not wait any more, and was not carried out", "red")
    say(f"  hint: {where}, and `mlservice history {place.document.name}` who did what", "dim")
    return FAILED
