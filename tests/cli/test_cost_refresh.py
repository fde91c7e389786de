"""`cost --refresh`: prices are read from the catalog, kept, and preferred, in plans as well."""

import json
import os

from tests.operating import spec

CATALOG = "google.cloud.billing.v1.CloudCatalog"


def test_prices_are_read_once_and_kept(shell, operator):
    """Everything that has a rule is in the catalog; what is kept holds without another call."""
    kept = shell.folder / "mine" / "prices.json"
    env = {"MLSERVICE_PRICES": str(kept)}

    alone = shell("cost", "--refresh", "--local", "-o", "json", env=env)
    shell.write(spec())
    operator.emulator.control("DELETE", "calls")
    then = shell("cost", "-o", "json", env=env)
    text = shell("cost", env=env)

    assert (alone.code, then.code) == (0, 0)
    told = alone.json["refreshed"]
    assert told["kept"] == []
    assert {"run.req.cpu.active.t2", "run.inst.mem.t1", "logging.ingest"} <= {*told["read"]}
    assert then.json["prices"]["refreshed"] == told["asOf"]
    assert f"list prices of {told['asOf']} from Google's catalog, where they have a rule; others of 2" in text.out
    assert not [name for name in operator.emulator.calls() if name.startswith(CATALOG)]
    assert kept.stat().st_mode & 0o777 == 0o600


def test_what_was_kept_prices_plans_too(shell, operator):
    """A price that somebody read last is the one that a plan says."""
    kept = shell.folder / "prices.json"
    env = {"MLSERVICE_PRICES": str(kept)}
    assert shell("cost", "--refresh", "--local", env=env).code == 0
    document = json.loads(kept.read_text())
    document["rows"]["run.req.cpu.active.t1"]["usd"] = "0.00004"
    kept.write_text(json.dumps(document))
    shell.write(spec())

    dearer, as_it_comes = (
        json.loads(shell("plan", "--local", "-o", "json", env=each).out)["costs"]["churn"]["worst"]
        for each in (env, {"MLSERVICE_PRICES": str(shell.folder / "none.json")})
    )

    assert float(dearer) > float(as_it_comes)


def test_prices_that_cannot_be_read_are_told(shell):
    """To people in words, in a pass as a line of its log; nothing is wrong with /dev/null."""
    shell.write(spec())
    missing = str(shell.folder / "none.json")

    planned = shell("plan", "--local", env={"MLSERVICE_PRICES": missing})
    log = shell("reconcile", "--local", "--dry-run", env={"MLSERVICE_PRICES": missing}).err
    lines = [json.loads(line) for line in log.splitlines()]
    quiet = shell("plan", "--local", env={"MLSERVICE_PRICES": os.devnull})
    priced = shell("cost", env={"MLSERVICE_PRICES": missing})

    assert f"cannot be used: {missing}: no such file" in priced.err
    assert f"cannot be used: {missing}: no such file" in planned.err
    assert [line["severity"] for line in lines if missing in line.get("error", "")] == ["WARNING"]
    assert "prices are" not in quiet.err


def test_a_catalog_that_cannot_be_read_leaves_what_was_kept(shell, operator):
    """An error, and the file is as it was; of the emulator nothing is kept in Google's place."""
    kept = shell.folder / "prices.json"
    kept.write_text("{}")
    operator.emulator.faults({"method": f"{CATALOG}/*", "status": "PERMISSION_DENIED", "times": None})
    refused = shell("cost", "--refresh", "--local", env={"MLSERVICE_PRICES": str(kept)})
    operator.emulator.faults()
    wrong = shell("cost", "--refresh", "--local")

    assert (refused.code, wrong.code) == (1, 64)
    assert kept.read_text() == "{}"
    assert "would stand in the place of Google's" in wrong.err
