"""Models: get, list, patch, delete.

Source: reference/rest/v2/models.
"""

from __future__ import annotations

import json
from typing import Any

from emulator.apis.bigquery import errors, names, records
from emulator.apis.bigquery.learning import kept
from emulator.apis.bigquery.names import Ref
from emulator.apis.bigquery.wire import Call, Reply, page
from emulator.core.patching import merge

PAGE_MOST = 1000
LISTED = ("modelReference", "modelType", "creationTime", "lastModifiedTime", "labels", "location")
CHANGED = frozenset({"description", "friendlyName", "labels"})


def ref_of(call: Call) -> Ref:
    """Which model a call names."""
    return Ref(call.project, call.path["dataset"], call.path["model"])


def get(call: Call) -> Reply:
    """One model."""
    return Reply(kept.find(call.world, ref_of(call))["resource"])


def list_(call: Call) -> Reply:
    """The models of a dataset."""
    records.find_dataset(call.world, call.project, call.path["dataset"])
    every = call.world.store.list(records.MODEL, f"{call.project}/{call.path['dataset']}/")
    found = [(name, json.loads(body)["resource"]) for name, body in every]
    items, token = page(
        call, [(name, {key: each[key] for key in LISTED if key in each}) for name, each in found], PAGE_MOST
    )
    return Reply(({"models": items} if items else {}) | ({"nextPageToken": token} if token else {}))


def patch(call: Call) -> Reply:
    """Change what people say of a model."""
    ref, wanted = ref_of(call), call.json()
    strange = sorted(wanted.keys() - CHANGED - {"modelReference", "etag"})
    if strange:
        raise errors.unimplemented(f"changing {strange[0]} of a model")
    names.check_labels(wanted.get("labels"))
    with call.world.store.transaction():
        found = kept.find(call.world, ref)
        if call.headers.get("if-match") not in (None, "*", found["resource"]["etag"]):
            raise errors.stale()
        stamped: dict[str, Any] = {
            "etag": records.new_etag(),
            "lastModifiedTime": records.millis(call.world.clock.now()),
        }
        changes = {key: value for key, value in wanted.items() if key in CHANGED}
        found["resource"] = merge(found["resource"], changes) | stamped
        call.world.store.put(records.MODEL, ref.key, json.dumps(found).encode())
    return Reply(found["resource"])


def delete(call: Call) -> Reply:
    """Delete a model."""
    with call.world.store.transaction():
        kept.find(call.world, ref_of(call))
        call.world.store.delete(records.MODEL, ref_of(call).key)
    return Reply(status=204)
