"""Jobs that load, copy and extract; and jobs as such."""

import gzip
import io
import threading

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage

Field, Load = bigquery.SchemaField, bigquery.LoadJobConfig
SCHEMA = [Field("id", "INT64"), Field("name", "STRING"), Field("at", "TIMESTAMP")]
CSV = 'id,name,at\n1,"a,b",2024-01-01 10:00:00\n2,,\n'


@pytest.fixture
def bucket(emulator):
    """A bucket, of Google's own client of Cloud Storage."""
    if "files" not in emulator.clients:
        options = {"api_endpoint": emulator.http}
        emulator.clients["files"] = storage.Client("local", AnonymousCredentials(), client_options=options)
    return emulator.clients["files"].create_bucket("files")


def put(bucket, name, text):
    """Write an object."""
    bucket.blob(name).upload_from_string(text)


def read(client, table):
    """A table's rows as tuples."""
    return [tuple(row.values()) for row in client.list_rows(table)]


def test_files_of_a_bucket_are_loaded(client, dataset, bucket):
    """CSV by a wildcard, columns and headings detected; then JSON that brings a column."""
    put(bucket, "in/1.csv", CSV)
    put(bucket, "in/2.csv", gzip.compress(b"id,name,at\n3,c,2024-01-02T00:00:00Z\n"))
    job = client.load_table_from_uri("gs://files/in/*.csv", "shop.t", job_config=Load(autodetect=True))
    job.result()
    put(bucket, "more.json", '{"id": "4", "extra": [1.5]}\n')
    more = Load(source_format="NEWLINE_DELIMITED_JSON", autodetect=True, schema_update_options=["ALLOW_FIELD_ADDITION"])
    client.load_table_from_uri("gs://files/more.json", "shop.t", job_config=more).result()

    assert (job.output_rows, job.input_files) == (3, 2)
    assert [(each.name, each.field_type, each.mode) for each in client.get_table("shop.t").schema] == [
        ("id", "INTEGER", "NULLABLE"),
        ("name", "STRING", "NULLABLE"),
        ("at", "TIMESTAMP", "NULLABLE"),
        ("extra", "FLOAT", "REPEATED"),
    ]
    assert [(row[0], row[1], row[3]) for row in read(client, "shop.t")] == [
        (1, "a,b", []),
        (2, "", []),
        (3, "c", []),
        (4, None, [1.5]),
    ]


@pytest.mark.parametrize("known", [True, False])
def test_files_come_with_their_job(client, dataset, known):
    """Small ones in one request; in a session those that are large, or nobody knows how large."""
    lines = b"1,x\n" * 10

    job = client.load_table_from_file(io.BytesIO(lines), "shop.t", size=len(lines) if known else None,
                                      job_config=Load(schema=[Field("a", "INT64"), Field("b", "STRING")]))  # fmt: skip
    assert job.result().output_rows == 10


def test_parquet_goes_out_and_in(client, dataset, bucket, rows):
    """Every column as it was."""
    rows(
        "CREATE TABLE t AS SELECT 1 AS a, [1.5] AS f, STRUCT('x' AS s, DATE '2024-01-01' AS d) AS r, NUMERIC '1.5' AS n"
    )
    config = bigquery.ExtractJobConfig(destination_format="PARQUET")
    client.extract_table("shop.t", "gs://files/t-*.parquet", job_config=config).result()
    client.load_table_from_uri("gs://files/t-*", "shop.back", job_config=Load(source_format="PARQUET")).result()

    assert read(client, "shop.back") == read(client, "shop.t")


def test_a_file_that_is_no_parquet_is_named_as_the_job_names_it(client, dataset, bucket, emulator):
    """The object's address, and nothing of where the emulator keeps it."""
    put(bucket, "bad.parquet", b"PAR1, and nothing of it PAR1")

    with pytest.raises(exceptions.BadRequest) as refused:
        client.load_table_from_uri(
            "gs://files/bad.parquet", "shop.t", job_config=Load(source_format="PARQUET")
        ).result()

    assert "gs://files/bad.parquet" in str(refused.value)
    assert str(emulator.state) not in str(refused.value)


