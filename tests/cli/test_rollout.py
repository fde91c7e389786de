"""`mlservice rollout`: where versions are on their way, and orders to them."""

import json

from tests.operating import spec

CANARY = {"strategy": "Canary", "steps": [{"traffic": 20, "hold": "1h"}]}


def wanted(version, **sections):
    return spec(env={"V": version}, rollout=CANARY, **sections)


def shares(operator):
    return {each.revision: each.percent for each in operator.service().traffic if each.percent}


def test_an_order_is_confirmed_before_anything_is_written(shell, operator):
    """In a pipe without --yes nothing is; with it the version goes back, and where it is says so."""
    for version in ("1", "2"):
        shell.write(wanted(version))
        shell("apply", "--local", "--yes")
    shell("apply", "--local", "--yes")
    before, there = operator.service(), shell("rollout", "--local")

    refused = shell("rollout", "--local", "--order", "abort")
    assert refused.code != 0
    assert "or add --yes" in refused.err
    assert operator.service() == before
    assert "step 1, 20 %" in there.out

    done = shell("rollout", "--local", "--order", "abort", "--reason", "it charges twice", "--yes")
    assert done.code == 0, done.err
    assert len(shares(operator)) == 1
    told = json.loads(shell("rollout", "--local", "--output", "json").out)
    assert "it charges twice" in json.dumps(told)


def test_what_is_observed_takes_no_order(shell, operator):
    """It is refused before anything is written; so is a service of another name."""
    shell.write(wanted("1"))
    shell("apply", "--local", "--yes")
    shell.write(wanted("2", management={"mode": "Observe"}))
    before = operator.service()

    observed = shell("rollout", "--local", "--order", "abort", "--yes")
    other = shell("rollout", "--local", "--name", "churnn")

    assert observed.code != 0
    assert "is observed only" in observed.err
    assert other.code != 0
    assert "no spec here is of a service 'churnn'" in other.err
    assert operator.service() == before
