"""A recorded world: what is there, what is ours and what was looked up, as files in a case's folder."""

import json
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.core.address import Address
from reconciler.core.facts import Facts
from reconciler.core.inventory import Inventories, Inventory
from reconciler.core.kind import Kinds
from reconciler.core.membership import any_role
from reconciler.core.objects import Observed
from reconciler.core.planned import Planned, compose
from reconciler.core.record import revive
from reconciler.kinds.run_service.record import Revision, Runs
from schemas import load

PROJECT, BUCKET = "acme", "acme-mlservice"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RUNTIME_IMAGE = "us-docker.pkg.dev/mlservice/images/runtime:0.1.0"


def plan_case(kinds: Kinds, case: Path) -> Planned:
    """Make the plan of a case's folder: the code of `mlservice plan`, with files where Google Cloud would be.

    `observed.json` has `inventories` as they are stored, and `objects` by address with their record's plain `fields`.
    `facts.json` has, by service and lookup, the answer to each question.
    """
    with chdir(case):  # so that places are named as on a user's machine
        services = load([Path("mlservice.yaml")]).documents
    world = _read(case / "observed.json")
    known = _read(case / "facts.json")
    facts = [_facts(kinds, known.get(s.name, {})) for s in services]
    inventories = [Inventory.from_json(data, generation=1) for data in world.get("inventories", ())]
    seen = {Address.parse(text): data for text, data in world.get("objects", {}).items()}

    def observe(addresses: Any) -> Mapping[Address, Observed[Any]]:
        return {a: _observed(kinds, a, seen[a]) for a in seen if a in addresses or any_role(a) in addresses}

    everything = Inventories({(i.region, i.service): i for i in inventories})
    return compose(kinds, services, facts, everything, observe, project=PROJECT, now=NOW)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}


def _facts(kinds: Kinds, data: Mapping[str, Any]) -> Facts:
    types = {lookup.name: lookup.gives for lookup in kinds.lookups}
    answers = {
        (lookup, key): revive(types[lookup], answer) if is_dataclass(types[lookup]) else answer
        for lookup, answered in data.items()
        for key, answer in answered.items()
    }
    bundled = {("image_digest", RUNTIME_IMAGE): RUNTIME_IMAGE.replace(":0.1.0", "@sha256:" + "0" * 64)}
    running = {"reconciler_image": RUNTIME_IMAGE.replace("runtime:0.1.0", "reconciler"), "version": "0.1.0"}
    return Facts(PROJECT, BUCKET, RUNTIME_IMAGE, answers=bundled | answers, **running)


def _observed(kinds: Kinds, address: Address, data: Mapping[str, Any]) -> Observed[Any]:
    rest = {name: value for name, value in data.items() if name not in {"fields", "runs", "output"}}
    fields = revive(kinds.of_address(address).fields, data["fields"])
    output = {"runs": _runs(data.get("runs", {})), **data.get("output", {})}
    return Observed(address, fields, output=output, **rest)


def _runs(data: Mapping[str, Any]) -> Runs:
    revisions = tuple(Revision(**revision) for revision in data.get("revisions", ()))
    return Runs(revisions, data.get("latest", ""), data.get("serving", {}))
