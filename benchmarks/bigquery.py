"""How fast the emulated BigQuery takes rows: `python -m benchmarks.bigquery [rows]`.

Bar: 10,000 messages of a topic are rows of a table about a second after the last was published. A message is JSON of
about 150 bytes with six columns. Beside it: the same rows streamed by `insertAll`, loaded as JSON, and read back.
"""

import argparse
import io
import json
import tempfile
import time
from pathlib import Path

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, resourcemanager_v3
from google.pubsub_v1 import PublisherClient, SubscriberClient

from benchmarks.pubsub import ours

TOPIC, NAME = "projects/benchmark/topics/scores", "projects/benchmark/subscriptions/to-table"
ROLE = "roles/bigquery.dataEditor"
BATCH = 1000
Field = bigquery.SchemaField
COLUMNS = [
    Field("id", "STRING"),
    Field("at", "TIMESTAMP"),
    Field("score", "FLOAT64"),
    Field("version", "INT64"),
    Field("kind", "STRING"),
    Field("ok", "BOOL"),
]


def row(index: int) -> dict[str, object]:
    """One row."""
    when = f"2026-01-01T00:{index // 60 % 60:02d}:{index % 60:02d}.123456Z"
    return {"id": f"request-{index:08d}", "at": when, "score": index / 7, "version": 3, "kind": "a" * 20, "ok": True}


def let_in(channel: grpc.Channel) -> None:
    """Google's own account may write to the project's tables."""
    made = resourcemanager_v3.ProjectsClient
    projects = made(transport=made.get_transport_class("grpc")(channel=channel))
    number = projects.get_project(name="projects/benchmark").name.rpartition("/")[2]
    members = [f"serviceAccount:service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com"]
    policy = {"bindings": [{"role": ROLE, "members": members}]}
    projects.set_iam_policy(request={"resource": "projects/benchmark", "policy": policy})


def messages(client: bigquery.Client, channel: grpc.Channel, count: int) -> None:
    """Publish, and wait until all are rows."""
    publisher = PublisherClient(transport=PublisherClient.get_transport_class("grpc")(channel=channel))
    subscriber = SubscriberClient(transport=SubscriberClient.get_transport_class("grpc")(channel=channel))
    let_in(channel)
    client.create_table(bigquery.Table("benchmark.speed.messages", schema=COLUMNS))
    publisher.create_topic(name=TOPIC)
    config = {"table": "benchmark.speed.messages", "use_table_schema": True}
    subscriber.create_subscription(request={"name": NAME, "topic": TOPIC, "bigquery_config": config})
    sent = [{"data": json.dumps(row(index)).encode()} for index in range(count)]
    begun = time.perf_counter()
    for start in range(0, count, BATCH):
        publisher.publish(topic=TOPIC, messages=sent[start : start + BATCH])
    published = time.perf_counter()
    while client.get_table("speed.messages").num_rows < count:
        time.sleep(0.02)
    done = time.perf_counter()
    print(f"{count} messages: published in {published - begun:.2f} s, rows {done - published:.2f} s later "
          f"({count / (done - begun):,.0f} rows a second in all)")  # fmt: skip


def rows(client: bigquery.Client, count: int) -> None:
    """Stream, load, query and read."""
    table = client.create_table(bigquery.Table("benchmark.speed.streamed", schema=COLUMNS))
    given = [row(index) for index in range(count)]
    begun = time.perf_counter()
    for start in range(0, count, BATCH):
        assert client.insert_rows_json(table, given[start : start + BATCH]) == []  # noqa: S101 - a benchmark
    report("streamed", count, begun)
    text = io.BytesIO("\n".join(map(json.dumps, given)).encode())
    config = bigquery.LoadJobConfig(schema=COLUMNS, source_format="NEWLINE_DELIMITED_JSON")
    begun = time.perf_counter()
    client.load_table_from_file(text, "speed.loaded", job_config=config).result()
    report("loaded", count, begun)
    begun = time.perf_counter()
    total = sum(1 for _ in client.query_and_wait("SELECT * FROM speed.loaded"))
    report("queried and read", total, begun)


def report(what: str, count: int, begun: float) -> None:
    """One line."""
    spent = time.perf_counter() - begun
    print(f"{count} rows {what} in {spent:.2f} s ({count / spent:,.0f} a second)")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="?", type=int, default=10_000)
    count = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder, ours(Path(folder)) as target:
        options = {"api_endpoint": json.loads((Path(folder) / "emulator.json").read_text())["http"]}
        client = bigquery.Client("benchmark", AnonymousCredentials(), client_options=options)
        client.create_dataset("speed")
        with grpc.insecure_channel(target) as channel:
            messages(client, channel, count)
        rows(client, count)


if __name__ == "__main__":
    main()
