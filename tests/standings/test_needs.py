"""What of a service needs a person, each with the command that helps."""

import pytest

from reconciler.core.standings.moving import needs
from schemas.kept.standings import ServiceStanding
from tests.page.samples import fleet

QUIET = ("steady", "waits for data", "holds", "frozen", "starting", "preview", "bakes")
MADE = fleet(27)
BY_STATE = {state: each for each in MADE.standings.services for state in [MADE.states[each.region, each.name]]}


def said(service: ServiceStanding) -> list[str]:
    return needs(service.name, service.rollout.to_json())


@pytest.mark.parametrize("state", QUIET)
def test_a_rollout_that_goes_on_by_itself_needs_nobody(state):
    """Whatever it waits for: data, its hold, the end of a freeze."""
    assert said(BY_STATE[state]) == []


@pytest.mark.parametrize(
    ("state", "command"),
    [
        ("waits for approval", "mlservice promote {} --step 2"),
        ("paused", "mlservice resume {}"),
        ("rolled back", "mlservice retry {}"),
        ("past its deadline", "past its deadline"),
        ("both fail", "the stable version is beyond the limit"),
        ("metrics missing", "metrics are missing"),
        ("pinned", "moved by hand"),
        ("cannot start", "cannot start"),
    ],
)
def test_a_rollout_that_waits_for_somebody_says_for_what(state, command):
    """One sentence, with the reason and, where there is one, the command."""
    service = BY_STATE[state]

    [text] = said(service)

    assert command.format(service.name) in text
