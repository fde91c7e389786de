"""Datasets: insert, get, list, patch, update, delete.

Source: recordings bigquery_dataset; kinds.md 11.1; constraints.md section 10; reference/rest/v2/datasets.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import access, errors, names, records
from emulator.apis.bigquery.wire import Call, Reply, page
from emulator.core.patching import merge

if TYPE_CHECKING:
    from emulator.core.world import World

PAGE_MOST = 1000
HOURS = (48, 168)
LEAST_EXPIRATION_MS = 3_600_000
OUTPUT = frozenset({"kind", "id", "selfLink", "etag", "creationTime", "lastModifiedTime", "type"})
NUMBERS = ("defaultTableExpirationMs", "defaultPartitionExpirationMs", "maxTimeTravelHours")
REFUSED = ("externalDatasetReference", "linkedDatasetSource", "externalCatalogDatasetOptions")
KINDS = ("view", "routine", "dataset")
"""What an entry of `access` may be for that has no role."""


def insert(call: Call) -> Reply:
    """Create a dataset."""
    wanted = call.json()
    name = str((wanted.get("datasetReference") or {}).get("datasetId") or "")
    names.check_dataset(name)
    project = call.world.project_id(str((wanted.get("datasetReference") or {}).get("projectId") or ""))
    names.check_same(project, call.project, "datasetReference.projectId")
    given = {key: value for key, value in wanted.items() if key not in OUTPUT and value is not None}
    with call.world.store.transaction():
        if call.world.store.get(records.DATASET, records.dataset_key(call.project, name)) is not None:
            raise errors.duplicate("Dataset", f"{call.project}:{name}")
        resource = checked(fresh(call, name, given))
        put(call.world, call.project, name, resource)
    return Reply({key: value for key, value in resource.items() if key != "maxTimeTravelHours" or key in wanted})


def get(call: Call) -> Reply:
    """One dataset."""
    return Reply(found(call))


def list_(call: Call) -> Reply:
    """The datasets of a project that the caller may see: ids, labels, location."""
    prefix = f"{call.project}/"
    every = (
        (name.removeprefix(prefix), json.loads(body)) for name, body in call.world.store.list(records.DATASET, prefix)
    )
    shown = [
        (
            name,
            {
                key: each[key]
                for key in ("kind", "id", "datasetReference", "labels", "location", "friendlyName")
                if key in each
            },
        )
        for name, each in every
        if (call.flag("all") or not name.startswith("_"))
        and fits(each, call.query.get("filter", ""))
        and access.may(call.world, call.caller, "bigquery.datasets.get", call.project, name)
    ]
    items, token = page(call, shown, PAGE_MOST)
    answer: dict[str, Any] = {"kind": "bigquery#datasetList", "etag": records.new_etag()}
    return Reply(answer | ({"datasets": items} if items else {}) | ({"nextPageToken": token} if token else {}))


def fits(resource: dict[str, Any], text: str) -> bool:
    """Whether a dataset has the labels of a filter, `labels.key:value labels.key`.

    Raises:
        BigQueryError: 400, it is no filter.
    """
    for word in text.split():
        field, _, value = word.partition(":")
        sort, _, key = field.partition(".")
        if sort != "labels" or not key:
            raise errors.invalid("Invalid filter, syntax is labels.key[:value]", "filter")
        labels = resource.get("labels", {})
        if key not in labels or (value and labels[key] != value):
            return False
    return True


def patch(call: Call) -> Reply:
    """Change what the body names; null removes."""
    return change(call, whole=False)


def update(call: Call) -> Reply:
    """Replace what can be changed by the body's."""
    return change(call, whole=True)


def delete(call: Call) -> Reply:
    """Delete a dataset, with its tables where that is asked for."""
    project, name = call.project, call.path["dataset"]
    with call.world.store.transaction():
        records.find_dataset(call.world, project, name)
        inside = records.tables(call.world, project, name)
        models = call.world.store.list(records.MODEL, f"{project}/{name}/")
        if (inside or models) and not call.flag("deleteContents"):
            raise errors.in_use(f"{project}:{name}")
        for table in inside:
            records.forget_table(call.world, table)
        call.world.store.delete_all(records.MODEL, [key for key, _ in models])
        call.world.store.delete(records.DATASET, records.dataset_key(project, name))
    return Reply(status=204)


def found(call: Call) -> dict[str, Any]:
    """The dataset of a call."""
    return records.find_dataset(call.world, call.project, call.path["dataset"])


def put(world: World, project: str, name: str, resource: dict[str, Any]) -> None:
    """Keep a dataset."""
    world.store.put(records.DATASET, records.dataset_key(project, name), json.dumps(resource).encode())


