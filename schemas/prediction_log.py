"""Columns of the prediction log that are not the model's: what every row says of its request.

Source:
    The server's own, of the same names and in the same order (`runtime/telemetry/prediction_rows.py`, `ABOUT`);
    cloud.google.com/pubsub/docs/bigquery#write_metadata for Pub/Sub's.
"""

ABOUT = {
    "request_id": "STRING",
    "logging_time": "TIMESTAMP",
    "service": "STRING",
    "model": "STRING",
    "model_version": "STRING",
    "revision": "STRING",
    "latency_ms": "FLOAT64",
    "row_index": "INT64",
}
"""Type of each column that stands in every table."""

METADATA = ("subscription_name", "message_id", "publish_time", "attributes")
"""Columns that Pub/Sub writes of each message where it is asked to: no field of a message may have their names."""
