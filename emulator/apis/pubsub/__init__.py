"""Pub/Sub v1: topics, subscriptions, snapshots, schemas and their IAM policies; messages from Publish to the ack.

`host` takes part in start and stop and imports nothing of Google's; `api` holds the behaviours and is imported at the
first call. What a message goes through: `publishing` numbers it and writes it down (`holders`), `broker` lets it wait
in the `backlog` of each subscription, `delivering` takes it from there for `pulling`, `streams` and `pushing`.

Source: kinds.md section 4, constraints.md section 4, recordings pubsub_*; the message comments of google-cloud-pubsub
2.44.0; cloud.google.com/pubsub/docs. Not there: writing to BigQuery, Cloud Storage and Bigtable, message transforms,
ingestion, revisions of schemas; binary and protobuf messages of a schema.
"""
