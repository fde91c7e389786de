"""Tables and views: insert, get, list, patch, update, delete, policies.

Source: recordings bigquery_table; kinds.md 11.2; reference/rest/v2/tables.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import errors, names, partitions, records, rows, schema
from emulator.apis.bigquery.engine import engine
from emulator.apis.bigquery.names import Ref
from emulator.apis.bigquery.records import Table
from emulator.apis.bigquery.wire import Call, Reply, page
from emulator.core.patching import merge

if TYPE_CHECKING:
    from emulator.core.world import World

PAGE_MOST = 1000
COUNTED = ("numBytes", "numLongTermBytes", "numTotalLogicalBytes", "numActiveLogicalBytes", "numLongTermLogicalBytes")
OUTPUT = frozenset(
    {"kind", "id", "selfLink", "etag", "creationTime", "lastModifiedTime", "type", "location", "numRows", *COUNTED}
    | {"partitionDefinition", "streamingBuffer", "numPhysicalBytes"}
)
REFUSED = {
    "externalDataConfiguration": "external tables",
    "materializedView": "materialized views",
    "snapshotDefinition": "snapshots",
    "cloneDefinition": "clones",
    "biglakeConfiguration": "BigLake tables",
}
LISTED = ("kind", "id", "tableReference", "type", "friendlyName", "labels", "timePartitioning", "rangePartitioning",
          "clustering", "creationTime", "expirationTime")  # fmt: skip


def insert(call: Call) -> Reply:
    """Create a table or a view."""
    wanted = call.json()
    given = wanted.get("tableReference") or {}
    ref = Ref(call.project, call.path["dataset"], str(given.get("tableId") or ""))
    if not ref.table:
        raise errors.required("tableId")
    names.check_same(call.world.project_id(str(given.get("projectId") or "")), call.project, "tableReference.projectId")
    names.check_same(given.get("datasetId"), ref.dataset, "tableReference.datasetId")
    table = create(call.world, ref, wanted, call.caller)
    return Reply(counted(call.world, table))


def create(world: World, ref: Ref, wanted: dict[str, Any], caller: str) -> Table:
    """Create a table or a view.

    Raises:
        BigQueryError: It is there, or a value is refused.
    """
    names.check_table(ref.table)
    records.find_dataset(world, ref.project, ref.dataset)
    if records.look_for_table(world, ref) is not None:
        raise errors.duplicate("Table", str(ref))
    return publish(world, made(world, ref, wanted, caller))


def made(world: World, ref: Ref, wanted: dict[str, Any], caller: str) -> Table:
    """A table, or a view, that nobody sees before `publish`.

    Raises:
        BigQueryError: A value is refused.
    """
    names.check_table(ref.table)
    given = {key: value for key, value in wanted.items() if key not in OUTPUT and value is not None}
    resource = checked(fresh(world, records.find_dataset(world, ref.project, ref.dataset), ref, given))
    if "view" in resource:
        resource["schema"] = {"fields": view_fields(world, resource, ref, caller)}
        return Table(ref, resource)
    table = Table(ref, resource)
    return replace(table, rows=rows.make(world, table.fields, by_arrival=table.by_arrival))


def publish(world: World, table: Table, *, over: bool = False) -> Table:
    """Show a table that was made.

    Args:
        world: Where.
        table: It.
        over: Whether it takes the place of the one that is there.

    Raises:
        BigQueryError: There is one by now, and it stays; or its dataset is gone. Its rows are dropped then.
    """
    try:
        with world.store.transaction():
            records.find_dataset(world, table.ref.project, table.ref.dataset)
            before = records.look_for_table(world, table.ref)
            if before is not None:
                make_room(world, before, over=over)
            kept = records.put_table(world, table)
    except BaseException:
        discard(world, table)
        raise
    if before is not None and before.rows:
        engine(world).retire(before.rows)
    return kept


def make_room(world: World, before: Table, *, over: bool) -> None:
    """Forget the table that another takes the place of, all but its rows.

    Raises:
        BigQueryError: It must not be replaced.
    """
    if not over:
        raise errors.duplicate("Table", str(before.ref))
    records.forget_table(world, replace(before, rows=""))


def discard(world: World, table: Table) -> None:
    """Drop the rows of a table that nobody has seen."""
    if table.rows:
        engine(world).drop(table.rows)


def view_fields(world: World, resource: dict[str, Any], ref: Ref, caller: str) -> list[dict[str, Any]]:
    """The columns of a view: of its query, with the descriptions that it was given."""
    if resource["view"].get("useLegacySql", True):
        raise errors.unimplemented("views in legacy SQL (useLegacySql)")
    from emulator.apis.bigquery.sql import describing  # noqa: PLC0415 - loads DuckDB and sqlglot

    said = {each.get("name"): each for each in (resource.get("schema") or {}).get("fields", [])}
    found = describing.of_view(world, resource["view"]["query"], ref, caller)
    return [each.resource | schema.tidy(said.get(each.name) or {}) for each in found]


def get(call: Call) -> Reply:
    """One table."""
    found = records.find_table(call.world, ref_of(call))
    return Reply(counted(call.world, found))


def list_(call: Call) -> Reply:
    """The tables of a dataset: without schemas and descriptions."""
    project, dataset = call.project, call.path["dataset"]
    records.find_dataset(call.world, project, dataset)
    every = records.tables(call.world, project, dataset)
    shown = [
        (each.ref.table, {key: each.resource[key] for key in LISTED if key in each.resource} | view_of(each))
        for each in every
    ]
    items, token = page(call, shown, PAGE_MOST)
    answer: dict[str, Any] = {"kind": "bigquery#tableList", "etag": records.new_etag(), "totalItems": len(every)}
    return Reply(answer | ({"tables": items} if items else {}) | ({"nextPageToken": token} if token else {}))


def view_of(table: Table) -> dict[str, Any]:
    """What a list says of a view."""
    return {"view": {"useLegacySql": False}} if table.view else {}


def patch(call: Call) -> Reply:
    """Change what the body names; null removes."""
    return change(call, whole=False)


def update(call: Call) -> Reply:
    """Replace what can be changed by the body's."""
    return change(call, whole=True)