def change(call: Call, *, whole: bool) -> Reply:
    """Patch or replace, where the etag is the one the caller names."""
    wanted = {key: value for key, value in call.json().items() if key not in OUTPUT}
    with call.world.store.transaction():
        old = found(call)
        if call.headers.get("if-match") not in (None, "*", old["etag"]):
            raise errors.stale()
        for key in ("location", "datasetReference"):
            same(old[key], wanted.pop(key, None) or old[key], key)
        entries = wanted.pop("access", None) or old["access"]
        fixed = {key: value for key, value in old.items() if key in OUTPUT or key in ("location", "datasetReference")}
        start = fixed | {"maxTimeTravelHours": str(HOURS[1])} if whole else old
        times = {"etag": records.new_etag(), "lastModifiedTime": records.millis(call.world.clock.now())}
        resource = checked(merge(start, wanted) | {"access": entries} | times)
        put(call.world, call.project, call.path["dataset"], resource)
    return Reply(resource)


def same(old: Any, new: Any, field: str) -> None:
    """Refuse to move or rename a dataset."""
    if isinstance(old, dict):
        old, new = old["datasetId"], (new if isinstance(new, dict) else {}).get("datasetId", old["datasetId"])
    if str(old).lower() != str(new).lower():
        raise errors.invalid(f"Cannot change the {field} of a dataset: {old} to {new}", field)


def fresh(call: Call, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """A new dataset with what the server fills in (recordings bigquery_dataset/basic)."""
    now, project = records.millis(call.world.clock.now()), call.project
    return {
        "kind": "bigquery#dataset",
        "id": f"{project}:{name}",
        "selfLink": f"https://bigquery.googleapis.com/bigquery/v2/projects/{project}/datasets/{name}",
        "location": "US",
        "maxTimeTravelHours": str(HOURS[1]),
        "access": [
            {"role": "WRITER", "specialGroup": "projectWriters"},
            {"role": "OWNER", "specialGroup": "projectOwners"},
            {"role": "OWNER", **access.entry_of(call.caller)},
            {"role": "READER", "specialGroup": "projectReaders"},
        ],
    } | given | {
        "datasetReference": {"datasetId": name, "projectId": project},
        "etag": records.new_etag(),
        "creationTime": now,
        "lastModifiedTime": now,
        "type": "DEFAULT",
    }  # fmt: skip


def checked(resource: dict[str, Any]) -> dict[str, Any]:
    """A dataset as it is kept: numbers as text, entries in order, nothing that says false.

    Raises:
        BigQueryError: A value is refused.
    """
    for field in REFUSED:
        if resource.get(field):
            raise errors.unimplemented(f"{field} of a dataset")
    names.check_labels(resource.get("labels"))
    for field in NUMBERS:
        if field in resource:
            resource[field] = number(resource[field], field)
    bounds(resource)
    resource["access"] = sorted(
        (entry(each) for each in resource["access"]), key=lambda each: json.dumps(each, sort_keys=True)
    )
    if not resource.get("isCaseInsensitive"):
        resource.pop("isCaseInsensitive", None)
    return {key: value for key, value in resource.items() if value not in ("", {}, None)}


def number(value: Any, field: str) -> str:
    """An int64 as answers have it."""
    if isinstance(value, bool) or not str(value).isdecimal():
        raise errors.invalid(f"Invalid value for {field}: {value}", field)
    return str(int(value))


def bounds(resource: dict[str, Any]) -> None:
    """Times within what Google takes (constraints.md section 10)."""
    table = resource.get("defaultTableExpirationMs")
    if table is not None and int(table) < LEAST_EXPIRATION_MS:
        raise errors.invalid("Default table expiration must be at least 3600000 milliseconds (1 hour).")
    hours = int(resource.get("maxTimeTravelHours", HOURS[1]))
    if not HOURS[0] <= hours <= HOURS[1] or hours % 24:
        raise errors.invalid(f"Invalid maxTimeTravelHours: {hours} is not a multiple of 24 between 48 and 168.")


def entry(raw: Any) -> dict[str, Any]:
    """One entry of `access`, with the role as it reads back (kinds.md 11.1).

    Raises:
        BigQueryError: It is for nobody.
    """
    given = raw if isinstance(raw, dict) else {}
    basic = {role: name for name, role in access.BASIC.items()}
    kept = {key: value for key, value in given.items() if value is not None}
    if "role" in kept:
        kept["role"] = basic.get(str(kept["role"]), kept["role"])
    for key in ("userByEmail", "groupByEmail"):
        if key in kept:
            kept[key] = str(kept[key]).lower()
    if not any(key in kept for key in KINDS) and ("role" not in kept or not access.member_of(kept, "p")):
        raise errors.invalid("Access entry must have a role and one of its members set.", "access")
    return kept
