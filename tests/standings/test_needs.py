"""What of a service needs a person, each with the command that helps."""

import pytest

from reconciler.core.standings.moving import needs
from schemas.kept.standings import ServiceStanding
from tests.page.samples import fleet

QUIET = ("steady", "waits for data", "holds", "frozen", "starting", "preview", "bakes")
MADE = fleet(27)
BY_STATE = {state: each for each in MADE.standings.services for state in [MADE.states[each.region, each.name]]}


def said(service: ServiceStanding) -> list[tuple[str, str]]:
    return needs(service.name, service.rollout.to_json())


@pytest.mark.parametrize("state", QUIET)
def test_a_rollout_that_goes_on_by_itself_needs_nobody(state):
    """Whatever it waits for: data, its hold, the end of a freeze."""
    assert said(BY_STATE[state]) == []


@pytest.mark.parametrize(
    ("state", "sort", "command"),
    [
        ("waits for approval", "approval", "mlservice promote {} --step 2"),
        ("paused", "paused", "mlservice resume {}"),
        ("rolled back", "rolled back", "mlservice retry {}"),
        ("past its deadline", "no data", "past its deadline"),
        ("both fail", "stuck", "the stable version is beyond the limit"),
        ("metrics missing", "stuck", "metrics are missing"),
        ("pinned", "pinned", "moved by hand"),
        ("cannot start", "not working", "cannot start"),
    ],
)
def test_a_rollout_that_waits_for_somebody_says_for_what(state, sort, command):
    """One sentence, with the reason and, where there is one, the command."""
    service = BY_STATE[state]

    [(kind, text)] = said(service)

    assert (kind, command.format(service.name) in text) == (sort, True), text