def delete(call: Call) -> Reply:
    """Delete a table or a view."""
    with call.world.store.transaction():
        records.forget_table(call.world, records.find_table(call.world, ref_of(call)))
    return Reply(status=204)


def ref_of(call: Call) -> Ref:
    """Which table a call names."""
    return Ref(call.project, call.path["dataset"], call.path["table"])


def change(call: Call, *, whole: bool) -> Reply:
    """Patch or replace, where the etag is the one the caller names."""
    wanted = {key: value for key, value in call.json().items() if key not in OUTPUT and key != "tableReference"}
    changed = None
    while changed is None:
        changed = attempted(call, wanted, whole=whole)
    return Reply(counted(call.world, changed))


def attempted(call: Call, wanted: dict[str, Any], *, whole: bool) -> Table | None:
    """A table or a view that was changed; None: somebody else changed the view meanwhile.

    What a view's query gives is found out before anything is locked: it asks for the rows of other tables.
    """
    before = records.find_table(call.world, ref_of(call))
    view = described(call, altered(before, wanted, whole=whole)) if before.view else None
    with records.held(call.world, before.ref) as old:
        if call.headers.get("if-match") not in (None, "*", old.resource["etag"]):
            raise errors.stale()
        if view is None:
            return altered_rows(call.world, old, altered(old, wanted, whole=whole))
        if old.resource["etag"] != before.resource["etag"]:
            return None
        return records.put_table(call.world, replace(old, resource=view))


def described(call: Call, resource: dict[str, Any]) -> dict[str, Any]:
    """A view with the columns of its query."""
    return resource | {"schema": {"fields": view_fields(call.world, resource, ref_of(call), call.caller)}}