def test_rows_go_out_as_text(client, dataset, bucket, rows):
    """CSV with its headings, JSON with INT64 as text; what CSV cannot hold is refused."""
    rows(
        "CREATE TABLE t AS SELECT 1 AS a, 'x,y' AS b, TIMESTAMP '2024-01-01' AS c, 1.5 AS d "
        "UNION ALL SELECT 2, NULL, NULL, NULL"
    )
    client.extract_table("shop.t", "gs://files/t.csv").result()
    config = bigquery.ExtractJobConfig(destination_format="NEWLINE_DELIMITED_JSON", compression="GZIP")
    client.extract_table("shop.t", "gs://files/t.json.gz", job_config=config).result()

    text = bucket.blob("t.csv").download_as_text().splitlines()
    assert (text[0], sorted(text[1:])) == ("a,b,c,d", ['1,"x,y",2024-01-01 00:00:00 UTC,1.5', "2,,,"])
    lines = gzip.decompress(bucket.blob("t.json.gz").download_as_bytes(raw_download=True)).decode().splitlines()
    assert sorted(lines) == ['{"a":"1","b":"x,y","c":"2024-01-01 00:00:00 UTC","d":1.5}', '{"a":"2"}']
    rows("CREATE TABLE nested AS SELECT [1] AS l")
    with pytest.raises(exceptions.BadRequest, match="nested schema"):
        client.extract_table("shop.nested", "gs://files/n.csv").result()


@pytest.mark.parametrize(
    ("config", "address", "words"),
    [
        (Load(schema=SCHEMA), "gs://files/bad.csv", "too many errors"),
        (Load(schema=SCHEMA[:1], skip_leading_rows=1), "gs://files/good.csv", "too many errors"),
        (Load(), "gs://files/good.csv", "No schema specified"),
        (Load(autodetect=True), "gs://files/nope.csv", "Not found: URI gs://files/nope.csv"),
        (Load(autodetect=True), "http://files/x", "must be a Google Cloud Storage location"),
        (Load(source_format="AVRO"), "gs://files/good.csv", "does not implement files of the format AVRO"),
        (Load(schema=SCHEMA, create_disposition="CREATE_NEVER"), "gs://files/good.csv", "Not found: Table"),
    ],
)
def test_loads_that_fail_leave_nothing(  # noqa: PLR0917 - pytest gives them by name
    client, dataset, bucket, config, address, words
):
    """And say why."""
    put(bucket, "good.csv", CSV)
    put(bucket, "bad.csv", "x,y,z\n")

    with pytest.raises(exceptions.GoogleAPICallError, match=words):
        client.load_table_from_uri(address, "shop.t", job_config=config).result(retry=None)

    assert list(client.list_tables("shop")) == []


def test_bad_lines_may_be_left_out(client, dataset, bucket):
    """As many as the job says; each is told with its place."""
    put(bucket, "t.csv", CSV + "x,y,z\n")
    job = client.load_table_from_uri(
        "gs://files/t.csv", "shop.t", job_config=Load(schema=SCHEMA, skip_leading_rows=1, max_bad_records=1)
    )
    job.result()

    assert (job.output_rows, len(job.errors)) == (2, 1)
    assert "line 3" in job.errors[0]["message"]


