"""What is used, and what that costs, as `cost --measured`, `status` and a pass's report say it."""

import httpx

from tests.cli.test_fleet import OPERATOR
from tests.cli.test_reconcile import AS_THE_JOB
from tests.operating import spec

ASKED = spec(access={"authentication": "Public"})


def used(shell, operator):
    """A service that was asked once, an hour ago."""
    shell.write(ASKED)
    operator.apply(ASKED)
    assert httpx.get(operator.service().uri).status_code == 200
    operator.emulator.advance(3600)


def test_cost_takes_what_was_measured_in_place_of_what_is_declared(shell, operator):
    """Each number says that it was measured; a service that does not run is priced as it is declared."""
    used(shell, operator)
    shell.write(ASKED, spec("new"))

    text, data = shell("cost", "--measured", "--local"), shell("cost", "--measured", "--local", "-o", "json")

    assert (text.code, data.code) == (0, 0)
    churn, new = data.json["services"]
    assert (churn["measured"]["requests"], new["measured"]) == (1, None)
    assert not {"usage.requestsPerSecond", "usage.requestDuration"} & {*churn["assumed"]}
    assert {"usage.requestsPerSecond", "usage.requestDuration"} <= {*new["assumed"]}
    assert "requests/s (measured)" in text.out
    assert "  measured: " in text.out


def test_options_that_go_with_measuring_alone_are_refused_without_it(shell, operator):
    """Nothing is ignored in silence."""
    shell.write(ASKED)

    assert shell("cost", "--local").code == 64
    assert shell("cost", "--measured", "--local", "--requests-per-second", "2").code == 64


def test_status_of_a_service_says_what_it_costs_and_how_it_is_used(shell, operator):
    """By the spec beside us; without one nothing is said of its cost, and its use all the same."""
    used(shell, operator)
    here = shell("status", "churn", "--local")
    [told] = shell("status", "churn", "--local", "-o", "json").json
    (shell.folder / "mlservice.yaml").unlink()
    alone = shell("status", "churn", "--local")

    assert here.code == 0
    assert f"cost          from {told['cost']['bySpec']['floor']} to " in here.out
    assert ", by mlservice.yaml" in here.out
    assert "cost as used  from " in here.out
    assert "requests/s of " in here.out
    assert "USD a month" not in alone.out
    assert "requests/s of " in alone.out


def test_a_pass_reports_what_each_service_costs_and_status_tells_it(shell, operator):
    """Whoever has no spec at hand hears it from the last pass."""
    shell.write(ASKED, OPERATOR)
    assert shell("install", "--local", "--yes").code == 0
    shell.write(ASKED)
    assert shell("reconcile", "--local", env=AS_THE_JOB).code == 0
    (shell.folder / "mlservice.yaml").unlink()

    [told] = shell("status", "churn", "--local", "-o", "json").json

    assert told["cost"]["source"] == "the last pass"
    assert told["cost"]["bySpec"] == told["lastPass"]["cost"]
    assert float(told["cost"]["bySpec"]["worst"]) > 0
