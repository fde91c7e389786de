"""Rows that are streamed in, and read back."""

import datetime as dt
import math
from decimal import Decimal

import pytest
from google.cloud import bigquery

from tests.conftest import HTTP

Field = bigquery.SchemaField
VALUES = {
    "INT64": (-(1 << 63), -(1 << 63)),
    "FLOAT64": ("-Infinity", -math.inf),
    "NUMERIC": ("99999999999999999999999999999.999999999", Decimal("99999999999999999999999999999.999999999")),
    "BOOL": (True, True),
    "STRING": ("ü'\"\n", "ü'\"\n"),
    "BYTES": ("AP8=", b"\x00\xff"),
    "DATE": ("2024-2-9", dt.date(2024, 2, 9)),
    "DATETIME": ("2024-02-29T01:02:03.5", dt.datetime(2024, 2, 29, 1, 2, 3, 500000)),  # noqa: DTZ001 - it has none
    "TIME": ("23:59:59.999999", dt.time(23, 59, 59, 999999)),
    "TIMESTAMP": ("2024-01-01 02:00:00.000001+02:00", dt.datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC)),
    "JSON": ('{"a": [1, null]}', {"a": [1, None]}),
}


def test_every_type_comes_back(client, dataset):
    """Alone, in lists, in records; and NULL of each."""
    fields = [Field(f"c_{kind}", kind) for kind in VALUES]
    listed = [Field(f"l_{kind}", kind, mode="REPEATED") for kind in VALUES]
    schema = [*fields, *listed, Field("r", "RECORD", mode="REPEATED", fields=fields)]
    table = client.create_table(bigquery.Table("local.shop.all", schema=schema))
    plain = {f"c_{kind}": given for kind, (given, _) in VALUES.items()}
    lists = {f"l_{kind}": [given, given] for kind, (given, _) in VALUES.items()}

    assert client.insert_rows_json(table, [plain | lists | {"r": [plain]}, {}]) == []

    first, second = [dict(row) for row in client.list_rows(table)]
    wanted = {f"c_{kind}": value for kind, (_, value) in VALUES.items()}
    assert first == wanted | {f"l_{kind}": [value, value] for kind, (_, value) in VALUES.items()} | {"r": [wanted]}
    assert second == dict.fromkeys(wanted) | {each.name: [] for each in (*listed, schema[-1])}
    assert dict(next(iter(client.query_and_wait("SELECT * FROM shop.all WHERE c_BOOL")))) == first


def test_nan_is_a_number_of_its_own(client, dataset):
    """It comes back as it went in."""
    table = client.create_table(bigquery.Table("local.shop.t", schema=[Field("f", "FLOAT64")]))
    client.insert_rows_json(table, [{"f": "NaN"}])

    assert math.isnan(next(iter(client.list_rows(table))).f)


def test_bad_rows_are_told_by_index(client, dataset):
    """Good ones are stopped with them, unless they may go on without."""
    fields = [Field("a", "INT64", mode="REQUIRED"), Field("b", "DATE")]
    table = client.create_table(bigquery.Table("local.shop.t", schema=fields))
    given = [{"a": 1}, {"a": "x"}, {"b": "2024-01-01"}, {"a": 2, "b": "2024-02-30"}, {"a": 3, "zz": 1}]

    told = client.insert_rows_json(table, given)
    assert [(each["index"], each["errors"][0]["reason"], each["errors"][0]["location"]) for each in told] == [
        (0, "stopped", ""),
        (1, "invalid", "a"),
        (2, "invalid", "a"),
        (3, "invalid", "b"),
        (4, "invalid", "zz"),
    ]
    assert client.get_table(table).num_rows == 0
    told = client.insert_rows_json(table, given, skip_invalid_rows=True, ignore_unknown_values=True)
    assert [each["index"] for each in told] == [1, 2, 3]
    assert [row.a for row in client.list_rows(table)] == [1, 3]


def test_an_insert_id_counts_once(emulator, client, dataset):
    """For a minute."""
    table = client.create_table(bigquery.Table("local.shop.t", schema=[Field("a", "INT64")]))
    for _ in range(2):
        client.insert_rows_json(table, [{"a": 1}, {"a": 2}], row_ids=["x", "y"])
    assert client.get_table(table).num_rows == 2
    emulator.advance(61)
    client.insert_rows_json(table, [{"a": 1}], row_ids=["x"])

    assert client.get_table(table).num_rows == 3


def test_rows_are_read_by_pages(client, dataset):
    """From any row on, some columns only."""
    table = client.create_table(bigquery.Table("local.shop.t", schema=[Field("a", "INT64"), Field("b", "STRING")]))
    client.insert_rows_json(table, [{"a": index, "b": "x"} for index in range(10)])

    assert [row.a for row in client.list_rows(table, page_size=3)] == list(range(10))
    chosen = client.list_rows(table, start_index=8, selected_fields=[table.schema[0]])
    assert [tuple(row.values()) for row in chosen] == [(8,), (9,)]


def test_timestamps_are_seconds_where_nobody_asks_for_more(emulator, client, dataset):
    """As `bq` reads them."""
    table = client.create_table(bigquery.Table("local.shop.t", schema=[Field("at", "TIMESTAMP")]))
    client.insert_rows_json(table, [{"at": 1600000000.25}])

    answer = HTTP.get(f"{emulator.http}/bigquery/v2/projects/local/datasets/shop/tables/t/data").json()
    assert float(answer["rows"][0]["f"][0]["v"]) == 1600000000.25


@pytest.mark.parametrize(
    ("body", "words"),
    [({}, "No rows"), ({"rows": [{"json": {}}], "templateSuffix": "x"}, "templateSuffix"), ([], "Parse Error")],
)
def test_requests_that_make_no_sense_are_refused(emulator, client, dataset, body, words):
    """Whoever sent them."""
    client.create_table(bigquery.Table("local.shop.t", schema=[Field("a", "INT64")]))

    answer = HTTP.post(f"{emulator.http}/bigquery/v2/projects/local/datasets/shop/tables/t/insertAll", json=body)
    assert answer.status_code in (400, 501)
    assert words in answer.json()["error"]["message"]


def test_rows_survive_a_power_cut(tmp_path):
    """Also those of the last moment."""
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - of this test alone

    from tests.conftest import Emulator  # noqa: PLC0415 - of this test alone

    first = Emulator.start(tmp_path / "state")
    options = {"credentials": AnonymousCredentials(), "project": "local"}
    with bigquery.Client(**options, client_options={"api_endpoint": first.http}) as client:
        client.create_dataset("shop")
        table = client.create_table(bigquery.Table("local.shop.t", schema=[Field("a", "INT64")]))
        client.insert_rows_json(table, [{"a": 7}])
        first.kill()
    second = Emulator.start(tmp_path / "state")
    with bigquery.Client(**options, client_options={"api_endpoint": second.http}) as client:
        assert [row.a for row in client.list_rows("shop.t")] == [7]
    second.stop()
