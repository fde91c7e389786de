"""Tables, their columns, and what may become of them."""

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

Field = bigquery.SchemaField


@pytest.fixture
def orders(client, dataset):
    """A table with a column of each mode."""
    fields = [
        Field("id", "INT64", mode="REQUIRED"),
        Field("tags", "STRING", mode="REPEATED"),
        Field("buyer", "RECORD", fields=[Field("name", "STRING")]),
    ]
    table = client.create_table(bigquery.Table("local.shop.orders", schema=fields))
    assert client.insert_rows_json(table, [{"id": 1, "tags": ["a"], "buyer": {"name": "x"}}]) == []
    return table


def test_columns_are_added_and_loosened(client, orders):
    """On top and in records, in place: the rows stay."""
    fields = [
        Field("id", "INT64"),
        orders.schema[1],
        Field("buyer", "RECORD", fields=[*orders.schema[2].fields, Field("age", "INT64")]),
        Field("paid", "BOOL"),
    ]
    orders.schema = fields
    client.update_table(orders, ["schema"])
    assert client.insert_rows_json(orders, [{"buyer": {"age": 7}, "paid": True}]) == []

    found = [tuple(row.values()) for row in client.list_rows("shop.orders")]
    assert found == [
        (1, ["a"], {"name": "x", "age": None}, None),
        (None, [], {"name": None, "age": 7}, True),
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda old: old[1:], "Field id is missing in new schema"),
        (lambda old: [Field("id", "STRING", mode="REQUIRED"), *old[1:]], "changed type from INTEGER to STRING"),
        (lambda old: [*old, Field("n", "INT64", mode="REQUIRED")], "Cannot add required fields"),
        (lambda old: [old[0], Field("tags", "STRING"), old[2]], "changed mode from REPEATED to NULLABLE"),
        (lambda old: [*old, Field("geo", "GEOGRAPHY")], "does not implement the type GEOGRAPHY"),
        (lambda old: [*old, Field("ID", "INT64")], "already exists in schema"),
        (lambda old: [*old, Field("_PARTITIONTIME", "INT64")], "reserved"),
    ],
)
def test_other_changes_are_refused(client, orders, change, words):
    """And nothing is changed."""
    before = client.get_table(orders).etag
    orders.schema = change(list(orders.schema))

    with pytest.raises((exceptions.BadRequest, exceptions.MethodNotImplemented), match=words):
        client.update_table(orders, ["schema"])

    assert client.get_table("shop.orders").etag == before


def test_a_stale_etag_is_refused(client, orders):
    """Two who change one table: the second has to look again."""
    orders.description = "first"
    client.update_table(orders, ["description"])

    with pytest.raises(exceptions.PreconditionFailed):
        client.update_table(orders, ["description"])


def test_tables_are_listed_by_pages(client, dataset):
    """Each once, by name, without columns."""
    for name in "cab":
        client.create_table(bigquery.Table(f"local.shop.{name}"))

    assert [each.table_id for each in client.list_tables("shop", page_size=2)] == ["a", "b", "c"]


def test_tables_and_partitions_end(emulator, client, dataset):
    """By the emulator's clock."""
    table = bigquery.Table("local.shop.log", schema=[Field("at", "TIMESTAMP"), Field("n", "INT64")])
    table.time_partitioning = bigquery.TimePartitioning(field="at", expiration_ms=3 * 86_400_000)
    client.create_table(table)
    client.query_and_wait("INSERT shop.log (at, n) SELECT TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 2 DAY), 1")
    client.query_and_wait("INSERT shop.log (at, n) SELECT CURRENT_TIMESTAMP(), 2")
    client.query_and_wait("CREATE TABLE shop.short (n INT64)")
    short = client.get_table("shop.short")
    short.expires = client.get_table("shop.log").created.replace(year=2100)
    client.update_table(short, ["expires"])
    emulator.advance(1.5 * 86_400)

    assert [row.n for row in client.query_and_wait("SELECT n FROM shop.log")] == [2]
    emulator.advance(90 * 365 * 86_400)
    assert [each.table_id for each in client.list_tables("shop")] == ["log"]
    assert client.get_table("shop.log").num_rows == 0


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ({"timePartitioning": {"type": "DAY", "field": "nope"}}, "cannot be found in the schema: nope"),
        ({"timePartitioning": {"type": "HOUR", "field": "d"}}, "can only be of type TIMESTAMP, DATETIME"),
        ({"timePartitioning": {"type": "WEEK"}}, "Invalid value for timePartitioning.type"),
        ({"rangePartitioning": {"field": "d"}}, "must be INTEGER"),
        ({"clustering": {"fields": ["d"] * 5}}, "limited to 4"),
        ({"externalDataConfiguration": {"sourceFormat": "CSV"}}, "does not implement external tables"),
        ({"expirationTime": "1"}, "must be in the future"),
        ({"tableReference": {"tableId": "a$b"}}, "Invalid table ID"),
    ],
)
def test_tables_that_cannot_be_are_refused(client, dataset, resource, words):
    """In BigQuery's words, where they are known."""
    base = {"tableReference": {"projectId": "local", "datasetId": "shop", "tableId": "t"}}
    base["schema"] = {"fields": [{"name": "d", "type": "DATE"}]}
    base["tableReference"] |= resource.pop("tableReference", {})
    table = bigquery.Table.from_api_repr(base | resource)

    with pytest.raises((exceptions.BadRequest, exceptions.MethodNotImplemented), match=words):
        client.create_table(table)


def test_a_view_is_its_query(client, dataset, rows):
    """Its columns are those of the query, its rows what the query gives now."""
    rows("CREATE TABLE t (a INT64, b STRING)")
    view = bigquery.Table("local.shop.v")
    view.view_query = "SELECT a * 2 AS twice FROM shop.t"
    assert [(each.name, each.field_type) for each in client.create_table(view).schema] == [("twice", "INTEGER")]
    rows("INSERT t VALUES (4, 'x')")

    assert rows("SELECT * FROM v") == [(8,)]
    with pytest.raises(exceptions.BadRequest, match="VIEW"):
        client.insert_rows_json("shop.v", [{"twice": 1}])
