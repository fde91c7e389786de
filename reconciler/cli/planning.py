"""What plan, apply and reconcile share: load, open a session, say where we are, make the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from reconciler.cli.console import say, show_problems
from reconciler.cli.context import (
    Found,
    find_account,
    find_project,
    open_session,
    reconciler_image,
    runtime_image,
)
from schemas import Loaded, Specs, load

if TYPE_CHECKING:
    from reconciler.core.inventory import SpecFile
    from reconciler.core.kind import Kinds
    from reconciler.engine.log import Log
    from reconciler.engine.planning import Planned
    from reconciler.engine.session import Session

LOCAL_BANNER = "LOCAL: the embedded emulator{}; nothing reaches Google Cloud"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a command works.

    Args:
        project: From `--project`.
        local: From `--local`.
        state: From `--state`.
        environment: From `--environment`.
    """

    project: str | None = None
    local: bool = False
    state: str | None = None
    environment: str | None = None

    def within(self, project: str | None) -> Target:
        """Give it for what names its project itself: `--project` and `--local` go before that.

        Args:
            project: That a spec or a plan names; empty or None for none.
        """
        return self if self.project or self.local else replace(self, project=project or None)


def load_specs(paths: Sequence[Path], target: Target) -> Specs:
    """Load the specs and show their warnings."""
    specs = load([*paths], environment=target.environment)
    show_problems(specs.warnings)
    return specs


def load_each(paths: Sequence[Path], target: Target) -> list[Specs]:
    """Load files each by itself, as a command for each would: a service may stand in several, one for each region."""
    return [load_specs([path], target) for path in paths]


def joined(several: Sequence[Specs]) -> Specs:
    """Put together what was loaded apart, to say where we are; one plan is made of each."""
    return Specs(
        tuple(each for specs in several for each in specs.services),
        operators=tuple(each for specs in several for each in specs.operators),
    )


@contextmanager
def working(target: Target, specs: Specs | None = None, *, quiet: bool = False) -> Iterator[Session]:
    """Open a session, and say which project, region and account it is, and why."""
    project = find_project(target.project, specs, local=target.local)
    if not quiet:
        say_where(project, target, specs)
    with open_session(project, local=target.local, state=target.state) as session:
        yield session


def _whose() -> str:
    """Say whose emulator it is, where it is not the working directory's own: the nearest above, or the one named."""
    from reconciler.gcp.emulator import STATE_DIR, state_dir  # noqa: PLC0415 - late, for start-up

    state = state_dir()
    return "" if state == STATE_DIR else f" of {state.parent.parent if state.parts[-2:] == STATE_DIR.parts else state}"


def say_where(project: Found, target: Target, specs: Specs | None) -> None:
    """Print the line that says where we are."""
    if target.local:
        say(LOCAL_BANNER.format(_whose()), "black on yellow")
    parts = [f"project {project}", f"account {find_account(local=target.local)}"]
    if specs:
        regions = sorted({s.region for s in specs.documents})
        parts.insert(1, f"region {', '.join(regions)} (spec.region)")
    if target.environment:
        parts.append(f"environment {target.environment}")
    say(" · ".join(parts), "dim")


def plan_specs(session: Session, specs: Specs, *, retry: bool = False, tries: bool = False) -> Planned:
    """Make the plan; with `retry`, failed revisions are tried once more; with `tries`, versions are asked."""
    from reconciler.cli.spec_files import files_of  # noqa: PLC0415 - late, for start-up

    return plan_documents(session, specs.documents, retry=retry, tries=tries, files=files_of(specs.documents))


def plan_documents(
    session: Session,
    documents: Sequence[Loaded],
    *,
    retry: bool = False,
    bundled: str = "",
    beside: Sequence[Loaded] = (),
    log: Log | None = None,
    tries: bool = False,
    files: Mapping[str, SpecFile] = MappingProxyType({}),
) -> Planned:
    """Make the plan of some of the documents.

    Args:
        session: The run's means.
        documents: Which.
        retry: Try failed revisions once more.
        bundled: The bundled model server's image, where the environment names none; empty: this version's.
        beside: Services that are not planned: what an operator must be able to do follows from them.
        log: Where a pass tells what people are told on their terminal.
        tries: Versions without traffic may be asked what their specs want to know.
        files: Which file each is planned from, by name, where it is known.
    """
    from importlib.metadata import version  # noqa: PLC0415 - late, for start-up

    from reconciler.cli.prices import prefer_kept, say_trouble  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.planning import Release, make_plan  # noqa: PLC0415 - late, for start-up

    why = prefer_kept()
    if log and why:
        log.write("WARNING", "prices are old", error=why)
    elif not log:
        say_trouble(why)
    environment = next((each.environment for each in [*documents, *beside] if each.environment), None) or ""
    release = Release(reconciler_image(_registry(session)), version("mlservice"), environment)
    server = model_server(session, bundled)
    return make_plan(
        session,
        documents,
        runtime_image=server,
        retry=retry,
        release=release,
        beside=beside,
        tries=tries,
        files=files,
    )


def model_server(session: Session, bundled: str = "") -> str:
    """Give the image of the model server that services without one get in a run's project.

    Args:
        session: The run's connection.
        bundled: What a job's orders say that it is; empty where there are none.
    """
    return runtime_image(_registry(session), bundled)


def _registry(session: Session) -> str | None:
    """Give the project whose registry has our images; None on the emulator, which brings them."""
    return None if session.connection.local else session.connection.project


def titles(kinds: Kinds) -> Mapping[str, str]:
    """Give what people call each kind."""
    return {kind.name: kind.title for kind in kinds}
