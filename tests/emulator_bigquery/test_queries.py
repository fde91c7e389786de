"""GoogleSQL: what it gives, and how it is refused."""

import datetime as dt
import re

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

D, UTC = dt.date, dt.UTC

VALUES = [
    ("1", 1),
    ("1.5", 1.5),
    ("1 / 2", 0.5),
    ("DIV(7, 2)", 3),
    ("MOD(7, 2)", 1),
    ("SAFE_DIVIDE(1, 0)", None),
    ("IEEE_DIVIDE(1, 0)", float("inf")),
    ("SAFE_CAST('x' AS INT64)", None),
    ("SAFE.SUBSTR('abc', 1, 2)", "ab"),
    ("CAST('12' AS INT64)", 12),
    ("r'a\\d'", "a\\d"),
    ("CONCAT('a', 'b')", "ab"),
    ("UPPER('a')", "A"),
    ("SPLIT('a,b', ',')", ["a", "b"]),
    ("SPLIT('a,b', ',')[OFFSET(1)]", "b"),
    ("SPLIT('a,b', ',')[SAFE_ORDINAL(3)]", None),
    ("REGEXP_CONTAINS('abc', r'^a')", True),
    ("REGEXP_EXTRACT('abc', r'a(.)')", "b"),
    ("REGEXP_REPLACE('abc', r'b', 'x')", "axc"),
    ("STARTS_WITH('abc', 'a')", True),
    ("FORMAT('%d-%s', 1, 'x')", "1-x"),
    ("IF(TRUE, 1, 2)", 1),
    ("IFNULL(NULL, 3)", 3),
    ("COALESCE(NULL, 4)", 4),
    ("ROUND(2.5)", 3.0),
    ("GREATEST(1, 3, 2)", 3),
    ("DATE(2024, 2, 29)", D(2024, 2, 29)),
    ("DATE_ADD(DATE '2024-01-31', INTERVAL 1 MONTH)", D(2024, 2, 29)),
    ("DATE_DIFF(DATE '2024-03-01', DATE '2024-02-01', DAY)", 29),
    ("DATE_TRUNC(DATE '2024-02-29', MONTH)", D(2024, 2, 1)),
    ("EXTRACT(YEAR FROM DATE '2024-02-29')", 2024),
    ("FORMAT_DATE('%Y/%m', DATE '2024-02-29')", "2024/02"),
    ("PARSE_DATE('%Y-%m-%d', '2024-02-29')", D(2024, 2, 29)),
    ("TIMESTAMP_DIFF(TIMESTAMP '2024-01-02', TIMESTAMP '2024-01-01', HOUR)", 24),
    ("TIMESTAMP_TRUNC(TIMESTAMP '2024-01-02 03:04:05', HOUR)", dt.datetime(2024, 1, 2, 3, tzinfo=UTC)),
    ("UNIX_SECONDS(TIMESTAMP '1970-01-02')", 86_400),
    ("TIMESTAMP_SECONDS(1)", dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
    ("STRUCT(1 AS a, 'x' AS b)", {"a": 1, "b": "x"}),
    ("[1, 2]", [1, 2]),
    ("ARRAY_LENGTH([1, 2])", 2),
    ("ARRAY(SELECT x * 2 FROM UNNEST([1, 2]) AS x ORDER BY x)", [2, 4]),
    ("(SELECT SUM(x) FROM UNNEST(GENERATE_ARRAY(1, 4)) AS x)", 10),
    ("JSON_VALUE('{\"a\": {\"b\": 7}}', '$.a.b')", "7"),
    ("TO_HEX(b'\\x0a')", "0a"),
    ("TO_BASE64(b'abc')", "YWJj"),
    ("CAST(NUMERIC '1.1' + 1 AS STRING)", "2.1"),
]


def test_expressions_mean_what_they_mean_at_google(rows):
    """Each is the value that the reference of GoogleSQL gives it."""
    found = {text: rows(f"SELECT {text}")[0][0] for text, _ in VALUES}

    assert found == dict(VALUES)


@pytest.fixture
def sales(rows):
    """A few rows."""
    rows(
        "CREATE TABLE sales (id INT64 NOT NULL, kind STRING, price NUMERIC, items ARRAY<STRUCT<name STRING, n INT64>>)"
    )
    rows(
        "INSERT sales VALUES (1, 'a', 1.5, [STRUCT('x', 2)]), (2, 'b', 2.5, []), "
        "(3, 'a', NULL, [STRUCT('y', 1), STRUCT('z', 4)])"
    )


QUERIES = [
    ("SELECT kind, COUNT(*), SUM(price) FROM sales GROUP BY kind ORDER BY kind", [("a", 2, 1.5), ("b", 1, 2.5)]),
    ("SELECT id, i.name FROM sales, UNNEST(items) AS i ORDER BY 1, 2", [(1, "x"), (3, "y"), (3, "z")]),
    ("SELECT s.id, i.n FROM sales AS s, s.items AS i WHERE i.n > 1 ORDER BY 1", [(1, 2), (3, 4)]),
    ("SELECT id FROM sales WHERE price IS NULL", [(3,)]),
    ("SELECT * EXCEPT (items, price) FROM sales ORDER BY id LIMIT 1", [(1, "a")]),
    ("WITH t AS (SELECT kind FROM sales) SELECT DISTINCT kind FROM t ORDER BY 1 DESC", [("b",), ("a",)]),
    ("SELECT id, ROW_NUMBER() OVER (PARTITION BY kind ORDER BY id) r FROM sales QUALIFY r = 2", [(3, 2)]),
    ("SELECT a.id FROM sales a JOIN `local.shop.sales` b ON a.id = b.id + 1 ORDER BY 1", [(2,), (3,)]),
    ("SELECT COUNTIF(price > 2), AVG(id), ANY_VALUE(kind HAVING MAX id) FROM sales", [(1, 2.0, "a")]),
    ("SELECT table_name FROM shop.INFORMATION_SCHEMA.TABLES", [("sales",)]),
    ("SELECT column_name, data_type FROM shop.INFORMATION_SCHEMA.COLUMNS WHERE is_nullable = 'NO'", [("id", "INT64")]),
    ("SELECT id FROM sales UNION ALL SELECT 9 ORDER BY 1 DESC LIMIT 1", [(9,)]),
]


def test_queries_give_their_rows(rows, sales):
    """Of tables, arrays, joins, windows and of what there is."""
    found = {text: rows(text) for text, _ in QUERIES}

    assert found == dict(QUERIES)


def test_columns_without_a_name_get_one(client, dataset):
    """f0_, f1_, as Google names them."""
    found = client.query_and_wait("SELECT 1, 2 AS b, 'x'")

    assert [(each.name, each.field_type) for each in found.schema] == [
        ("f0_", "INTEGER"),
        ("b", "INTEGER"),
        ("f1_", "STRING"),
    ]


def test_rows_are_changed(rows, sales):
    """INSERT, UPDATE, DELETE, MERGE, TRUNCATE; what the table does not take is refused whole."""
    rows("UPDATE sales SET kind = 'c' WHERE id = 2")
    rows("DELETE FROM sales WHERE id = 1")
    rows(
        "MERGE sales t USING (SELECT 3 AS id, 'm' AS kind UNION ALL SELECT 4, 'n') s ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET kind = s.kind WHEN NOT MATCHED THEN INSERT (id, kind) VALUES (s.id, s.kind)"
    )
    with pytest.raises(exceptions.BadRequest, match="Required field id cannot be null"):
        rows("INSERT sales (id, kind) SELECT x, 'y' FROM UNNEST([5, NULL]) AS x")

    assert rows("SELECT id, kind FROM sales ORDER BY id") == [(2, "c"), (3, "m"), (4, "n")]
    rows("TRUNCATE TABLE sales")
    assert rows("SELECT COUNT(*) FROM sales") == [(0,)]


REFUSED = [
    ("SELEC 1", "Syntax error: Unexpected"),
    ("SELECT zz FROM sales", r"Unrecognized name: zz at \[1:8\]"),
    ("SELECT frob(1)", "Function not found: frob"),
    ("SELECT 1 / 0", "division by zero: 1 / 0"),
    ("SELECT CAST('x' AS INT64)", "Bad int64 value: x"),
    ("SELECT * FROM nope", "Not found: Table local:shop.nope"),
    ("SELECT * FROM no_dataset.t", "Not found: Dataset local:no_dataset"),
    ("SELECT 1 AS a, 2 AS a", r"Duplicate column names.*: a"),
    ("SELECT * FROM read_csv('/etc/passwd')", "Table-valued function not found: read_csv"),
    ("SELECT * FROM `/etc/passwd`", "Not found: Table"),
    ("SELECT * FROM sales, LATERAL read_csv('/etc/passwd')", "Table-valued function not found: read_csv"),
    ("SELECT * FROM LATERAL read_text('/etc/passwd')", "Table-valued function not found: read_text"),
    ("SELECT * FROM sales LEFT JOIN LATERAL (SELECT 1)", "Table-valued function not found"),
    ("SELECT * FROM sales OUTER APPLY read_parquet('/etc/passwd')", "Table-valued function not found"),
    ("SELECT * FROM sales LATERAL VIEW explode(x) y", "Table-valued function not found"),
    ("WITH pg_am AS (SELECT 1 AS id) INSERT sales (id) SELECT 1 FROM pg_am", "Not found: Table"),
    ("SELECT READ_PARQUET('/etc/passwd')", "Table-valued function not found: READ_PARQUET"),
    ("SELECT * FROM UNNEST(READ_CSV('/etc/passwd'))", "Table-valued function not found: READ_CSV"),
    ("SELECT ML.PREDICT(MODEL m, TABLE duckdb_tables)", "Function not found: ML.PREDICT"),
    ("WITH duckdb_tables AS (SELECT * FROM duckdb_tables) SELECT * FROM duckdb_tables", "Not found: Table"),
    ("WITH a AS (SELECT * FROM pg_tables), pg_tables AS (SELECT 1) SELECT * FROM a", "Not found: Table"),
    ("WITH RECURSIVE pg_class AS (SELECT 1 FROM pg_class) SELECT * FROM pg_class", "Not found: Table"),
    ("WITH RECURSIVE pg_class AS (SELECT 1 FROM pg_class UNION ALL SELECT 1) SELECT 1", "Not found: Table"),
    ("WITH RECURSIVE a AS (SELECT 1 FROM pg_type), pg_type AS (SELECT 1) SELECT 1", "Not found: Table"),
    ("SELECT read_text('/etc/passwd')", "Function not found: read_text"),
    ("SELECT getenv('HOME')", "Function not found: getenv"),
    ("SELECT 1; SELECT 2", "does not implement scripts"),
    ("DECLARE x INT64", "does not implement the statement DECLARE"),
    ("SELECT NET.HOST('x')", r"does not implement the function NET.HOST"),
    ("SELECT ML.FEATURE_CROSS(STRUCT('a'))", r"does not implement the function ML"),
    ("SELECT ST_GEOGPOINT(1, 2)", "(not implement|not found)"),
    ("SELECT * FROM sales FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01'", "FOR SYSTEM_TIME"),
    ("SELECT * FROM `sales_*`", "wildcard tables"),
    ("ATTACH '/tmp/x.db'", "(Syntax|not implement)"),
    ("COPY sales TO '/tmp/x'", "(Syntax|not implement)"),
    ("PRAGMA database_list", "(Syntax|not implement)"),
    ("SET memory_limit = '9GB'", "does not implement the statement SET"),
    ("EXPORT DATA OPTIONS (uri='gs://a/*') AS SELECT 1", "does not implement the statement EXPORT DATA"),
    ("CREATE TABLE u CLONE sales", "does not implement CREATE TABLE COPY and CLONE"),
    ("CREATE TABLE u COPY sales", "does not implement CREATE TABLE COPY and CLONE"),
    ("CREATE TABLE u LIKE sales", "does not implement CREATE TABLE with LIKE"),
    ("CREATE TEMP TABLE u AS SELECT 1 AS a", "does not implement|must be qualified"),
    ("CREATE MATERIALIZED VIEW u AS SELECT id FROM sales", "does not implement CREATE VIEW with MATERIALIZED"),
    ("CREATE VIEW u (x) AS SELECT id FROM sales", "does not implement CREATE VIEW with x"),
    ("CREATE TABLE u (a INT64 DEFAULT 3)", "does not implement DEFAULT 3 of the column a"),
    ("CREATE TABLE u (a INT64, PRIMARY KEY (a) NOT ENFORCED)", "does not implement CREATE TABLE with PRIMARY KEY"),
    ("CREATE TABLE u (a STRING(10))", r"does not implement the type STRING\(10\)"),
    ("CREATE TABLE u (a INT64 OPTIONS (rounding_mode = 'x'))", "does not implement the option rounding_mode"),
    ("CREATE TABLE u (a INT64, b INT64) AS SELECT 1", "wrong column count"),
    ("CREATE TABLE u (a INT64) AS SELECT 'x'", "has type STRING which cannot be inserted into column a"),
    ("CREATE OR REPLACE VIEW sales AS SELECT 1 AS a", "because it is currently a TABLE"),
    ("DROP TABLE sales, u", "Syntax error"),
    ("TRUNCATE TABLE sales, u", "Syntax error"),
    ("CREATE FUNCTION f(x INT64) AS (x)", "does not implement the statement CREATE"),
    ("DELETE FROM sales", "DELETE must have a WHERE clause"),
    ("INSERT sales (id) VALUES (1, 2)", "wrong column count"),
    ("INSERT sales (id) SELECT 'x'", "has type STRING which cannot be inserted"),
    ("CREATE TABLE sales (a INT64)", "Already Exists: Table local:shop.sales"),
    ("SELECT @p", "Query parameter 'p' not found"),
    ("", "Unexpected end of statement"),
]


def refusal(rows, text):
    """What a query is refused with."""
    try:
        rows(text)
    except exceptions.GoogleAPICallError as error:
        return error
    return None


def test_what_is_wrong_or_not_there_is_refused(rows, sales):
    """In BigQuery's words, or naming what the emulator lacks; never by a crash, never by reading a file."""
    said = {text: refusal(rows, text) for text, _ in REFUSED}

    assert [(text, str(said[text])) for text, words in REFUSED if not re.search(words, str(said[text]))] == []
    assert [text for text, error in said.items() if error is not None and error.code == 500] == []


def test_parameters_have_types(rows):
    """By name and by place, lists and records."""
    named = [
        bigquery.ScalarQueryParameter("n", "INT64", 4),
        bigquery.ArrayQueryParameter("l", "STRING", ["a", "b'"]),
        bigquery.StructQueryParameter("s", bigquery.ScalarQueryParameter("q", "FLOAT64", 1.5)),
        bigquery.ScalarQueryParameter("t", "TIMESTAMP", dt.datetime(2024, 1, 1, tzinfo=UTC)),
        bigquery.ScalarQueryParameter("none", "DATE", None),
    ]
    text = "SELECT @n + 1, 'a' IN UNNEST(@l), @s.q, @t, @none, @l"
    assert rows(text, query_parameters=named) == [
        (5, True, 1.5, dt.datetime(2024, 1, 1, tzinfo=UTC), None, ["a", "b'"])
    ]
    placed = [bigquery.ScalarQueryParameter(None, "INT64", 1), bigquery.ScalarQueryParameter(None, "STRING", "x")]
    assert rows("SELECT ?, ?", query_parameters=placed) == [(1, "x")]


def test_the_time_is_the_emulators(emulator, rows):
    """Also in queries."""
    emulator.advance(10 * 365 * 86_400)

    (year,) = rows("SELECT EXTRACT(YEAR FROM CURRENT_DATE())")[0]
    assert year >= dt.datetime.now(UTC).year + 9


def test_partitions_by_arrival_are_shown_when_asked_for(client, rows):
    """And only then."""
    table = bigquery.Table("local.shop.log", schema=[bigquery.SchemaField("a", "INT64")])
    table.time_partitioning = bigquery.TimePartitioning()
    table.require_partition_filter = True
    client.create_table(table)
    client.insert_rows_json(table, [{"a": 1}])

    with pytest.raises(exceptions.BadRequest, match="without a filter over column"):
        rows("SELECT * FROM log")
    assert rows("SELECT * FROM log WHERE _PARTITIONDATE >= DATE '2020-01-01'") == [(1,)]
    (start,) = rows("SELECT _PARTITIONTIME AS start FROM log WHERE _PARTITIONTIME > TIMESTAMP '2020-01-01'")[0]
    assert (start.hour, start.minute) == (0, 0)