def test_what_is_there_is_kept_as_the_job_says(client, dataset, rows):
    """Appended to, written anew, or left alone."""
    rows("CREATE TABLE old AS SELECT 1 AS a")
    rows("CREATE TABLE t AS SELECT 2 AS a")
    client.copy_table(
        "shop.old", "shop.t", job_config=bigquery.CopyJobConfig(write_disposition="WRITE_APPEND")
    ).result()
    assert sorted(read(client, "shop.t")) == [(1,), (2,)]
    with pytest.raises(exceptions.Conflict, match="Already Exists: Table"):
        client.copy_table("shop.old", "shop.t").result()
    rows("SELECT 'x' AS b", destination="local.shop.t", write_disposition="WRITE_TRUNCATE")
    assert read(client, "shop.t") == [("x",)]
    client.copy_table(["shop.old", "shop.old"], "shop.twice").result()
    assert read(client, "shop.twice") == [(1,), (1,)]


def test_a_dry_run_writes_nothing(client, dataset, rows):
    """It says what it would read."""
    rows("CREATE TABLE t AS SELECT 1 AS a, 'abc' AS b")

    job = client.query("SELECT a FROM shop.t", job_config=bigquery.QueryJobConfig(dry_run=True))
    assert (job.total_bytes_processed, [each.name for each in job.schema], job.state) == (13, ["a"], "DONE")
    with pytest.raises(exceptions.BadRequest, match="Unrecognized name: zz"):
        client.query("SELECT zz FROM shop.t", job_config=bigquery.QueryJobConfig(dry_run=True))
    assert [each.table_id for each in client.list_tables("shop")] == ["t"]


def test_a_query_may_be_kept_from_reading_much(client, dataset, rows):
    """Ten megabytes a table are the least that counts."""
    rows("CREATE TABLE t AS SELECT 1 AS a")

    with pytest.raises(exceptions.BadRequest, match="10485760 or higher required"):
        rows("SELECT a FROM t", maximum_bytes_billed=1_000_000)
    assert rows("SELECT a FROM t", maximum_bytes_billed=10_485_760) == [(1,)]


def test_jobs_are_found_again(client, dataset):
    """By id and in lists; an id is taken once; the rows of a query are read by pages."""
    job = client.query("SELECT x FROM UNNEST(GENERATE_ARRAY(1, 7)) AS x ORDER BY x", job_id="mine", job_retry=None)
    assert [row.x for row in job.result(page_size=3)] == list(range(1, 8))
    with pytest.raises(exceptions.Conflict, match="Already Exists: Job"):
        client.query("SELECT 1", job_id="mine", job_retry=None)
    failed = client.query("SELECT zz", job_retry=None)
    with pytest.raises(exceptions.BadRequest):
        failed.result()

    assert {each.job_id: each.state for each in client.list_jobs(state_filter="done")} == dict.fromkeys(
        ["mine", failed.job_id], "DONE"
    )
    assert client.get_job("mine").destination.table_id.startswith("anon")
    assert client.get_job(failed.job_id).error_result["reason"] == "invalidQuery"
    with pytest.raises(exceptions.NotFound, match="Not found: Job local:nope"):
        client.get_job("nope")


def test_a_long_job_is_cancelled(client, dataset):
    """It stops, and says why."""
    many = "UNNEST(GENERATE_ARRAY(1, 100000))"
    job = client.query(f"SELECT SUM(a * b * c) FROM {many} a, {many} b, {many} c")
    assert job.state != "DONE"
    assert job.cancel()
    with pytest.raises(exceptions.GoogleAPICallError, match="cancelled"):
        job.result(retry=None, job_retry=None)


def test_many_write_at_once(client, dataset, rows):
    """Each row once."""
    rows("CREATE TABLE t (a INT64)")
    errors = []

    def work(start):
        config = bigquery.QueryJobConfig(query_parameters=[bigquery.ScalarQueryParameter("a", "INT64", start + 100)])
        try:
            errors.extend(client.insert_rows_json("shop.t", [{"a": start}]))
            client.query_and_wait("INSERT shop.t (a) VALUES (@a)", job_config=config)
        except exceptions.GoogleAPICallError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert errors == []
    assert sorted(read(client, "shop.t")) == [(start,) for start in (*range(6), *range(100, 106))]
