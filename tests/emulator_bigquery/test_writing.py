"""Two who write at once: nothing is lost, nothing waits for ever, nothing half made is seen."""

import threading
import time
from dataclasses import replace

import pytest

from emulator import cloud
from emulator.apis.bigquery import destinations, records, rows, tabledata, tables
from emulator.apis.bigquery.destinations import Destination
from emulator.apis.bigquery.engine import Engine, engine, physical
from emulator.apis.bigquery.errors import BigQueryError
from emulator.apis.bigquery.messages import writing
from emulator.apis.bigquery.names import Ref
from emulator.apis.bigquery.queries import run
from emulator.apis.bigquery.work import Task

REF = Ref("p", "d", "t")
COLUMN = {"schema": {"fields": [{"name": "a", "type": "INTEGER"}]}}
DAILY = {"timePartitioning": {"type": "DAY", "expirationMs": "86400000"}}


@pytest.fixture
def world(tmp_path):
    """A cloud with an empty dataset, without a server."""
    made = cloud.build(tmp_path)
    made.store.put(records.DATASET, "p/d", b'{"location": "US"}')
    yield made
    cloud.stop(made)


def query(world, text, **more):
    """Run a query job in this thread."""
    default = {"defaultDataset": {"datasetId": "d"}, "useLegacySql": False}
    task = Task(world, "developer@example.com", "p", {"query": text} | default | more, "query")
    run(task)
    return task


def values(world, ref=REF):
    """The rows of a table."""
    with engine(world).reading() as cursor:
        cursor.execute(f"SELECT * FROM {physical(records.find_table(world, ref).rows)} ORDER BY 1")
        return [each for (each,) in cursor.fetchall()]


def kept(world):
    """How many tables DuckDB has, and will have in a while."""
    base = engine(world)
    return len(base._found().difference(name for _, name in base._retired))


def test_a_statement_that_fails_leaves_the_table_that_is_there(world):
    """CREATE OR REPLACE, a job that writes anew, one that makes a table: all of it, or nothing."""
    query(world, "CREATE TABLE t AS SELECT 1 AS a")
    wrong = "SELECT 1 / x AS a FROM UNNEST([1, 0]) AS x"
    into = {"destinationTable": {"datasetId": "d", "tableId": "t"}}
    new = {"destinationTable": {"datasetId": "d", "tableId": "new"}}

    for text, more in (
        (f"CREATE OR REPLACE TABLE t AS {wrong}", {}),
        (wrong, into | {"writeDisposition": "WRITE_TRUNCATE"}),
        (f"CREATE TABLE new AS {wrong}", {}),
        (wrong, new),
    ):
        with pytest.raises(BigQueryError, match="division by zero"):
            query(world, text, **more)

    assert values(world) == [1]
    assert [each.ref for each in records.tables(world, "p", "d")] == [REF]
    assert kept(world) == 1


def test_what_is_changed_during_a_long_statement_stays(world):
    """A label that somebody sets while a job writes is there when the job is done."""
    table = tables.create(world, REF, COLUMN, "")

    def write(there, cursor):
        now = records.find_table(world, REF)
        records.put_table(world, records.replace(now, resource=now.resource | {"labels": {"k": write.label}}))
        return destinations.insert(task, there, cursor, "SELECT 1 AS a", table.fields)

    task = Task(world, "developer@example.com", "p", {}, "query")
    for disposition in ("WRITE_APPEND", "WRITE_TRUNCATE"):
        write.label = disposition.lower()
        to = Destination(REF, create=True, write=disposition, options=frozenset(), like={})
        destinations.fill(task, to, table.fields, write)
        assert records.find_table(world, REF).resource["labels"] == {"k": write.label}

    assert values(world) == [1]


def test_two_jobs_that_make_one_table_both_have_their_rows_in_it(world):
    """Neither sees the other's before it is done."""
    task = Task(world, "developer@example.com", "p", {}, "query")
    to = Destination(REF, create=True, write="WRITE_APPEND", options=frozenset(), like={})

    def write(there, cursor):
        assert records.look_for_table(world, REF) is None
        query(world, "CREATE TABLE t AS SELECT 7 AS a")
        return destinations.insert(task, there, cursor, "SELECT 1 AS a", there.fields)

    destinations.fill(task, to, (rows.Field("a", "INTEGER"),), write)

    assert values(world) == [1, 7]
    assert kept(world) == 1


def test_who_reads_while_a_table_is_replaced_reads_what_it_was(world, monkeypatch):
    """For a while; then it is gone."""
    query(world, "CREATE TABLE t AS SELECT 1 AS a")
    before = records.find_table(world, REF)
    query(world, "CREATE OR REPLACE TABLE t AS SELECT 2 AS a")
    query(world, "DROP TABLE t")

    assert rows.count(world, before).rows == 1
    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)
    engine(world).retire()
    assert engine(world)._found() == frozenset()


def test_the_database_is_opened_while_somebody_writes_to_the_store(world):
    """Who opens it does not wait for the store, which may wait for it."""
    opening = threading.Thread(target=engine, args=(world,), daemon=True)
    with world.store.transaction():
        opening.start()
        for _ in range(600):
            if world.find(Engine) is None:
                opening.join(0.05)

        assert world.find(Engine) is not None
    opening.join()


