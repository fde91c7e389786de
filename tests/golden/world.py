"""A recorded world: what is there, what is ours and what was looked up, as files in a case's folder."""

import json
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

from reconciler.core.address import Address
from reconciler.core.facts import Facts, ModelFiles
from reconciler.core.inventory import Inventory
from reconciler.core.kind import Kinds, Observed
from reconciler.core.planned import Planned, compose
from reconciler.core.record import revive
from reconciler.kinds.run_traffic import Revision, Runs
from schemas import load

PROJECT, BUCKET = "acme", "acme-mlservice"
MADE = "2026-11-22T12:00:00+00:00"


def plan_case(kinds: Kinds, case: Path) -> Planned:
    """Make the plan of a case's folder: the code of `mlservice plan`, with files where Google Cloud would be.

    `observed.json` has `inventories` as they are stored, and `objects` by address with their record's plain `fields`.
    `facts.json` has, by service, the image's digest, secrets' numbers and model files.
    """
    with chdir(case):  # so that places are named as on a user's machine
        services = load([Path("mlservice.yaml")]).services
    world = _read(case / "observed.json")
    known = _read(case / "facts.json")
    facts = [_facts(known.get(s.service.name, {})) for s in services]
    inventories = [Inventory.from_json(data, generation=1) for data in world.get("inventories", ())]
    seen = {Address.parse(text): data for text, data in world.get("objects", {}).items()}

    def observe(addresses: Any) -> Mapping[Address, Observed[Any]]:
        return {a: _observed(kinds, a, seen[a]) for a in addresses if a in seen}

    everything = {(i.region, i.service): i for i in inventories}
    return compose(kinds, services, facts, everything, observe, project=PROJECT, made=MADE)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}


def _facts(data: Mapping[str, Any]) -> Facts:
    secrets = {tuple(name.rsplit(":", 1)): number for name, number in data.get("secrets", {}).items()}
    model = data.get("model")
    image = data.get("image", "us-docker.pkg.dev/mlservice/images/runtime@sha256:" + "0" * 64)
    return Facts(PROJECT, BUCKET, image, secrets, model and ModelFiles(**model))


def _observed(kinds: Kinds, address: Address, data: Mapping[str, Any]) -> Observed[Any]:
    rest = {name: value for name, value in data.items() if name not in {"fields", "runs"}}
    fields = revive(kinds.of_address(address).fields, data["fields"])
    return Observed(address, fields, output={"runs": _runs(data.get("runs", {}))}, **rest)


def _runs(data: Mapping[str, Any]) -> Runs:
    revisions = tuple(Revision(**revision) for revision in data.get("revisions", ()))
    return Runs(revisions, data.get("latest", ""), data.get("serving", {}))