def altered(old: Table, wanted: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """The resource of a table as it is wanted."""
    fixed = {key: value for key, value in old.resource.items() if key in OUTPUT or key == "tableReference"}
    kept = {key: old.resource[key] for key in ("schema", "view") if key in old.resource and not wanted.get(key)}
    if whole:
        resource = checked(
            {"requirePartitionFilter": False} | fixed | kept | {k: v for k, v in wanted.items() if v is not None}
        )
    else:
        resource = checked(merge(old.resource, wanted) | ({"schema": wanted["schema"]} if wanted.get("schema") else {}))
    if "requirePartitionFilter" in resource and "view" in resource:
        del resource["requirePartitionFilter"]
    return resource


def altered_rows(world: World, old: Table, resource: dict[str, Any]) -> Table:
    """A table with further columns, or looser ones, and its rows with them. With the table held."""
    partitions.fixed(old.resource, resource)
    fields = schema.read(resource.get("schema"))
    steps = schema.steps(old.fields, fields, str(old.ref))
    if steps and not old.fields:
        made = rows.make(world, fields, by_arrival=old.by_arrival)
        return records.put_table(world, replace(old, resource=resource, rows=made))
    rows.change(world, old.rows, steps)
    return records.put_table(world, replace(old, resource=resource))


def fresh(world: World, dataset: dict[str, Any], ref: Ref, given: dict[str, Any]) -> dict[str, Any]:
    """A new table with what the server fills in (recordings bigquery_table)."""
    now = records.millis(world.clock.now())
    made = {
        "kind": "bigquery#table",
        "id": str(ref),
        "selfLink": f"https://bigquery.googleapis.com/bigquery/v2/projects/{ref.project}/datasets/{ref.dataset}/tables/{ref.table}",
        "location": dataset["location"],
    }
    if "defaultEncryptionConfiguration" in dataset and "view" not in given:
        made["encryptionConfiguration"] = dataset["defaultEncryptionConfiguration"]
    made |= given | {"tableReference": ref.resource, "creationTime": now, "lastModifiedTime": now}
    made["type"] = "VIEW" if "view" in given else "TABLE"
    return expiring(world, dataset, made)


def expiring(world: World, dataset: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """A table's own end, or the one that its dataset gives to partitions, or to tables."""
    partitioning, of_partitions = made.get("timePartitioning"), dataset.get("defaultPartitionExpirationMs")
    if partitioning is not None and of_partitions:
        made["timePartitioning"] = {"expirationMs": of_partitions} | partitioning
    elif dataset.get("defaultTableExpirationMs") and "expirationTime" not in made:
        made["expirationTime"] = str(int(records.millis(world.clock.now())) + int(dataset["defaultTableExpirationMs"]))
    if "expirationTime" in made and str(made["expirationTime"]).lstrip("-").isdecimal():
        check_future(world, str(made["expirationTime"]))
    return made


def check_future(world: World, text: str) -> None:
    """A table cannot end before it begins."""
    if int(text) <= int(records.millis(world.clock.now())):
        raise errors.invalid("Table expiration time must be in the future.", "expirationTime")


def checked(resource: dict[str, Any]) -> dict[str, Any]:
    """A table as it is kept.

    Raises:
        BigQueryError: A value is refused.
    """
    for key, what in REFUSED.items():
        if resource.get(key):
            raise errors.unimplemented(what)
    names.check_labels(resource.get("labels"))
    if "schema" in resource:
        resource["schema"] = {"fields": [schema.tidy(each) for each in (resource["schema"] or {}).get("fields") or []]}
        if not resource["schema"]["fields"]:
            del resource["schema"]
    partitions.check(resource, schema.read(resource.get("schema")))
    if "expirationTime" in resource:
        if not str(resource["expirationTime"]).isdecimal():
            raise errors.invalid(f"Invalid value for expirationTime: {resource['expirationTime']}", "expirationTime")
        resource["expirationTime"] = str(int(resource["expirationTime"]))
    return define(resource)


def define(resource: dict[str, Any]) -> dict[str, Any]:
    """What follows from the partitioning: columns by which, and that a filter is wanted where it says so."""
    by_time = resource.get("timePartitioning") or {}
    field = by_time.get("field") or (resource.get("rangePartitioning") or {}).get("field")
    resource.pop("partitionDefinition", None)
    if by_time.pop("requirePartitionFilter", False):
        resource["requirePartitionFilter"] = True
    if field:
        resource["partitionDefinition"] = {"partitionedColumn": [{"field": field}]}
    return {key: value for key, value in resource.items() if value not in ("", {}, None)}


def counted(world: World, table: Table) -> dict[str, Any]:
    """A table as answers show it: with its rows and bytes."""
    rows.sweep(world, table)
    found = rows.count(world, table)
    size = str(found.bytes)
    said = {"numRows": str(found.rows), "numBytes": size, "numTotalLogicalBytes": size, "numActiveLogicalBytes": size}
    return table.resource | said | {"numLongTermBytes": "0", "numLongTermLogicalBytes": "0"}