def test_rows_are_never_waited_for_with_the_store_held(world, monkeypatch):
    """Making a view of a table whose partitions end looks at its rows."""
    tables.create(world, REF, COLUMN | DAILY, "")
    depths, lock = [], Engine.lock
    monkeypatch.setattr(Engine, "lock", lambda base, name: depths.append(world.store._depth) or lock(base, name))

    view = {"query": "SELECT a FROM d.t", "useLegacySql": False}
    tables.create(world, Ref("p", "d", "v"), {"view": view}, "developer@example.com")

    assert depths
    assert set(depths) == {0}


def test_a_row_that_is_refused_keeps_no_other_back(world):
    """Of messages that become rows: one by one where all at once does not go."""
    table = tables.create(world, REF, COLUMN, "")
    given = [(number, {"a": "x" if number == 3 else str(number)}) for number in range(6)]

    written = set()
    writing.keep(world, "s", table, given, written)

    assert written == {0, 1, 2, 4, 5}
    assert values(world) == [0, 1, 2, 4, 5]


def test_what_no_other_values_would_mend_is_tried_once(world, monkeypatch):
    """The table, time or memory; what was written before is known."""
    table = tables.create(world, REF, COLUMN, "")
    given = [(number, {"a": "x" if number == 1 else str(number)}) for number in range(8)]
    right, tried, written = rows.append, [], set()

    def append(world, table, records):
        tried.append(len(records))
        name = "none" if len(tried) == 6 else table.rows  # as where somebody drops it meanwhile
        right(world, replace(table, rows=name), records)

    monkeypatch.setattr(rows, "append", append)
    with pytest.raises(BigQueryError, match="none"):
        writing.keep(world, "s", table, given, written)

    assert tried == [8, 4, 2, 1, 1, 2]
    assert (written, values(world)) == ({0}, [0])
    writing.keep(world, "s", table, [(9, {"a": "9"}), (10, {"a": "\ud800"})], written)
    assert written == {0, 9}


def test_rows_of_a_table_that_is_not_forgotten_after_all_stay(world):
    """What a transaction deletes is there again when that is taken back; also where the database is opened in it."""
    query(world, "CREATE TABLE t AS SELECT 1 AS a")
    base, table = engine(world), records.find_table(world, REF)

    def forget():
        with world.store.transaction():
            records.forget_table(world, table)
            engine(world)
            raise ZeroDivisionError

    base._left = base._found()  # as a start finds it
    with pytest.raises(ZeroDivisionError):
        forget()
    engine(world)

    assert (base._retired, base.unswept, values(world)) == ([], False, [1])


def test_rows_that_cannot_be_dropped_keep_no_others(world):
    """Somebody writes them just now; the next start drops them."""
    base, many = engine(world), [rows.make(world, (rows.Field("a", "INTEGER"),)) for _ in range(3)]
    with base.reading() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"INSERT INTO {physical(many[0])} VALUES (1)")
        cursor.execute(f"ALTER TABLE {physical(many[0])} ADD COLUMN b BIGINT")
        base.drop(*many)
        cursor.execute("ROLLBACK")

    assert base._found() == {many[0]}


@pytest.mark.parametrize("disposition", ["WRITE_APPEND", "WRITE_TRUNCATE"])
def test_a_view_that_is_made_meanwhile_stays(world, disposition):
    """A job that was to make a table there fails, as where the view was there before."""
    task = Task(world, "developer@example.com", "p", {}, "query")
    to = Destination(REF, create=True, write=disposition, options=frozenset(), like={})

    def write(there, cursor):
        query(world, "CREATE VIEW t AS SELECT 7 AS a")
        return destinations.insert(task, there, cursor, "SELECT 1 AS a", there.fields)

    with pytest.raises(BigQueryError, match="currently a VIEW"):
        destinations.fill(task, to, (rows.Field("a", "INTEGER"),), write)

    assert records.find_table(world, REF).view == "SELECT 7 AS a"
    assert kept(world) == 0


def test_an_insert_id_counts_when_its_row_is_written(world):
    """A row that failed may come again."""
    table = tables.create(world, REF, COLUMN, "")
    given = [{"insertId": "x"}]

    def stream(value):
        with tabledata.new_ones(world, table, given, [(0, {"a": value})]) as fresh:
            rows.append(world, table, fresh)

    with pytest.raises(BigQueryError):
        stream("x")
    stream("1")
    stream("1")

    assert values(world) == [1]


def test_a_table_that_a_job_makes_is_as_the_job_says(world):
    """Also in what a job calls otherwise."""
    key = {"kmsKeyName": "projects/p/locations/us/keyRings/r/cryptoKeys/k"}
    into = {"destinationTable": {"datasetId": "d", "tableId": "t"}, "destinationEncryptionConfiguration": key}

    query(world, "SELECT 1 AS a", **into, clustering={"fields": ["a"]})

    resource = records.find_table(world, REF).resource
    assert (resource["encryptionConfiguration"], resource["clustering"]) == (key, {"fields": ["a"]})
    assert "destinationEncryptionConfiguration" not in resource


def test_listed_columns_are_those_of_the_query_in_their_order(world):
    """Whatever the query calls its own."""
    query(world, "CREATE TABLE t (x FLOAT64 NOT NULL, y STRING) AS SELECT 1 AS y, 'q' AS a")

    assert [(each.name, each.kind, each.mode) for each in records.find_table(world, REF).fields] == [
        ("x", "FLOAT", "REQUIRED"),
        ("y", "STRING", "NULLABLE"),
    ]
    with engine(world).reading() as cursor:
        cursor.execute(f"SELECT x, y FROM {physical(records.find_table(world, REF).rows)}")
        assert cursor.fetchall() == [(1.0, "q")]
